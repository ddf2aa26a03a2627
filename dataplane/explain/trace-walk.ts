/**
 * The way of one frame through the switch, as the forwarder would take it: function by function (each names its counterpart), with the forwarder's
 * own parts, in memory of its own. Nothing is remembered, moved on or counted; a transposition that has to be made for it is given back. What
 * the layers say on the way is in the log. Called by tracer; trace-words tells of it.
 */
import type { IpWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import type { PacketView } from '../../schema/southbound/diagnostics/trace.ts';
import type { DecisionLog } from '../engine/decision.ts';
import { ALWAYS_CURRENT } from '../engine/epochs.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import {
  copyIdentity,
  type FlowScope,
  isQuotingError,
  isTrackable,
  outboundScope,
} from '../engine/flow-id.ts';
import { recallFlow } from '../engine/flow-memory.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import type { FragmentTable } from '../engine/fragment-table.ts';
import { completeChecksum, fragmentCount } from '../engine/fragmentation.ts';
import { checkOffload, isPlain } from '../engine/frame-checks.ts';
import { NO_PORT } from '../engine/header-action.ts';
import { loadPacket, type newPacket, type Packet } from '../engine/packet.ts';
import {
  Outcome,
  type PipelinePort,
  type Resolution,
  resolve,
  type Surroundings,
} from '../engine/pipeline.ts';
import { flowOfError, hasValidChecksum, isFromFlow } from '../engine/quoted-packet.ts';
import {
  Applied,
  type Frame,
  NO_TRANSPOSITION,
  type TranspositionId,
  type Transpositions,
} from '../engine/transposition.ts';
import { Service } from '../layers/services.ts';
import type { Answers } from '../switch/answers.ts';
import { deliveryScope, isAwaited, receivedBefore, tunnelScope } from '../switch/flow-tracker.ts';
import { SERVICE_PORT, UPLINK_PORT } from '../switch/port-registry.ts';
import type { SwitchTables } from '../switch/tables.ts';
import { viewOf } from './traced-frame.ts';

/** Where a frame comes in. */
export type Entrance =
  | { readonly kind: 'port'; readonly portId: string }
  | { readonly kind: 'tunnel'; readonly source: IpWords; readonly vni: number };

/** What a packet answers, of TCP and UDP with ports; what is absent is taken for the packet itself, turned round. */
export interface AnsweredRequest {
  /** As the port that it is an answer to has sent it. */
  readonly sent?: RequestEnds;
  /** As it has come to the port that answers. */
  readonly came?: RequestEnds;
}

export interface RequestEnds {
  readonly source: IpWords;
  readonly destination: IpWords;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

export interface TracerParts {
  readonly tables: SwitchTables;
  readonly flows: FlowTable;
  readonly transpositions: Transpositions;
  readonly fragments: FragmentTable;
  /** Does the port have a device? */
  readonly hasDevice: (port: number) => boolean;
  readonly nowSec: () => number;
}

/** What a walk works with; made once, used for every one. */
export interface WalkTools {
  readonly key: FlowKey;
  readonly flowOfError: FlowKey;
  readonly packet: ReturnType<typeof newPacket>;
  readonly log: DecisionLog;
  readonly resolution: Resolution;
  readonly answers: Answers;
  /** A packet of no known flow is judged as the answer to this; undefined: as the first of a new one. */
  readonly request: AnsweredRequest | undefined;
}

/** [at, end) of what leaves. */
type Leaves = readonly [at: number, end: number];

/** What a way through the switch ends in. */
export type WalkEnd =
  | { readonly kind: 'drop'; readonly drop: Drop; readonly leaves: undefined }
  | { readonly kind: 'deliver'; readonly port: number; readonly leaves: Leaves }
  | {
      readonly kind: 'tunnel';
      readonly peer: number;
      readonly vni: number;
      /** Packets that it leaves as; more than 1: it is too long for one. */
      readonly fragments: number;
      readonly leaves: Leaves;
    }
  /** A service of the switch has taken it; undefined: it answers nothing, or nobody can foretell what. */
  | { readonly kind: 'answer'; readonly service: string; readonly leaves: Leaves | undefined };

/** One frame's way. */
export class TraceWalk {
  readonly #parts: TracerParts;
  readonly #entrance: Entrance;
  readonly #frame: Frame;
  readonly #tools: WalkTools;
  /** Port that the frame comes in by; NO_PORT if there is none of that id. */
  readonly port: number;
  #flow: FlowIndex = NO_FLOW;
  #isCurrent = false;
  /** The frame may be remembered as part of a flow. */
  #isFlow = false;
  /** The frame is an ICMP error: what the layers judge is the flow it belongs to. */
  #isError = false;
  #isReplyAtSender = false;
  #packetView: PacketView | undefined;

