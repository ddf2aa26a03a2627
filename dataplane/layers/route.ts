/**
 * Routing: longest prefix match of the destination (RFC 1812 §5.2.4.3) over the routes of the subnet that a packet comes from, then whether
 * a peering lets it through.
 *
 * Routes of equal prefix: those of the subnet's route table count before learned ones (BGP), these before the system's (ROUTE_ORIGINS).
 * System routes are VnetLocal for each prefix of the address space, VNetPeering for each of a peered network, and Internet for
 * everything else. Next hops are the destination itself, an appliance (looked up in the mappings as the destination would be), or
 * something that this network does not have yet and that has a reason of its own to drop: Internet, gateway.
 *
 * A peering steers to the mappings of the remote network, never further: that network's own peerings do not count. Whether packets may use
 * it is judged here, at the sender's host.
 *
 * The rules are built by switch/routing for each subnet and shared by its ports.
 */
import { formatIpPrefixWords, type IpPrefixWords, type IpWords } from '../../base/ip-words.ts';
import { Lpm, NONE } from '../../base/lpm.ts';
import { Drop } from '../../packet/drop.ts';
import type { AddressSet } from '../engine/address-set.ts';
import { type Group, orderedGroup, type PrefixGroup, prefixGroup } from '../engine/group.ts';
import type { Predicate } from '../engine/predicate.ts';
import { type Action, ALLOW, deny, type Rule, type RuleCounter } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';

export const route: LayerDefinition = {
  name: 'route',
  purpose: 'Longest prefix match over the routes of the packet’s subnet decides the next hop.',
  outbound:
    'Route table before BGP before system routes where prefixes are equal. VnetLocal and VNetPeering: next hop is the destination, in this ' +
    'network or in the peered one. VirtualAppliance: next hop is the appliance. None, and next hops that are not provided, are ' +
    'dropped, each for a reason of its own. A peering is used only if it allows access, and by packets whose source is outside the ' +
    'network’s address space only if it allows forwarded traffic.',
  inbound: '',
  drops: [
    Drop.NoRoute,
    Drop.RouteNone,
    Drop.InternetUnavailable,
    Drop.GatewayUnavailable,
    Drop.ApplianceUnreachable,
    Drop.PeeringAccessDenied,
    Drop.PeeringForwardedDenied,
    Drop.PolicyPending,
  ],
  build: (port) => ({
    name: route.name,
    isStateful: false,
    outbound: [routedGroup(port.network.routes), port.network.peerings],
    inbound: [],
  }),
};

/** What has been routed already goes on as it was. */
function routedGroup(routes: Group): Group {
  return {
    name: routes.name,
    find: (packet) => packet.route ?? routes.find(packet),
    rules: () => routes.rules(),
  };
}

/** Where a route comes from; where prefixes are equal, the first of these counts. */
export const ROUTE_ORIGINS = ['user', 'bgp', 'system'] as const;
export type RouteOrigin = (typeof ROUTE_ORIGINS)[number];

export type NextHopType =
  | 'VnetLocal'
  | 'VNetPeering'
  | 'VirtualAppliance'
  | 'VirtualNetworkGateway'
  | 'Internet'
  | 'None';

export interface Route {
  readonly origin: RouteOrigin;
  readonly prefix: IpPrefixWords;
  readonly nextHopType: NextHopType;
  /** Of an appliance. */
  readonly nextHop: IpWords | undefined;
  readonly resourceRef: string;
  /** What its packets meet with: where they are steered to, or the reason why they are dropped. */
  readonly action: Action;
}

/** A route as people ask for it. */
export interface EffectiveRoute extends Route {
  /** False: another one of the same prefix counts. */
  readonly isActive: boolean;
}

/** Routes in the order of their origins (ROUTE_ORIGINS): the first of each prefix is active. Those of one prefix come together. */
export function effectiveRoutes(routes: readonly Route[]): EffectiveRoute[] {
  const places = new Lpm();
  const byPrefix: Route[][] = [];
  for (const own of routes) {
    const place = places.add(own.prefix, byPrefix.length);
    if (place === NONE) byPrefix.push([own]);
    else byPrefix[place]?.push(own);
  }
  return byPrefix.flatMap((same) => same.map((own, index) => ({ ...own, isActive: index === 0 })));
}

/** The group of a subnet's active routes: of those of one prefix, which come in the order of their origins, the first. */
export function routeGroup(
  routes: readonly Route[],
  counter: (own: Route) => RuleCounter,
): PrefixGroup {
  const group = prefixGroup('routes', 'dstAddress', NO_ROUTE);
  for (const own of routes) group.add(own.prefix, new RouteRule(own, counter(own)));
  return group;
}

/** Of packets that come from no subnet, and of destinations that no route leads to. */
export const NO_ROUTE: Rule = {
  id: 'no route',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: deny(Drop.NoRoute),
};

/** What a route does. Its words are made up when somebody asks: tables of thousands of routes are replaced more often than explained. */
class RouteRule implements Rule {
  readonly #own: Route;
  readonly priority = 0;
  readonly action: Action;
  readonly counter: RuleCounter;

  constructor(own: Route, counter: RuleCounter) {
    this.#own = own;
    this.action = own.action;
    this.counter = counter;
  }

  get id(): string {
    return `${this.#own.nextHopType} ${formatIpPrefixWords(this.#own.prefix)}`;
  }

  get resourceRef(): string {
    return this.#own.resourceRef;
  }

  get predicates(): readonly Predicate[] {
    return [{ field: 'dstAddress', in: this.#own.prefix }];
  }
}

/** Packets that stay in their network use no peering. */
export const OWN_NETWORK: Rule = {
  id: 'own network',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: ALLOW,
};

/** Which packets may use a peering; `space` is the address space of the network they come from. */
export function peeringGroup(
  peering: {
    readonly resourceRef: string;
    readonly allowAccess: boolean;
    readonly allowForwarded: boolean;
  },
  space: AddressSet,
): Group {
  const { resourceRef } = peering;
  const rule = (id: string, action: Action): Rule => ({
    id,
    resourceRef,
    priority: 10,
    predicates: [],
    action,
  });
  if (!peering.allowAccess) {
    return orderedGroup('peering', [], rule('no access', deny(Drop.PeeringAccessDenied)));
  }
  if (peering.allowForwarded) return orderedGroup('peering', [], rule('peering', ALLOW));
  const own: Rule = {
    ...rule('own addresses', ALLOW),
    predicates: [{ field: 'srcAddress', set: space }],
  };
  const forwarded = rule('forwarded traffic', deny(Drop.PeeringForwardedDenied));
  return orderedGroup('peering', [own], forwarded);
}
