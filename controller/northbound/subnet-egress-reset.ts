/**
 * SubnetEgressReset — MS-NCNBI §3.1.5.29: an action, `PUT /SubnetEgressReset`, by which the egress of a virtual subnet counts from zero, and GET,
 * which shows the last one. The action is over when it is answered. Called by api.ts.
 */
import { randomGuid } from '../../base/guid.ts';
import type { Rng } from '../../base/rng.ts';
import type { DesiredState } from '../model/desired-state.ts';
import type { JsonObject, Store } from '../store/store.ts';
import { fault } from './fault.ts';

export interface EgressReset {
  readonly desired: DesiredState;
  readonly store: Store;
  readonly rng: Rng;
  readonly reset: (subnetInstanceId: string) => Promise<void>;
}

const KEY = 'northbound/subnet-egress-reset';
const PROPERTY = 'virtualSubnetResourceReference';

/** The action as it is shown; 404 where there has been none. */
export async function lastEgressReset({ store }: EgressReset): Promise<JsonObject> {
  const entry = await store.get('meta', KEY);
  if (entry === undefined) throw fault('NotFound', 'no egress has been reset', 'SubnetEgressReset');
  return entry.value;
}

export async function resetEgress(
  body: unknown,
  { desired, store, rng, reset }: EgressReset,
): Promise<JsonObject> {
  const reference = referenceIn(body);
  if (reference === undefined) {
    const message = `properties.${PROPERTY} names a virtual subnet`;
    throw fault('RequiredParamMissing', message, `properties.${PROPERTY}`);
  }
  const subnet = desired.byRef(reference);
  if (subnet?.type !== 'virtualnetworks/subnets') {
    throw fault('NotFound', `there is no virtual subnet ${reference}`, reference);
  }
  await reset(subnet.instanceId);
  const instanceId = randomGuid(rng);
  const action = {
    resourceRef: '/subnetEgressReset/Action',
    resourceId: 'Action',
    etag: `W/"${randomGuid(rng)}"`,
    instanceId,
    properties: { provisioningState: 'Succeeded', [PROPERTY]: subnet.ref },
  };
  await store.commit({
    mutations: [{ section: 'meta', key: KEY, value: action }],
    cause: { client: 'northbound', requestId: instanceId, summary: 'PUT /SubnetEgressReset' },
  });
  return action;
}

function referenceIn(body: unknown): string | undefined {
  const properties = fieldOf(body, 'properties');
  const reference = fieldOf(properties, PROPERTY);
  // Written as a reference it is understood as well.
  const text = typeof reference === 'string' ? reference : fieldOf(reference, 'resourceRef');
  return typeof text === 'string' ? text : undefined;
}

/** Names in any case, as everywhere. */
function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
