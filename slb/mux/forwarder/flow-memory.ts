/**
 * Flow memory: which backend each flow was sent to, so that it stays there when tables change. Bounded, in two parts:
 *
 *   unconfirmed   one packet has come. The oldest gives way to the newest, so that a SYN flood fills this part and no other.
 *   confirmed     a second packet has come, and there was room. Nobody has to give way; what finds no place stays unconfirmed, and counts.
 *
 * Both are sets of eight places; a flow may lie in one of two sets, so that even a part that is nine tenths full has room for nearly everyone.
 * A place holds a 32-bit hash apart from the rest, so that looking at a set costs one cache line. Entries have a deadline; whoever is past it is
 * nobody, and a sweep, a few entries between two bursts, takes him off the counters. Nothing is allocated.
 *
 * An entry names a target and a rule with their generations: when either has changed hands, the entry is void. Called by forwarder.ts.
 */
import { assert } from '../../../base/assert.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';

/** Place of a flow; NO_FLOW: it has none. */
export type FlowPlace = number;
export const NO_FLOW: FlowPlace = -1;

const WAYS = 8;
const STRIDE = 12;
const SRC = 0;
const PORTS = 4;
/** Number of the virtual address · 256 + protocol. */
const SERVICE = 5;
const TARGET = 6;
const TARGET_GENERATION = 7;
const RULE = 8;
const RULE_GENERATION = 9;
/** Second from which on the entry is void. */
const DEADLINE = 10;
const STATE = 11;

/** Bits of the state: the client has sent FIN; the client's last segment was a RST. The others are backend-search.ts's. */
export const CLOSING = 1;
export const RESET = 2;

/** 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;

export interface FlowMemoryLimits {
  /** Powers of two, at least 8. */
  readonly confirmedMax: number;
  readonly unconfirmedMax: number;
}

/** Somebody who counts flows by target and address. */
export interface FlowCounts {
  /** `change`: 1 or −1. */
  countFlow(service: number, target: number, generation: number, change: number): void;
}

export interface Binding {
  readonly target: number;
  readonly targetGeneration: number;
  readonly rule: number;
  readonly ruleGeneration: number;
}

export class FlowMemory {
  readonly #confirmedMax: number;
  readonly #places: number;
  readonly #confirmedMask: number;
  readonly #unconfirmedMask: number;
  /** 0: empty. */
  readonly #tags: Int32Array;
  readonly #words: Uint32Array;
  readonly #counts: FlowCounts;
  readonly #seed: number;
  #confirmed = 0;
  #unconfirmed = 0;
  #sweepAt = 0;
  /** Flows that gave way although they were not past their deadline; flows that found no confirmed place. */
  #displaced = 0;
  #unplaced = 0;

  /** `seed` is random: nobody outside shall be able to choose who shares a set. */
  constructor(limits: FlowMemoryLimits, counts: FlowCounts, seed: number) {
    const { confirmedMax, unconfirmedMax } = limits;
    for (const size of [confirmedMax, unconfirmedMax]) {
      assert(size >= WAYS && (size & (size - 1)) === 0, 'a power of two');
    }
    this.#confirmedMax = confirmedMax;
    this.#places = confirmedMax + unconfirmedMax;
    this.#confirmedMask = confirmedMax / WAYS - 1;
    this.#unconfirmedMask = unconfirmedMax / WAYS - 1;
    this.#tags = new Int32Array(this.#places);
    this.#words = new Uint32Array(this.#places * STRIDE);
    this.#counts = counts;
    this.#seed = seed;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  get unconfirmed(): number {
    return this.#unconfirmed;
  }

  get displaced(): number {
    return this.#displaced;
  }

  get unplaced(): number {
    return this.#unplaced;
  }

