/**
 * Which destinations of a subnet's packets would get another next hop: the difference of two route tables under longest-prefix match
 * (RFC 1812 §5.2.4.3), exact over all addresses. System routes are those of the switch: VnetLocal for the address space, VNetPeering for
 * the remote ones, Internet for the rest; at equal length a user's route comes before them. Pure. Called by controller/what-if/answer.
 */
import {
  type Family,
  formatIp,
  type IpRange,
  ipFromBytes,
  rangeOfPrefix,
} from '../../base/ip-range.ts';
import type { NextHop, RouteChange } from '../../schema/northbound/what-if.ts';
import {
  NextHopType,
  type Prefix,
  type RouteTable,
  type VirtualNetwork,
} from '../../schema/southbound/messages.ts';
import { addressTexts } from './packet-sets.ts';

/** What routes the packets of a subnet. */
export interface Routing {
  readonly network: VirtualNetwork;
  /** Undefined: system routes only. */
  readonly table: RouteTable | undefined;
}

interface Route extends IpRange {
  readonly family: Family;
  readonly hop: NextHop;
}

/** A stretch of addresses with one next hop. */
interface Stretch extends IpRange {
  readonly hop: NextHop;
}

const FAMILIES = [4, 6] as const;
const NO_ROUTE: NextHop = { type: 'None', source: 'Default' };
const TYPES: Readonly<Record<NextHopType, NextHop['type']>> = {
  [NextHopType.NEXT_HOP_NONE]: 'None',
  [NextHopType.NEXT_HOP_VNET_LOCAL]: 'VnetLocal',
  [NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE]: 'VirtualAppliance',
  [NextHopType.NEXT_HOP_INTERNET]: 'Internet',
  [NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY]: 'VirtualNetworkGateway',
};

/** One change per pair of next hops, with all destinations it concerns. */
export function routeChanges(subnet: string, before: Routing, after: Routing): RouteChange[] {
  return FAMILIES.flatMap((family) => {
    const changes = new Map<string, { was: NextHop; will: NextHop; ranges: IpRange[] }>();
    for (const { from, to, was, will } of together(
      stretches(family, before),
      stretches(family, after),
    )) {
      if (sameHop(was, will)) continue;
      const key = JSON.stringify([was, will]);
      const known = changes.get(key) ?? { was, will, ranges: [] };
      changes.set(key, known);
      const last = known.ranges.at(-1);
      if (last !== undefined && last.to + 1n === from)
        known.ranges[known.ranges.length - 1] = { from: last.from, to };
      else known.ranges.push({ from, to });
    }
    return [...changes.values()].map(({ was, will, ranges }) => ({
      subnet,
      destinations: addressTexts(family, ranges),
      before: was,
      after: will,
    }));
  });
}

/** What put a route there is no difference to a packet. */
function sameHop(a: NextHop, b: NextHop): boolean {
  return a.type === b.type && a.address === b.address && a.peering === b.peering;
}

/** All addresses of the family in ascending order, each stretch with the next hop of its longest prefix. */
function stretches(family: Family, routing: Routing): Stretch[] {
  const result: Stretch[] = [];
  const routes = routesOf(routing).filter((route) => route.family === family);
  // Wider ones first, so that a prefix comes after those that contain it.
  routes.sort((a, b) => (a.from === b.from ? (a.to > b.to ? -1 : 1) : a.from < b.from ? -1 : 1));
  const open: Route[] = [];
  let next = 0n;
  const add = (to: bigint) => {
    if (to < next) return;
    result.push({ from: next, to, hop: open.at(-1)?.hop ?? NO_ROUTE });
    next = to + 1n;
  };
  const closeBefore = (limit: bigint) => {
    for (let top = open.at(-1); top !== undefined && top.to < limit; top = open.at(-1)) {
      add(top.to);
      open.pop();
    }
  };
  for (const route of routes) {
    closeBefore(route.from);
    add(route.from - 1n);
    open.push(route);
  }
  closeBefore(1n << 128n);
  return result;
}

/** One route per prefix: the user's before the system's, of several of the same kind the first. */
function routesOf({ network, table }: Routing): Route[] {
  const byPrefix = new Map<string, Route>();
  const add = ({ address, len }: Prefix, hop: NextHop) => {
    const range = rangeOfPrefix(address, len);
    if (range === undefined) return;
    const key = `${range.family} ${range.from} ${range.to}`;
    if (!byPrefix.has(key)) byPrefix.set(key, { ...range, hop });
  };
  for (const { prefix, nextHopType, nextHop } of table?.routes ?? []) {
    const address = ipFromBytes(nextHop);
    const hop = { type: TYPES[nextHopType], source: 'User' as const };
    if (prefix === undefined) continue;
    add(
      prefix,
      address === undefined ? hop : { ...hop, address: formatIp(address.family, address.value) },
    );
  }
  for (const prefix of network.addressSpace) add(prefix, { type: 'VnetLocal', source: 'Default' });
  for (const { resourceRef, remoteAddressSpace, allowAccess } of network.peerings) {
    const hop: NextHop = allowAccess
      ? { type: 'VNetPeering', peering: resourceRef, source: 'Default' }
      : NO_ROUTE;
    for (const prefix of remoteAddressSpace) add(prefix, hop);
  }
  add({ address: new Uint8Array(4), len: 0 }, { type: 'Internet', source: 'Default' });
  add({ address: new Uint8Array(16), len: 0 }, { type: 'Internet', source: 'Default' });
  return [...byPrefix.values()];
}

/** Both partitions of all addresses as one. */
function* together(
  before: readonly Stretch[],
  after: readonly Stretch[],
): Generator<IpRange & { readonly was: NextHop; readonly will: NextHop }> {
  let i = 0;
  let j = 0;
  for (let next = 0n; ; ) {
    const a = before[i];
    const b = after[j];
    if (a === undefined || b === undefined) return;
    const to = lower(a.to, b.to);
    yield { from: next, to, was: a.hop, will: b.hop };
    next = to + 1n;
    if (a.to === to) i += 1;
    if (b.to === to) j += 1;
  }
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
