/**
 * The forwarder: the burst loop's body, the code that every packet to a virtual address passes.
 *
 *   parse → which virtual address → leased port? else flow memory → TTL, MAC addresses → tunnel to the backend's host
 *
 * A flow that is remembered costs one lookup. One that is not goes by its rule's tables: a row by distribution mode, then the backend of the row,
 * and is remembered. The packet itself is left as it is: its host translates it, and the answer never passes here.
 *
 * What flows survive (docs/design/0023):
 *   remembered    every change of tables, health and weights, as long as the backend is a member of the pool and the rule leads to that pool by that
 *                 probe. A UDP flow moves when its backend is down, and so does a TCP connection that begins anew (SYN).
 *   not           (it was another mux's, or there was no room) every change that leaves the backend of its row as it is. Of a row that has changed: TCP
 *                 that began before the last change, for PREVIOUS_TABLE_SEC after that, if its backend is still a member; from then on what
 *                 began after it
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
import { NO_ROOM, Scratch, vnetAtOf } from '../../../dataplane/port/scratch.ts';
import { Drop } from '../../../packet/drop.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow } from '../../../packet/flow-key.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as tcp from '../../../packet/tcp.ts';
import { rowOf } from '../../hashing/distribution.ts';
import { TABLE_SEED } from '../../hashing/maglev.ts';
import {
  TCP_CLOSING_SEC,
  TCP_RESET_SEC,
  UDP_FLOW_IDLE_SEC,
  UNCONFIRMED_IDLE_SEC,
} from '../../limits.ts';
import { type Counters, OVERLAY, UPLINK } from './counters.ts';
import { EchoResponder, isEchoRequest } from './echo-responder.ts';
import { CLOSING, type FlowMemory, type FlowPlace, NO_FLOW } from './flow-memory.ts';
import type { MuxTables } from './mux-tables.ts';
import { type Identity, Reporter } from './reporter.ts';
import type { Target } from './targets.ts';
import { TransmitQueue } from './transmit-queue.ts';
import type { Rule } from './virtual-addresses.ts';

/** How a target was found. */
export const Via = {
  NOTHING: 0,
  LEASE: 1,
  MEMORY: 2,
  CURRENT_TABLE: 3,
  PREVIOUS_TABLE: 4,
} as const;
export type Via = (typeof Via)[keyof typeof Via];

/** Scopes of fragments per virtual address: its clients share so many windows of the fragment table. */
const FRAGMENT_SCOPES = 64;

export interface ForwarderParts {
  readonly io: FrameIo;
  readonly tables: MuxTables;
  readonly memory: FlowMemory;
  /** Of links. */
  readonly counters: Counters;
  /** Of virtual addresses. */
  readonly addressCounters: Counters;
  readonly fragmentSeed: number;
}

export class Forwarder {
  readonly #io: FrameIo;
  readonly #tables: MuxTables;
  readonly #memory: FlowMemory;
  readonly #counters: Counters;
  readonly #addressCounters: Counters;
  readonly #held: FragmentHold;
  readonly #scratch: Scratch;
  readonly #queue: TransmitQueue;
  readonly #reporter: Reporter;
  readonly #echo: EchoResponder;
  // One of each, reused for every frame.
  readonly #frame: Frame;
  readonly #key: FlowKey = newFlowKey();
  readonly #about: FlowKey = newFlowKey();
  readonly #binding = { target: 0, targetGeneration: 0, rule: 0, ruleGeneration: 0 };
  readonly #waiting = { owner: 0, tag: 0 };
  #via: Via = Via.NOTHING;
  /** The frame at hand waits for the first fragment of its datagram. */
  #isHeld = false;
  #uplink = NONE;
  #overlay = NONE;
  #mac = 0;
  #nowSec = 0;

