/**
 * The router: the burst loop's body, the code every frame passes.
 *
 *   fast path   parse → hash → one lookup in the flow table → one transposition → transmit descriptor
 *   slow path   first packet of a flow, or first after a change: slow-path.ts decides, the flow table remembers
 *   neighbours  ARP and Neighbour Discovery; frames to one that is not resolved wait with it and are taken up again
 *   answers     ICMP errors about packets that cannot go on, fragments of those that may be cut
 *
 * The flow table is a cache: what a flow is translated to lies in NAT44's tables, whose rows the flow's epoch cells name. So a flow that finds
 * no place in it is slower, never refused; and a mapping that goes takes its flows along. What fails is a Drop, counted at the link
 * the frame came in by. Per frame nothing is allocated on the fast path. Called by router-core.ts.
 */
import type { IpWords } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import { ALWAYS_CURRENT } from '../../../dataplane/engine/epochs.ts';
import { type FlowIndex, NO_FLOW } from '../../../dataplane/engine/flow-entries.ts';
import {
  type FlowScope,
  inboundScope,
  isQuotingError,
  isTrackable,
  isTurnedRound,
  reverseKey,
} from '../../../dataplane/engine/flow-id.ts';
import type { FlowTable } from '../../../dataplane/engine/flow-table.ts';
import { Arrival, FragmentHold } from '../../../dataplane/engine/fragment-hold.ts';
import type { FragmentTable } from '../../../dataplane/engine/fragment-table.ts';
import { checkOffload, isPlain } from '../../../dataplane/engine/frame-checks.ts';
import {
  flowOfError,
  hasValidChecksum,
  isFromFlow,
} from '../../../dataplane/engine/quoted-packet.ts';
import {
  type Frame,
  NO_TRANSPOSITION,
  type TranspositionId,
  type Transpositions,
} from '../../../dataplane/engine/transposition.ts';
import { type FrameIo, RX_STRIDE, Rx } from '../../../dataplane/port/frame-io.ts';
import type { LinkCounters } from '../../../dataplane/port/link-counters.ts';
import { NO_ROOM, Scratch, vnetAtOf } from '../../../dataplane/port/scratch.ts';
import { TransmitQueue } from '../../../dataplane/port/transmit-queue.ts';
import { Drop } from '../../../packet/drop.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow } from '../../../packet/flow-key.ts';
import * as ipv4 from '../../../packet/ipv4.ts';
import * as vnetHeader from '../../../packet/vnet-header.ts';
import * as vxlan from '../../../packet/vxlan.ts';
import { EDGE_FLOW_ACCOUNTS } from '../limits.ts';
import {
  type Circumstances,
  type Ingress,
  ingressOf,
  SOURCE_MAPPING_CELL,
  scopeOf,
  TARGET_MAPPING_CELL,
  type Verdict,
} from './decision.ts';
import { Departure } from './departure.ts';
import { type Link, OVERLAY_LINK } from './links.ts';
import { NeighbourExchange } from './neighbour-exchange.ts';
import { hearArp, hearNdp, isNeighbourMessage } from './neighbour-messages.ts';
import type { Neighbour, PendingFrame } from './neighbours.ts';
import type { RouterState } from './router-state.ts';
import { SlowPath } from './slow-path.ts';

export interface RouterParts {
  readonly io: FrameIo;
  readonly state: RouterState;
  readonly flows: FlowTable;
  readonly transpositions: Transpositions;
  readonly fragments: FragmentTable;
  readonly counters: LinkCounters;
}

export class Router {
  readonly #io: FrameIo;
  readonly #state: RouterState;
  readonly #flows: FlowTable;
  readonly #transpositions: Transpositions;
  readonly #held: FragmentHold;
  readonly #counters: LinkCounters;
  readonly #slowPath: SlowPath;
  readonly #scratch: Scratch;
  readonly #queue: TransmitQueue;
  readonly #departure: Departure;
  readonly #exchange: NeighbourExchange;
  /** Link by the frame I/O's number; undefined: the tunnels', or none. */
  #links: (Link | undefined)[] = [];
  #overlayDevice = NONE;
  // One of each, reused for every frame.
  readonly #frame: Frame;
  readonly #key: FlowKey = newFlowKey();
  readonly #about: FlowKey = newFlowKey();
  readonly #reverse: FlowKey = newFlowKey();
  readonly #waiting = { owner: 0, tag: 0 };
  #nowSec = 0;
  #slowPackets = 0;

