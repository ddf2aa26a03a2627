/**
 * Forwarder: the burst loop's body, the code every frame passes.
 *
 *   fast path   parse → hash → one lookup in the unified flow table → one transposition → transmit descriptor
 *   slow path   first packet of a flow, or first after a change of policy: walk the layers (engine/pipeline), remember the outcome,
 *               then as above
 *   departure   what a transposition leads to: a port, a tunnel, fragments, or an ICMP error (departure.ts)
 *   services    what the switch or the host's process replies itself (service-exchange.ts), or sends of its own accord (own-frames.ts)
 *
 * What fails anywhere is a Drop, counted at the port the frame came from, or at the one whose layers have refused to receive it. Per
 * frame nothing is allocated on the fast path; the slow path allocates little, once per flow. Called by switch-core.
 */
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import * as vxlan from '../../packet/vxlan.ts';
import type { Captures } from '../capture/captures.ts';
import type { Decision } from '../engine/decision.ts';
import { type FlowIndex, NO_FLOW } from '../engine/flow-entries.ts';
import { type FlowScope, isQuotingError, isTrackable, outboundScope } from '../engine/flow-id.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import type { FragmentTable } from '../engine/fragment-table.ts';
import { checkOffload, isPlain } from '../engine/frame-checks.ts';
import { NO_PORT } from '../engine/header-action.ts';
import { KnownHosts } from '../engine/known-hosts.ts';
import { Outcome } from '../engine/pipeline.ts';
import { flowOfError, hasValidChecksum, isFromFlow } from '../engine/quoted-packet.ts';
import type { Frame, Transpositions } from '../engine/transposition.ts';
import type { FlowRecorder } from '../flow-log/flow-recorder.ts';
import { PROBES_PER_BURST_MAX } from '../limits.ts';
import type { IdleResets } from '../load-balancing/idle-resets.ts';
import { SecondChance } from '../load-balancing/second-chance.ts';
import { type FrameIo, RX_STRIDE, Rx } from '../port/frame-io.ts';
import type { Probes } from '../probe/probes.ts';
import { Answers } from './answers.ts';
import { type BurstState, newBurstState } from './burst-state.ts';
import type { Counters } from './counters.ts';
import { Departure } from './departure.ts';
import { tunnelScope } from './flow-tracker.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import { MirrorCopies } from './mirror-copies.ts';
import { NO_MIRROR_SEGMENT } from './mirrors.ts';
import { OwnFrames } from './own-frames.ts';
import { isForeign, SERVICE_PORT, UPLINK_PORT } from './port-registry.ts';
import { ServiceExchange } from './service-exchange.ts';
import { type SlowEntrance, SlowPath } from './slow-path.ts';
import type { SwitchTables } from './tables.ts';
import { TransmitQueue } from './transmit-queue.ts';

export interface ForwarderParts {
  readonly io: FrameIo;
  readonly tables: SwitchTables;
  readonly flows: FlowTable;
  readonly transpositions: Transpositions;
  readonly counters: Counters;
  readonly captures: Captures;
  readonly learned: LearnedAddresses;
  readonly fragments: FragmentTable;
  readonly probes: Probes;
  readonly recorder: FlowRecorder;
  readonly resets: IdleResets;
}

export class Forwarder {
  readonly #io: FrameIo;
  readonly #tables: SwitchTables;
  readonly #flows: FlowTable;
  readonly #counters: Counters;
  readonly #captures: Captures;
  readonly #answers: Answers;
  readonly #slowPath: SlowPath;
  readonly #fragments: FragmentTable;
  readonly #probes: Probes;
  readonly #resets: IdleResets;
  readonly #copies: MirrorCopies;
  readonly #secondChance: SecondChance;
  readonly #tunnel = { peer: 0, vni: 0, hash: 0 };
  readonly #knownHosts: KnownHosts;
  readonly #queue: TransmitQueue;
  readonly #departure: Departure;
  readonly #services: ServiceExchange;
  readonly #own: OwnFrames;
  readonly #burst: BurstState;
  readonly #frame: Frame;
  readonly #key: FlowKey;
  /** Key of the flow that the ICMP error at hand belongs to. */
  readonly #flowOfError: FlowKey = newFlowKey();
  /** Port that a drop of the frame at hand is counted at. */
  #refusing = NO_PORT;

