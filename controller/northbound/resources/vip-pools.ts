/**
 * The pools that addresses of the outside come from: the vipIpPools of the loadBalancerManager (MS-NCNBI §3.1.5.6). Public addresses come
 * from those in logical subnets marked isPublic. Used by loadBalancerManager, publicIPAddresses and logicalNetworks.
 */
import { type Ip, type IpFamily, ipFamily, ipPrefixLast, parseIpPrefix } from '../../../base/ip.ts';
import { LoadBalancerManagerSchema } from '../../../schema/northbound/load-balancer-manager.ts';
import { IpPoolSchema, LogicalSubnetSchema } from '../../../schema/northbound/logical-networks.ts';
import { addressSpaceOf } from '../../allocation/claims.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { type IpRange, rangeOf } from '../address-rules.ts';
import { typed } from '../resource-node.ts';
import { gatewaysOf } from './logical-networks.ts';

export const MANAGER_REF = '/loadBalancerManager/config';

export interface VipPool {
  readonly pool: Resource;
  readonly subnet: Resource;
  /** Of the subnet's addresses in the allocation tables. */
  readonly space: string;
  readonly range: IpRange;
  readonly family: IpFamily;
  /** The subnet's own, its gateways' and its broadcast address. */
  readonly isReserved: (address: Ip) => boolean;
  readonly isPublic: boolean;
}

/** Undefined: there is no loadBalancerManager yet. */
export function vipPools(desired: DesiredState): readonly VipPool[] | undefined {
  const manager = desired.byRef(MANAGER_REF);
  return manager === undefined ? undefined : vipPoolsOf(manager, desired);
}

/** In the order the manager names them. */
export function vipPoolsOf(
  manager: { readonly properties: JsonObject },
  desired: DesiredState,
): readonly VipPool[] {
  const { vipIpPools = [] } = typed(LoadBalancerManagerSchema, manager);
  return vipIpPools.flatMap(({ resourceRef }) => {
    const pool = desired.byRef(resourceRef);
    return pool?.type === 'logicalnetworks/subnets/ippools' ? (vipPoolOf(pool) ?? []) : [];
  });
}

function vipPoolOf(pool: Resource): VipPool | undefined {
  const subnet = pool.parent;
  const { startIpAddress, endIpAddress } = typed(IpPoolSchema, pool);
  const range = rangeOf(startIpAddress, endIpAddress);
  if (subnet === undefined || range === undefined) return undefined;
  return {
    ...{ pool, subnet, range },
    space: addressSpaceOf(subnet.ref),
    family: ipFamily(range.first),
    isReserved: reservedIn(subnet),
    isPublic: typed(LogicalSubnetSchema, subnet).isPublic === true,
  };
}

/** Addresses of a logical subnet that are nobody's: its first and last (IPv4 broadcast), and its gateways'. */
export function reservedIn(subnet: Resource): (address: Ip) => boolean {
  const gateways = gatewaysOf(subnet);
  const prefix = parseIpPrefix(typed(LogicalSubnetSchema, subnet).addressPrefix ?? '');
  const last = prefix?.family === 4 ? ipPrefixLast(prefix) : undefined;
  return (address) =>
    gateways.has(address) || address === prefix?.first || (last !== undefined && address === last);
}