  constructor(parts: RouterParts) {
    this.#io = parts.io;
    this.#state = parts.state;
    this.#flows = parts.flows;
    this.#transpositions = parts.transpositions;
    this.#held = new FragmentHold(parts.fragments, parts.io.bytes, (link) =>
      parts.counters.dropped(link, Drop.FragmentWithoutFirst),
    );
    this.#counters = parts.counters;
    this.#slowPath = new SlowPath(parts.state);
    this.#scratch = new Scratch(parts.io);
    this.#queue = new TransmitQueue(parts.io, parts.counters, OVERLAY_LINK);
    this.#exchange = new NeighbourExchange(parts.io, parts.state, this.#scratch, this.#queue);
    this.#frame = { view: parts.io.view, at: 0, end: 0, vnetAt: 0 };
    this.#departure = new Departure({
      ...parts,
      scratch: this.#scratch,
      queue: this.#queue,
      frame: this.#frame,
      key: this.#key,
    });
  }

  /** Packets that took the slow path so far. */
  get slowPackets(): number {
    return this.#slowPackets;
  }

  /** Fragments that wait for the first one of their datagram. */
  get heldFragments(): number {
    return this.#held.count;
  }

  /** Which of the frame I/O's ports are which links; `overlay` is the tunnels', or NONE. */
  bind(links: readonly Link[], overlay: number): void {
    this.#links = [];
    const deviceOfLink: number[] = [];
    for (const link of links) {
      this.#links[link.device] = link;
      deviceOfLink[link.number] = link.device;
    }
    this.#overlayDevice = overlay;
    deviceOfLink[OVERLAY_LINK] = overlay;
    this.#queue.bind(deviceOfLink);
  }

  /** A neighbour is to be asked for (neighbours.ts). */
  ask(link: number, words: IpWords, mac: number | undefined): void {
    this.#exchange.ask(link, words, mac);
  }

  /** A neighbour does not answer: so hear those who have sent to it. */
  failed(frames: readonly PendingFrame[]): void {
    this.#exchange.failed(frames);
  }

  /** Deals with the frames that an exchange has received; returns how many transmit descriptors it has written. */
  forward(received: number, nowSec: number): number {
    this.#queue.clear();
    this.#nowSec = nowSec;
    this.#departure.begin(nowSec);
    this.#scratch.clear();
    this.#held.expire(nowSec);
    for (let index = 0; index < received; index += 1) this.#receive(index * RX_STRIDE);
    this.#resumeFragments();
    this.#resume();
    this.#exchange.sendRequests();
    return this.#queue.count;
  }

  #receive(rx: number): void {
    const words = this.#io.rx;
    const device = words[rx + Rx.PORT] ?? 0;
    const frame = this.#frame;
    frame.at = words[rx + Rx.AT] ?? 0;
    frame.end = words[rx + Rx.END] ?? 0;
    frame.vnetAt = words[rx + Rx.VNET] ?? 0;
    if (device === this.#overlayDevice) {
      this.#counters.received(OVERLAY_LINK, frame.end - frame.at);
      const drop = this.#fromTunnel(rx);
      if (drop !== Drop.None) this.#counters.dropped(OVERLAY_LINK, drop);
      return;
    }
    const link = this.#links[device];
    if (link === undefined) return;
    this.#counters.received(link.number, frame.end - frame.at);
    const drop = this.#fromLink(link);
    if (drop !== Drop.None) this.#counters.dropped(link.number, drop);
  }

  #fromTunnel(rx: number): Drop {
    const frame = this.#frame;
    const drop = vxlan.check(frame.view, frame.at, frame.end);
    if (drop !== Drop.None) return drop;
    if (!this.#state.believedHosts.has(this.#io.rx, rx + Rx.SOURCE)) return Drop.OuterSourceUnknown;
    const vni = vxlan.vni(frame.view, frame.at);
    frame.at += vxlan.HEADER_LEN;
    return this.#passTunnelled(vni);
  }

  /** From the inner Ethernet header on. */
  #passTunnelled(vni: number): Drop {
    const frame = this.#frame;
    const parsed = parseFlow(frame.view, frame.at, frame.end, this.#key);
    if (parsed !== Drop.None) return parsed;
    return this.#pass(inboundScope(vni), OVERLAY_LINK, vni);
  }

  #fromLink(link: Link): Drop {
    const frame = this.#frame;
    const { view, at, end } = frame;
    const key = this.#key;
    const parsed = parseFlow(view, at, end, key);
    if (parsed !== Drop.None) return parsed;
    if (key.etherType === ethernet.EtherType.ARP) {
      return this.#exchange.hear(link, hearArp(view, key.l3At, end), this.#nowSec);
    }
    if (isNeighbourMessage(key)) return this.#exchange.hear(link, hearNdp(view, key), this.#nowSec);
    // Of what is for many, nothing is for the router; the kernel has its own copy.
    if (ethernet.isToGroup(view, at)) return Drop.None;
    if (ethernet.dst(view, at) !== link.mac) return Drop.NotForUs;
    return this.#pass(scopeOf(ingressOf(link)), link.number, 0);
  }

  /** One packet through the router; it is parsed. */
  #pass(scope: FlowScope, linkNumber: number, vni: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    // RFC 1812 §5.2.2: a router checks it, since what it changes it updates, right or wrong.
    if (key.etherType === ethernet.EtherType.IPV4 && !ipv4.hasValidChecksum(frame.view, key.l3At)) {
      return Drop.Ipv4BadChecksum;
    }
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return offload;
    if (key.fragment !== Fragment.NONE) {
      const arrival = this.#held.arrive(frame, key, scope, linkNumber, vni, this.#nowSec);
      if (arrival === Arrival.HELD) return Drop.None;
      if (arrival === Arrival.LOST) return Drop.FragmentWithoutFirst;
    }
    if (!isTrackable(key) || !isPlain(frame, key)) {
      if (isQuotingError(key)) return this.#passError(scope, linkNumber, vni);
      if (key.protocol === 0) return Drop.EtherTypeUnsupported;
      return this.#passSlowly(scope, linkNumber, vni, NO_FLOW, false);
    }
    const flows = this.#flows;
    const hash = flows.hash(scope, key);
    const flow = flows.findFor(hash, scope, key);
    if (flow === NO_FLOW || !flows.isCurrent(flow, frame)) {
      return this.#passSlowly(scope, linkNumber, vni, flow, true);
    }
    const drop = this.#departure.transmit(flows.transposition(flow), linkNumber, vni, hash);
    if (drop !== Drop.None) return drop;
    this.#touch(flow, frame.end - frame.at);
    return Drop.None;
  }

  /** The flow's packet has gone on: mappings live by it. */
  #touch(flow: FlowIndex, bytes: number): void {
    const { tcpFlags } = this.#key;
    const flows = this.#flows;
    flows.touch(flow, bytes, tcpFlags, this.#nowSec);
    const source = flows.cell(flow, SOURCE_MAPPING_CELL);
    const target = flows.cell(flow, TARGET_MAPPING_CELL);
    this.#touchMappings(source, target);
  }

  #touchMappings(source: number, target: number): void {
    const { tcpFlags } = this.#key;
    const state = this.#state;
    if (source !== ALWAYS_CURRENT) {
      state.nat.table.touchInside(state.mappingOf(source), tcpFlags, this.#nowSec);
    }
    if (target !== ALWAYS_CURRENT) {
      state.nat.table.touchOutside(state.mappingOf(target), tcpFlags, this.#nowSec);
    }
  }

  #passSlowly(
    scope: FlowScope,
    linkNumber: number,
    vni: number,
    known: FlowIndex,
    isFlow: boolean,
  ): Drop {
    this.#slowPackets += 1;
    const frame = this.#frame;
    const ingress = this.#ingress(linkNumber, vni);
    if (ingress === undefined) return Drop.VniUnknown;
    if (vni !== 0 && ethernet.dst(frame.view, frame.at) !== this.#state.settings.mac) {
      return Drop.NotForUs;
    }
    const verdict = this.#slowPath.decide(ingress, this.#key, this.#circumstances(known, true));
    if (verdict.drop !== Drop.None) {
      this.#departure.refuse(linkNumber, vni, verdict);
      return verdict.drop;
    }
    if (verdict.awaits !== undefined) return this.#hold(verdict.awaits, linkNumber, vni);
    const id = this.#transpositions.intern(verdict.composition);
    if (id === NO_TRANSPOSITION) return Drop.FlowTableFull;
    const { cells } = verdict.composition;
    const source = cells[SOURCE_MAPPING_CELL] ?? ALWAYS_CURRENT;
    const target = cells[TARGET_MAPPING_CELL] ?? ALWAYS_CURRENT;
    const flow = isFlow ? this.#remember(scope, known, verdict, id) : NO_FLOW;
    const hash = this.#flows.hash(scope, this.#key);
    const bytes = frame.end - frame.at;
    const drop = this.#departure.transmit(id, linkNumber, vni, hash);
    if (flow === NO_FLOW) this.#transpositions.release(id);
    if (drop !== Drop.None) return drop;
    if (flow !== NO_FLOW) this.#flows.touch(flow, bytes, this.#key.tcpFlags, this.#nowSec);
    this.#touchMappings(source, target);
    return Drop.None;
  }

  /** The flow's entry, bound to the transposition; NO_FLOW when there is no place for it. */
  #remember(
    scope: FlowScope,
    known: FlowIndex,
    verdict: Verdict,
    transposition: TranspositionId,
  ): FlowIndex {
    const flows = this.#flows;
    const { reverseScope, domain, composition } = verdict;
    reverseKey(verdict.key, this.#reverse);
    let flow = known;
    if (known !== NO_FLOW && flows.isReply(known) && !this.#isAnswered(known, reverseScope)) {
      // What it has answered is translated otherwise now: it is a flow of its own.
      flows.remove(known);
      flow = NO_FLOW;
    }
    if (flow === NO_FLOW) {
      flow = flows.insert({
        scope,
        key: this.#key,
        reverseScope,
        reverse: this.#reverse,
        owner: domain % EDGE_FLOW_ACCOUNTS,
        nowSec: this.#nowSec,
      });
      if (flow === NO_FLOW) return NO_FLOW;
    } else if (!flows.isReply(flow)) {
      flows.moveCounterpart(flow, reverseScope, this.#reverse, this.#nowSec);
    }
    const { cells } = composition;
    flows.bind(flow, { transposition, cells, link: NO_FLOW, frame: this.#frame });
    return flow;
  }

  /**
   * Is what the reply becomes, turned round, what its pair's initiator sends? What is not translated is, whichever way it goes on: to a load
   * balancer's address by a mux, while what it answers comes from a host.
   */
  #isAnswered(reply: FlowIndex, scope: FlowScope): boolean {
    const flows = this.#flows;
    const reverse = this.#reverse;
    if (isTurnedRound(this.#key, reverse)) return true;
    return flows.find(flows.hash(scope, reverse), scope, reverse) === (reply ^ 1);
  }

  /** An ICMP error: goes the way of the flow that would answer the packet it quotes, whether that is remembered or not. */
  #passError(scope: FlowScope, linkNumber: number, vni: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const about = this.#about;
    const drop = flowOfError(frame.view, key, about);
    if (drop !== Drop.None) return drop;
    if (!hasValidChecksum(frame, key)) return Drop.IcmpBadChecksum;
    if (!isPlain(frame, key)) return Drop.IcmpErrorUnrelated;
    // A virtual network's inside is one hop: nobody but the addressed can have an error to tell.
    if (vni !== 0 && !isFromFlow(key, about)) return Drop.InnerSourceImplausible;
    const flows = this.#flows;
    const hash = flows.hash(scope, about);
    const flow = flows.find(hash, scope, about);
    if (flow !== NO_FLOW && flows.isCurrent(flow, frame)) {
      return this.#departure.transmit(flows.transposition(flow), linkNumber, vni, hash);
    }
    const ingress = this.#ingress(linkNumber, vni);
    if (ingress === undefined) return Drop.VniUnknown;
    this.#slowPackets += 1;
    const verdict = this.#slowPath.decide(ingress, about, this.#circumstances(flow, false));
    if (verdict.drop !== Drop.None) return Drop.IcmpErrorUnrelated;
    if (verdict.awaits !== undefined) return this.#hold(verdict.awaits, linkNumber, vni);
    const id = this.#transpositions.intern(verdict.composition);
    if (id === NO_TRANSPOSITION) return Drop.FlowTableFull;
    const sent = this.#departure.transmit(id, linkNumber, vni, hash);
    this.#transpositions.release(id);
    return sent;
  }

  #ingress(linkNumber: number, vni: number): Ingress | undefined {
    if (linkNumber !== OVERLAY_LINK) {
      const link = this.#state.link(linkNumber);
      return link === undefined ? undefined : ingressOf(link);
    }
    const segment = this.#state.networks.segment(vni);
    return segment === undefined ? undefined : { link: OVERLAY_LINK, kind: 'overlay', segment };
  }

  #circumstances(flow: FlowIndex, mayMap: boolean): Circumstances {
    const isReply = flow !== NO_FLOW && this.#flows.isReply(flow);
    const answers = isReply ? this.#flows.viewOf(flow ^ 1) : undefined;
    return { answers, mayMap, nowSec: this.#nowSec };
  }

  #hold(neighbour: Neighbour, linkNumber: number, vni: number): Drop {
    const { at, end, vnetAt } = this.#frame;
    const header = this.#io.bytes.slice(vnetAt, vnetAt + vnetHeader.VNET_HEADER_LEN);
    const bytes = new Uint8Array(header.length + end - at);
    bytes.set(header);
    bytes.set(this.#io.bytes.subarray(at, end), header.length);
    const device = this.#queue.deviceOf(linkNumber);
    const isHeld = this.#state.neighbours.hold(neighbour, { device, vni, bytes });
    return isHeld ? Drop.None : Drop.NeighborQueueFull;
  }

  /** Takes up the fragments whose first one has come. */
  #resumeFragments(): void {
    const held = this.#held;
    for (let length = held.dueBytes; length >= 0; length = held.dueBytes) {
      const room = this.#scratch.take(length);
      if (room === NO_ROOM) return;
      held.take(room, this.#waiting);
      const { owner, tag } = this.#waiting;
      this.#again(this.#queue.deviceOf(owner), tag, room, room + length);
    }
  }

  /** Takes up the frames that have waited; those whose neighbour has failed so learn of it. */
  #resume(): void {
    for (const { device, vni, bytes } of this.#exchange.takeWaiting()) {
      const room = this.#scratch.take(bytes.length);
      if (room === NO_ROOM) return;
      this.#io.bytes.set(bytes, vnetAtOf(room));
      this.#again(device, vni, room, room + bytes.length - vnetHeader.VNET_HEADER_LEN);
    }
  }

  /** A frame that has waited, in scratch now, as if it had just come. */
  #again(device: number, vni: number, at: number, end: number): void {
    const frame = this.#frame;
    frame.vnetAt = vnetAtOf(at);
    frame.at = at;
    frame.end = end;
    const link = this.#links[device];
    if (device === this.#overlayDevice) {
      const drop = this.#passTunnelled(vni);
      if (drop !== Drop.None) this.#counters.dropped(OVERLAY_LINK, drop);
    } else if (link !== undefined) {
      const drop = this.#fromLink(link);
      if (drop !== Drop.None) this.#counters.dropped(link.number, drop);
    }
  }
}
