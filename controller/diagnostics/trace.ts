/**
 * A trace across hosts: the sender's host says what its switch would do with the packet; where that is a tunnel, the host at its far end
 * is asked to go on with the frame as it came out, until somebody delivers, answers or drops it; where it is an edge router, that says what
 * it would make of the packet, and whoever it goes to then is asked. The answers, joined, are one trace. It may also begin outside.
 *
 * Which host has a provider address is told by the servers' own documents. Called by controller/northbound: packet-routes, edge-routes.
 */
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import type {
  PacketEnds,
  PacketSpec,
  TracedRequest,
  TraceVerdict,
} from '../../schema/southbound/diagnostics/trace.ts';
import type { Resource } from '../model/desired-state.ts';
import type { Explained } from './hosts.ts';
import { TRACE_HOPS_MAX } from './limits.ts';
import { serverAt } from './provider-address.ts';
import {
  endsOf,
  type Onward,
  outsideLink,
  type RouterHop,
  type TravellingPacket,
  throughEdge,
  throughMux,
  travelling,
} from './trace-routers.ts';

export interface Hop extends Answer<'trace'> {
  readonly host: string;
}

export interface JoinedTrace {
  readonly hops: readonly Hop[];
  /** Edge routers and muxes on the way. */
  readonly routers: readonly RouterHop[];
  /** Of the last hop or router; of a trace that could not be followed to its end, why. */
  readonly verdict:
    | TraceVerdict
    | { readonly kind: 'outside'; readonly link: string; readonly by: string }
    | { readonly kind: 'refused'; readonly reason: string; readonly by: string }
    | { readonly kind: 'unknown'; readonly reason: string };
}

/** Of a packet that an interface sends. */
export function traceAcrossHosts(
  context: Explained,
  from: { readonly host: string; readonly portId: string },
  packet: PacketSpec,
  answers?: TracedRequest,
): Promise<JoinedTrace> {
  const question = { portId: from.portId, packet };
  return follow(context, { kind: 'host', host: from.host, question }, { packet, answers });
}

/** Of a packet that comes to an edge router from the outside; `link`: its interface, by default the one that the source is behind. */
export async function traceFromOutside(
  context: Explained,
  edge: Resource,
  spec: TravellingPacket,
  link: string | undefined = outsideLink(edge, spec.source),
  answers?: TracedRequest,
): Promise<JoinedTrace> {
  if (link === undefined) {
    return { hops: [], routers: [], verdict: unknown(`${edge.ref} has no outside interface`) };
  }
  // Whoever is on its way shall see the same port.
  const packet = PORTED.has(spec.protocol) ? { sourcePort: SOURCE_PORT_DEFAULT, ...spec } : spec;
  const start: Onward = { kind: 'edge', edge, entrance: { link }, packet };
  return follow(context, start, { packet, answers });
}

/** First dynamic port (RFC 6335 §6). */
const SOURCE_PORT_DEFAULT = 49_152;

/** A packet, and the request that it answers; undefined: it answers none. */
interface Traced {
  readonly packet: PacketSpec;
  readonly answers: TracedRequest | undefined;
}

async function follow(
  context: Explained,
  start: Onward,
  { packet, answers }: Traced,
): Promise<JoinedTrace> {
  const hops: Hop[] = [];
  const routers: RouterHop[] = [];
  let next = start;
  while (hops.length + routers.length < TRACE_HOPS_MAX) {
    switch (next.kind) {
      case 'host': {
        const question = { ...next.question, ...(answers !== undefined && { answers }) };
        const { frame, ...answer } = await context.ask(next.host, 'trace', question);
        const hop = { host: next.host, ...answer };
        hops.push(hop);
        const onward = onwardFromHost(context, hop, frame, packet);
        if (onward === undefined) return { hops, routers, verdict: hop.verdict };
        next = onward;
        break;
      }
      case 'edge': {
        const { hop, onward } = await throughEdge(context, next);
        routers.push({ ...hop, afterHops: hops.length });
        next = onward;
        break;
      }
      case 'mux': {
        const { hop, onward } = await throughMux(context, next);
        routers.push({ ...hop, afterHops: hops.length });
        next = onward;
        break;
      }
      default: {
        const by = routers.at(-1)?.resourceRef ?? '';
        const verdict = next.kind === 'unknown' ? next : { ...next, by };
        return { hops, routers, verdict };
      }
    }
  }
  const reason = `the packet has not arrived after ${TRACE_HOPS_MAX} hosts and routers`;
  return { hops, routers, verdict: unknown(reason) };
}

