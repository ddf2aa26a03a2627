/**
 * A trace across hosts: the sender's host says what its switch would do with the packet; where that is a tunnel, the host at its far end
 * is asked to go on with the frame as it came out, until somebody delivers, answers or drops it; where it is an edge router, that says what
 * it would make of the packet, and whoever it goes to then is asked. The answers, joined, are one trace. It may also begin outside.
 *
 * Which host has a provider address is told by the servers' own documents. Called by controller/northbound/diagnostic-routes.
 */
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import type { PacketSpec, TraceVerdict } from '../../schema/southbound/diagnostics/trace.ts';
import type { Resource } from '../model/desired-state.ts';
import type { Explained } from './hosts.ts';
import { TRACE_HOPS_MAX } from './limits.ts';
import { serverAt } from './provider-address.ts';
import {
  isMuxRef,
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
  asReply = false,
): Promise<JoinedTrace> {
  const question = { portId: from.portId, packet, asReply };
  return follow(context, { kind: 'host', host: from.host, question }, { packet, asReply });
}

/** Of a packet that comes to an edge router from the outside; `link`: its interface, by default the one that the source is behind. */
export async function traceFromOutside(
  context: Explained,
  edge: Resource,
  packet: TravellingPacket,
  link: string | undefined = outsideLink(edge, packet.source),
): Promise<JoinedTrace> {
  if (link === undefined) {
    return { hops: [], routers: [], verdict: unknown(`${edge.ref} has no outside interface`) };
  }
  const start: Onward = { kind: 'edge', edge, entrance: { link }, packet };
  return follow(context, start, { packet, asReply: false });
}

async function follow(
  context: Explained,
  start: Onward,
  traced: { readonly packet: PacketSpec; readonly asReply: boolean },
): Promise<JoinedTrace> {
  const hops: Hop[] = [];
  const routers: RouterHop[] = [];
  let next = start;
  while (hops.length + routers.length < TRACE_HOPS_MAX) {
    switch (next.kind) {
      case 'host': {
        const { frame, ...answer } = await context.ask(next.host, 'trace', next.question);
        const hop = { host: next.host, ...answer };
        hops.push(hop);
        const onward = onwardFromHost(context, hop, frame, traced);
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
  { packet, asReply }: { readonly packet: PacketSpec; readonly asReply: boolean },
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
  return { kind: 'host', host, question: { tunnel: { source: from, vni }, frame, asReply } };
}

function unknown(reason: string): { readonly kind: 'unknown'; readonly reason: string } {
  return { kind: 'unknown', reason };
}

/**
 * The way of the answer, as it would be with the request's flow open; undefined where nobody would answer, and behind a mux: which virtual
 * address a backend answers as, only a flow that is really open tells.
 */
export async function traceReply(
  context: Explained,
  { hops, routers, verdict }: JoinedTrace,
  spec: PacketSpec,
): Promise<JoinedTrace | undefined> {
  const last = hops.at(-1);
  if (routers.some(({ resourceRef }) => isMuxRef(resourceRef))) return undefined;
  if (last?.leaves === undefined || verdict.kind !== 'deliver') return undefined;
  const reply = replyTo(last.leaves, spec);
  if (reply === undefined) return undefined;
  const from = { host: last.host, portId: verdict.portId };
  return traceAcrossHosts(context, from, reply, true);
}

/** The packet that would answer this one, as its receiver would send it; undefined: none is expected. */
function replyTo(packet: Answer<'trace'>['packet'], spec: PacketSpec): PacketSpec | undefined {
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
const SYN_ACK = 0x12;
/** Echo replies of ICMP (RFC 792) and ICMPv6 (RFC 4443). */
const ECHO_REPLIES: Readonly<Record<number, number>> = { 8: 0, 128: 129 };