  /** 32 bits, signed so that the engine needs no box for it; never 0. */
  hash(address: number, key: FlowKey): number {
    // An unsigned word of an address may need a box, too.
    let hash = mix(this.#seed ^ address, key.src3 | 0);
    hash = mix(mix(mix(hash, key.src0 | 0), key.src1 | 0), key.src2 | 0);
    hash = mix(mix(hash, (key.srcPort << 16) | key.dstPort), key.protocol);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return hash ^ (hash >>> 16) || 1;
  }

  /** Where the flow is remembered; NO_FLOW: it is not, or is past its deadline. */
  find(hash: number, address: number, key: FlowKey, nowSec: number): FlowPlace {
    const mask = this.#confirmedMask;
    const other = otherOf(hash);
    let found = this.#findIn((hash & mask) * WAYS, hash, address, key, nowSec);
    if (found !== NO_FLOW) return found;
    found = this.#findIn((other & mask) * WAYS, hash, address, key, nowSec);
    if (found !== NO_FLOW) return found;
    const first = this.#confirmedMax;
    const small = this.#unconfirmedMask;
    found = this.#findIn(first + (hash & small) * WAYS, hash, address, key, nowSec);
    if (found !== NO_FLOW) return found;
    return this.#findIn(first + (other & small) * WAYS, hash, address, key, nowSec);
  }

  isConfirmed(place: FlowPlace): boolean {
    return place < this.#confirmedMax;
  }

  /** Remembers a flow of which this is the first packet. */
  note(
    hash: number,
    address: number,
    key: FlowKey,
    binding: Binding,
    nowSec: number,
    deadlineSec: number,
  ): FlowPlace {
    const first = this.#confirmedMax;
    const setA = first + (hash & this.#unconfirmedMask) * WAYS;
    const setB = first + (otherOf(hash) & this.#unconfirmedMask) * WAYS;
    const a = this.#oldest(setA, nowSec);
    const b = this.#oldest(setB, nowSec);
    const place = this.#deadlineOf(b) < this.#deadlineOf(a) ? b : a;
    if ((this.#tags[place] ?? 0) !== 0) {
      if (this.#deadlineOf(place) > nowSec) this.#displaced += 1;
      this.forget(place);
    }
    this.#write(place, hash, address, key, binding);
    this.#words[place * STRIDE + DEADLINE] = deadlineSec;
    return place;
  }

  /** A second packet has come: the flow gets a place of its own, if there is one. Its place from now on. */
  confirm(place: FlowPlace, nowSec: number): FlowPlace {
    const tags = this.#tags;
    const hash = tags[place] ?? 0;
    const setA = (hash & this.#confirmedMask) * WAYS;
    const setB = (otherOf(hash) & this.#confirmedMask) * WAYS;
    // Into the emptier one: so both stay open for longer (Azar et al., "Balanced Allocations", 1994).
    const set = this.#freeCount(setB, nowSec) > this.#freeCount(setA, nowSec) ? setB : setA;
    const to = this.#freeIn(set, nowSec);
    if (to === NO_FLOW) {
      this.#unplaced += 1;
      return place;
    }
    if ((tags[to] ?? 0) !== 0) this.forget(to);
    tags[to] = hash;
    this.#words.copyWithin(to * STRIDE, place * STRIDE, (place + 1) * STRIDE);
    tags[place] = 0;
    this.#unconfirmed -= 1;
    this.#confirmed += 1;
    this.#count(to, 1);
    return to;
  }

  /** The flow goes to another target, or by another rule. */
  rebind(place: FlowPlace, binding: Binding): void {
    const isCounted = this.isConfirmed(place);
    if (isCounted) this.#count(place, -1);
    this.#bind(place, binding);
    if (isCounted) this.#count(place, 1);
  }

  /** The flow goes to another target by the rule that it has. */
  redirect(place: FlowPlace, target: number, generation: number): void {
    const isCounted = this.isConfirmed(place);
    if (isCounted) this.#count(place, -1);
    this.#words[place * STRIDE + TARGET] = target;
    this.#words[place * STRIDE + TARGET_GENERATION] = generation;
    if (isCounted) this.#count(place, 1);
  }

  touch(place: FlowPlace, deadlineSec: number, state: number): void {
    const at = place * STRIDE;
    this.#words[at + DEADLINE] = deadlineSec;
    this.#words[at + STATE] = state;
  }

  setState(place: FlowPlace, state: number): void {
    this.#words[place * STRIDE + STATE] = state;
  }

  /** Second from which on the entry is void. */
  deadlineSec(place: FlowPlace): number {
    return this.#words[place * STRIDE + DEADLINE] ?? 0;
  }

  forget(place: FlowPlace): void {
    if (this.isConfirmed(place)) {
      this.#confirmed -= 1;
      this.#count(place, -1);
    } else this.#unconfirmed -= 1;
    this.#tags[place] = 0;
  }

  target(place: FlowPlace): number {
    return this.#words[place * STRIDE + TARGET] ?? 0;
  }

  targetGeneration(place: FlowPlace): number {
    return this.#words[place * STRIDE + TARGET_GENERATION] ?? 0;
  }

  rule(place: FlowPlace): number {
    return this.#words[place * STRIDE + RULE] ?? 0;
  }

  ruleGeneration(place: FlowPlace): number {
    return this.#words[place * STRIDE + RULE_GENERATION] ?? 0;
  }

  state(place: FlowPlace): number {
    return this.#words[place * STRIDE + STATE] ?? 0;
  }

  /** The flows of these virtual addresses, a 1 each by number, are forgotten: their numbers may be others' from now on. */
  forgetAddresses(isGone: Uint8Array): void {
    for (let place = 0; place < this.#places; place += 1) {
      if ((this.#tags[place] ?? 0) === 0) continue;
      if (isGone[(this.#words[place * STRIDE + SERVICE] ?? 0) >>> 8] === 1) this.forget(place);
    }
  }

  /** Takes entries that are past their deadline off the counters, at most so many looked at. */
  sweep(nowSec: number, entries: number): void {
    for (let left = entries; left > 0; left -= 1) {
      const place = this.#sweepAt;
      this.#sweepAt = place + 1 === this.#places ? 0 : place + 1;
      if ((this.#tags[place] ?? 0) !== 0 && this.#deadlineOf(place) <= nowSec) this.forget(place);
    }
  }

  /** Places there are. */
  get capacity(): number {
    return this.#places;
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    let confirmed = 0;
    let unconfirmed = 0;
    for (const [place, tag] of this.#tags.entries()) {
      if (tag === 0) continue;
      if (this.isConfirmed(place)) confirmed += 1;
      else unconfirmed += 1;
    }
    assert(confirmed === this.#confirmed, 'confirmed counts the confirmed');
    assert(unconfirmed === this.#unconfirmed, 'unconfirmed counts the unconfirmed');
  }

  #findIn(set: number, hash: number, address: number, key: FlowKey, nowSec: number): FlowPlace {
    const tags = this.#tags;
    for (let place = set; place < set + WAYS; place += 1) {
      if (tags[place] === hash && this.#isOf(place, address, key, nowSec)) return place;
    }
    return NO_FLOW;
  }

  #isOf(place: FlowPlace, address: number, key: FlowKey, nowSec: number): boolean {
    const words = this.#words;
    const at = place * STRIDE;
    return (
      words[at + SRC + 3] === key.src3 &&
      words[at + PORTS] === ((key.srcPort << 16) | key.dstPort) >>> 0 &&
      words[at + SERVICE] === address * 256 + key.protocol &&
      words[at + SRC + 2] === key.src2 &&
      words[at + SRC + 1] === key.src1 &&
      words[at + SRC] === key.src0 &&
      (words[at + DEADLINE] ?? 0) > nowSec
    );
  }

  /** A free place, else the one that is past its deadline or will be soonest. */
  #oldest(set: number, nowSec: number): FlowPlace {
    let oldest = set;
    for (let place = set; place < set + WAYS; place += 1) {
      if ((this.#tags[place] ?? 0) === 0) return place;
      const deadline = this.#deadlineOf(place);
      if (deadline <= nowSec) return place;
      if (deadline < this.#deadlineOf(oldest)) oldest = place;
    }
    return oldest;
  }

  #freeCount(set: number, nowSec: number): number {
    let count = 0;
    for (let place = set; place < set + WAYS; place += 1) {
      if ((this.#tags[place] ?? 0) === 0 || this.#deadlineOf(place) <= nowSec) count += 1;
    }
    return count;
  }

  #freeIn(set: number, nowSec: number): FlowPlace {
    for (let place = set; place < set + WAYS; place += 1) {
      if ((this.#tags[place] ?? 0) === 0 || this.#deadlineOf(place) <= nowSec) return place;
    }
    return NO_FLOW;
  }

  /** Of an empty place: long past. */
  #deadlineOf(place: FlowPlace): number {
    return (this.#tags[place] ?? 0) === 0 ? 0 : (this.#words[place * STRIDE + DEADLINE] ?? 0);
  }

  #write(place: FlowPlace, hash: number, address: number, key: FlowKey, binding: Binding): void {
    const words = this.#words;
    const at = place * STRIDE;
    this.#tags[place] = hash;
    words[at + SRC] = key.src0;
    words[at + SRC + 1] = key.src1;
    words[at + SRC + 2] = key.src2;
    words[at + SRC + 3] = key.src3;
    words[at + PORTS] = (key.srcPort << 16) | key.dstPort;
    words[at + SERVICE] = address * 256 + key.protocol;
    words[at + STATE] = 0;
    this.#bind(place, binding);
    this.#unconfirmed += 1;
  }

  #bind(place: FlowPlace, binding: Binding): void {
    const words = this.#words;
    const at = place * STRIDE;
    words[at + TARGET] = binding.target;
    words[at + TARGET_GENERATION] = binding.targetGeneration;
    words[at + RULE] = binding.rule;
    words[at + RULE_GENERATION] = binding.ruleGeneration;
  }

  #count(place: FlowPlace, change: number): void {
    const words = this.#words;
    const at = place * STRIDE;
    this.#counts.countFlow(
      words[at + SERVICE] ?? 0,
      words[at + TARGET] ?? 0,
      words[at + TARGET_GENERATION] ?? 0,
      change,
    );
  }
}

/** The second of a flow's sets. */
function otherOf(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), GOLDEN) >>> 7;
}

function mix(hash: number, word: number): number {
  return Math.imul(hash ^ (hash >>> 15) ^ word, GOLDEN);
}
