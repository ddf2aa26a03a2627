/**
 * A connectivity check: one real packet from one network interface, the answer, and where there is none, where it was lost. The sender's
 * host sends the packet as though the VM had (schema/southbound/diagnostics/probe); the hosts that a trace says it will come to
 * note what they see of it. Called by controller/northbound: packet-routes, connectivity-checks.
 */
import { below, type Rng } from '../../base/rng.ts';
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import {
  PROBE_ID_MAX,
  PROBE_ID_MIN,
  PROBE_WATCH_MS_MAX,
  type ProbePacket,
} from '../../schema/southbound/diagnostics/probe.ts';
import { ProbeProtocol } from '../../schema/southbound/diagnostics/probe-names.ts';
import type { PacketSpec, PacketView } from '../../schema/southbound/diagnostics/trace.ts';
import type { Resource } from '../model/desired-state.ts';
import { QuestionFault } from '../southbound/questions.ts';
import { addressOwners, networksOf } from './address-owner.ts';
import { type CheckVerdict, checkVerdict, type Seen } from './check-verdict.ts';
import { type Explained, hostOf, refOfPort } from './hosts.ts';
import { PROBE_ID_TRIES_MAX, PROBE_TIMEOUT_MS } from './limits.ts';
import { type Hop, type JoinedTrace, traceAcrossHosts, traceReply } from './trace.ts';

export interface CheckSpec {
  /** Default: the interface's first address of the destination's family. */
  readonly source?: string;
  readonly destination: string;
  readonly protocol: 'icmp' | 'tcp';
  /** TCP. */
  readonly destinationPort?: number;
  /** Of the echo request. */
  readonly sequence?: number;
  /** Of the ICMP message, bytes. */
  readonly length?: number;
}

export interface CheckAnswer {
  readonly packet: PacketView | undefined;
  readonly isReached: boolean;
  readonly verdict: CheckVerdict;
  /** Each rule that has decided, host by host, and of the answer where that was lost. */
  readonly hops: readonly Hop[];
  readonly replyHops: readonly Hop[];
}

/** Rejects with a QuestionFault where the sender's host cannot be asked. */
export async function checkConnectivity(
  context: Explained,
  nic: Resource,
  host: string,
  spec: CheckSpec,
): Promise<CheckAnswer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await checkOnce(context, { nic, host }, spec, probeId(context.rng));
    } catch (thrown) {
      const isTaken = thrown instanceof QuestionFault && thrown.code === 'SDN_PROBE_ID_TAKEN';
      if (!isTaken || tries >= PROBE_ID_TRIES_MAX) throw thrown;
    }
  }
}

function probeId(rng: Rng): number {
  return PROBE_ID_MIN + below(rng, PROBE_ID_MAX - PROBE_ID_MIN + 1);
}

async function checkOnce(
  context: Explained,
  sender: { readonly nic: Resource; readonly host: string },
  spec: CheckSpec,
  id: number,
): Promise<CheckAnswer> {
  const from = { host: sender.host, portId: sender.nic.instanceId };
  const asked = tracedPacket(spec, id);
  const foretold = await traceAcrossHosts(context, from, asked);
  const view = foretold.hops[0]?.packet;
  const packet = probePacket(spec, view?.source ?? '', id);
  const watched = await watchReceivers(context, sender.nic, packet, foretold);
  const probe = await context.ask(from.host, 'probe', {
    ...{ portId: from.portId, packet, timeoutMs: PROBE_TIMEOUT_MS },
  });
  const receivers = await Promise.all(watched.map((each) => whatWasSeen(context, packet, each)));
  const { trace, reply } = await explain(context, from, asked, { probe, receivers, foretold });
  const verdict = checkVerdict({ sender: from, probe, receivers, trace, reply });
  return {
    packet: view,
    isReached: verdict.kind === 'reached',
    verdict,
    hops: trace.hops,
    replyHops: reply?.hops ?? [],
  };
}

