/**
 * Routing: longest prefix match of the destination (RFC 1812 §5.2.4.3) over the virtual network's routes. Supported: the system routes of
 * a virtual network, VnetLocal for each prefix of its address space. User-defined routes, peering and gateways add rules here
 * whose steering names another next hop. The group is shared by all ports of the network.
 */
import { formatIpPrefixWords, type IpPrefixWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import { type PrefixGroup, prefixGroup } from '../engine/group.ts';
import { ALLOW, deny, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';

export const route: LayerDefinition = {
  name: 'route',
  purpose: 'Longest prefix match over the virtual network’s routes decides the next hop.',
  outbound:
    'System route VnetLocal for each prefix of the address space: next hop is the destination itself. No route: dropped.',
  inbound: '',
  drops: [Drop.NoRoute],
  build: (port) => ({
    name: route.name,
    isStateful: false,
    outbound: [port.network.routes],
    inbound: [],
  }),
};

/** A network's routes, empty. */
export function routeGroup(): PrefixGroup {
  return prefixGroup('routes', 'dstAddress', {
    id: 'no route',
    resourceRef: '',
    priority: 0,
    predicates: [],
    action: deny(Drop.NoRoute),
  });
}

/** System route of one prefix of the address space. */
export function vnetLocalRoute(networkRef: string, prefix: IpPrefixWords): Rule {
  return {
    id: `VnetLocal ${formatIpPrefixWords(prefix)}`,
    resourceRef: networkRef,
    priority: 0,
    predicates: [{ field: 'dstAddress', in: prefix }],
    action: ALLOW,
  };
}
