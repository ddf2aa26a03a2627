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
  const isPlain = outputDirectory.startsWith('/') && !outputDirectory.split('/').includes('..');
  if (isPlain && !outputDirectory.includes('\0')) return [];
  const message = `'${outputDirectory}' is not an absolute path`;
  return [detail('InvalidParameterValue', message, 'outputDirectory')];
}