  constructor(parts: ForwarderParts) {
    const { io, tables, counters } = parts;
    this.#io = io;
    this.#tables = tables;
    this.#flows = parts.flows;
    this.#counters = counters;
    this.#captures = parts.captures;
    this.#fragments = parts.fragments;
    this.#probes = parts.probes;
    this.#resets = parts.resets;
    this.#secondChance = new SecondChance(tables.muxes, parts.flows);
    this.#knownHosts = new KnownHosts(tables.believedHosts);
    this.#answers = new Answers(io);
    this.#queue = new TransmitQueue(parts);
    this.#copies = new MirrorCopies({ io, mirrors: tables.mirrors, counters, queue: this.#queue });
    this.#burst = newBurstState(io);
    this.#frame = this.#burst.frame;
    this.#key = this.#burst.key;
    const shared = {
      ...parts,
      answers: this.#answers,
      queue: this.#queue,
      copies: this.#copies,
      burst: this.#burst,
    };
    this.#departure = new Departure(shared);
    this.#services = new ServiceExchange(shared);
    this.#own = new OwnFrames(shared);
    this.#slowPath = new SlowPath(parts, this.#frame, this.#key);
  }

  /** The frame I/O's port `device` carries the frames of the switch's port `port`. */
  bind(device: number, port: number): void {
    this.#queue.bind(device, port);
  }

  unbind(device: number): void {
    this.#queue.unbind(device);
  }

  /** Goal state has changed: hosts that were known may no longer be. */
  forgetTrust(): void {
    this.#knownHosts.forget();
  }