  constructor(parts: TracerParts, entrance: Entrance, frame: Frame, tools: WalkTools) {
    this.#parts = parts;
    this.#entrance = entrance;
    this.#frame = frame;
    this.#tools = tools;
    this.port =
      entrance.kind === 'tunnel'
        ? UPLINK_PORT
        : (parts.tables.ports.get(entrance.portId)?.index ?? NO_PORT);
  }

  /** The flow that the frame belongs to; NO_FLOW: none that is known. */
  get flow(): FlowIndex {
    return this.#flow;
  }

  /** The flow's transposition is in force. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** The layers of the sender's port have judged the frame as an answer. */
  get isReplyAtSender(): boolean {
    return this.#isReplyAtSender;
  }

  /** The layers of the receiver's port have. */
  get isReplyAtReceiver(): boolean {
    return this.#tools.packet.isReply;
  }

  /** The packet as it came in; undefined: no parser takes it. */
  get packetView(): PacketView | undefined {
    return this.#packetView;
  }

  /** As Forwarder: #receive, #fromUplink, #pass. */
  run(): WalkEnd {
    const { tables, flows } = this.#parts;
    const { key } = this.#tools;
    const frame = this.#frame;
    const entrance = this.#entrance;
    if (this.port === NO_PORT) return dropped(Drop.PortUnknown);
    if (entrance.kind === 'tunnel' && !tables.believedHosts.hasRuleFor(...entrance.source)) {
      return dropped(Drop.OuterSourceUnknown);
    }
    const parsed = parseFlow(frame.view, frame.at, frame.end, key);
    if (parsed !== Drop.None) return dropped(parsed);
    this.#packetView = viewOf(frame.view, frame.at, key);
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return dropped(offload);
    if (key.fragment === Fragment.LATER) {
      const { fragments, nowSec } = this.#parts;
      if (!fragments.complete(this.#scope(), key, nowSec())) {
        return dropped(Drop.FragmentWithoutFirst);
      }
    }
    this.#isFlow = isTrackable(key) && isPlain(frame, key);
    if (!this.#isFlow && isQuotingError(key)) return this.#passError();
    if (this.#isFlow) {
      const scope = this.#scope();
      this.#flow = flows.peekFor(flows.hash(scope, key), scope, key);
      this.#isCurrent =
        this.#flow !== NO_FLOW &&
        flows.isCurrent(this.#flow, frame) &&
        !flows.isReopened(this.#flow, key);
    }
    return this.#walk(key);
  }

  /** As Forwarder.#passError. */
  #passError(): WalkEnd {
    const { tables, flows } = this.#parts;
    const { key, flowOfError: about } = this.#tools;
    const frame = this.#frame;
    const drop = flowOfError(frame.view, key, about);
    if (drop !== Drop.None) return dropped(drop);
    if (!hasValidChecksum(frame, key)) return dropped(Drop.IcmpBadChecksum);
    const scope = this.#scope();
    this.#flow = flows.find(flows.hash(scope, about), scope, about);
    if (this.#flow === NO_FLOW || !isPlain(frame, key)) {
      return dropped(Drop.IcmpErrorUnrelated);
    }
    const forwards = tables.ports.at(this.port)?.configured?.policy.ipForwarding === true;
    if (this.port !== UPLINK_PORT && !isFromFlow(key, about) && !forwards) {
      return dropped(key.etherType === EtherType.IPV6 ? Drop.SpoofedIpv6 : Drop.SpoofedIpv4);
    }
    this.#isCurrent = flows.isCurrent(this.#flow, frame);
    this.#isFlow = true;
    this.#isError = true;
    return this.#walk(about);
  }

  #scope(): FlowScope {
    const entrance = this.#entrance;
    return entrance.kind === 'tunnel'
      ? tunnelScope(this.#parts.tables, this.#frame, entrance.vni)
      : outboundScope(this.port);
  }

  /** As Forwarder.#walk. Also for a flow that is current: its layers would decide the same, and here they are asked why. */
  #walk(key: FlowKey): WalkEnd {
    const { tables, flows } = this.#parts;
    const { packet, log, resolution } = this.#tools;
    const entrance = this.#entrance;
    const ingress: PipelinePort | undefined =
      entrance.kind === 'tunnel'
        ? { index: UPLINK_PORT, cell: ALWAYS_CURRENT, pipeline: tables.uplink }
        : tables.ports.at(this.port)?.configured;
    if (ingress === undefined) return dropped(Drop.PortUnknown);
    const drop = loadPacket(packet, this.#frame, key);
    if (drop !== Drop.None) return dropped(drop);
    packet.isAwaited = (answer) => isAwaited(tables, flows, this.port, packet.segment, answer);
    if (entrance.kind === 'port') this.#recall(this.#flow, packet, 'came');
    this.#isReplyAtSender = packet.isReply;
    if (entrance.kind === 'tunnel') {
      packet.vni = entrance.vni;
      packet.outerSource = entrance.source;
    }
    resolve(ingress, packet, this.#surroundings, log, resolution);
    if (this.#isCurrent) return this.#send(flows.transposition(this.#flow));
    switch (resolution.outcome) {
      case Outcome.DROP:
        return dropped(resolution.drop);
      case Outcome.ANSWER:
        if (this.#isError) return dropped(Drop.IcmpErrorUnrelated);
        return this.#answered(resolution.service);
      case Outcome.FORWARD:
        return this.#sendOnce();
    }
  }

  /** As FlowTracker, forgetting nothing. */
  readonly #surroundings: Surroundings = {
    portAt: (index) => {
      const record = this.#parts.tables.ports.at(index);
      return record?.isAttached === true ? record.configured : undefined;
    },
    // A port whose denials are limited in this burst is free again in the next.
    refusalAt: () => Drop.None,
    recallAt: (egress, packet) => {
      if (!this.#isFlow) {
        packet.isReply = false;
        packet.isKnown = false;
        return;
      }
      const { flows, tables } = this.#parts;
      const scope =
        this.#entrance.kind === 'tunnel'
          ? this.#scope()
          : deliveryScope(tables, egress.index, packet.nextSegment);
      let found = flows.peekFor(flows.hash(scope, packet.key), scope, packet.key);
      if (found === NO_FLOW) found = this.#peekMoved(egress.index, scope, packet);
      const isOwn = found !== NO_FLOW && flows.owner(found) === egress.index;
      this.#recall(isOwn ? found : NO_FLOW, packet, 'sent');
    },
  };

  #peekMoved(egress: number, scope: FlowScope, { key, nextSegment, vni }: Packet): FlowIndex {
    const { flows } = this.#parts;
    const segment = this.#entrance.kind === 'tunnel' ? vni : nextSegment;
    const moved = receivedBefore(flows, egress, { scope, segment }, key, newFlowKey());
    return moved === NO_FLOW || flows.isSuperseded(moved, key) ? NO_FLOW : moved;
  }

  /** `side`: how the request that a packet of no known flow answers was seen at the port at hand. */
  #recall(flow: FlowIndex, packet: Packet, side: keyof AnsweredRequest): void {
    recallFlow(this.#parts.flows, flow, packet);
    const { request } = this.#tools;
    if (flow !== NO_FLOW || request === undefined) return;
    packet.isReply = true;
    const seen = request[side];
    if (seen === undefined) return;
    packet.isKnown = true;
    packet.beyondMac = 0;
    copyIdentity(packet.key, packet.beyond);
    turnRound(seen, packet.beyond);
  }

  /** What would be remembered for the flow is looked at and given back. */
  #sendOnce(): WalkEnd {
    const { transpositions } = this.#parts;
    const id = transpositions.intern(this.#tools.resolution.composition);
    if (id === NO_TRANSPOSITION) return dropped(Drop.FlowTableFull);
    const end = this.#send(id);
    transpositions.release(id);
    return end;
  }

  /** As Forwarder.#transmit and #emit. */
  #send(id: TranspositionId): WalkEnd {
    const { transpositions, hasDevice } = this.#parts;
    const frame = this.#frame;
    const { key } = this.#tools;
    let fragments = 1;
    let applied = transpositions.apply(id, frame, key);
    if (applied === Applied.TO_FRAGMENT) {
      fragments = fragmentCount(frame.view, key, transpositions.mtu(id));
      if (fragments === 0) return dropped(Drop.FrameTooBig);
      applied = transpositions.apply(id, frame, key, true);
      if (applied === Applied.DONE) completeChecksum(frame, key);
    }
    if (applied === Applied.TTL_EXPIRED) return dropped(Drop.TtlExpired);
    if (applied === Applied.TOO_BIG) return dropped(Drop.FrameTooBig);
    const leaves = [frame.at, frame.end] as const;
    const port = transpositions.port(id);
    if (!hasDevice(port === NO_PORT ? UPLINK_PORT : port)) return dropped(Drop.PortDetached);
    if (port !== NO_PORT) return { kind: 'deliver', port, leaves };
    const peer = transpositions.peer(id);
    return { kind: 'tunnel', peer, vni: transpositions.vni(id), fragments, leaves };
  }

  /** As Forwarder.#answer. */
  #answered(service: number): WalkEnd {
    const { answers, key } = this.#tools;
    const servicePort = this.#parts.tables.ports.at(this.port)?.configured?.service;
    const known = SERVICES.find(([, value]) => value === service);
    if (servicePort === undefined || known === undefined) {
      return dropped(Drop.ServiceUnsupported);
    }
    if (known[1] === Service.RELAY || known[1] === Service.PROBE_ANSWER) {
      // What the host's own process makes of it is nobody's to foretell.
      if (!this.#parts.hasDevice(SERVICE_PORT)) return dropped(Drop.ServiceUnsupported);
      return { kind: 'answer', service: known[0], leaves: undefined };
    }
    const drop = answers.answer(known[1], this.#frame, key, servicePort);
    if (drop !== Drop.None) return dropped(drop);
    const leaves = answers.end === answers.at ? undefined : ([answers.at, answers.end] as const);
    return { kind: 'answer', service: known[0], leaves };
  }
}

/** Writes into `answer` the ends of what answers a request. */
function turnRound(request: RequestEnds, answer: FlowKey): void {
  [answer.src0, answer.src1, answer.src2, answer.src3] = request.destination;
  [answer.dst0, answer.dst1, answer.dst2, answer.dst3] = request.source;
  answer.srcPort = request.destinationPort ?? answer.srcPort;
  answer.dstPort = request.sourcePort ?? answer.dstPort;
}

function dropped(drop: Drop): WalkEnd {
  return { kind: 'drop', drop, leaves: undefined };
}

const SERVICES = Object.entries(Service);
