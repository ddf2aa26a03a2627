/**
 * The provider address of what is an endpoint of the overlay beside servers: given by the client as `providerAddress`, or one of the pools of a
 * network with `networkVirtualizationEnabled`, and its own for its life. Called by the descriptors of edgeRouters and loadBalancerMuxes.
 */
import { formatIp, type Ip, ipPrefixHas, parseIp, parseIpPrefix } from '../../../base/ip.ts';
import {
  LogicalNetworkSchema,
  LogicalSubnetSchema,
} from '../../../schema/northbound/logical-networks.ts';
import { addressSpaceOf } from '../../allocation/claims.ts';
import type { Resource } from '../../model/desired-state.ts';
import { dynamicRange } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { AllocateContext, ReadContext, ResourceNode } from '../resource-type.ts';
import { gatewaysOf, poolRangesOf } from './logical-networks.ts';
import { reservedIn } from './vip-pools.ts';

export function allocateProviderAddress(
  node: ResourceNode,
  context: AllocateContext,
): readonly FaultDetail[] {
  const given =
    node.properties['providerAddress'] ?? context.previous?.properties['providerAddress'];
  const wanted = parseIp(String(given ?? ''));
  if (wanted !== undefined) return takeStatic(node, wanted, context);
  for (const subnet of providerSubnets(context)) {
    const space = addressSpaceOf(subnet.ref);
    const gateways = gatewaysOf(subnet);
    for (const range of poolRangesOf(subnet, context)) {
      const address = context.draft.takeLowest(space, dynamicRange(range), node.key, (ip) =>
        gateways.has(ip),
      );
      if (address === undefined) continue;
      keep(node, address, subnet);
      return [];
    }
  }
  const message = 'no pool of a network with networkVirtualizationEnabled has a free address';
  return [detail('SubnetIsFull', message, 'providerAddress')];
}

function takeStatic(
  node: ResourceNode,
  address: Ip,
  context: AllocateContext,
): readonly FaultDetail[] {
  const text = formatIp(address);
  const subnet = providerSubnets(context).find((one) => {
    const prefix = parseIpPrefix(typed(LogicalSubnetSchema, one).addressPrefix ?? '');
    return prefix !== undefined && ipPrefixHas(prefix, address);
  });
  if (subnet === undefined) {
    const message = `${text} is in no subnet of a network with networkVirtualizationEnabled`;
    return [detail('PrivateIPAddressNotInSubnet', message, 'providerAddress')];
  }
  if (reservedIn(subnet)(address)) {
    const message = `${text} is one of the reserved addresses of ${subnet.ref}`;
    return [detail('PrivateIPAddressInReservedRange', message, 'providerAddress')];
  }
  const owner = context.draft.take(addressSpaceOf(subnet.ref), address, node.key);
  if (owner !== undefined) {
    return [detail('PrivateIPAddressInUse', `${text} is in use by ${owner}`, 'providerAddress')];
  }
  keep(node, address, subnet);
  return [];
}

function keep(node: ResourceNode, address: Ip, subnet: Resource): void {
  node.properties['providerAddress'] = formatIp(address);
  node.internal = { ...node.internal, providerSubnetRef: subnet.ref };
}

function providerSubnets({ desired }: ReadContext): Resource[] {
  return [...desired.list('logicalNetworks').values()]
    .filter((one) => typed(LogicalNetworkSchema, one).networkVirtualizationEnabled === true)
    .flatMap(({ children }) => children)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}
