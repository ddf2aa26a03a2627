/**
 * credentials — MS-NCNBI §3.1.5.2. `value` is stored beside the properties and never shown for a password; a client that sends back
 * what it was given therefore sends none, and keeps the one that is there.
 */
import { CredentialSchema } from '../../../schema/northbound/credentials.ts';
import type { Resource } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { ResourceNode, ResourceType } from '../resource-type.ts';

const SHOWN_TYPES: ReadonlySet<string> = new Set(['X509Certificate', 'X509CertificateSubjectName']);

export const credentials: ResourceType = {
  collection: 'credentials',
  section: '3.1.5.2',
  summary: 'How to log in to a device; referred to by its connections.',
  schema: CredentialSchema,
  validate,
  derive,
};

function validate(node: ResourceNode): readonly FaultDetail[] {
  const { type } = typed(CredentialSchema, node);
  if (type === 'GroupManagedServiceAccount' || node.internal?.['value'] !== undefined) return [];
  return [detail('RequiredParamMissing', `a credential of type ${type} has a value`, 'value')];
}

function derive(resource: Resource): JsonObject {
  const internal = resource.body['internal'];
  const shown = SHOWN_TYPES.has(typed(CredentialSchema, resource).type);
  if (!shown || typeof internal !== 'object' || internal === null) return {};
  return 'value' in internal ? { value: internal['value'] ?? null } : {};
}
