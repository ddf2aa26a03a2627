/**
 * Which addresses of a subnet may be given out: in a virtual subnet all but the platform's, in a logical one those of its ipPools. Called by
 * the descriptors whose resources have an address in a subnet.
 */
import {
  type Ip,
  type IpPrefix,
  ipPrefixHas,
  ipPrefixLast,
  parseIpPrefix,
} from '../../../base/ip.ts';
import { LogicalSubnetSchema } from '../../../schema/northbound/logical-networks.ts';
import type { AllocationDraft } from '../../allocation/allocations.ts';
import { addressSpaceOf } from '../../allocation/claims.ts';
import type { Resource } from '../../model/desired-state.ts';
import { dynamicRange, type IpRange, usableRange } from '../address-rules.ts';
import { typed } from '../resource-node.ts';
import type { ReadContext } from '../resource-type.ts';
import { gatewaysOf, poolRangesOf } from './logical-networks.ts';

export const VIRTUAL_SUBNET = 'virtualnetworks/subnets';

export interface AddressRules {
  readonly subnet: Resource;
  readonly space: string;
  readonly prefix: IpPrefix | undefined;
  /** From which a Dynamic address comes, in this order. */
  readonly ranges: readonly IpRange[];
  readonly isReserved: (address: Ip) => boolean;
}

export function addressRulesOf(subnet: Resource, context: ReadContext): AddressRules {
  const space = addressSpaceOf(subnet.ref);
  const { addressPrefix } = typed(LogicalSubnetSchema, subnet);
  const prefix = parseIpPrefix(addressPrefix ?? '');
  if (subnet.type === VIRTUAL_SUBNET && prefix !== undefined) {
    const range = usableRange(prefix);
    const isReserved = (address: Ip) => address < range.first || address > range.last;
    return { subnet, space, prefix, ranges: [range], isReserved };
  }
  const gateways = gatewaysOf(subnet);
  const isReserved = (address: Ip) =>
    gateways.has(address) ||
    (prefix !== undefined && (address === prefix.first || isBroadcast(address, prefix)));
  return { subnet, space, prefix, ranges: poolRangesOf(subnet, context), isReserved };
}

function isBroadcast(address: Ip, prefix: IpPrefix): boolean {
  return prefix.family === 4 && address === ipPrefixLast(prefix);
}

/** Why nobody may have the address; undefined: it may be had. */
export function unusableAddress(
  address: Ip,
  { prefix, isReserved }: AddressRules,
): 'outside' | 'reserved' | undefined {
  if (prefix === undefined || !ipPrefixHas(prefix, address)) return 'outside';
  return isReserved(address) ? 'reserved' : undefined;
}

/** Takes the lowest free address for `owner`; undefined when there is none. */
export function takeLowest(
  owner: string,
  { space, ranges, isReserved }: AddressRules,
  draft: AllocationDraft,
): Ip | undefined {
  for (const range of ranges) {
    const given = draft.takeLowest(space, dynamicRange(range), owner, isReserved);
    if (given !== undefined) return given;
  }
  return undefined;
}
