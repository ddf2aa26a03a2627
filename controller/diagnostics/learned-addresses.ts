/**
 * Who has which learned address now (MS-NCNBI §3.1.5.32), for people: the specification's own resource says only who shares it. Called by
 * northbound/policy-routes; `weft learned-ip` shows it.
 */
import type { Resource } from '../model/desired-state.ts';
import type { JsonValue } from '../store/store.ts';
import type { Explained } from './hosts.ts';

export interface LearnedAddress {
  readonly resourceRef: string;
  readonly ipAddress: string;
  readonly virtualSubnet: string;
  /** References to networkInterfaces. */
  readonly sharedBy: readonly string[];
  /** The one that has it; absent: none has. */
  readonly networkInterface?: string;
  /** resourceId of the server it is attached to. */
  readonly host?: string;
}

export function learnedAddresses(context: Explained): LearnedAddress[] {
  const all = [...context.desired.list('learnedIpAddresses').values()];
  return all.map((one) => learnedAddress(one, context)).sort(byRef);
}

function learnedAddress(
  { ref, properties }: Resource,
  { desired, realised }: Explained,
): LearnedAddress {
  const ipAddress = textOf(properties['ipAddress']);
  const reference = properties['virtualSubnet'];
  const subnet =
    typeof reference === 'object' && reference !== null && 'resourceRef' in reference
      ? textOf(reference['resourceRef'])
      : '';
  const network = desired.byRef(subnet.split('/').slice(0, 3).join('/'));
  const sharedBy = [...desired.referrers(ref)].map(
    ({ from }) => desired.byRef(from.treeKey)?.ref ?? from.ref,
  );
  const holder = network && realised.holderOf(network.instanceId, ipAddress);
  const networkInterface = holder === undefined ? undefined : desired.byInstanceId(holder)?.ref;
  const host = holder === undefined ? undefined : realised.serverOf(holder);
  return {
    resourceRef: ref,
    ipAddress,
    virtualSubnet: subnet,
    sharedBy: sharedBy.sort(),
    ...(networkInterface !== undefined && { networkInterface }),
    ...(host !== undefined && { host }),
  };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function byRef(a: LearnedAddress, b: LearnedAddress): number {
  return a.resourceRef < b.resourceRef ? -1 : 1;
}
