/** auditingSettings/configuration, a singleton that exists from its first PUT — MS-NCNBI §3.1.5.20. */
import { AuditingSettingsSchema } from '../../../schema/northbound/auditing-settings.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { ResourceNode, ResourceType } from '../resource-type.ts';

export const auditingSettings: ResourceType = {
  collection: 'auditingSettings',
  section: '3.1.5.20',
  summary:
    'Where servers log the decisions of their filters; `auditingEnabled` of a server starts it.',
  schema: AuditingSettingsSchema,
  singletonId: 'configuration',
  validate,
};

function validate(node: ResourceNode): readonly FaultDetail[] {
  const { outputDirectory } = typed(AuditingSettingsSchema, node);
  const wrong = whyNot(outputDirectory);
  if (wrong === undefined) return [];
  return [detail('InvalidParameterValue', `'${outputDirectory}' ${wrong}`, 'outputDirectory')];
}

/** Each server writes to its own file system: a share is mounted there by whoever runs it, and named by where it is mounted. */
function whyNot(path: string): string | undefined {
  if (path.startsWith('\\\\') || path.startsWith('//') || /^[a-z]+:\/\//i.test(path)) {
    return 'names a network share; name a directory of the server';
  }
  if (!path.startsWith('/')) return 'is not an absolute path of the server';
  if (path.split('/').includes('..')) return "has a '..' in it";
  return path.includes('\0') ? 'has a NUL in it' : undefined;
}
