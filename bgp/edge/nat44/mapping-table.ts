/**
 * Mappings of NAT44 — RFC 4787, RFC 5382, RFC 5508, RFC 7857:
 *
 *   (routing domain, inside address, inside port, protocol) ↔ (public address, public port, protocol)
 *
 * The mapping does not depend on whom the inside talks to (REQ-1, endpoint-independent mapping), hence no session is remembered: a
 * mapping is a row of 32 bytes and two index words. In place of a port an ICMP query has its identifier (RFC 5508 REQ-1).
 * Filtering is endpoint-independent as well (REQ-8): whoever knows the public address and port reaches the inside. What a tenant's interface
 * shall not receive is for its access lists, which are stateful, nearer to it and its own to set; so nothing is gained by remembering
 * here whom each mapping has talked to, and applications that find each other through a third party work.
 *
 * Timers: only packets from inside keep a mapping alive (REQ-6, so nobody outside can). TCP by tcp-life.ts; a mapping that more than one
 * connection uses cannot tell their ends apart and keeps the longest time. Static mappings (port forwards) have no timer.
 *
 * Rows are numbers that are reused, oldest first; `onRemoved` tells whoever remembers one. Nothing is allocated after construction.
 * Called by nat44.ts.
 */
import { assert } from '../../../base/assert.ts';
import { TimerWheel } from '../../../base/timer-wheel.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import { Flag } from '../../../packet/tcp.ts';
import { afterInside, afterOutside, isTransitory, TcpLife } from './tcp-life.ts';

export type MappingIndex = number;
export const NO_MAPPING: MappingIndex = -1;

/** Seconds without a packet from inside after which a mapping goes. */
export interface NatTimeouts {
  readonly tcpEstablishedSec: number;
  readonly tcpTransitorySec: number;
  readonly udpSec: number;
  readonly icmpSec: number;
}

/** A mapping as it is made; `inside` and `outside` are IPv4 addresses as unsigned words. */
export interface NewMapping {
  readonly domain: number;
  readonly inside: number;
  readonly insidePort: number;
  readonly outside: number;
  readonly outsidePort: number;
  readonly protocol: number;
  /** Number of the port block that the public port is of; NO_BLOCK: of none, the mapping is static. */
  readonly block: number;
}

export const NO_BLOCK = 0xffff_ffff;

const STRIDE = 8;
const DOMAIN = 0;
const INSIDE = 1;
const OUTSIDE = 2;
/** Inside port in the upper half, public port in the lower one. */
const PORTS = 3;
const BLOCK = 4;
const LAST_USED = 5;
/** Hash of whom the connection that was opened last goes to. */
const REMOTE = 6;
/** Protocol, TcpLife << 8, flags << 16; 0: the row is free. */
const KIND = 7;

const LIFE_SHIFT = 8;
const LIFE_MASK = 0xff00;
/** More than one TCP connection at a time has used the mapping. */
const SHARED = 0x1_0000;

/** TCP flags that can end a state. */
const ENDS: number = Flag.FIN | Flag.RST | Flag.SYN;
const GOLDEN = 0x9e37_79b1;

export class MappingTable {
  readonly #rows: Uint32Array;
  readonly #insideSlots: Int32Array;
  readonly #outsideSlots: Int32Array;
  readonly #slotMask: number;
  readonly #seed: number;
  readonly #wheel: TimerWheel;
  readonly #timeouts: NatTimeouts;
  readonly #onRemoved: (mapping: MappingIndex) => void;
  /** Free rows, a ring: reused in the order they became free. */
  readonly #free: Uint32Array;
  #freeAt = 0;
  #freeCount = 0;
  #used = 0;
  #count = 0;

  constructor(options: {
    readonly capacity: number;
    readonly timeouts: NatTimeouts;
    /** Random: nobody shall be able to choose mappings that collide. */
    readonly seed: number;
    readonly startSec: number;
    /** Called before the row is free. */
    onRemoved(mapping: MappingIndex): void;
  }) {
    const { capacity } = options;
    this.#rows = new Uint32Array(capacity * STRIDE);
    const slots = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.#insideSlots = new Int32Array(slots);
    this.#outsideSlots = new Int32Array(slots);
    this.#slotMask = slots - 1;
    this.#seed = options.seed | 0;
    this.#wheel = new TimerWheel(capacity, options.startSec);
    this.#timeouts = options.timeouts;
    this.#onRemoved = options.onRemoved;
    this.#free = new Uint32Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  get capacity(): number {
    return this.#free.length;
  }

