/**
 * Questions about the router, answered from the tables that forward and changing none: mappings, routes, neighbours, counters, and what would become
 * of a packet. Called by router-loop.ts between two bursts; the answers are JSON (schema/southbound/diagnostics/edge.ts).
 */
import {
  formatIpPrefixWords,
  formatIpWords,
  type IpWords,
  ipv4Words,
  isIpv4Words,
  parseIpWords,
  prefixHasWords,
} from '../../../base/ip-words.ts';
import { formatMac } from '../../../base/mac.ts';
import { DROP_NAMES } from '../../../packet/drop.ts';
import { EtherType } from '../../../packet/ethernet.ts';
import { newFlowKey } from '../../../packet/flow-key.ts';
import * as icmp from '../../../packet/icmp.ts';
import * as icmpv6 from '../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import type {
  EdgeCounters,
  EdgeNeighbour,
  EdgeRoute,
  EdgeTrace,
  NatMapping,
} from '../../../schema/southbound/diagnostics/edge.ts';
import { ANSWERED_MAPPINGS_MAX, ANSWERED_ROUTES_MAX } from '../limits.ts';
import { TCP_LIFE_NAMES } from '../nat44/tcp-life.ts';
import type { Ingress, Verdict } from './decision.ts';
import { type Fib, type FibRoute, ROUTE_SOURCE_NAMES } from './fib.ts';
import { OVERLAY_LINK } from './links.ts';
import { NEIGHBOUR_STATE_NAMES } from './neighbours.ts';
import { PLAIN_DOMAIN } from './networks.ts';
import type { RouterCore } from './router-core.ts';
import { SlowPath } from './slow-path.ts';

export interface TracedPacket {
  /** VNI of the sender's subnet, or the link that the packet comes in by. */
  readonly vni: number | undefined;
  readonly link: string | undefined;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export type RouterQuestion =
  | { readonly kind: 'mappings'; readonly inside: string | undefined; readonly limit: number }
  | { readonly kind: 'routes'; readonly destination: string | undefined; readonly limit: number }
  | { readonly kind: 'neighbours' }
  | { readonly kind: 'counters' }
  | { readonly kind: 'trace'; readonly packet: TracedPacket };

export type RouterAnswer =
  | { readonly mappings: readonly NatMapping[] }
  | { readonly routes: readonly EdgeRoute[] }
  | { readonly neighbours: readonly EdgeNeighbour[] }
  | EdgeCounters
  | EdgeTrace;

export function answerAbout(core: RouterCore, question: RouterQuestion): RouterAnswer {
  switch (question.kind) {
    case 'mappings':
      return { mappings: mappingsOf(core, question.inside, question.limit) };
    case 'routes':
      return { routes: routesOf(core, question.destination, question.limit) };
    case 'neighbours':
      return { neighbours: neighboursOf(core) };
    case 'counters':
      return countersOf(core);
    case 'trace':
      return traceOf(core, question.packet);
  }
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IpProtocol.TCP]: 'tcp',
  [IpProtocol.UDP]: 'udp',
  [IpProtocol.ICMP]: 'icmp',
};

function mappingsOf(core: RouterCore, inside: string | undefined, limit: number): NatMapping[] {
  const { nat, networks } = core.state;
  const { table } = nat;
  const found: NatMapping[] = [];
  for (const mapping of table.all()) {
    if (found.length >= Math.min(limit, ANSWERED_MAPPINGS_MAX)) break;
    const address = formatIpWords(ipv4Words(table.inside(mapping)));
    if (inside !== undefined && inside !== address) continue;
    const number = table.domain(mapping);
    const domain = number === PLAIN_DOMAIN ? undefined : networks.domainNumbered(number);
    const protocol = table.protocol(mapping);
    const deadlineSec = table.deadlineSec(mapping);
    found.push({
      network: domain?.resourceRef ?? '',
      inside: address,
      insidePort: table.insidePort(mapping),
      outside: formatIpWords(ipv4Words(table.outside(mapping))),
      outsidePort: table.outsidePort(mapping),
      protocol: PROTOCOL_NAMES[protocol] ?? String(protocol),
      ...(protocol === IpProtocol.TCP && { state: TCP_LIFE_NAMES[table.life(mapping)] }),
      ...(deadlineSec !== undefined && { expiresSec: Math.max(0, deadlineSec - core.nowSec) }),
    });
  }
  return found;
}

function routesOf(core: RouterCore, destination: string | undefined, limit: number): EdgeRoute[] {
  const words = destination === undefined ? undefined : parseIpWords(destination);
  const { fib } = core.state;
  const found: EdgeRoute[] = [];
  for (const { prefix, group, source } of words === undefined ? fib.routes() : taken(fib, words)) {
    if (found.length >= Math.min(limit, ANSWERED_ROUTES_MAX)) break;
    found.push({
      prefix: formatIpPrefixWords(prefix),
      source: ROUTE_SOURCE_NAMES[source],
      nextHops: group.hops.map(({ link, gateway }) => ({
        link: core.state.link(link)?.name ?? '',
        ...(gateway !== undefined && { gateway: formatIpWords(gateway) }),
      })),
    });
  }
  return found;
}

