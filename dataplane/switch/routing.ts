/**
 * Routes in force: for each subnet, what its route table (MS-NCNBI §3.1.5.10), its network's address space and peerings make of them. Built
 * whole and replaced at once; the ports of the subnet learn of it by their epoch cells.
 *
 * A subnet whose route table has not arrived routes nothing: its packets must not pass by an appliance that the table would name.
 * Called by realiser, which knows when something that routes depend on has changed.
 */
import { type IpPrefixWords, type IpWords, prefixHasWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import type { RouteTable } from '../../schema/southbound/messages.ts';
import { addressSet } from '../engine/address-set.ts';
import { type Group, orderedGroup, type PrefixGroup } from '../engine/group.ts';
import { type Action, ALLOW, deny, type Rule } from '../engine/rule.ts';
import { pendingRule } from '../layers/acl.ts';
import { INTERNET_DOMAIN, type Internet } from '../layers/internet.ts';
import {
  type EffectiveRoute,
  effectiveRoutes,
  peeringGroup,
  type Route,
  routeGroup,
} from '../layers/route.ts';
import { OWN_DOMAIN } from '../layers/vnet.ts';
import * as parse from './goal-parser.ts';
import type { Network, Subnet, SubnetRoutes } from './network-state.ts';

const EVERYTHING: readonly IpPrefixWords[] = [
  { words: [0, 0, 0xffff, 0], len: 96 },
  { words: [0, 0, 0, 0], len: 0 },
];

const PENDING: Group = orderedGroup('routes', [], pendingRule('route table has not arrived'));

export class Routing {
  readonly #tables = new Map<string, readonly parse.UserRoute[]>();
  readonly #internet: Internet;

  constructor(internet: Internet) {
    this.#internet = internet;
  }

  /** Reason why not; undefined: subnets that have it are to be rebuilt. */
  setTable(settings: RouteTable): string | undefined {
    const routes = parse.userRoutes(settings);
    if (typeof routes === 'string') return routes;
    this.#tables.set(settings.id, routes);
    return undefined;
  }

  removeTable(id: string): void {
    this.#tables.delete(id);
  }

  /** Builds the routes of a subnet as things stand now. `networkAt` finds the networks that peerings lead to. */
  rebuild(subnet: Subnet, networkAt: (id: string) => Network | undefined): void {
    const { network, routeTableId } = subnet;
    const table = routeTableId === '' ? [] : this.#tables.get(routeTableId);
    if (table === undefined) {
      subnet.routes.suspend(`route table ${routeTableId} has not arrived`);
      return;
    }
    const internet = this.#internet.isAvailable ? TO_INTERNET : NO_INTERNET;
    const user = table.map((own) => ({
      ...own,
      action: userAction(own, network, networkAt, internet),
    }));
    subnet.routes.replace([...user, ...systemRoutes(network, networkAt, internet)]);
  }

  /** Brings the mappings that the network's ports may reach, and the conditions of its peerings, up to date. */
  connect(network: Network, networkAt: (id: string) => Network | undefined): void {
    const { domains, frontends, peeringGroups } = network;
    domains.clear();
    frontends.clear();
    peeringGroups.clear();
    frontends.set(OWN_DOMAIN, network.groups.own);
    domains.set(OWN_DOMAIN, network.groups.mappings);
    domains.set(INTERNET_DOMAIN, this.#internet);
    const space = addressSet(network.prefixes, 'own address space');
    for (const peering of network.peerings) {
      const remote = networkAt(peering.remoteId);
      if (remote === undefined) continue;
      domains.set(remote.number, remote.groups.mappings);
      // Without access its virtual addresses are addresses like others there: not to be reached.
      if (peering.allowAccess) frontends.set(remote.number, remote.groups.own);
      peeringGroups.set(remote.number, peeringGroup(peering, space));
    }
  }
}

/** Into a tunnel to an edge router. */
const TO_INTERNET: Action = { kind: 'allow', steering: { domain: INTERNET_DOMAIN } };
const NO_INTERNET: Action = deny(Drop.InternetUnavailable);

function systemRoutes(
  network: Network,
  networkAt: (id: string) => Network | undefined,
  internet: Action,
): readonly Route[] {
  const { resourceRef } = network;
  const route = (
    nextHopType: Route['nextHopType'],
    prefix: IpPrefixWords,
    action: Action,
    ref = resourceRef,
  ): Route => ({
    origin: 'system',
    prefix,
    nextHopType,
    nextHop: undefined,
    resourceRef: ref,
    action,
  });
  return [
    ...network.prefixes.map((prefix) => route('VnetLocal', prefix, ALLOW)),
    ...network.peerings.flatMap((peering) =>
      peering.prefixes.map((prefix) => {
        const remote = networkAt(peering.remoteId);
        return route('VNetPeering', prefix, steerTo(remote), peering.resourceRef);
      }),
    ),
    ...EVERYTHING.map((prefix) => route('Internet', prefix, internet)),
  ];
}

/** Into the mappings of a peered network. */
function steerTo(remote: Network | undefined): Action {
  if (remote === undefined) return deny(Drop.PolicyPending);
  return { kind: 'allow', steering: { domain: remote.number } };
}

function userAction(
  route: parse.UserRoute,
  network: Network,
  networkAt: (id: string) => Network | undefined,
  internet: Action,
): Action {
  switch (route.nextHopType) {
    case 'VnetLocal':
      return ALLOW;
    case 'VirtualAppliance':
      return applianceAction(route.nextHop, network, networkAt);
    case 'Internet':
      return internet;
    case 'VirtualNetworkGateway':
      return deny(Drop.GatewayUnavailable);
    case 'None':
      return deny(Drop.RouteNone);
  }
}

function applianceAction(
  nextHop: IpWords | undefined,
  network: Network,
  networkAt: (id: string) => Network | undefined,
): Action {
  const has = (space: readonly IpPrefixWords[]) =>
    nextHop !== undefined && space.some((prefix) => prefixHasWords(prefix, nextHop));
  if (nextHop === undefined) return deny(Drop.ApplianceUnreachable);
  if (has(network.prefixes)) return { kind: 'allow', steering: { nextHop } };
  const peering = network.peerings.find(({ prefixes }) => has(prefixes));
  if (peering === undefined) return deny(Drop.ApplianceUnreachable);
  const remote = networkAt(peering.remoteId);
  if (remote === undefined) return deny(Drop.PolicyPending);
  return { kind: 'allow', steering: { nextHop, domain: remote.number } };
}

/** What ports hold on to while the routes are replaced. */
export class ReplaceableRoutes implements SubnetRoutes {
  #group: Group = PENDING;
  /** As last built, in force or not. */
  #routes: PrefixGroup | undefined;
  #pending: string | undefined = 'routes have not been built';
  #all: readonly Route[] = [];

  readonly group: Group = {
    name: 'routes',
    find: (packet) => this.#group.find(packet),
    rules: () => this.#group.rules(),
  };

  get effective(): readonly EffectiveRoute[] {
    return effectiveRoutes(this.#all);
  }

  get pending(): string | undefined {
    return this.#pending;
  }

  /** A route that was there before goes on counting. */
  replace(routes: readonly Route[]): void {
    const old = this.#routes;
    this.#routes = routeGroup(routes, ({ prefix, resourceRef }) => {
      const rule = old?.ruleOf(prefix);
      const isSame = rule?.resourceRef === resourceRef;
      return (isSame ? rule.counter : undefined) ?? { decisions: 0 };
    });
    this.#group = this.#routes;
    this.#all = routes;
    this.#pending = undefined;
  }

  leadsToAppliance(w0: number, w1: number, w2: number, w3: number): boolean {
    const action = this.#ruleFor(w0, w1, w2, w3)?.action;
    return action?.kind === 'allow' && action.steering?.nextHop !== undefined;
  }

  routeFor([w0, w1, w2, w3]: IpWords): EffectiveRoute | undefined {
    const rule = this.#ruleFor(w0, w1, w2, w3);
    if (rule === undefined) return undefined;
    return this.effective.find((own) => own.isActive && this.#routes?.ruleOf(own.prefix) === rule);
  }

  #ruleFor(w0: number, w1: number, w2: number, w3: number): Rule | undefined {
    return this.#pending === undefined ? this.#routes?.ruleFor(w0, w1, w2, w3) : undefined;
  }

  suspend(reason: string): void {
    this.#group = PENDING;
    this.#all = [];
    this.#pending = reason;
  }
}