  get isFull(): boolean {
    return this.#count === this.capacity;
  }

  findInside(domain: number, inside: number, port: number, protocol: number): MappingIndex {
    const rows = this.#rows;
    for (let slot = this.#insideHash(domain, inside, port, protocol); ; slot += 1) {
      const mapping = (this.#insideSlots[slot & this.#slotMask] ?? 0) - 1;
      if (mapping < 0) return NO_MAPPING;
      const at = mapping * STRIDE;
      if (
        rows[at + INSIDE] === inside &&
        (rows[at + PORTS] ?? 0) >>> 16 === port &&
        rows[at + DOMAIN] === domain &&
        ((rows[at + KIND] ?? 0) & 0xff) === protocol
      ) {
        return mapping;
      }
    }
  }

  findOutside(outside: number, port: number, protocol: number): MappingIndex {
    const rows = this.#rows;
    for (let slot = this.#outsideHash(outside, port, protocol); ; slot += 1) {
      const mapping = (this.#outsideSlots[slot & this.#slotMask] ?? 0) - 1;
      if (mapping < 0) return NO_MAPPING;
      const at = mapping * STRIDE;
      if (
        rows[at + OUTSIDE] === outside &&
        ((rows[at + PORTS] ?? 0) & 0xffff) === port &&
        ((rows[at + KIND] ?? 0) & 0xff) === protocol
      ) {
        return mapping;
      }
    }
  }

  /** The table is not full, and no other mapping has the public tuple, nor, unless this one is static, the inside tuple. */
  add(mapping: NewMapping, nowSec: number): MappingIndex {
    assert(!this.isFull, 'room for a mapping');
    const { domain, inside, insidePort, outside, outsidePort, protocol, block } = mapping;
    assert(this.findOutside(outside, outsidePort, protocol) === NO_MAPPING, 'one owner each');
    const index = this.#take();
    const rows = this.#rows;
    const at = index * STRIDE;
    rows[at + DOMAIN] = domain;
    rows[at + INSIDE] = inside;
    rows[at + OUTSIDE] = outside;
    rows[at + PORTS] = ((insidePort << 16) | outsidePort) >>> 0;
    rows[at + BLOCK] = block;
    rows[at + LAST_USED] = nowSec;
    rows[at + REMOTE] = 0;
    rows[at + KIND] = protocol;
    this.#count += 1;
    this.#link(this.#insideSlots, this.#insideHashOf(index), index);
    this.#link(this.#outsideSlots, this.#outsideHashOf(index), index);
    if (block !== NO_BLOCK) this.#wheel.schedule(index, nowSec + this.#idleSecMax(index));
    return index;
  }

  remove(mapping: MappingIndex): void {
    assert(this.isUsed(mapping), 'a mapping in use');
    this.#onRemoved(mapping);
    this.#unlink(this.#insideSlots, mapping, (row) => this.#insideHashOf(row));
    this.#unlink(this.#outsideSlots, mapping, (row) => this.#outsideHashOf(row));
    this.#wheel.cancel(mapping);
    this.#rows[mapping * STRIDE + KIND] = 0;
    this.#free[(this.#freeAt + this.#freeCount) % this.capacity] = mapping;
    this.#freeCount += 1;
    this.#count -= 1;
  }

  /** A packet from inside: the mapping is used. */
  touchInside(mapping: MappingIndex, tcpFlags: number, nowSec: number): void {
    const rows = this.#rows;
    const at = mapping * STRIDE;
    rows[at + LAST_USED] = nowSec;
    const kind = rows[at + KIND] ?? 0;
    if ((kind & 0xff) !== IpProtocol.TCP) return;
    const life = (kind & LIFE_MASK) >>> LIFE_SHIFT;
    if (life === TcpLife.ESTABLISHED && (tcpFlags & ENDS) === 0) return;
    this.#setLife(mapping, lifeOf(life), afterInside(lifeOf(life), tcpFlags), nowSec);
  }

  /** A packet from outside: it moves a connection's state on, and keeps nothing alive. */
  touchOutside(mapping: MappingIndex, tcpFlags: number, nowSec: number): void {
    const kind = this.#rows[mapping * STRIDE + KIND] ?? 0;
    if ((kind & 0xff) !== IpProtocol.TCP) return;
    const life = (kind & LIFE_MASK) >>> LIFE_SHIFT;
    if (life === TcpLife.ESTABLISHED && (tcpFlags & ENDS) === 0) return;
    this.#setLife(mapping, lifeOf(life), afterOutside(lifeOf(life), tcpFlags), nowSec);
  }

  /** A flow of the mapping goes to the remote end with this hash: the second one at a time makes it a shared mapping. */
  noteRemote(mapping: MappingIndex, remote: number): void {
    const rows = this.#rows;
    const at = mapping * STRIDE;
    const known = rows[at + REMOTE] ?? 0;
    const word = remote >>> 0 || 1;
    if (known === word) return;
    const kind = rows[at + KIND] ?? 0;
    const life = lifeOf((kind & LIFE_MASK) >>> LIFE_SHIFT);
    const isOver = life === TcpLife.CLOSED || life === TcpLife.RESET;
    if (known !== 0 && !isOver) rows[at + KIND] = kind | SHARED;
    rows[at + REMOTE] = word;
  }

  /** Forgets what has been idle for its time; `room` bounds the work. True: there is more to do at once. */
  expire(nowSec: number, room: Uint32Array): boolean {
    const due = this.#wheel.advance(nowSec, room);
    for (let index = 0; index < due; index += 1) {
      const mapping = room[index] ?? 0;
      const deadline = this.lastUsedSec(mapping) + this.#idleSecMax(mapping);
      if (deadline > nowSec) this.#wheel.schedule(mapping, deadline);
      else this.remove(mapping);
    }
    return due === room.length;
  }

  isUsed(mapping: MappingIndex): boolean {
    return this.#word(mapping, KIND) !== 0;
  }

  isStatic(mapping: MappingIndex): boolean {
    return this.#word(mapping, BLOCK) === NO_BLOCK;
  }

  domain(mapping: MappingIndex): number {
    return this.#word(mapping, DOMAIN);
  }

  inside(mapping: MappingIndex): number {
    return this.#word(mapping, INSIDE);
  }

  insidePort(mapping: MappingIndex): number {
    return this.#word(mapping, PORTS) >>> 16;
  }

  outside(mapping: MappingIndex): number {
    return this.#word(mapping, OUTSIDE);
  }

  outsidePort(mapping: MappingIndex): number {
    return this.#word(mapping, PORTS) & 0xffff;
  }

  protocol(mapping: MappingIndex): number {
    return this.#word(mapping, KIND) & 0xff;
  }

  block(mapping: MappingIndex): number {
    return this.#word(mapping, BLOCK);
  }

  lastUsedSec(mapping: MappingIndex): number {
    return this.#word(mapping, LAST_USED);
  }

  life(mapping: MappingIndex): TcpLife {
    return lifeOf((this.#word(mapping, KIND) & LIFE_MASK) >>> LIFE_SHIFT);
  }

  /** When it goes if nothing comes from inside any more; undefined: never. */
  deadlineSec(mapping: MappingIndex): number | undefined {
    if (this.isStatic(mapping)) return undefined;
    return this.lastUsedSec(mapping) + this.#idleSecMax(mapping);
  }

  /** Every mapping in use. For people and for changes of configuration, not for packets. */
  *all(): Generator<MappingIndex> {
    for (let mapping = 0; mapping < this.#used; mapping += 1) {
      if (this.isUsed(mapping)) yield mapping;
    }
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    let counted = 0;
    let timed = 0;
    for (const mapping of this.all()) {
      counted += 1;
      if (!this.isStatic(mapping)) timed += 1;
      const found = this.findOutside(
        this.outside(mapping),
        this.outsidePort(mapping),
        this.protocol(mapping),
      );
      assert(found === mapping, 'a mapping is found by its public tuple');
      const own = this.findInside(
        this.domain(mapping),
        this.inside(mapping),
        this.insidePort(mapping),
        this.protocol(mapping),
      );
      assert(own === mapping || this.isStatic(mapping), 'and by its inside tuple');
    }
    assert(counted === this.#count, 'count counts the mappings');
    assert(this.#used === this.#count + this.#freeCount, 'every row is in use or free');
    assert(this.#wheel.count === timed, 'each mapping that is not static has a timer');
    this.#wheel.checkInvariants();
  }

  #setLife(mapping: MappingIndex, from: TcpLife, to: TcpLife, nowSec: number): void {
    if (from === to) return;
    const at = mapping * STRIDE + KIND;
    const kind = this.#rows[at] ?? 0;
    this.#rows[at] = (kind & ~LIFE_MASK) | (to << LIFE_SHIFT);
    if (!this.isStatic(mapping) && isTransitory(from) !== isTransitory(to)) {
      this.#wheel.schedule(mapping, nowSec + this.#idleSecMax(mapping));
    }
  }

  #idleSecMax(mapping: MappingIndex): number {
    const kind = this.#word(mapping, KIND);
    const timeouts = this.#timeouts;
    if ((kind & 0xff) === IpProtocol.ICMP) return timeouts.icmpSec;
    if ((kind & 0xff) !== IpProtocol.TCP) return timeouts.udpSec;
    const isShort = (kind & SHARED) === 0 && isTransitory(this.life(mapping));
    return isShort ? timeouts.tcpTransitorySec : timeouts.tcpEstablishedSec;
  }

  #take(): MappingIndex {
    if (this.#used < this.capacity) return this.#used++;
    const mapping = this.#free[this.#freeAt] ?? 0;
    this.#freeAt = (this.#freeAt + 1) % this.capacity;
    this.#freeCount -= 1;
    return mapping;
  }

  #link(slots: Int32Array, hash: number, mapping: MappingIndex): void {
    let slot = hash & this.#slotMask;
    while (slots[slot] !== 0) slot = (slot + 1) & this.#slotMask;
    slots[slot] = mapping + 1;
  }

  /** Closes the gap, so that probing never has to step over what is gone. */
  #unlink(slots: Int32Array, mapping: MappingIndex, hashOf: (row: MappingIndex) => number): void {
    const mask = this.#slotMask;
    let hole = hashOf(mapping) & mask;
    while (slots[hole] !== mapping + 1) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = hashOf((slots[slot] ?? 0) - 1) & mask;
      // Stays if its home lies behind the hole: then a probe for it never passes the hole.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot] ?? 0;
      hole = slot;
    }
    slots[hole] = 0;
  }

  #insideHash(domain: number, inside: number, port: number, protocol: number): number {
    return finish(mix(mix(mix(this.#seed, domain), inside), (port << 8) | protocol));
  }

  #outsideHash(outside: number, port: number, protocol: number): number {
    return finish(mix(mix(this.#seed, outside), (port << 8) | protocol));
  }

  #insideHashOf(mapping: MappingIndex): number {
    const { domain, inside, insidePort, protocol } = this.#keyOf(mapping);
    return this.#insideHash(domain, inside, insidePort, protocol);
  }

  #outsideHashOf(mapping: MappingIndex): number {
    return this.#outsideHash(
      this.outside(mapping),
      this.outsidePort(mapping),
      this.protocol(mapping),
    );
  }

  #keyOf(mapping: MappingIndex) {
    return {
      domain: this.domain(mapping),
      inside: this.inside(mapping),
      insidePort: this.insidePort(mapping),
      protocol: this.protocol(mapping),
    };
  }

  #word(mapping: MappingIndex, at: number): number {
    return this.#rows[mapping * STRIDE + at] ?? 0;
  }
}

function lifeOf(value: number): TcpLife {
  return LIVES[value] ?? TcpLife.OPENING;
}

const LIVES: readonly TcpLife[] = Object.values(TcpLife);

function mix(hash: number, word: number): number {
  return Math.imul(hash ^ (hash >>> 15) ^ word, GOLDEN);
}

function finish(hash: number): number {
  return (hash ^ (hash >>> 16)) & 0x7fff_ffff;
}
