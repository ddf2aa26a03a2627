/**
 * A trace across hosts: the sender's host says what its switch would do with the packet; where that is a tunnel, the host at its far end
 * is asked to go on with the frame as it came out, until somebody delivers, answers or drops it; where it is an edge router, that says what
 * it would make of the packet. The answers, joined, are one trace.
 *
 * Which host has a provider address is told by the servers' own documents. Called by controller/northbound/diagnostic-routes.
 */
import type { EdgeTrace } from '../../schema/southbound/diagnostics/edge.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { PacketSpec, TraceVerdict } from '../../schema/southbound/diagnostics/trace.ts';
import type { Explained } from './hosts.ts';
import { TRACE_HOPS_MAX } from './limits.ts';
import { serverAt } from './provider-address.ts';

export interface Hop extends Answer<'trace'> {
  readonly host: string;
}

export interface JoinedTrace {
  readonly hops: readonly Hop[];
  /** What the edge router does with it that the last hop sends it to. */
  readonly edge?: EdgePart;
  /** Of the last hop or of the edge; of a trace that could not be followed to its end, why. */
  readonly verdict:
    | TraceVerdict
    | { readonly kind: 'outside'; readonly link: string }
    | { readonly kind: 'refused'; readonly reason: string }
    | { readonly kind: 'unknown'; readonly reason: string };
}

interface EdgePart extends Pick<EdgeTrace, 'steps' | 'leaves'> {
  readonly resourceRef: string;
}

export async function traceAcrossHosts(
  context: Explained,
  from: { readonly host: string; readonly portId: string },
  packet: PacketSpec,
  asReply = false,
): Promise<JoinedTrace> {
  const hops: Hop[] = [];
  let host = from.host;
  let question: Question<'trace'> = { portId: from.portId, packet, asReply };
  while (hops.length < TRACE_HOPS_MAX) {
    const told: Answer<'trace'> = await context.ask(host, 'trace', question);
    const { frame, ...answer } = told;
    hops.push({ host, ...answer });
    const { verdict } = told;
    if (verdict.kind !== 'tunnel' || frame === undefined) return { hops, verdict };
    if (verdict.edge !== undefined) {
      const { edge, vni } = verdict;
      return { hops, ...(await throughEdge(context, { edge, vni }, told, packet.protocol)) };
    }
    const next = serverAt(context.desired, verdict.to);
    if (next === undefined) {
      return { hops, verdict: unknown(`no server has the provider address ${verdict.to}`) };
    }
    host = next;
    question = { tunnel: { source: verdict.from, vni: verdict.vni }, frame, asReply };
  }
  return { hops, verdict: unknown(`the packet has not arrived after ${TRACE_HOPS_MAX} hosts`) };
}

/** What an edge router makes of a packet that a host sends to it. */
async function throughEdge(
  { desired, askEdge }: Explained,
  { edge: resourceRef, vni }: { readonly edge: string; readonly vni: number },
  { leaves }: Answer<'trace'>,
  protocol: number,
): Promise<Omit<JoinedTrace, 'hops'>> {
  const edge = desired.byRef(resourceRef);
  if (edge === undefined || leaves === undefined) {
    return { verdict: unknown(`${resourceRef} is no edge router`) };
  }
  const { source, destination, sourcePort, destinationPort } = leaves;
  const ports = { ...(sourcePort !== undefined && { sourcePort, destinationPort }) };
  const asked = { vni, source, destination, protocol, ...ports };
  const told = await askEdge(edge.resourceId, 'edgeTrace', asked);
  const { steps } = told;
  if (told.leaves === undefined) {
    return { edge: { resourceRef, steps }, verdict: { kind: 'refused', reason: told.verdict } };
  }
  const edgePart = { resourceRef, steps, leaves: told.leaves };
  return { edge: edgePart, verdict: { kind: 'outside', link: told.leaves.link } };
}

function unknown(reason: string): JoinedTrace['verdict'] {
  return { kind: 'unknown', reason };
}

/** The way of the answer, as it would be with the request's flow open; undefined where nobody would answer. */
export async function traceReply(
  context: Explained,
  { hops, verdict }: JoinedTrace,
  spec: PacketSpec,
): Promise<JoinedTrace | undefined> {
  const last = hops.at(-1);
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