/** As the probe's packet, for a trace. */
function tracedPacket(spec: CheckSpec, id: number): PacketSpec {
  const { source, destination, destinationPort, length } = spec;
  const protocol = protocolOf(spec);
  const isIpv6 = destination.includes(':');
  return {
    ...(source !== undefined && { source }),
    destination,
    protocol,
    ...(protocol === ProbeProtocol.TCP
      ? { sourcePort: id, ...(destinationPort !== undefined && { destinationPort }) }
      : { identifier: id }),
    ...(length !== undefined && { length: length + (isIpv6 ? IPV6_HEADER : IPV4_HEADER) }),
  };
}

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

function probePacket(spec: CheckSpec, source: string, id: number): ProbePacket {
  const { destination, destinationPort, sequence, length } = spec;
  return {
    ...{ source, destination, protocol: protocolOf(spec), id },
    ...(destinationPort !== undefined && { destinationPort }),
    ...(sequence !== undefined && { sequence }),
    ...(length !== undefined && { length }),
  };
}

function protocolOf({ protocol, destination }: CheckSpec): ProbePacket['protocol'] {
  if (protocol === 'tcp') return ProbeProtocol.TCP;
  return destination.includes(':') ? ProbeProtocol.ICMPV6 : ProbeProtocol.ICMP;
}

interface Watched {
  readonly host: string;
  readonly portId: string;
  readonly isWatched: boolean;
}

/** Where the trace says it is delivered; behind an appliance, also who has the address. */
async function watchReceivers(
  context: Explained,
  nic: Resource,
  packet: ProbePacket,
  { hops, verdict }: JoinedTrace,
): Promise<Watched[]> {
  const last = hops.at(-1);
  if (verdict.kind !== 'deliver' || last === undefined) return [];
  const places = [{ host: last.host, portId: verdict.portId }];
  for (const owner of addressOwners(context.desired, packet.destination, networksOf(nic))) {
    const host = hostOf(context, owner);
    if (host === undefined || owner.instanceId === verdict.portId) continue;
    places.push({ host, portId: owner.instanceId });
  }
  return Promise.all(
    places.map(async (place) => {
      const question = { portId: place.portId, packet, forMs: PROBE_WATCH_MS_MAX };
      try {
        await context.ask(place.host, 'probeWatch', question);
        return { ...place, isWatched: true };
      } catch (thrown) {
        // The check goes on without this witness, and says so where it is missed.
        if (thrown instanceof QuestionFault) return { ...place, isWatched: false };
        throw thrown;
      }
    }),
  );
}

async function whatWasSeen(
  context: Explained,
  packet: ProbePacket,
  { host, portId, isWatched }: Watched,
): Promise<Seen> {
  const place = { host, resourceRef: refOfPort(context, portId) };
  if (!isWatched) return { ...place, seen: undefined };
  try {
    return { ...place, seen: await context.ask(host, 'probeSeen', { portId, packet }) };
  } catch (thrown) {
    if (thrown instanceof QuestionFault) return { ...place, seen: undefined };
    throw thrown;
  }
}

/** The rules behind what has happened: as they are now, for they may have changed since the packet was traced. */
async function explain(
  context: Explained,
  from: { readonly host: string; readonly portId: string },
  asked: PacketSpec,
  known: {
    readonly probe: Answer<'probe'>;
    readonly receivers: readonly Seen[];
    readonly foretold: JoinedTrace;
  },
): Promise<{ readonly trace: JoinedTrace; readonly reply: JoinedTrace | undefined }> {
  const { probe, receivers, foretold } = known;
  if (probe.kind === 'answered' || probe.kind === 'error') {
    return { trace: foretold, reply: undefined };
  }
  const trace = await traceAcrossHosts(context, from, asked);
  const isAnswered =
    (probe.kind === 'silent' && probe.answerDrop !== undefined) ||
    receivers.some(({ seen }) => (seen?.answered ?? 0) > 0);
  return { trace, reply: isAnswered ? await traceReply(context, trace, asked) : undefined };
}
