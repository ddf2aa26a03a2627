/**
 * A trace across hosts: the sender's host says what its switch would do with the packet; where that is a tunnel, the host at its far end
 * is asked to go on with the frame as it came out, until somebody delivers, answers or drops it. The answers, joined, are one trace.
 *
 * Which host has a provider address is told by the servers' own documents. Called by controller/northbound/diagnostic-routes.
 */
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
  /** Of the last hop; of a trace that could not be followed to its end, why. */
  readonly verdict: TraceVerdict | { readonly kind: 'unknown'; readonly reason: string };
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
    // What becomes of it at an edge router is the edge's to tell.
    const isAway = verdict.kind !== 'tunnel' || verdict.edge !== undefined;
    if (isAway || frame === undefined) return { hops, verdict };
    const next = serverAt(context.desired, verdict.to);
    if (next === undefined) {
      return { hops, verdict: unknown(`no server has the provider address ${verdict.to}`) };
    }
    host = next;
    question = { tunnel: { source: verdict.from, vni: verdict.vni }, frame, asReply };
  }
  return { hops, verdict: unknown(`the packet has not arrived after ${TRACE_HOPS_MAX} hosts`) };
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