  /** Deals with the frames that an exchange has received; returns how many transmit descriptors it has written. */
  forward(received: number, nowSec: number): number {
    this.#queue.clear();
    this.#answers.clear();
    this.#copies.clear();
    this.#slowPath.startBurst();
    const burst = this.#burst;
    if (nowSec !== burst.nowSec) {
      burst.nowSec = nowSec;
      this.#own.advertise();
    }
    for (let index = 0; index < received; index += 1) {
      burst.waiting = received - index - 1;
      this.#receive(index * RX_STRIDE);
    }
    if (this.#probes.isActive) this.#takeProbes();
    if (this.#resets.isActive) this.#own.provoke();
    return this.#queue.count;
  }

  /** Frames of probes come in as those of the ports' VMs do: by a receive descriptor, of which the burst needs none any more. */
  #takeProbes(): void {
    const probes = this.#probes;
    const words = this.#io.rx;
    for (let count = 0; count < PROBES_PER_BURST_MAX; count += 1) {
      const next = probes.next();
      if (next === undefined) return;
      const device = this.#queue.deviceOf(next.port);
      if (device === NO_PORT || !this.#answers.place(next.bytes)) {
        probes.sent(device === NO_PORT ? Drop.PortDetached : Drop.RateLimited);
        continue;
      }
      words[Rx.PORT] = device;
      words[Rx.AT] = this.#answers.at;
      words[Rx.END] = this.#answers.end;
      words[Rx.VNET] = this.#answers.vnetAt;
      probes.sent(this.#receive(0));
    }
  }

  /** Decisions of the last walk, in words. */
  explain(): Decision[] {
    return this.#slowPath.explain();
  }

  #receive(rx: number): Drop {
    const words = this.#io.rx;
    const port = this.#queue.portOf(words[rx + Rx.PORT] ?? 0);
    if (port === NO_PORT) return Drop.PortUnknown;
    const frame = this.#frame;
    frame.at = words[rx + Rx.AT] ?? 0;
    frame.end = words[rx + Rx.END] ?? 0;
    frame.vnetAt = words[rx + Rx.VNET] ?? 0;
    this.#counters.received(port, frame.end - frame.at);
    if (this.#captures.isActive) this.#captures.begin(port, rx);
    this.#refusing = port;
    if (this.#probes.isActive) {
      const isTunnelled = port === UPLINK_PORT;
      const outer = isTunnelled ? vxlan.HEADER_LEN : 0;
      this.#probes.came(port, isTunnelled, Math.min(frame.at + outer, frame.end), frame.end);
    }
    const drop = this.#from(port, rx);
    if (drop !== Drop.None) this.#countDrop(port, drop);
    if (this.#probes.isActive) this.#probes.ended(drop);
    if (this.#captures.isActive) this.#captures.finish(drop);
    return drop;
  }

  /** At the port whose layers have refused the frame: its sender's, or the one that it was for. */
  #countDrop(port: number, drop: Drop): void {
    const refusing = this.#refusing;
    if (refusing === port) this.#counters.dropped(port, drop);
    else this.#counters.droppedToOwner(refusing, drop);
  }

  #from(port: number, rx: number): Drop {
    if (port === UPLINK_PORT) return this.#fromUplink(rx);
    if (port === SERVICE_PORT) return this.#fromServices(rx);
    return this.#pass(port, outboundScope(port), 0, rx);
  }

  /** A server of a platform address answers a VM, or a health probe is on its way to one. */
  #fromServices(rx: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const parsed = parseFlow(frame.view, frame.at, frame.end, key);
    if (parsed !== Drop.None) return parsed;
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return offload;
    if (!isPlain(frame, key)) return Drop.NotForUs;
    const probed = this.#services.probedPort();
    if (probed < 0) return this.#services.fromServers();
    const backend = this.#tables.ports.at(probed)?.configured;
    if (backend === undefined) return Drop.NotForUs;
    const segment = this.#services.toBackend(backend.policy);
    if (segment < 0) return Drop.DestinationNotLocal;
    return this.#pass(SERVICE_PORT, tunnelScope(this.#tables, frame, segment), segment, rx);
  }

  #fromUplink(rx: number): Drop {
    const frame = this.#frame;
    const drop = vxlan.check(frame.view, frame.at, frame.end);
    if (drop !== Drop.None) return drop;
    const words = this.#io.rx;
    const source = rx + Rx.SOURCE;
    const { mirrors } = this.#tables;
    const vni = vxlan.vni(frame.view, frame.at);
    const collector = mirrors.collectorOf(vni);
    const isKnown =
      collector === NO_MIRROR_SEGMENT
        ? this.#knownHosts.has(words, source)
        : mirrors.isSource(vni, words, source);
    if (!isKnown) return Drop.OuterSourceUnknown;
    frame.at += vxlan.HEADER_LEN;
    this.#secondChance.begin(frame, words, source);
    if (collector !== NO_MIRROR_SEGMENT) return this.#deliverCopy(collector);
    return this.#pass(UPLINK_PORT, tunnelScope(this.#tables, frame, vni), vni, rx);
  }

