/**
 * loadBalancerManager/config — MS-NCNBI §3.1.5.6. Its own address is one of its pools', and taken there. A pool comes in unused and goes out
 * unused. Not offered: muxes that answer ARP (loadBalancerMuxMode L2Forwarding).
 */
import { formatIp, parseIp, parseIpPrefix } from '../../../base/ip.ts';
import { LoadBalancerManagerSchema } from '../../../schema/northbound/load-balancer-manager.ts';
import { sizeOfRange } from '../../allocation/number-table.ts';
import { addressFaults } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { VIP_POOL_ADDRESSES_MAX } from '../limits.ts';
import { typed } from '../resource-node.ts';
import type {
  AllocateContext,
  Properties,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { type VipPool, vipPoolsOf } from './vip-pools.ts';

export const loadBalancerManager: ResourceType = {
  collection: 'loadBalancerManager',
  section: '3.1.5.6',
  summary: 'Which pools public addresses and those of load balancers come from.',
  schema: LoadBalancerManagerSchema,
  singletonId: 'config',
  references: [{ property: 'vipIpPools', inUse: 'InUseIpPoolCannotBeDeleted' }],
  normalise,
  validate,
  allocate,
};

function normalise(properties: Properties): Properties {
  properties['loadBalancerMuxMode'] ??= 'BgpPeering';
  return properties;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const manager = typed(LoadBalancerManagerSchema, node);
  const { loadBalancerManagerIPAddress: address, outboundNatIPExemptions } = manager;
  const pools = vipPoolsOf(node, context.desired);
  const faults = [
    ...addressFaults([address], 'loadBalancerManagerIPAddress'),
    ...outboundNatIPExemptions
      .filter((text) => parseIpPrefix(text) === undefined)
      .map((text) =>
        detail('InvalidIPPrefix', `'${text}' is no prefix`, 'outboundNatIPExemptions'),
      ),
    ...pools.flatMap(sizeFaults),
    ...comeAndGone(pools, context),
  ];
  if (manager.loadBalancerMuxMode === 'L2Forwarding') {
    const message = 'muxes announce their addresses by BGP; they do not answer ARP for them';
    faults.push(detail('LoadBalancerMuxModeNotSupported', message, 'loadBalancerMuxMode'));
  }
  const ip = parseIp(address);
  const inPool = ip !== undefined && pools.some((pool) => holds(pool, ip));
  // Without pools there is nothing for it to be in (note 13 of §3.1.5.6).
  if (pools.length > 0 && ip !== undefined && !inPool) {
    const message = `${address} is in none of the vipIpPools`;
    faults.push(detail('FrontEndIpNotInVipPool', message, 'loadBalancerManagerIPAddress'));
  }
  return faults;
}

function holds({ range, isReserved }: VipPool, ip: bigint): boolean {
  return ip >= range.first && ip <= range.last && !isReserved(ip);
}

function sizeFaults({ range, pool }: VipPool): FaultDetail[] {
  const size = sizeOfRange(range);
  if (size <= VIP_POOL_ADDRESSES_MAX) return [];
  const message = `${pool.ref} has ${size} addresses; a pool of the manager has at most ${VIP_POOL_ADDRESSES_MAX}`;
  return [detail('VipRangeTooLarge', message, pool.ref)];
}

function comeAndGone(
  pools: readonly VipPool[],
  { previous, desired, allocations }: WriteContext,
): FaultDetail[] {
  const before = previous === undefined ? [] : vipPoolsOf(previous, desired);
  const keys = (list: readonly VipPool[]) => new Set(list.map(({ pool }) => pool.key));
  const [was, will] = [keys(before), keys(pools)];
  const own = parseIp(String(previous?.properties['loadBalancerManagerIPAddress'] ?? ''));
  const user = ({ space, range }: VipPool) => {
    const table = allocations.table(space);
    if (own === undefined || own < range.first || own > range.last) return table.anyOwnerIn(range);
    // The manager's own address moves with it.
    const [below, above] = [own - 1n, own + 1n];
    return (
      table.anyOwnerIn({ first: range.first, last: below }) ??
      table.anyOwnerIn({ first: above, last: range.last })
    );
  };
  const gone = before.flatMap((pool) => {
    const owner = will.has(pool.pool.key) ? undefined : user(pool);
    if (owner === undefined) return [];
    const message = `${pool.pool.ref} stays: an address of it is in use by ${owner}`;
    return [detail('InUseVipPoolCannotBeRemoved', message, pool.pool.ref)];
  });
  const come = pools.flatMap((pool) => {
    const owner = was.has(pool.pool.key) ? undefined : user(pool);
    if (owner === undefined) return [];
    const message = `${pool.pool.ref} cannot be added: an address of it is in use by ${owner}`;
    return [detail('ResourceInUse', message, pool.pool.ref)];
  });
  return [...gone, ...come];
}

function allocate(node: ResourceNode, { desired, draft }: AllocateContext): readonly FaultDetail[] {
  const { loadBalancerManagerIPAddress } = typed(LoadBalancerManagerSchema, node);
  const ip = parseIp(loadBalancerManagerIPAddress);
  const pool = vipPoolsOf(node, desired).find((one) => ip !== undefined && holds(one, ip));
  const { addressSubnetRef: _, ...rest } = node.internal ?? {};
  node.internal = pool === undefined ? rest : { ...rest, addressSubnetRef: pool.subnet.ref };
  if (pool === undefined || ip === undefined) return [];
  const owner = draft.take(pool.space, ip, node.key);
  if (owner === undefined) return [];
  const message = `${formatIp(ip)} is in use by ${owner}`;
  return [detail('PublicIPAddressInUse', message, 'loadBalancerManagerIPAddress')];
}
