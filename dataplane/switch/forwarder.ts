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
import { type Decision, DecisionLog } from '../engine/decision.ts';
import { ALWAYS_CURRENT } from '../engine/epochs.ts';
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
import { loadPacket, newPacket } from '../engine/packet.ts';
import {
  newResolution,
  Outcome,
  type PipelinePort,
  type Resolution,
  resolve,
} from '../engine/pipeline.ts';
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
import { isClaim } from '../layers/anti-spoof.ts';
import { Service } from '../layers/services.ts';
import { ADVERTISED_PORTS_PER_SEC, PORTS_MAX, PROBES_PER_BURST_MAX } from '../limits.ts';
import { type FrameIo, RX_STRIDE, Rx, TX_STRIDE, Tx } from '../port/frame-io.ts';
import type { Probes } from '../probe/probes.ts';
import { Answers, NO_ROOM } from './answers.ts';
import type { Counters } from './counters.ts';
import { Denials } from './denials.ts';
import { FlowTracker, tunnelScope } from './flow-tracker.ts';
import { KnownHosts } from './known-hosts.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import { MirrorCopies } from './mirror-copies.ts';
import { NO_MIRROR_SEGMENT } from './mirrors.ts';
import type { ServicePort } from './network-state.ts';
import { SERVICE_PORT, UPLINK_PORT } from './port-registry.ts';
import { ServiceRelay } from './service-relay.ts';
import { StormGuard } from './storm-guard.ts';
import type { SwitchTables } from './tables.ts';

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
}

