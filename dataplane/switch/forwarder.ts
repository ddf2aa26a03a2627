/**
 * Forwarder: the burst loop's body, the code every frame passes.
 *
 *   fast path   parse → hash → one lookup in the unified flow table → one transposition → transmit descriptor
 *   slow path   first packet of a flow, or first after a change of policy: walk the layers (engine/pipeline), remember the outcome,
 *               then as above
 *   answers     what the switch replies itself, and ICMP errors about packets that cannot go on
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
import {
  completeChecksum,
  emitFragment,
  fragmentAt,
  fragmentCount,
  fragmentStride,
  fragmentVnetAt,
} from '../engine/fragmentation.ts';
import { checkOffload, isPlain } from '../engine/frame-checks.ts';
import { METERED, NO_PORT, Note } from '../engine/header-action.ts';
import { KnownHosts } from '../engine/known-hosts.ts';
import { Outcome } from '../engine/pipeline.ts';
import { flowOfError, hasValidChecksum, isFromFlow } from '../engine/quoted-packet.ts';
import {
  Applied,
  type Frame,
  NO_TRANSPOSITION,
  packetBytes,
  type TranspositionId,
  type Transpositions,
} from '../engine/transposition.ts';
import type { FlowRecorder } from '../flow-log/flow-recorder.ts';
import { Service } from '../layers/services.ts';
import {
  ADVERTISED_PORTS_PER_SEC,
  IDLE_RESETS_PER_BURST_MAX,
  PORTS_MAX,
  PROBES_PER_BURST_MAX,
} from '../limits.ts';
import type { IdleResets } from '../load-balancing/idle-resets.ts';
import { SecondChance } from '../load-balancing/second-chance.ts';
import { type FrameIo, RX_STRIDE, Rx } from '../port/frame-io.ts';
import type { Probes } from '../probe/probes.ts';
import { Answers, NO_ROOM } from './answers.ts';
import type { Counters } from './counters.ts';
import { tunnelScope } from './flow-tracker.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import { MirrorCopies } from './mirror-copies.ts';
import { NO_MIRROR_SEGMENT } from './mirrors.ts';
import type { ConfiguredPort, ServicePort } from './network-state.ts';
import { isForeign, SERVICE_PORT, UPLINK_PORT } from './port-registry.ts';
import { ProbeRelay } from './probe-relay.ts';
import { ServiceRelay } from './service-relay.ts';
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
  readonly #transpositions: Transpositions;
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
  readonly #relay = new ServiceRelay();
  readonly #probeRelay = new ProbeRelay();
  readonly #knownHosts: KnownHosts;
  readonly #queue: TransmitQueue;
  // One of each, reused for every frame.
  readonly #frame: Frame;
  readonly #key: FlowKey = newFlowKey();
  /** Key of the flow that the ICMP error at hand belongs to. */
  readonly #flowOfError: FlowKey = newFlowKey();
  /** Port that a drop of the frame at hand is counted at. */
  #refusing = NO_PORT;
  #nowSec = 0;
  /** Frames of the burst at hand that come after this one. */
  #waiting = 0;
  /** Port that was last considered for an advertisement. */
  #advertised = 0;

  constructor(parts: ForwarderParts) {
    this.#io = parts.io;
    this.#tables = parts.tables;
    this.#flows = parts.flows;
    this.#transpositions = parts.transpositions;
    this.#counters = parts.counters;
    this.#captures = parts.captures;
    this.#answers = new Answers(parts.io);
    this.#queue = new TransmitQueue(parts);
    this.#copies = new MirrorCopies({
      io: parts.io,
      mirrors: parts.tables.mirrors,
      counters: parts.counters,
      queue: this.#queue,
    });
    this.#fragments = parts.fragments;
    this.#probes = parts.probes;
    this.#resets = parts.resets;
    this.#secondChance = new SecondChance(parts.tables.muxes, parts.flows);
    this.#knownHosts = new KnownHosts(parts.tables.believedHosts);
    this.#frame = { view: parts.io.view, at: 0, end: 0, vnetAt: 0 };
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
    if (nowSec !== this.#nowSec) {
      this.#nowSec = nowSec;
      this.#advertise();
    }
    for (let index = 0; index < received; index += 1) {
      this.#waiting = received - index - 1;
      this.#receive(index * RX_STRIDE);
    }
    if (this.#probes.isActive) this.#takeProbes();
    if (this.#resets.isActive) this.#provoke();
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

  /** VMs are asked where their idle connections stand. */
  #provoke(): void {
    for (let count = 0; count < IDLE_RESETS_PER_BURST_MAX; count += 1) {
      const next = this.#resets.next();
      if (next === undefined) return;
      this.#tell(next.port, next.bytes);
    }
  }

  /** What a VM answers to that ends the connection, at both ends. */
  #reset(port: number, flow: FlowIndex): void {
    const back = this.#resets.take(flow, this.#frame, this.#key);
    if (back !== undefined) this.#tell(port, back);
  }

  #tell(port: number, bytes: Uint8Array): void {
    const answers = this.#answers;
    // Whatever else the burst may send has its descriptors.
    const reserved = this.#waiting + 1 + PROBES_PER_BURST_MAX + this.#copies.descriptorsMax;
    if (this.#queue.count + 1 + reserved > this.#io.txMax) return;
    if (answers.place(bytes)) this.#queue.emit(port, answers.at, answers.end, answers.vnetAt);
  }

  /** Once a second: routers say that they are still there, to a few ports at a time (RFC 4861 §6.2.4). */
  #advertise(): void {
    for (let count = 0; count < ADVERTISED_PORTS_PER_SEC; count += 1) {
      this.#advertised = (this.#advertised + 1) % PORTS_MAX;
      const record = this.#tables.ports.at(this.#advertised);
      const settings = record?.configured?.service.ipv6;
      if (record?.isAttached !== true || settings === undefined) continue;
      const answers = this.#answers;
      if (!answers.advertise(settings)) return;
      this.#queue.emit(record.index, answers.at, answers.end, answers.vnetAt);
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
    const probed = this.#probeRelay.portFor(key);
    if (probed >= 0) return this.#probe(this.#tables.ports.at(probed)?.configured, rx);
    const port = this.#relay.portFor(key);
    const service = this.#tables.ports.at(port)?.configured?.service;
    if (service === undefined) return Drop.NotForUs;
    const drop = this.#relay.fromServers(frame, key, service);
    return drop === Drop.None ? this.#queue.emit(port, frame.at, frame.end, frame.vnetAt) : drop;
  }

  #probe(backend: ConfiguredPort | undefined, rx: number): Drop {
    if (backend === undefined) return Drop.NotForUs;
    const frame = this.#frame;
    const segment = this.#probeRelay.toBackend(frame, this.#key, backend.policy);
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
      if (key.fragment === Fragment.FIRST) this.#fragments.note(scope, key, this.#nowSec);
      else if (!this.#fragments.complete(scope, key, this.#nowSec))
        return Drop.FragmentWithoutFirst;
    }
    if (!isTrackable(key) || !isPlain(frame, key)) {
      if (isQuotingError(key)) return this.#passError(port, scope, vni, rx);
      const outcome = this.#walk({ port, scope, known: NO_FLOW, key, isFlow: false }, vni, rx);
      if (outcome !== Outcome.FORWARD) return this.#end(port, outcome);
      return this.#transmitOnce(port);
    }
    const hash = this.#flows.hash(scope, key);
    const flow = this.#flows.findFor(hash, scope, key);
    const flows = this.#flows;
    if (port === UPLINK_PORT && this.#secondChance.isUnknown(flow, key)) {
      return this.#giveBack(vni, hash);
    }
    if (this.#resets.isActive && flow !== NO_FLOW && !isForeign(port)) this.#reset(port, flow);
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
    return this.#transmit(port, flows.transposition(flow), hash);
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
    const outcome = this.#slowPath.walk(entrance, vni, rx, this.#nowSec);
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
    return outcome === Outcome.ANSWER ? this.#answer(port, service) : drop;
  }

  /** Fast path's end: a flow with a valid transposition. */
  #send(port: number, flow: FlowIndex, hash: number): Drop {
    const drop = this.#transmit(port, this.#flows.transposition(flow), hash);
    if (drop === Drop.None) {
      const bytes = this.#frame.end - this.#frame.at;
      this.#flows.touch(flow, bytes, this.#key.tcpFlags, this.#nowSec);
    }
    return drop;
  }

  #transmit(port: number, id: TranspositionId, hash: number): Drop {
    const transpositions = this.#transpositions;
    if ((transpositions.notes(id) & Note.MIRRORED) === 0) return this.#dispatch(port, id, hash);
    const frame = this.#frame;
    const copies = this.#copies;
    const sent = transpositions.mirrorsSent(id);
    copies.keep(sent, frame, packetBytes(frame, this.#key));
    const drop = this.#dispatch(port, id, hash);
    if (drop !== Drop.None) return drop;
    // As a small integer, which costs no allocation to hand on; the descriptor takes it modulo 2^32.
    const spread = hash | 0;
    if (sent !== 0) copies.sendKept(sent, port, spread);
    const received = transpositions.mirrorsReceived(id);
    if (received !== 0) copies.send(received, transpositions.port(id), spread, frame);
    return Drop.None;
  }

  /** The frame itself, edited and queued. */
  #dispatch(port: number, id: TranspositionId, hash: number): Drop {
    const frame = this.#frame;
    const applied = this.#transpositions.apply(id, frame, this.#key);
    if (applied === Applied.TO_FRAGMENT) return this.#cut(port, id, hash);
    if (applied !== Applied.DONE) return this.#cannotGoOn(port, applied, id);
    this.#meter(port, id);
    const egress = this.#transpositions.port(id);
    if (egress !== NO_PORT) return this.#queue.emit(egress, frame.at, frame.end, frame.vnetAt);
    return this.#queue.emitTunnel(this.#tunnelOf(id, hash), frame.at, frame.end, frame.vnetAt);
  }

  #meter(port: number, id: TranspositionId): void {
    const notes = this.#transpositions.notes(id);
    if ((notes & METERED) === 0) return;
    this.#counters.metered(port, (notes & Note.BILLED) !== 0, this.#frame.end - this.#frame.at);
  }

  #tunnelOf(id: TranspositionId, hash: number): { peer: number; vni: number; hash: number } {
    const tunnel = this.#tunnel;
    tunnel.peer = this.#transpositions.peer(id);
    tunnel.vni = this.#transpositions.vni(id);
    tunnel.hash = hash;
    return tunnel;
  }

  /** The packet is longer than the tunnel takes and may be cut: edited as a whole, then sent in fragments, all of them or none. */
  #cut(port: number, id: TranspositionId, hash: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const mtu = this.#transpositions.mtu(id);
    const count = fragmentCount(frame.view, key, mtu);
    if (count === 0) return this.#cannotGoOn(port, Applied.TOO_BIG, id);
    // Whatever else the burst may send has its descriptors.
    const others = PROBES_PER_BURST_MAX + IDLE_RESETS_PER_BURST_MAX;
    const reserved = this.#waiting + others + this.#copies.descriptorsMax;
    if (this.#queue.count + count + reserved > this.#io.txMax) return Drop.FragmentsLimited;
    const block = this.#answers.take(count * fragmentStride(mtu));
    if (block === NO_ROOM) return Drop.FragmentsLimited;
    const applied = this.#transpositions.apply(id, frame, key, true);
    if (applied !== Applied.DONE) return this.#cannotGoOn(port, applied, id);
    completeChecksum(frame, key);
    this.#meter(port, id);
    const tunnel = this.#tunnelOf(id, hash);
    for (let index = 0; index < count; index += 1) {
      const at = fragmentAt(block, index, mtu);
      const end = emitFragment(frame, this.#io.bytes, key, mtu, index, at);
      const drop = this.#queue.emitTunnel(tunnel, at, end, fragmentVnetAt(at));
      if (drop !== Drop.None) return drop;
    }
    return Drop.None;
  }

  /** Forwards a packet that is no part of a flow. */
  #transmitOnce(port: number): Drop {
    const id = this.#transpositions.intern(this.#slowPath.resolution.composition);
    if (id === NO_TRANSPOSITION) return Drop.FlowTableFull;
    const drop = this.#transmit(port, id, 0);
    this.#transpositions.release(id);
    return drop;
  }

  #answer(port: number, service: number): Drop {
    const servicePort = this.#tables.ports.at(port)?.configured?.service;
    const known = SERVICES.find((candidate) => candidate === service);
    if (servicePort === undefined || known === undefined) return Drop.ServiceUnsupported;
    // The switch puts no datagrams together, and what it would read is in another fragment.
    if (this.#key.fragment === Fragment.LATER) return Drop.ServiceUnsupported;
    if (known === Service.RELAY) return this.#toServers(port, servicePort);
    if (known === Service.PROBE_ANSWER) return this.#toProber(port);
    const answers = this.#answers;
    const drop = answers.answer(known, this.#frame, this.#key, servicePort);
    if (drop !== Drop.None || answers.end === answers.at) return drop;
    return this.#queue.emit(port, answers.at, answers.end, answers.vnetAt);
  }

  #toServers(port: number, service: ServicePort): Drop {
    const frame = this.#frame;
    const drop = this.#relay.toServers(frame, this.#key, port, service, this.#nowSec);
    if (drop !== Drop.None) return drop;
    // Without the service port nobody is there: the host process has not opened it.
    const sent = this.#queue.emit(SERVICE_PORT, frame.at, frame.end, frame.vnetAt);
    return sent === Drop.PortDetached ? Drop.ServiceUnsupported : sent;
  }

  #toProber(port: number): Drop {
    const policy = this.#tables.ports.at(port)?.configured?.policy;
    if (policy === undefined) return Drop.PortUnknown;
    const frame = this.#frame;
    const drop = this.#probeRelay.toProber(frame, this.#key, port, policy, this.#nowSec);
    return drop === Drop.None
      ? this.#queue.emit(SERVICE_PORT, frame.at, frame.end, frame.vnetAt)
      : drop;
  }

  /** The packet ends here; its sender is told why, if that is allowed. */
  #cannotGoOn(port: number, applied: Applied, id: TranspositionId): Drop {
    const isExpired = applied === Applied.TTL_EXPIRED;
    const servicePort = this.#tables.ports.at(port)?.configured?.service;
    if (servicePort !== undefined) {
      const answers = this.#answers;
      const error = isExpired ? Service.TIME_EXCEEDED : Service.FRAGMENTATION_NEEDED;
      const about = { frame: this.#frame, key: this.#key, port: servicePort, index: port };
      const mtu = this.#transpositions.mtu(id);
      if (answers.reportError(error, about, mtu, this.#nowSec)) {
        this.#queue.emit(port, answers.at, answers.end, answers.vnetAt);
      }
    }
    return isExpired ? Drop.TtlExpired : Drop.FrameTooBig;
  }
}

const SERVICES: readonly Service[] = Object.values(Service);
