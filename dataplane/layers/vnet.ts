/**
 * Virtual network: the mapping from a customer address (CA) to the MAC address behind it and to where that is: a port of this switch, or a
 * host with a provider address (PA) that a tunnel leads to (MS-NCNBI virtual networks; RFC 7348 for the tunnel). The mapping
 * table alone says where an address is; nothing is learned from packets. A packet between subnets is routed here, at the
 * source host: the virtual router's MAC becomes its source and its TTL goes down by one. So is one that a route sends to an appliance,
 * in the same subnet too; an interface that does not forward for others is no appliance, here as at a host that a tunnel leads to (tunnel.ts).
 *
 * Which mappings count is the routing domain: the port's own network, or a peered one that routing has steered to. A network that is not
 * peered is not in the table of domains, so its mappings cannot be reached.
 *
 * Nothing to do inbound: the tunnel layer has found the port. Last layer of layers/order.
 */
import { formatIpWords, type IpWords } from '../../base/ip-words.ts';
import { type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { Drop } from '../../packet/drop.ts';
import type { EpochCell } from '../engine/epochs.ts';
import {
  branchGroup,
  type Group,
  orderedGroup,
  type PrefixGroup,
  prefixGroup,
} from '../engine/group.ts';
import { isRedirected, matchesAll } from '../engine/matching.ts';
import type { Predicate } from '../engine/predicate.ts';
import { type Action, ALLOW, deny, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';

export const vnet: LayerDefinition = {
  name: 'vnet',
  purpose: 'Where is the address? The mapping table says: a local port, or a host to tunnel to.',
  outbound:
    'Next hop is mapped: destination MAC becomes its owner’s; local port, or VXLAN with the destination subnet’s VNI to its host. Between ' +
    'subnets, and to an appliance: source MAC becomes the virtual router’s, TTL minus one. No mapping, or an appliance here that does ' +
    'not forward for others: dropped. To the Internet: the edge router’s MAC, VXLAN to it with the sender’s own VNI.',
  inbound: '',
  drops: [Drop.NoMapping, Drop.ApplianceUnreachable, Drop.PortDetached, Drop.InternetUnavailable],
  build: (port) => ({
    name: vnet.name,
    isStateful: false,
    outbound: [port.network.domains, ROUTER],
    inbound: [],
  }),
};

/** The routing domain of a packet that no peering steers elsewhere. */
export const OWN_DOMAIN = 0;

const NO_MAPPING: Rule = {
  id: 'no mapping',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: deny(Drop.NoMapping),
};
const NO_APPLIANCE: Rule = {
  ...NO_MAPPING,
  id: 'appliance not mapped',
  predicates: [{ field: 'redirected', holds: true }],
  action: deny(Drop.ApplianceUnreachable),
};

/** What an interface does with others' packets that it does not forward: it takes none. */
function endsAt({ resourceRef, cell }: Rule): Rule {
  return {
    ...NO_APPLIANCE,
    id: 'appliance does not forward',
    resourceRef,
    ...(cell !== undefined && { cell }),
  };
}

/** A network's mappings, empty. */
export function mappingGroup(): PrefixGroup {
  return prefixGroup('mappings', 'nextHop', NO_MAPPING);
}

/** Mappings by routing domain. `domains` belongs to the caller. */
export function domainGroup(domains: ReadonlyMap<number, Group>): Group {
  const branches = branchGroup('mappings', 'domain', domains, NO_MAPPING);
  return {
    name: branches.name,
    find: (packet) => {
      const rule = branches.find(packet);
      if (!isRedirected(packet)) return rule;
      if (rule === NO_MAPPING) return NO_APPLIANCE;
      return matchesAll(rule.predicates, packet) ? rule : endsAt(rule);
    },
    rules: () => [...branches.rules(), NO_APPLIANCE],
  };
}

/** Where a mapped address is. */
export type Place =
  /** `forwards`: the port also takes what is for others. */
  | { readonly kind: 'local'; readonly port: number; readonly forwards: boolean }
  /** On this host by the mapping, but no attached port has it. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'remote'; readonly peer: number; readonly mtu: number };

/** The rule of one customer address. */
export function mappingRule(mapping: {
  readonly address: IpWords;
  readonly mac: Mac;
  /** VXLAN network identifier of the address's subnet. */
  readonly segment: number;
  readonly place: Place;
  readonly portRef: string;
  readonly cell: EpochCell;
}): Rule {
  return {
    id: formatIpWords(mapping.address),
    resourceRef: mapping.portRef,
    priority: 0,
    predicates: [
      { field: 'nextHop', in: { words: mapping.address, len: 128 } },
      ...(mapping.place.kind === 'local' && !mapping.place.forwards ? FOR_ITSELF : []),
    ],
    action: actionTo(mapping.place, mapping.mac, mapping.segment),
    cell: mapping.cell,
  };
}

const FOR_ITSELF: readonly Predicate[] = [{ field: 'redirected', holds: false }];

function actionTo(place: Place, mac: Mac, segment: number): Action {
  const ethernet = { dst: mac };
  switch (place.kind) {
    case 'absent':
      return deny(Drop.PortDetached);
    case 'local':
      return {
        kind: 'allow',
        header: { ethernet },
        steering: { nextSegment: segment, port: place.port },
      };
    case 'remote':
      return {
        kind: 'allow',
        header: {
          ethernet,
          outer: { kind: 'push', peer: place.peer, vni: segment, mtu: place.mtu },
        },
        steering: { nextSegment: segment },
      };
  }
}

const THROUGH_ROUTER: Action = {
  kind: 'allow',
  header: { ethernet: { src: VIRTUAL_ROUTER_MAC }, ttl: 'decrement' },
};

/** The virtual router: the same for every network. */
const ROUTER = orderedGroup(
  'router',
  [
    {
      id: 'between subnets',
      resourceRef: '',
      priority: 10,
      predicates: [{ field: 'crossesSegments', holds: true }],
      action: THROUGH_ROUTER,
    },
    {
      id: 'to an appliance',
      resourceRef: '',
      priority: 11,
      predicates: [{ field: 'redirected', holds: true }],
      action: THROUGH_ROUTER,
    },
  ],
  { id: 'within the subnet', resourceRef: '', priority: 20, predicates: [], action: ALLOW },
);