export class Forwarder {
  readonly #io: FrameIo;
  readonly #tables: SwitchTables;
  readonly #flows: FlowTable;
  readonly #transpositions: Transpositions;
  readonly #counters: Counters;
  readonly #captures: Captures;
  readonly #learned: LearnedAddresses;
  readonly #storms = new StormGuard();
  readonly #answers: Answers;
  readonly #tracker: FlowTracker;
  readonly #denials = new Denials();
  readonly #fragments: FragmentTable;
  readonly #probes: Probes;
  readonly #copies: MirrorCopies;
  readonly #tunnel = { peer: 0, vni: 0, hash: 0 };
  readonly #relay = new ServiceRelay();
  readonly #knownHosts: KnownHosts;
  readonly #recorder: FlowRecorder;
  /** Number of the switch's port by the frame I/O's number, and back. */
  readonly #portOfDevice: number[] = [];
  readonly #deviceOfPort: number[] = [];
  readonly #uplink: PipelinePort;
  // One of each, reused for every frame.
  readonly #frame: Frame;
  readonly #key: FlowKey = newFlowKey();
  /** Key of the flow that the ICMP error at hand belongs to. */
  readonly #flowOfError: FlowKey = newFlowKey();
  readonly #packet = newPacket();
  readonly #log = new DecisionLog();
  readonly #resolution: Resolution = newResolution();
  /** Entry of the flow that has last been walked, if it may go on. */
  #walked: FlowIndex = NO_FLOW;
  /** The frame at hand may be remembered as part of a flow. */
  #isFlow = false;
  /** Port that a drop of the frame at hand is counted at. */
  #refusing = NO_PORT;
  #txCount = 0;
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
    this.#learned = parts.learned;
    this.#answers = new Answers(parts.io);
    this.#copies = new MirrorCopies({
      io: parts.io,
      mirrors: parts.tables.mirrors,
      counters: parts.counters,
      queue: {
        emit: (port, at, end, vnetAt) => this.#emit(port, at, end, vnetAt),
        emitTunnel: (tunnel, at, end, vnetAt) => this.#emitTunnel(tunnel, at, end, vnetAt),
      },
    });
    this.#tracker = new FlowTracker({ ...parts, denials: this.#denials });
    this.#fragments = parts.fragments;
    this.#probes = parts.probes;
    this.#recorder = parts.recorder;
    this.#knownHosts = new KnownHosts(parts.tables.peers.group);
    this.#frame = { view: parts.io.view, at: 0, end: 0, vnetAt: 0 };
    this.#uplink = { index: UPLINK_PORT, cell: ALWAYS_CURRENT, pipeline: parts.tables.uplink };
  }

  /** The frame I/O's port `device` carries the frames of the switch's port `port`. */
  bind(device: number, port: number): void {
    this.#portOfDevice[device] = port;
    this.#deviceOfPort[port] = device;
  }

  unbind(device: number): void {
    const port = this.#portOfDevice[device] ?? NO_PORT;
    this.#portOfDevice[device] = NO_PORT;
    this.#deviceOfPort[port] = NO_PORT;
  }

  /** Goal state has changed: hosts that were known may no longer be. */
  forgetTrust(): void {
    this.#knownHosts.forget();
  }

  /** Deals with the frames that an exchange has received; returns how many transmit descriptors it has written. */
  forward(received: number, nowSec: number): number {
    this.#txCount = 0;
    this.#answers.clear();
    this.#copies.clear();
    this.#denials.startBurst();
    if (nowSec !== this.#nowSec) {
      this.#nowSec = nowSec;
      this.#advertise();
    }
    for (let index = 0; index < received; index += 1) {
      this.#waiting = received - index - 1;
      this.#receive(index * RX_STRIDE);
    }
    if (this.#probes.isActive) this.#takeProbes();
    return this.#txCount;
  }

  /** Frames of probes come in as those of the ports' VMs do: by a receive descriptor, of which the burst needs none any more. */
  #takeProbes(): void {
    const probes = this.#probes;
    const words = this.#io.rx;
    for (let count = 0; count < PROBES_PER_BURST_MAX; count += 1) {
      const next = probes.next();
      if (next === undefined) return;
      const device = this.#deviceOfPort[next.port] ?? NO_PORT;
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

  /** Once a second: routers say that they are still there, to a few ports at a time (RFC 4861 §6.2.4). */
  #advertise(): void {
    for (let count = 0; count < ADVERTISED_PORTS_PER_SEC; count += 1) {
      this.#advertised = (this.#advertised + 1) % PORTS_MAX;
      const record = this.#tables.ports.at(this.#advertised);
      const settings = record?.configured?.service.ipv6;
      if (record?.isAttached !== true || settings === undefined) continue;
      const answers = this.#answers;
      if (!answers.advertise(settings)) return;
      this.#emit(record.index, answers.at, answers.end, answers.vnetAt);
    }
  }

  /** Decisions of the last walk, in words. */
  explain(): Decision[] {
    return this.#log.explain();
  }

  #receive(rx: number): Drop {
    const words = this.#io.rx;
    const port = this.#portOfDevice[words[rx + Rx.PORT] ?? 0] ?? NO_PORT;
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
    if (port === SERVICE_PORT) return this.#fromServices();
    return this.#pass(port, outboundScope(port), 0, rx);
  }

  /** A server of a platform address answers a VM. */
  #fromServices(): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const parsed = parseFlow(frame.view, frame.at, frame.end, key);
    if (parsed !== Drop.None) return parsed;
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return offload;
    if (!isPlain(frame, key)) return Drop.NotForUs;
    const port = this.#relay.portFor(key);
    const service = this.#tables.ports.at(port)?.configured?.service;
    if (service === undefined) return Drop.NotForUs;
    const drop = this.#relay.fromServers(frame, key, service);
    return drop === Drop.None ? this.#emit(port, frame.at, frame.end, frame.vnetAt) : drop;
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
    const drop = this.#emit(collector, frame.at, frame.end, frame.vnetAt);
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
    this.#isFlow = isTrackable(key) && isPlain(frame, key);
    if (!this.#isFlow) {
      if (isQuotingError(key)) return this.#passError(port, scope, vni, rx);
      const outcome = this.#walk(port, scope, NO_FLOW, vni, rx, key);
      if (outcome !== Outcome.FORWARD) return this.#end(port, outcome);
      return this.#transmitOnce(port);
    }
    const hash = this.#flows.hash(scope, key);
    const flow = this.#flows.findFor(hash, scope, key);
    if (flow !== NO_FLOW && this.#flows.isCurrent(flow, frame)) {
      return this.#send(port, flow, hash);
    }
    const outcome = this.#walk(port, scope, flow, vni, rx, key);
    if (outcome !== Outcome.FORWARD) return this.#end(port, outcome);
    return this.#send(port, this.#walked, hash);
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
    if (flow === NO_FLOW || !isPlain(frame, key)) return Drop.IcmpErrorUnrelated;
    if (port !== UPLINK_PORT && !isFromFlow(key, about) && !this.#forwards(port)) {
      return key.etherType === ethernet.EtherType.IPV6 ? Drop.SpoofedIpv6 : Drop.SpoofedIpv4;
    }
    if (!flows.isCurrent(flow, frame)) {
      this.#isFlow = true;
      const outcome = this.#walk(port, scope, flow, vni, rx, about);
      if (outcome === Outcome.ANSWER) return Drop.IcmpErrorUnrelated;
      if (outcome === Outcome.DROP) return this.#end(port, outcome);
      flow = this.#walked;
    }
    // It neither keeps the flow alive nor establishes it.
    return this.#transmit(port, flows.transposition(flow), hash);
  }

  #forwards(port: number): boolean {
    return this.#tables.ports.at(port)?.configured?.policy.ipForwarding === true;
  }

  /** A walk that does not lead to forwarding. */
  #end(port: number, outcome: Outcome): Drop {
    const { drop, service } = this.#resolution;
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
    if (egress !== NO_PORT) return this.#emit(egress, frame.at, frame.end, frame.vnetAt);
    return this.#emitTunnel(this.#tunnelOf(id, hash), frame.at, frame.end, frame.vnetAt);
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
    const reserved = this.#waiting + PROBES_PER_BURST_MAX + this.#copies.descriptorsMax;
    if (this.#txCount + count + reserved > this.#io.txMax) return Drop.FragmentsLimited;
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
      const drop = this.#emitTunnel(tunnel, at, end, fragmentVnetAt(at));
      if (drop !== Drop.None) return drop;
    }
    return Drop.None;
  }

  #emitTunnel(
    { peer, vni, hash }: { peer: number; vni: number; hash: number },
    at: number,
    end: number,
    vnetAt: number,
  ): Drop {
    const tx = this.#txCount * TX_STRIDE;
    const words = this.#io.tx;
    words[tx + Tx.PEER] = peer;
    words[tx + Tx.VNI] = vni;
    words[tx + Tx.HASH] = hash;
    return this.#emit(UPLINK_PORT, at, end, vnetAt);
  }

  #emit(port: number, at: number, end: number, vnetAt: number): Drop {
    const device = this.#deviceOfPort[port] ?? NO_PORT;
    if (device === NO_PORT) return Drop.PortDetached;
    if (this.#probes.isActive && this.#probes.takes(port, at, end)) return Drop.None;
    const tx = this.#txCount * TX_STRIDE;
    const words = this.#io.tx;
    words[tx + Tx.PORT] = device;
    words[tx + Tx.AT] = at;
    words[tx + Tx.END] = end;
    words[tx + Tx.VNET] = vnetAt;
    this.#txCount += 1;
    this.#counters.sent(port, end - at);
    if (this.#captures.isActive) this.#captures.sent(port, tx);
    return Drop.None;
  }

  /**
   * Slow path: the layers decide about a packet of this key; what they decide is remembered if it can be. Of a flow that may go on,
   * #walked is the entry; why another may not, is in #resolution.
   */
  #walk(
    port: number,
    scope: FlowScope,
    flow: FlowIndex,
    vni: number,
    rx: number,
    key: FlowKey,
  ): Outcome {
    const configured = this.#tables.ports.at(port)?.configured;
    const ingress = port === UPLINK_PORT ? this.#uplink : configured;
    if (ingress === undefined) return this.#refuse(Drop.PortUnknown);
    if (port !== UPLINK_PORT && this.#denials.isSpent(port)) {
      return this.#refuse(Drop.DenialsLimited);
    }
    const packet = this.#packet;
    const drop = loadPacket(packet, this.#frame, key);
    if (drop !== Drop.None) return this.#refuse(drop);
    packet.isReply = port !== UPLINK_PORT && flow !== NO_FLOW && this.#flows.isReply(flow);
    if (port === UPLINK_PORT) {
      packet.vni = vni;
      packet.outerSource = [0, 1, 2, 3].map((word) => this.#io.rx[rx + Rx.SOURCE + word] ?? 0) as [
        number,
        number,
        number,
        number,
      ];
    }
    const resolution = this.#resolution;
    if (configured !== undefined && ethernet.isToGroup(this.#frame.view, this.#frame.at)) {
      const limit = configured.goal.broadcastPerSecMax;
      if (!this.#storms.mayPass(port, limit, this.#nowSec)) return this.#refuse(Drop.StormLimited);
    }
    const tracker = this.#tracker;
    tracker.begin({ port, scope, known: flow }, this.#isFlow, this.#nowSec);
    resolve(ingress, packet, tracker, this.#log, resolution);
    this.#log.count();
    const { outcome, egress } = resolution;
    if (outcome === Outcome.DROP) {
      if (egress !== NO_PORT) this.#refusing = egress;
      if (resolution.drop !== Drop.DenialsLimited) {
        this.#denials.count(egress === NO_PORT ? port : egress);
      }
    } else if (configured?.policy.learning !== undefined) {
      // An ARP packet's addresses are in what the layers saw, all others as the VM sent them in the frame's own key.
      const isArp = this.#key.etherType === ethernet.EtherType.ARP;
      const how = isClaim(packet) ? 'claim' : 'traffic';
      this.#learned.note(configured, isArp ? packet.key : this.#key, how, this.#nowSec);
    }
    const isOut = outcome === Outcome.FORWARD || egress !== NO_PORT;
    const isRemembered = isOut && this.#isFlow;
    if (isRemembered) {
      const entrance = { port, scope, known: flow, key, frame: this.#frame };
      this.#walked = tracker.remember(entrance, packet, resolution);
    }
    if (this.#recorder.isActive) this.#logDecisions(port, egress);
    if (!isRemembered) return outcome;
    if (outcome === Outcome.FORWARD && this.#walked === NO_FLOW) {
      return this.#refuse(Drop.FlowTableFull);
    }
    return outcome;
  }

  /** What the walk has decided belongs into the flow log, as far as rules say so. */
  #logDecisions(port: number, egress: number): void {
    const { key } = this.#packet;
    const { sent, received } = this.#tracker;
    this.#recorder.decided(this.#log, port, sent, key, this.#nowSec);
    if (egress !== NO_PORT) this.#recorder.decided(this.#log, egress, received, key, this.#nowSec);
  }

  #refuse(drop: Drop): Outcome {
    this.#resolution.outcome = Outcome.DROP;
    this.#resolution.drop = drop;
    return Outcome.DROP;
  }

  /** Forwards a packet that is no part of a flow. */
  #transmitOnce(port: number): Drop {
    const id = this.#transpositions.intern(this.#resolution.composition);
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
    const answers = this.#answers;
    const drop = answers.answer(known, this.#frame, this.#key, servicePort);
    if (drop !== Drop.None || answers.end === answers.at) return drop;
    return this.#emit(port, answers.at, answers.end, answers.vnetAt);
  }

  #toServers(port: number, service: ServicePort): Drop {
    const frame = this.#frame;
    const drop = this.#relay.toServers(frame, this.#key, port, service, this.#nowSec);
    if (drop !== Drop.None) return drop;
    // Without the service port nobody is there: the host process has not opened it.
    const sent = this.#emit(SERVICE_PORT, frame.at, frame.end, frame.vnetAt);
    return sent === Drop.PortDetached ? Drop.ServiceUnsupported : sent;
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
        this.#emit(port, answers.at, answers.end, answers.vnetAt);
      }
    }
    return isExpired ? Drop.TtlExpired : Drop.FrameTooBig;
  }
}

const SERVICES: readonly Service[] = Object.values(Service);
