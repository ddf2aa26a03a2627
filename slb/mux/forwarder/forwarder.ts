/**
 * The forwarder: the burst loop's body, the code that every packet to a virtual address passes.
 *
 *   parse → which virtual address → leased port? else flow memory → TTL, MAC addresses → tunnel to the backend's host
 *
 * A flow that is remembered costs one lookup. One that is not goes by its rule's table: a row by distribution mode, then the backend of the row,
 * and is remembered. The packet itself is left as it is: its host translates it, and the answer never passes here.
 *
 * What flows survive (docs/design/0023, 0027):
 *   TCP    every change of tables, health and weights, and every loss, restart and addition of muxes, as long as the backend is a member of the pool
 *          that the rule leads to: what has begun at another mux is looked for (backend-search.ts). One that begins anew (SYN) goes where new ones go
 *   UDP    remembered: as TCP, but it moves when its backend is down. Not: every change that leaves the backend of its row as it is
 *
 * Fragments go where their first one went, and wait for it for a moment. ICMP errors go to the backend whose packet they quote. Echo requests to a virtual address that has a live
 * backend are answered here, in its name. Per packet nothing is allocated. Called by mux-core.ts.
 */
import { NONE } from '../../../base/lpm.ts';
import { isQuotingError } from '../../../dataplane/engine/flow-id.ts';
import { Arrival, FragmentHold } from '../../../dataplane/engine/fragment-hold.ts';
import { FragmentTable } from '../../../dataplane/engine/fragment-table.ts';
import {
  completeChecksum,
  emitFragment,
  fragmentAt,
  fragmentCount,
  fragmentStride,
  fragmentVnetAt,
} from '../../../dataplane/engine/fragmentation.ts';
import { checkOffload } from '../../../dataplane/engine/frame-checks.ts';
import { isMartianSource } from '../../../dataplane/engine/martians.ts';
import { flowOfError, hasValidChecksum } from '../../../dataplane/engine/quoted-packet.ts';
import {
  Applied,
  type Frame,
  NO_TRANSPOSITION,
  type TranspositionId,
} from '../../../dataplane/engine/transposition.ts';
import { type FrameIo, RX_STRIDE, Rx } from '../../../dataplane/port/frame-io.ts';
import type { LinkCounters } from '../../../dataplane/port/link-counters.ts';
import { NO_ROOM, Scratch, vnetAtOf } from '../../../dataplane/port/scratch.ts';
import { TransmitQueue } from '../../../dataplane/port/transmit-queue.ts';
import * as askMark from '../../../packet/ask-mark.ts';
import { Drop } from '../../../packet/drop.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow } from '../../../packet/flow-key.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../packet/ipv4.ts';
import * as ipv6 from '../../../packet/ipv6.ts';
import * as vxlan from '../../../packet/vxlan.ts';
import type { AddressCounters } from './address-counters.ts';
import type { Balancer } from './balancer.ts';
import { EchoResponder, isEchoRequest } from './echo-responder.ts';
import { NO_STEP } from './groups.ts';
import { OVERLAY, UPLINK } from './links.ts';
import type { MuxTables } from './mux-tables.ts';
import { type Identity, Reporter } from './reporter.ts';
import type { Target } from './targets.ts';

/** Scopes of fragments per virtual address: its clients share so many windows of the fragment table. */
const FRAGMENT_SCOPES = 64;

export interface ForwarderParts {
  readonly io: FrameIo;
  readonly tables: MuxTables;
  readonly balancer: Balancer;
  /** Of links. */
  readonly counters: LinkCounters;
  /** Of virtual addresses. */
  readonly addressCounters: AddressCounters;
  readonly fragmentSeed: number;
}

export class Forwarder {
  readonly #io: FrameIo;
  readonly #tables: MuxTables;
  readonly #balancer: Balancer;
  readonly #counters: LinkCounters;
  readonly #addressCounters: AddressCounters;
  readonly #fragments: FragmentTable;
  readonly #held: FragmentHold;
  readonly #scratch: Scratch;
  readonly #queue: TransmitQueue;
  readonly #reporter: Reporter;
  readonly #echo: EchoResponder;
  // One of each, reused for every frame.
  readonly #frame: Frame;
  readonly #key: FlowKey = newFlowKey();
  readonly #about: FlowKey = newFlowKey();
  readonly #waiting = { owner: 0, tag: 0 };
  /** The frame at hand waits for the first fragment of its datagram. */
  #isHeld = false;
  #uplink = NONE;
  #overlay = NONE;
  #macHigh = 0;
  #macLow = 0;
  #nowSec = 0;