/** The route that a packet to the address takes: of those that have it, the longest. */
function taken(fib: Fib, words: IpWords): FibRoute[] {
  let longest: FibRoute | undefined;
  for (const route of fib.routes()) {
    if (!prefixHasWords(route.prefix, words)) continue;
    if (longest === undefined || route.prefix.len > longest.prefix.len) longest = route;
  }
  return longest === undefined ? [] : [longest];
}

function neighboursOf(core: RouterCore): EdgeNeighbour[] {
  return [...core.state.neighbours.all()].map(({ link, words, mac, state, sinceSec }) => ({
    link: core.state.link(link)?.name ?? '',
    address: formatIpWords(words),
    mac: formatMac(mac),
    state: NEIGHBOUR_STATE_NAMES[state],
    forSec: core.nowSec - sinceSec,
  }));
}

function countersOf(core: RouterCore): EdgeCounters {
  const links = [
    { name: 'overlay', number: OVERLAY_LINK },
    ...core.state.links.map(({ name, number }) => ({ name, number })),
  ];
  return {
    links: links.map(({ name, number }) => ({ name, ...core.counters.read(number) })),
    nat: core.state.nat.counts,
    flows: core.flows.count,
    slowPackets: core.slowPackets,
    routes: core.state.fib.size,
    neighbours: core.state.neighbours.size,
    ...core.state.networks.counts,
    hosts: core.state.peers.count,
  };
}

function traceOf(core: RouterCore, packet: TracedPacket): EdgeTrace {
  const source = parseIpWords(packet.source);
  const destination = parseIpWords(packet.destination);
  const ingress = ingressOf(core, packet);
  if (source === undefined || destination === undefined || ingress === undefined) {
    return { steps: [], verdict: 'the router has no such link or network' };
  }
  const key = newFlowKey();
  const isIpv4 = isIpv4Words(source);
  key.etherType = isIpv4 ? EtherType.IPV4 : EtherType.IPV6;
  [key.src0, key.src1, key.src2, key.src3] = source;
  [key.dst0, key.dst1, key.dst2, key.dst3] = destination;
  key.protocol = packet.protocol;
  key.ttl = 64;
  key.srcPort = packet.sourcePort;
  key.dstPort = isIcmp(packet.protocol)
    ? (isIpv4 ? icmp.Type.ECHO_REQUEST : icmpv6.Type.ECHO_REQUEST) << 8
    : packet.destinationPort;
  const steps: { step: string; text: string; resourceRef: string }[] = [];
  const circumstances = { answers: undefined, mayMap: false, nowSec: core.nowSec };
  const explain = (step: string, text: string, resourceRef = '') =>
    void steps.push({ step, text, resourceRef });
  const verdict = new SlowPath(core.state).decide(ingress, key, circumstances, explain);
  const name = DROP_NAMES[verdict.drop] ?? '';
  const { key: left } = verdict;
  if (verdict.drop !== 0) return { steps, verdict: name };
  const ports = {
    ...(left.srcPort !== 0 && { sourcePort: left.srcPort }),
    destinationPort: left.dstPort,
  };
  return {
    steps,
    verdict: 'forwarded',
    leaves: {
      source: formatIpWords([left.src0, left.src1, left.src2, left.src3]),
      destination: formatIpWords([left.dst0, left.dst1, left.dst2, left.dst3]),
      ...(!isIcmp(packet.protocol) && ports),
      link: core.state.link(verdict.egressLink)?.name ?? 'overlay',
      ...(verdict.nextHop !== undefined && { nextHop: formatIpWords(verdict.nextHop) }),
      ...tunnelOf(core, verdict),
    },
  };
}

function tunnelOf({ state }: RouterCore, { egressLink, composition }: Verdict) {
  const to = egressLink === state.overlayLink ? state.peers.addressOf(composition.peer) : undefined;
  if (to === undefined) return {};
  const { vni, srcMac, dstMac } = composition;
  return {
    tunnel: {
      from: formatIpWords(state.settings.providerAddress ?? to),
      to: formatIpWords(to),
      vni,
      sourceMac: formatMac(srcMac),
      destinationMac: formatMac(dstMac),
    },
  };
}

function isIcmp(protocol: number): boolean {
  return protocol === IpProtocol.ICMP || protocol === IpProtocol.ICMPV6;
}

function ingressOf(core: RouterCore, { vni, link: name }: TracedPacket): Ingress | undefined {
  if (vni !== undefined) {
    const segment = core.state.networks.segment(vni);
    return segment === undefined ? undefined : { link: OVERLAY_LINK, kind: 'overlay', segment };
  }
  const link = core.state.links.find((candidate) => candidate.name === name);
  if (link === undefined) return undefined;
  return { link: link.number, kind: link.kind, segment: undefined };
}