  constructor(parts: ForwarderParts) {
    this.#io = parts.io;
    this.#tables = parts.tables;
    this.#memory = parts.memory;
    this.#counters = parts.counters;
    this.#addressCounters = parts.addressCounters;
    const fragments = new FragmentTable(parts.fragmentSeed);
    this.#held = new FragmentHold(fragments, parts.io.bytes, (address) =>
      parts.addressCounters.dropped(address, Drop.FragmentWithoutFirst),
    );
    this.#scratch = new Scratch(parts.io);
    this.#queue = new TransmitQueue(parts.io, parts.counters);
    this.#reporter = new Reporter(this.#scratch, this.#queue);
    this.#echo = new EchoResponder(this.#queue);
    this.#frame = { view: parts.io.view, at: 0, end: 0, vnetAt: 0 };
  }

  /** Which of the frame I/O's ports are the mux's, and who it is on the provider network. */
  bind(uplink: number, overlay: number, identity: Identity): void {
    this.#uplink = uplink;
    this.#overlay = overlay;
    this.#mac = identity.mac;
    this.#queue.bind(uplink, overlay);
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

  /** Where a packet with this key, of a virtual address, would go now; changes nothing. */
  explain(address: number, key: FlowKey, nowSec: number): { target: Target; via: Via; rule: Rule } {
    this.#nowSec = nowSec;
    const leaseholder = this.#tables.addresses.leaseholder(address, key.protocol, key.dstPort);
    if (leaseholder !== NONE) return { target: leaseholder, via: Via.LEASE, rule: NONE };
    const place = this.#memory.find(this.#memory.hash(address, key), address, key, nowSec);
    const rule = this.#tables.addresses.rule(address, key.protocol, key.dstPort);
    if (place !== NO_FLOW && this.#isInForce(place, key)) {
      return { target: this.#memory.target(place), via: Via.MEMORY, rule };
    }
    if (rule === NONE) return { target: NONE, via: Via.NOTHING, rule };
    const target = this.#choose(rule, key);
    return { target, via: this.#via, rule };
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
      // Nobody tunnels to a mux: what backends answer goes to the edge.
      this.#counters.received(OVERLAY, bytes);
      this.#counters.dropped(OVERLAY, Drop.OuterSourceUnknown);
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
    if (ethernet.dst(view, at) !== this.#mac) return Drop.NotForUs;
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

  #toAddress(address: number): Drop {
    const frame = this.#frame;
    const key = this.#key;
    const offload = checkOffload(frame, key);
    if (offload !== Drop.None) return offload;
    if (isMartianSource(key)) return Drop.MartianSource;
    if (key.fragment !== Fragment.NONE) {
      const scope = address * FRAGMENT_SCOPES + (key.src3 & (FRAGMENT_SCOPES - 1));
      const arrival = this.#held.arrive(frame, key, scope, address, 0, this.#nowSec);
      this.#isHeld = arrival === Arrival.HELD;
      if (arrival !== Arrival.KNOWN) return Drop.FragmentWithoutFirst;
    }
    if (key.protocol === IpProtocol.TCP || key.protocol === IpProtocol.UDP) {
      return this.#balance(address);
    }
    if (isQuotingError(key)) return this.#passError(address);
    if (isEchoRequest(key)) return this.#answerEcho(address);
    return Drop.VirtualPortUnknown;
  }

  #balance(address: number): Drop {
    const key = this.#key;
    const { addresses, targets } = this.#tables;
    const isSyn = isOpening(key);
    if (isSyn) this.#addressCounters.syn(address);
    const memory = this.#memory;
    const hash = memory.hash(address, key);
    const leaseholder = addresses.leaseholder(address, key.protocol, key.dstPort);
    if (leaseholder !== NONE) return this.#send(leaseholder, hash);
    let place = memory.find(hash, address, key, this.#nowSec);
    if (place !== NO_FLOW && this.#isInForce(place, key)) {
      if (!isSyn && !memory.isConfirmed(place)) {
        const isShared = this.#mayConfirm(address);
        if (isShared) place = memory.confirm(place, this.#nowSec);
      }
      this.#touch(place, isSyn);
      return this.#send(memory.target(place), hash);
    }
    const rule = addresses.rule(address, key.protocol, key.dstPort);
    if (rule === NONE) return Drop.VirtualPortUnknown;
    const target = this.#choose(rule, key);
    if (target === NONE) return Drop.NoLiveBackend;
    const binding = this.#binding;
    binding.target = target;
    binding.targetGeneration = targets.generation(target);
    binding.rule = rule;
    binding.ruleGeneration = addresses.generation(rule);
    if (place === NO_FLOW) {
      const deadlineSec = this.#nowSec + UNCONFIRMED_IDLE_SEC;
      memory.note(hash, address, key, binding, this.#nowSec, deadlineSec);
    } else {
      memory.rebind(place, binding);
      this.#touch(place, isSyn);
    }
    return this.#send(target, hash);
  }

  /** Does the flow go on as it was? */
  #isInForce(place: FlowPlace, key: FlowKey): boolean {
    const memory = this.#memory;
    const { addresses, targets } = this.#tables;
    const target = memory.target(place);
    if (targets.generation(target) !== memory.targetGeneration(place)) return false;
    if (addresses.generation(memory.rule(place)) !== memory.ruleGeneration(place)) return false;
    // A connection that begins anew goes where new ones go; datagrams leave a backend that is down.
    if (key.protocol === IpProtocol.UDP) return !targets.isDown(target);
    return !isOpening(key) || targets.isOpen(target);
  }

  /** The backend of the flow's row; NONE: there is no live one. */
  #choose(rule: Rule, key: FlowKey): Target {
    const { addresses } = this.#tables;
    const group = addresses.group(rule);
    if (group === undefined) return NONE;
    const row = rowOf(key, addresses.distribution(rule), TABLE_SEED);
    if (key.protocol === IpProtocol.TCP && !isOpening(key)) {
      const target = group.previous(row, this.#nowSec);
      if (target !== NONE) {
        this.#via = Via.PREVIOUS_TABLE;
        return target;
      }
    }
    this.#via = Via.CURRENT_TABLE;
    return group.current(row);
  }

  #mayConfirm(address: number): boolean {
    return this.#tables.flowsOf(address) < this.#tables.flowsPerAddressMax;
  }

  #touch(place: FlowPlace, isSyn: boolean): void {
    const key = this.#key;
    const memory = this.#memory;
    let idleSec = UNCONFIRMED_IDLE_SEC;
    let state = isSyn ? 0 : memory.state(place);
    if (memory.isConfirmed(place)) {
      if (key.protocol === IpProtocol.UDP) idleSec = UDP_FLOW_IDLE_SEC;
      else if ((key.tcpFlags & tcp.Flag.RST) !== 0) idleSec = TCP_RESET_SEC;
      else {
        if ((key.tcpFlags & tcp.Flag.FIN) !== 0) state = CLOSING;
        idleSec =
          state === CLOSING ? TCP_CLOSING_SEC : this.#tables.addresses.idleSec(memory.rule(place));
      }
    }
    memory.touch(place, this.#nowSec + idleSec, state);
  }

  /** An ICMP error: goes where the flow goes whose answer it quotes. */
  #passError(address: number): Drop {
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
    const { target } = this.explain(address, about, this.#nowSec);
    if (target === NONE) return Drop.IcmpErrorUnrelated;
    return this.#send(target, this.#memory.hash(address, about));
  }

  #answerEcho(address: number): Drop {
    if (!this.#tables.addresses.isLive(address)) return Drop.NoLiveBackend;
    if (!hasValidChecksum(this.#frame, this.#key)) return Drop.IcmpBadChecksum;
    return this.#echo.answer(this.#frame, this.#key, this.#nowSec);
  }

  #send(target: Target, hash: number): Drop {
    const frame = this.#frame;
    const { targets, transpositions } = this.#tables;
    const id = targets.transposition(target);
    if (id === NO_TRANSPOSITION) return Drop.BackendUnattached;
    const bytes = frame.end - frame.at;
    const applied = transpositions.apply(id, frame, this.#key);
    const drop =
      applied === Applied.DONE
        ? this.#emit(id, hash, frame.at, frame.end, frame.vnetAt)
        : this.#cannotGoOn(applied, id, hash);
    if (drop === Drop.None) targets.sent(target, bytes);
    return drop;
  }

  #emit(id: TranspositionId, hash: number, at: number, end: number, vnetAt: number): Drop {
    const { transpositions } = this.#tables;
    const peer = transpositions.peer(id);
    return this.#queue.emitTunnel(peer, transpositions.vni(id), hash, at, end, vnetAt);
  }

  /** The packet is too old, or too big: its sender is told, or it is cut. */
  #cannotGoOn(applied: Applied, id: TranspositionId, hash: number): Drop {
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

/** Does a TCP connection begin with it? */
function isOpening(key: FlowKey): boolean {
  return (
    key.protocol === IpProtocol.TCP &&
    (key.tcpFlags & (tcp.Flag.SYN | tcp.Flag.ACK)) === tcp.Flag.SYN
  );
}
