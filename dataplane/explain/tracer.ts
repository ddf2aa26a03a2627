/**
 * Tracer: what would happen to a frame? It takes the forwarder's way, with the forwarder's own parts: the same parser, the same lookup, the
 * same walk through the same tables, the same transposition, the same local services. But it works on a copy in memory of its own, makes
 * no flow, advances no state and counts nothing. A property test holds it against the forwarder, packet by packet.
 *
 * Called by answers, between two bursts.
 */

import { defined } from '../../base/assert.ts';
import { formatIpWords, type IpWords } from '../../base/ip-words.ts';
import { DROP_NAMES, Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import type {
  TraceAnswer,
  TraceStep,
  TraceVerdict,
} from '../../schema/southbound/diagnostics/trace.ts';
import { DecisionLog, type Names } from '../engine/decision.ts';
import { ALWAYS_CURRENT } from '../engine/epochs.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import {
  type FlowScope,
  isQuotingError,
  isTrackable,
  outboundScope,
  reverseKey,
} from '../engine/flow-id.ts';
import { FLOW_STATE_NAMES } from '../engine/flow-state.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import type { FragmentTable } from '../engine/fragment-table.ts';
import { completeChecksum, fragmentCount } from '../engine/fragmentation.ts';
import { checkOffload, isPlain } from '../engine/frame-checks.ts';
import { NO_PORT } from '../engine/header-action.ts';
import { loadPacket, newPacket } from '../engine/packet.ts';
import {
  newResolution,
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
import { FRAME_BYTES_MAX } from '../limits.ts';
import { Answers } from '../switch/answers.ts';
import { deliveryScope, tunnelScope } from '../switch/flow-tracker.ts';
import { SERVICE_PORT, UPLINK_PORT } from '../switch/port-registry.ts';
import type { SwitchTables } from '../switch/tables.ts';
import { dropWords } from './drop-words.ts';
import { viewOf } from './traced-frame.ts';

/** Where a frame comes in. */
export type Entrance =
  | { readonly kind: 'port'; readonly portId: string }
  | { readonly kind: 'tunnel'; readonly source: IpWords; readonly vni: number };

export interface TraceOptions {
  /** The frame's offloads; none by default. */
  readonly vnet?: vnetHeader.VnetHeader;
  /** A packet of no known flow is judged as the answer to one. */
  readonly asReply?: boolean;
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

/** What became of a frame. */
export interface Trace {
  readonly drop: Drop;
  readonly answer: TraceAnswer;
  /** As it leaves, or what the switch answers with; undefined: nothing leaves. */
  readonly bytes: Uint8Array | undefined;
}

/** Before the frame, for its virtio_net_hdr and for whoever writes an outer header there. */
const FRAME_AT = 128;
const SCRATCH_AT: number = FRAME_AT + Math.ceil(FRAME_BYTES_MAX / 16) * 16 + 16;
const SCRATCH_BYTES = 80 * 1024;

export class Tracer {
  readonly #parts: TracerParts;
  /** Frame and answer of the trace at hand; taken by the first one. */
  #memory: { readonly view: DataView; readonly answers: Answers } | undefined;
  readonly #key: FlowKey = newFlowKey();
  readonly #flowOfError: FlowKey = newFlowKey();
  readonly #packet = newPacket();
  readonly #log = new DecisionLog();
  readonly #resolution: Resolution = newResolution();

  constructor(parts: TracerParts) {
    this.#parts = parts;
  }

  /** Takes a frame through the switch. */
  trace(entrance: Entrance, bytes: Uint8Array, options: TraceOptions = {}): Trace {
    this.#memory ??= newMemory();
    const { view, answers } = this.#memory;
    new Uint8Array(view.buffer).set(bytes, FRAME_AT);
    const frame: Frame = {
      view,
      at: FRAME_AT,
      end: FRAME_AT + bytes.length,
      vnetAt: FRAME_AT - vnetHeader.VNET_HEADER_LEN,
    };
    vnetHeader.emit(options.vnet ?? vnetHeader.NO_OFFLOAD, view, frame.vnetAt);
    answers.clear();
    this.#log.clear();
    return new Walk(this.#parts, entrance, frame, {
      key: this.#key,
      flowOfError: this.#flowOfError,
      packet: this.#packet,
      log: this.#log,
      resolution: this.#resolution,
      answers,
      asReply: options.asReply === true,
    }).run();
  }
}

function newMemory(): { view: DataView; answers: Answers } {
  const view = new DataView(new ArrayBuffer(SCRATCH_AT + SCRATCH_BYTES));
  const scratch = { scratchAt: SCRATCH_AT, scratchBytes: SCRATCH_BYTES };
  return { view, answers: new Answers({ view, ...scratch }) };
}

interface Tools {
  readonly key: FlowKey;
  readonly flowOfError: FlowKey;
  readonly packet: ReturnType<typeof newPacket>;
  readonly log: DecisionLog;
  readonly resolution: Resolution;
  readonly answers: Answers;
  readonly asReply: boolean;
}

/** What a way through the switch ends in. */
interface End {
  readonly drop: Drop;
  readonly verdict: TraceVerdict;
  /** [at, end) of what leaves. */
  readonly leaves: readonly [at: number, end: number] | undefined;
}

/** One frame's way. */
class Walk {
  readonly #parts: TracerParts;
  readonly #entrance: Entrance;
  readonly #frame: Frame;
  readonly #tools: Tools;
  readonly #port: number;
  readonly #names: Names;
  #flow: FlowIndex = NO_FLOW;
  #isCurrent = false;
  /** The frame may be remembered as part of a flow. */
  #isFlow = false;
  /** The frame is an ICMP error: what the layers judge is the flow it belongs to. */
  #isError = false;
  #isReplyAtSender = false;
  #packetView: TraceAnswer['packet'] | undefined;

  constructor(parts: TracerParts, entrance: Entrance, frame: Frame, tools: Tools) {
    this.#parts = parts;
    this.#entrance = entrance;
    this.#frame = frame;
    this.#tools = tools;
    this.#port =
      entrance.kind === 'tunnel'
        ? UPLINK_PORT
        : (parts.tables.ports.get(entrance.portId)?.index ?? NO_PORT);
    this.#names = {
      port: (index) => this.#nameOf(index),
      peer: (index) => {
        const address = parts.tables.peers.addressOf(index);
        return address === undefined ? `peer ${index}` : formatIpWords(address);
      },
    };
  }

  run(): Trace {
    const { drop, verdict, leaves } = this.#pass();
    const { key } = this.#tools;
    const { view } = this.#frame;
    const bytes = leaves && new Uint8Array(view.buffer).slice(...leaves);
    const isGone = verdict.kind === 'deliver' || verdict.kind === 'tunnel';
    const flow = this.#flowView();
    const answer: TraceAnswer = {
      packet: this.#packetView ?? NO_PACKET,
      ...(flow !== undefined && { flow }),
      steps: this.#steps(),
      verdict,
      ...(isGone &&
        leaves !== undefined &&
        parseFlow(view, leaves[0], leaves[1], key) === Drop.None && {
          leaves: viewOf(view, leaves[0], key),
        }),
      ...(verdict.kind === 'tunnel' &&
        bytes !== undefined && { frame: Buffer.from(bytes).toString('base64') }),
    };
    return { drop, answer, bytes };
  }

  /** As Forwarder: #receive, #fromUplink, #pass. */
  #pass(): End {
    const { tables, flows } = this.#parts;
    const { key } = this.#tools;
    const frame = this.#frame;
    const entrance = this.#entrance;
    if (this.#port === NO_PORT) return this.#dropped(Drop.PortUnknown);
    if (entrance.kind === 'tunnel' && !tables.peers.group.hasRuleFor(...entrance.source)) {
      return this.#dropped(Drop.OuterSourceUnknown);
    }
    const parsed = parseFlow(frame.view, frame.at, frame.end, key);
    if (parsed !== Drop.None) return this.#dropped(parsed);
    this.#packetView = viewOf(frame.view, frame.at, key);
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return this.#dropped(offload);
    if (key.fragment === Fragment.LATER) {
      const { fragments, nowSec } = this.#parts;
      if (!fragments.complete(this.#scope(), key, nowSec())) {
        return this.#dropped(Drop.FragmentWithoutFirst);
      }
    }
    this.#isFlow = isTrackable(key) && isPlain(frame, key);
    if (!this.#isFlow && isQuotingError(key)) return this.#passError();
    if (this.#isFlow) {
      const scope = this.#scope();
      this.#flow = flows.peekFor(flows.hash(scope, key), scope, key);
      this.#isCurrent = this.#flow !== NO_FLOW && flows.isCurrent(this.#flow, frame);
    }
    return this.#walk(key);
  }

  /** As Forwarder.#passError. */
  #passError(): End {
    const { tables, flows } = this.#parts;
    const { key, flowOfError: about } = this.#tools;
    const frame = this.#frame;
    const drop = flowOfError(frame.view, key, about);
    if (drop !== Drop.None) return this.#dropped(drop);
    if (!hasValidChecksum(frame, key)) return this.#dropped(Drop.IcmpBadChecksum);
    const scope = this.#scope();
    this.#flow = flows.find(flows.hash(scope, about), scope, about);
    if (this.#flow === NO_FLOW || !isPlain(frame, key)) {
      return this.#dropped(Drop.IcmpErrorUnrelated);
    }
    const forwards = tables.ports.at(this.#port)?.configured?.policy.ipForwarding === true;
    if (this.#port !== UPLINK_PORT && !isFromFlow(key, about) && !forwards) {
      return this.#dropped(key.etherType === EtherType.IPV6 ? Drop.SpoofedIpv6 : Drop.SpoofedIpv4);
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
      : outboundScope(this.#port);
  }

  /** As Forwarder.#walk. Also for a flow that is current: its layers would decide the same, and here they are asked why. */
  #walk(key: FlowKey): End {
    const { tables, flows } = this.#parts;
    const { packet, log, resolution } = this.#tools;
    const entrance = this.#entrance;
    const ingress: PipelinePort | undefined =
      entrance.kind === 'tunnel'
        ? { index: UPLINK_PORT, cell: ALWAYS_CURRENT, pipeline: tables.uplink }
        : tables.ports.at(this.#port)?.configured;
    if (ingress === undefined) return this.#dropped(Drop.PortUnknown);
    const drop = loadPacket(packet, this.#frame, key);
    if (drop !== Drop.None) return this.#dropped(drop);
    packet.isReply = entrance.kind === 'port' && this.#isReply(this.#flow);
    this.#isReplyAtSender = packet.isReply;
    if (entrance.kind === 'tunnel') {
      packet.vni = entrance.vni;
      packet.outerSource = entrance.source;
    }
    resolve(ingress, packet, this.#surroundings, log, resolution);
    if (this.#isCurrent) return this.#send(flows.transposition(this.#flow));
    switch (resolution.outcome) {
      case Outcome.DROP:
        return this.#dropped(resolution.drop);
      case Outcome.ANSWER:
        if (this.#isError) return this.#dropped(Drop.IcmpErrorUnrelated);
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
    isReplyAt: (egress, packet) => {
      if (!this.#isFlow) return false;
      const { flows, tables } = this.#parts;
      const scope =
        this.#entrance.kind === 'tunnel'
          ? this.#scope()
          : deliveryScope(tables, egress.index, packet.nextSegment);
      let found = flows.peekFor(flows.hash(scope, packet.key), scope, packet.key);
      if (found === NO_FLOW) found = this.#peekMoved(egress.index, packet.key);
      const isOwn = found !== NO_FLOW && flows.owner(found) === egress.index;
      return this.#isReply(isOwn ? found : NO_FLOW);
    },
  };

  #peekMoved(egress: number, key: FlowKey): FlowIndex {
    const { flows } = this.#parts;
    const reverse = newFlowKey();
    reverseKey(key, reverse);
    const moved = flows.findAnswered(outboundScope(egress), reverse);
    return moved === NO_FLOW || flows.isSuperseded(moved, key) ? NO_FLOW : moved;
  }

  #isReply(flow: FlowIndex): boolean {
    return flow === NO_FLOW ? this.#tools.asReply : this.#parts.flows.isReply(flow);
  }

  /** What would be remembered for the flow is looked at and given back. */
  #sendOnce(): End {
    const { transpositions } = this.#parts;
    const id = transpositions.intern(this.#tools.resolution.composition);
    if (id === NO_TRANSPOSITION) return this.#dropped(Drop.FlowTableFull);
    const end = this.#send(id);
    transpositions.release(id);
    return end;
  }

  /** As Forwarder.#transmit and #emit. */
  #send(id: TranspositionId): End {
    const { transpositions, hasDevice, tables } = this.#parts;
    const frame = this.#frame;
    const { key } = this.#tools;
    let fragments = 1;
    let applied = transpositions.apply(id, frame, key);
    if (applied === Applied.TO_FRAGMENT) {
      fragments = fragmentCount(frame.view, key, transpositions.mtu(id));
      if (fragments === 0) return this.#dropped(Drop.FrameTooBig);
      applied = transpositions.apply(id, frame, key, true);
      if (applied === Applied.DONE) completeChecksum(frame, key);
    }
    if (applied === Applied.TTL_EXPIRED) return this.#dropped(Drop.TtlExpired);
    if (applied === Applied.TOO_BIG) return this.#dropped(Drop.FrameTooBig);
    const leaves = [frame.at, frame.end] as const;
    const port = transpositions.port(id);
    if (!hasDevice(port === NO_PORT ? UPLINK_PORT : port)) return this.#dropped(Drop.PortDetached);
    if (port !== NO_PORT) {
      const portId = tables.ports.at(port)?.id ?? '';
      const verdict: TraceVerdict = { kind: 'deliver', portId, resourceRef: this.#nameOf(port) };
      return { drop: Drop.None, verdict, leaves };
    }
    const to = tables.peers.addressOf(transpositions.peer(id));
    const edge = to === undefined ? undefined : tables.internet.edgeAt(to);
    const verdict: TraceVerdict = {
      kind: 'tunnel',
      from: formatIpWords(defined(tables.providerAddress, 'an address of a host with tunnels')),
      to: this.#names.peer(transpositions.peer(id)),
      vni: transpositions.vni(id),
      ...(edge !== undefined && { edge: edge.resourceRef }),
      ...(fragments > 1 && { fragments }),
    };
    return { drop: Drop.None, verdict, leaves };
  }

  /** As Forwarder.#answer. */
  #answered(service: number): End {
    const { answers, key } = this.#tools;
    const servicePort = this.#parts.tables.ports.at(this.#port)?.configured?.service;
    const known = SERVICES.find(([, value]) => value === service);
    if (servicePort === undefined || known === undefined) {
      return this.#dropped(Drop.ServiceUnsupported);
    }
    if (known[1] === Service.RELAY) {
      // The server's own answer is nobody's to foretell.
      if (!this.#parts.hasDevice(SERVICE_PORT)) return this.#dropped(Drop.ServiceUnsupported);
      return { drop: Drop.None, verdict: this.#answerVerdict(known[0]), leaves: undefined };
    }
    const drop = answers.answer(known[1], this.#frame, key, servicePort);
    if (drop !== Drop.None) return this.#dropped(drop);
    const verdict = this.#answerVerdict(known[0]);
    const leaves = answers.end === answers.at ? undefined : ([answers.at, answers.end] as const);
    return { drop, verdict, leaves };
  }

  /** In the words of the rule that hands the packet over. */
  #answerVerdict(service: string): TraceVerdict {
    return { kind: 'answer', service: this.#tools.log.last?.id ?? service };
  }

  #dropped(drop: Drop): End {
    const rule = this.#tools.log.last;
    const action = rule?.action;
    // A service may refuse what its rule has handed to it.
    const isByRule = action?.kind === 'answer' || (action?.kind === 'deny' && action.drop === drop);
    const verdict: TraceVerdict = {
      kind: 'drop',
      reason: DROP_NAMES[drop] ?? `${drop}`,
      ...dropWords(drop),
      ...(isByRule &&
        rule !== undefined && { rule: { id: rule.id, resourceRef: rule.resourceRef } }),
    };
    return { drop, verdict, leaves: undefined };
  }

  #steps(): TraceStep[] {
    const { ports } = this.#parts.tables;
    const { isReply } = this.#tools.packet;
    return this.#tools.log.explain(this.#names).map(({ port, ...decision }) => {
      const isReplyHere = port === this.#port ? this.#isReplyAtSender : isReply;
      const record = ports.at(port);
      const layers = record?.configured?.pipeline.layers ?? [];
      const isStateful = layers.some((layer) => layer.name === decision.layer && layer.isStateful);
      return {
        ...decision,
        portId: port === UPLINK_PORT ? 'uplink' : (record?.id ?? ''),
        portRef: record?.configured?.policy.resourceRef ?? '',
        judgesRequest: isStateful && isReplyHere,
      };
    });
  }

  #flowView(): TraceAnswer['flow'] {
    if (this.#flow === NO_FLOW) return undefined;
    const { flows, nowSec } = this.#parts;
    const view = flows.viewOf(this.#flow);
    return {
      state: FLOW_STATE_NAMES[view.state] ?? '',
      isReply: view.isReply,
      isCurrent: this.#isCurrent,
      packets: view.packets,
      bytes: view.bytes,
      idleMs: Math.max(0, nowSec() - view.lastUsedSec) * 1000,
    };
  }

  #nameOf(port: number): string {
    const record = this.#parts.tables.ports.at(port);
    return record?.configured?.policy.resourceRef ?? record?.id ?? `port ${port}`;
  }
}

const SERVICES = Object.entries(Service);

/** Of a frame that no parser takes. */
const NO_PACKET: TraceAnswer['packet'] = {
  sourceMac: '',
  destinationMac: '',
  source: '',
  destination: '',
  protocol: '',
  ttl: 0,
  length: 0,
};