  constructor(parts: ForwarderParts) {
    this.#io = parts.io;
    this.#tables = parts.tables;
    this.#balancer = parts.balancer;
    this.#counters = parts.counters;
    this.#addressCounters = parts.addressCounters;
    this.#fragments = new FragmentTable(parts.fragmentSeed);
    this.#held = new FragmentHold(this.#fragments, parts.io.bytes, (address) =>
      parts.addressCounters.dropped(address, Drop.FragmentWithoutFirst),
    );
    this.#scratch = new Scratch(parts.io);
    this.#queue = new TransmitQueue(parts.io, parts.counters, OVERLAY);
    this.#reporter = new Reporter(this.#scratch, this.#queue);
    this.#echo = new EchoResponder(this.#queue);
    this.#frame = { view: parts.io.view, at: 0, end: 0, vnetAt: 0 };
  }

  /** Which of the frame I/O's ports are the mux's, and who it is on the provider network. */
  bind(uplink: number, overlay: number, identity: Identity): void {
    this.#uplink = uplink;
    this.#overlay = overlay;
    this.#macHigh = ethernet.macHigh(identity.mac);
    this.#macLow = ethernet.macLow(identity.mac);
    const devices: number[] = [];
    devices[UPLINK] = uplink;
    devices[OVERLAY] = overlay;
    this.#queue.bind(devices);
    this.#reporter.bind(identity);
  }

  /** Fragments that wait for the first one of their datagram. For tests. */
  get heldFragments(): number {
    return this.#held.count;
  }

  /** Deals with the frames that an exchange has received; returns how many transmit descriptors it has written. */
  forward(received: number, nowSec: number): number {
    this.#queue.clear();
    this.#scratch.clear();
    this.#nowSec = nowSec;
    this.#held.expire(nowSec);
    for (let index = 0; index < received; index += 1) this.#receive(index * RX_STRIDE);
    this.#resume();
    return this.#queue.count;
  }

  #receive(rx: number): void {
    const words = this.#io.rx;
    const device = words[rx + Rx.PORT] ?? 0;
    const frame = this.#frame;
    frame.at = words[rx + Rx.AT] ?? 0;
    frame.end = words[rx + Rx.END] ?? 0;
    frame.vnetAt = words[rx + Rx.VNET] ?? 0;
    const bytes = frame.end - frame.at;
    if (device === this.#overlay) {
      this.#counters.received(OVERLAY, bytes);
      const drop = this.#fromOverlay(rx);
      if (drop !== Drop.None) this.#counters.dropped(OVERLAY, drop);
      return;
    }
    if (device !== this.#uplink) return;
    this.#counters.received(UPLINK, bytes);
    const drop = this.#fromUplink();
    if (drop !== Drop.None) this.#counters.dropped(UPLINK, drop);
  }

  /** A drop here is the link's; from the virtual address on it is the address'. */
  #fromUplink(): Drop {
    const frame = this.#frame;
    const { view, at, end } = frame;
    const key = this.#key;
    const parsed = parseFlow(view, at, end, key);
    if (parsed !== Drop.None) return parsed;
    // uplink-filter.ts keeps what is for many, and what is no IP, from here; the kernel has its own copy.
    if (ethernet.isToGroup(view, at)) return Drop.MulticastUnsupported;
    const isIp =
      key.etherType === ethernet.EtherType.IPV4 || key.etherType === ethernet.EtherType.IPV6;
    if (!isIp || key.l3At !== at + ethernet.HEADER_LEN) return Drop.EtherTypeUnsupported;
    if (!ethernet.isTo(view, at, this.#macHigh, this.#macLow)) return Drop.NotForUs;
    const address = this.#tables.addresses.findDestination(key);
    if (address === NONE) return Drop.NotForUs;
    this.#addressCounters.received(address, end - at);
    this.#settle(address);
    return Drop.None;
  }

  /** What has become of a packet to the address is counted there. */
  #settle(address: number): void {
    const bytes = this.#frame.end - this.#frame.at;
    this.#isHeld = false;
    const drop = this.#toAddress(address);
    if (this.#isHeld) return;
    if (drop === Drop.None) this.#addressCounters.sent(address, bytes);
    else this.#addressCounters.dropped(address, drop);
  }

  /** Takes up the fragments whose first one has come; the address may have gone meanwhile. */
  #resume(): void {
    const held = this.#held;
    for (let length = held.dueBytes; length >= 0; length = held.dueBytes) {
      const room = this.#scratch.take(length);
      if (room === NO_ROOM) return;
      const frame = this.#frame;
      held.take(room, this.#waiting);
      frame.vnetAt = vnetAtOf(room);
      frame.at = room;
      frame.end = room + length;
      parseFlow(frame.view, frame.at, frame.end, this.#key);
      const address = this.#tables.addresses.findDestination(this.#key);
      if (address !== NONE) this.#settle(address);
    }
  }

  /** Hosts return what they have been asked about; nobody else tunnels to a mux: what backends answer goes to the edge. As #fromUplink. */
  #fromOverlay(rx: number): Drop {
    const frame = this.#frame;
    const tunnelled = vxlan.check(frame.view, frame.at, frame.end);
    if (tunnelled !== Drop.None) return tunnelled;
    if (!this.#tables.believedHosts.has(this.#io.rx, rx + Rx.SOURCE))
      return Drop.OuterSourceUnknown;
    frame.at += vxlan.HEADER_LEN;
    const key = this.#key;
    const parsed = parseFlow(frame.view, frame.at, frame.end, key);
    if (parsed !== Drop.None) return parsed;
    if (!askMark.isMarked(frame.view, frame.at, frame.end)) return Drop.NotForUs;
    const address = this.#tables.addresses.findDestination(key);
    if (address === NONE) return Drop.NotForUs;
    this.#addressCounters.returned(address);
    const drop = this.#goFurther(address, askMark.step(frame.view, frame.at));
    if (drop !== Drop.None) this.#addressCounters.dropped(address, drop);
    return Drop.None;
  }

  #toAddress(address: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return offload;
    if (isMartianSource(key)) return Drop.MartianSource;
    if (key.fragment !== Fragment.NONE) {
      const scope = fragmentScope(address, key);
      const arrival = this.#held.arrive(frame, key, scope, address, 0, this.#nowSec);
      this.#isHeld = arrival === Arrival.HELD;
      if (arrival !== Arrival.KNOWN) return Drop.FragmentWithoutFirst;
    }
    if (key.protocol === IpProtocol.TCP || key.protocol === IpProtocol.UDP) {
      return this.#sendOn(this.#balancer.balance(address, key, this.#nowSec));
    }
    if (isQuotingError(key)) return this.#passError(address, NO_STEP);
    if (isEchoRequest(key)) return this.#answerEcho(address);
    return Drop.VirtualPortUnknown;
  }

  /** A host has returned a packet: its connection, or the one that it tells an error of, is not there. */
  #goFurther(address: number, step: number): Drop {
    const key = this.#key;
    const offload = checkOffload(this.#frame, key);
    if (offload !== Drop.None) return offload;
    if (key.fragment === Fragment.LATER) {
      const isKnown = this.#fragments.complete(fragmentScope(address, key), key, this.#nowSec);
      if (!isKnown) return Drop.FragmentWithoutFirst;
    }
    // It has gone nowhere.
    liftTtl(this.#frame.view, key);
    if (isQuotingError(key)) return this.#passError(address, step);
    return this.#sendOn(this.#balancer.goFurther(address, key, step, this.#nowSec));
  }

  /** An ICMP error: goes where the flow goes whose answer it quotes. `returned`: the step of a host that knows no such flow, or NO_STEP. */
  #passError(address: number, returned: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const about = this.#about;
    const drop = flowOfError(frame.view, key, about);
    if (drop !== Drop.None) return drop;
    if (!hasValidChecksum(frame, key)) return Drop.IcmpBadChecksum;
    if (about.protocol !== IpProtocol.TCP && about.protocol !== IpProtocol.UDP) {
      return Drop.IcmpErrorUnrelated;
    }
    about.tcpFlags = 0;
    return this.#sendOn(this.#balancer.passError(address, about, returned, this.#nowSec));
  }

  #answerEcho(address: number): Drop {
    if (!this.#tables.addresses.isLive(address)) return Drop.NoLiveBackend;
    if (!hasValidChecksum(this.#frame, this.#key)) return Drop.IcmpBadChecksum;
    return this.#echo.answer(this.#frame, this.#key, this.#nowSec);
  }

  /** As the balancer has decided, if it has let the packet go on. */
  #sendOn(drop: Drop): Drop {
    if (drop !== Drop.None) return drop;
    const { target, hash, step } = this.#balancer;
    return this.#send(target, hash, step);
  }

  /** `step`: what its mark says; NO_STEP: it has none. */
  #send(target: Target, hash: number, step: number): Drop {
    const frame = this.#frame;
    const { targets, transpositions } = this.#tables;
    const id = targets.transposition(target);
    if (id === NO_TRANSPOSITION) return Drop.BackendUnattached;
    const bytes = frame.end - frame.at;
    const applied = transpositions.apply(id, frame, this.#key);
    if (applied === Applied.DONE && step !== NO_STEP) askMark.write(frame.view, frame.at, step);
    const drop =
      applied === Applied.DONE
        ? this.#emit(id, hash, frame.at, frame.end, frame.vnetAt)
        : this.#cannotGoOn(applied, id, hash, step);
    if (drop === Drop.None) targets.sent(target, bytes);
    return drop;
  }

  #emit(id: TranspositionId, hash: number, at: number, end: number, vnetAt: number): Drop {
    const { transpositions } = this.#tables;
    const peer = transpositions.peer(id);
    return this.#queue.emitTunnel(peer, transpositions.vni(id), hash, at, end, vnetAt);
  }

  /** The packet is too old, or too big: its sender is told, or it is cut. */
  #cannotGoOn(applied: Applied, id: TranspositionId, hash: number, step: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    if (applied === Applied.TTL_EXPIRED) {
      this.#reporter.report(frame, key, { kind: 'expired' }, this.#nowSec);
      return Drop.TtlExpired;
    }
    const { transpositions } = this.#tables;
    const mtu = transpositions.mtu(id);
    if (applied !== Applied.TO_FRAGMENT) {
      this.#reporter.report(frame, key, { kind: 'too-big', mtu }, this.#nowSec);
      return Drop.FrameTooBig;
    }
    // In two steps: whole as it leaves, then cut.
    if (transpositions.apply(id, frame, key, true) !== Applied.DONE) {
      this.#reporter.report(frame, key, { kind: 'expired' }, this.#nowSec);
      return Drop.TtlExpired;
    }
    if (step !== NO_STEP) askMark.write(frame.view, frame.at, step);
    const count = fragmentCount(frame.view, key, mtu);
    if (count === 0) return Drop.FrameTooBig;
    if (!this.#queue.hasRoomFor(count)) return Drop.FragmentsLimited;
    const block = this.#scratch.take(count * fragmentStride(mtu));
    if (block === NO_ROOM) return Drop.FragmentsLimited;
    completeChecksum(frame, key);
    for (let index = 0; index < count; index += 1) {
      const at = fragmentAt(block, index, mtu);
      const end = emitFragment(frame, this.#io.bytes, key, mtu, index, at);
      const drop = this.#emit(id, hash, at, end, fragmentVnetAt(at));
      if (drop !== Drop.None) return drop;
    }
    return Drop.None;
  }
}

/** Undoes what a way that has led nowhere has cost the packet. */
function liftTtl(view: DataView, key: FlowKey): void {
  key.ttl += 1;
  if (key.etherType === ethernet.EtherType.IPV4) ipv4.setTtl(view, key.l3At, key.ttl);
  else ipv6.setHopLimit(view, key.l3At, key.ttl);
}

function fragmentScope(address: number, key: FlowKey): number {
  return address * FRAGMENT_SCOPES + (key.src3 & (FRAGMENT_SCOPES - 1));
}