  /** A copy that another host's switch has made for a collector here. */
  #deliverCopy(collector: number): Drop {
    const frame = this.#frame;
    const parsed = parseFlow(frame.view, frame.at, frame.end, this.#key);
    if (parsed !== Drop.None) return parsed;
    const offload = checkOffload(frame, this.#key);
    if (offload !== Drop.None) return offload;
    const drop = this.#queue.emit(collector, frame.at, frame.end, frame.vnetAt);
    return drop === Drop.None ? Drop.None : Drop.MirrorCollectorAbsent;
  }

  /** One frame through the switch, from the Ethernet header on. */
  #pass(port: number, scope: FlowScope, vni: number, rx: number): Drop {
    const frame = this.#frame;
    const { view, at } = frame;
    const key = this.#key;
    const parsed = parseFlow(view, at, frame.end, key);
    if (parsed !== Drop.None) return parsed;
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return offload;
    if (key.fragment !== Fragment.NONE) {
      if (key.fragment === Fragment.FIRST) this.#fragments.note(scope, key, this.#burst.nowSec);
      else if (!this.#fragments.complete(scope, key, this.#burst.nowSec))
        return Drop.FragmentWithoutFirst;
    }
    if (!isTrackable(key) || !isPlain(frame, key)) {
      if (isQuotingError(key)) return this.#passError(port, scope, vni, rx);
      const outcome = this.#walk({ port, scope, known: NO_FLOW, key, isFlow: false }, vni, rx);
      if (outcome !== Outcome.FORWARD) return this.#end(port, outcome);
      return this.#departure.transmitOnce(port, this.#slowPath.resolution.composition);
    }
    const hash = this.#flows.hash(scope, key);
    const flow = this.#flows.findFor(hash, scope, key);
    const flows = this.#flows;
    if (port === UPLINK_PORT && this.#secondChance.isUnknown(flow, key)) {
      return this.#giveBack(vni, hash);
    }
    if (this.#resets.isActive && flow !== NO_FLOW && !isForeign(port)) this.#own.reset(port, flow);
    if (flow !== NO_FLOW && flows.isCurrent(flow, frame) && !flows.isReopened(flow, key)) {
      return this.#send(port, flow, hash);
    }
    const outcome = this.#walk({ port, scope, known: flow, key, isFlow: true }, vni, rx);
    if (outcome !== Outcome.FORWARD) return this.#end(port, outcome);
    return this.#send(port, this.#slowPath.walked, hash);
  }

  /** An ICMP error: goes the way of the flow that would answer the packet it quotes, if there is such a flow. */
  #passError(port: number, scope: FlowScope, vni: number, rx: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const about = this.#flowOfError;
    const drop = flowOfError(frame.view, key, about);
    if (drop !== Drop.None) return drop;
    if (!hasValidChecksum(frame, key)) return Drop.IcmpBadChecksum;
    const flows = this.#flows;
    const hash = flows.hash(scope, about);
    let flow = flows.find(hash, scope, about);
    if (port === UPLINK_PORT && this.#secondChance.isUnknown(flow, about)) {
      return this.#giveBack(vni, hash);
    }
    if (flow === NO_FLOW || !isPlain(frame, key)) return Drop.IcmpErrorUnrelated;
    if (!isForeign(port) && !isFromFlow(key, about) && !this.#forwards(port)) {
      return key.etherType === ethernet.EtherType.IPV6 ? Drop.SpoofedIpv6 : Drop.SpoofedIpv4;
    }
    if (!flows.isCurrent(flow, frame)) {
      const entrance = { port, scope, known: flow, key: about, isFlow: true };
      const outcome = this.#walk(entrance, vni, rx);
      if (outcome === Outcome.ANSWER) return Drop.IcmpErrorUnrelated;
      if (outcome === Outcome.DROP) return this.#end(port, outcome);
      flow = this.#slowPath.walked;
    }
    // It neither keeps the flow alive nor establishes it.
    return this.#departure.transmit(port, flows.transposition(flow), hash);
  }

  /** To the mux that has asked: the packet's connection is not here. */
  #giveBack(vni: number, hash: number): Drop {
    const frame = this.#frame;
    this.#secondChance.restore(frame);
    const tunnel = this.#tunnel;
    tunnel.peer = this.#secondChance.peer;
    tunnel.vni = vni;
    tunnel.hash = hash;
    const drop = this.#queue.emitTunnel(tunnel, frame.at, frame.end, frame.vnetAt);
    if (drop === Drop.None) this.#counters.gaveBack(UPLINK_PORT);
    return drop;
  }

  /** By the layers; who refuses the frame is in #refusing. */
  #walk(entrance: SlowEntrance, vni: number, rx: number): Outcome {
    const outcome = this.#slowPath.walk(entrance, vni, rx, this.#burst.nowSec);
    const { egress } = this.#slowPath.resolution;
    if (outcome === Outcome.DROP && egress !== NO_PORT) this.#refusing = egress;
    return outcome;
  }

  #forwards(port: number): boolean {
    return this.#tables.ports.at(port)?.configured?.policy.ipForwarding === true;
  }

  /** A walk that does not lead to forwarding. */
  #end(port: number, outcome: Outcome): Drop {
    const { drop, service } = this.#slowPath.resolution;
    return outcome === Outcome.ANSWER ? this.#services.answer(port, service) : drop;
  }

  /** Fast path's end: a flow with a valid transposition. */
  #send(port: number, flow: FlowIndex, hash: number): Drop {
    const drop = this.#departure.transmit(port, this.#flows.transposition(flow), hash);
    if (drop === Drop.None) {
      const bytes = this.#frame.end - this.#frame.at;
      this.#flows.touch(flow, bytes, this.#key.tcpFlags, this.#burst.nowSec);
    }
    return drop;
  }
}
