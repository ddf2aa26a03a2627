/**
 * backendSettings, Weft's own: draining and weight of a backend (schema/northbound/backend-settings.ts). They stand beside the backend, not in its
 * way: an ipConfiguration or a pool can go, and what is said of it then says nothing.
 */
import { BackendSettingsSchema } from '../../../schema/northbound/backend-settings.ts';
import { refKey } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { ResourceNode, ResourceType, WriteContext } from '../resource-type.ts';

export const backendSettings: ResourceType = {
  collection: 'backendSettings',
  summary: 'What an administrator says of a backend: that it drains, and its weight.',
  schema: BackendSettingsSchema,
  references: [{ property: 'ipConfiguration' }, { property: 'backendAddressPool' }],
  normalise(properties) {
    properties['isDraining'] ??= false;
    return properties;
  },
  validate,
};

function validate(node: ResourceNode, { desired, previous }: WriteContext): FaultDetail[] {
  const { ipConfiguration, backendAddressPool } = typed(BackendSettingsSchema, node);
  const refs = [ipConfiguration, ...(backendAddressPool === undefined ? [] : [backendAddressPool])];
  const missing = refs.find(({ resourceRef }) => desired.byRef(resourceRef) === undefined);
  // Rewriting what has lost its object is no fault: a client may do it without knowing.
  if (missing !== undefined && previous === undefined) {
    const message = `there is no ${missing.resourceRef}`;
    return [detail('InvalidResourceReference', message, missing.resourceRef)];
  }
  const pool = (one: typeof backendAddressPool) => refKey(one?.resourceRef ?? '/');
  for (const { from } of desired.referrers(ipConfiguration.resourceRef)) {
    if (from.type !== 'backendsettings' || from.key === node.key) continue;
    const other = typed(BackendSettingsSchema, from).backendAddressPool;
    if (pool(other) !== pool(backendAddressPool)) continue;
    const message = `${from.ref} says what is to be said of ${ipConfiguration.resourceRef}`;
    return [detail('ResourceInUse', message, node.ref)];
  }
  return [];
}