/** Undefined: it ends there. */
function onwardFromHost(
  { desired }: Explained,
  { verdict, leaves }: Hop,
  frame: string | undefined,
  packet: PacketSpec,
): Onward | undefined {
  if (verdict.kind !== 'tunnel' || frame === undefined) return undefined;
  const { from, to, vni } = verdict;
  if (verdict.edge !== undefined) {
    const edge = desired.byRef(verdict.edge);
    if (edge === undefined || leaves === undefined) {
      return unknown(`${verdict.edge} is no edge router`);
    }
    return { kind: 'edge', edge, entrance: { vni }, packet: travelling(leaves, packet) };
  }
  const host = serverAt(desired, to);
  if (host === undefined) return unknown(`no server has the provider address ${to}`);
  return { kind: 'host', host, question: { tunnel: { source: from, vni }, frame } };
}

function unknown(reason: string): { readonly kind: 'unknown'; readonly reason: string } {
  return { kind: 'unknown', reason };
}

/**
 * The way of the answer, as it would be with the request's flow open; undefined where nobody would answer, and where a shared address would first get a
 * port: that is chosen when the packet comes.
 */
export async function traceReply(
  context: Explained,
  trace: JoinedTrace,
  spec: PacketSpec,
): Promise<JoinedTrace | undefined> {
  const { hops, routers, verdict } = trace;
  const isShared = ({ leaves }: RouterHop) =>
    leaves !== undefined && leaves.sourcePort === undefined;
  if (PORTED.has(spec.protocol) && routers.some(isShared)) return undefined;
  const [first, last] = [hops.at(0), hops.at(-1)];
  const isFromOutside = routers.some(({ afterHops }) => afterHops === 0);
  const sent = first === undefined || isFromOutside ? {} : { sent: endsOf(first.packet) };
  if (verdict.kind === 'deliver' && last?.leaves !== undefined) {
    const reply = replyTo(last.leaves, spec);
    const isOnOneHost = last === first && !isFromOutside;
    const came = endsOf(isOnOneHost ? last.leaves : last.packet);
    const from = { host: last.host, portId: verdict.portId };
    return reply && traceAcrossHosts(context, from, reply, { ...sent, came });
  }
  const router = routers.at(-1);
  const edge = router && context.desired.byRef(router.resourceRef);
  if (verdict.kind === 'outside' && edge !== undefined && router?.leaves !== undefined) {
    const { leaves } = router;
    if (leaves.sourcePort === undefined || leaves.destinationPort === undefined) return undefined;
    const reply = replyTo(leaves, spec);
    const packet = reply && { ...reply, source: leaves.destination };
    return packet && traceFromOutside(context, edge, packet, verdict.link, sent);
  }
  return undefined;
}

/** The packet that would answer this one, as its receiver would send it; undefined: none is expected. */
function replyTo(
  packet: PacketEnds & { readonly icmpType?: number },
  spec: PacketSpec,
): PacketSpec | undefined {
  const { source, destination, sourcePort, destinationPort, icmpType } = packet;
  const back = { source: destination, destination: source, protocol: spec.protocol };
  if (sourcePort !== undefined && destinationPort !== undefined) {
    const flags = spec.protocol === TCP ? { tcpFlags: SYN_ACK } : {};
    return { ...back, sourcePort: destinationPort, destinationPort: sourcePort, ...flags };
  }
  const reply = icmpType === undefined ? undefined : ECHO_REPLIES[icmpType];
  if (icmpType !== undefined && reply === undefined) return undefined;
  const { identifier } = spec;
  return {
    ...back,
    ...(reply !== undefined && { icmpType: reply }),
    ...(identifier !== undefined && { identifier }),
  };
}

const TCP = 6;
const UDP = 17;
const PORTED: ReadonlySet<number> = new Set([TCP, UDP]);
const SYN_ACK = 0x12;
/** Echo replies of ICMP (RFC 792) and ICMPv6 (RFC 4443). */
const ECHO_REPLIES: Readonly<Record<number, number>> = { 8: 0, 128: 129 };
