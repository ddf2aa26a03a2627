/**
 * Attribute sets, each once. A route is a prefix and the identifier of its set, so a million routes of a thousand sets cost a million integers.
 * A set counts its users and goes when the last one goes.
 *
 * A set is its own encoding (RFC 4271 §4.3, in the one order and form of attribute-encoder.ts): those bytes, with next hop and weight, are what
 * it is known by, are what update groups send, and are decoded again in the rare case that somebody looks at an old one. What route selection
 * compares (§9.1.2) is a row of integers beside them. No set is an object: a full table has some hundred thousand, and none of them is ever in
 * the way of the garbage collector.
 *
 * Found by open addressing with linear probing. Peers choose the bytes, so the hash has secret multipliers: nobody can make sets that collide.
 *
 * Invariants: an identifier stands for the same set as long as its count is above 0; a serial number stands for one set for ever.
 */
import { assert } from '../../base/assert.ts';
import { type Rng, systemRng } from '../../base/rng.ts';
import * as asPath from '../message/as-path.ts';
import { decodeAttributes } from '../message/attribute-decoder.ts';
import { emitShared, encodeShared, sharedLenMax } from '../message/attribute-encoder.ts';
import { type PathAttributes, WellKnownCommunity } from '../message/path-attributes.ts';
import {
  type AttributeSet,
  HAS_ORIGINATOR,
  IS_LONG_LIVED_STALE,
  SET_STRIDE,
  SetField,
  SetView,
} from './attribute-set.ts';
import { NextHopTable } from './next-hop-table.ts';
import { WordArena } from './word-arena.ts';

/** RFC 4271 §9.1.1 leaves the default to the speaker; every known one takes 100. */
export const LOCAL_PREF_DEFAULT = 100;

const FOUR_OCTET = { fourOctetAs: true } as const;
/** As internal, because everything that was accepted is to be read again. */
const OWN_FORM = { fourOctetAs: true, isInternal: true } as const;
/** Decoded attributes of the latest sets: what is decided is mostly what has just come. A power of two. */
const RECENT = 1_024;
const CAPACITY_INITIAL = 1_024;
const FREE = -1;

export class AttributeTable {
  #rows = new Int32Array(CAPACITY_INITIAL * SET_STRIDE);
  /** -1: the row is free. */
  #serials = new Float64Array(CAPACITY_INITIAL).fill(-1);
  /** Identifier and hash of each slot. */
  #slots = new Int32Array(4 * CAPACITY_INITIAL).fill(FREE);
  readonly #arena = new WordArena();
  readonly #nextHops = new NextHopTable();
  readonly #multipliers: readonly [number, number];
  readonly #free: number[] = [];
  #used = 0;
  #count = 0;
  #serial = 0;
  /** The set that is looked for, as words; the last one is filled up with zeros. */
  #scratch = new Int32Array(1_024);
  #scratchBytes = new Uint8Array(this.#scratch.buffer);
  readonly #recentSerials = new Float64Array(RECENT).fill(-1);
  readonly #recent: (PathAttributes | undefined)[] = Array(RECENT).fill(undefined);
  /** The object that was retained last: a message's attributes are retained once for each of its prefixes. */
  #last: PathAttributes | undefined;
  #lastId = FREE;
  #lastSerial = FREE;

  constructor(rng: Rng = systemRng) {
    this.#multipliers = [rng.uint32() | 1, rng.uint32() | 1];
  }

  get count(): number {
    return this.#count;
  }

  /** Identifier of the set, used once more. */
  retain(attributes: PathAttributes, weightGiven = 0): number {
    const weight = weightGiven | 0;
    const last = this.#lastId;
    const isLast = this.#last === attributes && this.#serials[last] === this.#lastSerial;
    if (isLast && this.#field(last, SetField.WEIGHT) === weight) {
      this.retainId(last);
      return last;
    }
    const id = this.#intern(attributes, weight);
    this.#last = attributes;
    this.#lastId = id;
    this.#lastSerial = this.serialOf(id);
    this.retainId(id);
    return id;
  }

  retainId(id: number): void {
    const at = id * SET_STRIDE;
    this.#rows[at] = (this.#rows[at] ?? 0) + 1;
  }

  release(id: number): void {
    const at = id * SET_STRIDE;
    const count = (this.#rows[at] ?? 0) - 1;
    assert(count >= 0, 'a set is released as often as it is retained');
    this.#rows[at] = count;
    if (count === 0) this.#remove(id);
  }

  get(id: number): AttributeSet {
    const serial = this.serialOf(id);
    assert(serial >= 0, 'an attribute set in use exists');
    const at = id * SET_STRIDE;
    return new SetView(this, id, serial, this.#rows.subarray(at, at + SET_STRIDE));
  }

  nextHopOf(id: number): Uint8Array {
    return this.#nextHops.get(this.#field(id, SetField.NEXT_HOP));
  }

  /** Serial number of the set that has this identifier now; -1 when none has. */
  serialOf(id: number): number {
    return this.#serials[id] ?? -1;
  }

  /** Octets of all attributes but NEXT_HOP and MP_* for a peer of that kind. */
  encodedLen(id: number, fourOctetAs: boolean): number {
    return fourOctetAs ? this.#field(id, SetField.LEN) : this.#twoOctetForm(id).length;
  }

  /** Writes them at `at`; returns the offset after them. */
  emit(id: number, fourOctetAs: boolean, out: Uint8Array, at: number): number {
    if (fourOctetAs) {
      const len = this.#field(id, SetField.LEN);
      this.#arena.copy(this.#field(id, SetField.AT), len, out, at);
      return at + len;
    }
    const bytes = this.#twoOctetForm(id);
    out.set(bytes, at);
    return at + bytes.length;
  }

  /** Of a set that is in use. */
  attributesOf(id: number): PathAttributes {
    const serial = this.serialOf(id);
    assert(serial >= 0, 'an attribute set in use exists');
    const slot = serial & (RECENT - 1);
    const recent = this.#recent[slot];
    if (this.#recentSerials[slot] === serial && recent !== undefined) return recent;
    const bytes = new Uint8Array(this.#field(id, SetField.LEN));
    this.#arena.copy(this.#field(id, SetField.AT), bytes.length, bytes, 0);
    const { attributes } = decodeAttributes(new DataView(bytes.buffer), 0, bytes.length, OWN_FORM);
    return this.#remember(serial, { ...attributes, nextHop: this.nextHopOf(id) });
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    const held: number[] = [];
    for (let at = 0; at < this.#slots.length; at += 2) {
      const id = this.#slots[at] ?? FREE;
      if (id !== FREE) held.push(id);
    }
    assert(held.length === this.#count, 'every set has one slot');
    assert(this.#count + this.#free.length === this.#used, 'identifiers are used or free');
    for (const id of held) {
      assert(this.#field(id, SetField.COUNT) > 0, 'a set has users');
      const weight = this.#field(id, SetField.WEIGHT);
      assert(this.#intern(this.attributesOf(id), weight) === id, 'every set is found');
    }
  }

  #field(id: number, field: number): number {
    return this.#rows[id * SET_STRIDE + field] ?? 0;
  }

  #remember(serial: number, attributes: PathAttributes): PathAttributes {
    const slot = serial & (RECENT - 1);
    this.#recentSerials[slot] = serial;
    this.#recent[slot] = attributes;
    return attributes;
  }

  /** Identifier of the set, made where it is new; its count is as it was. */
  #intern(attributes: PathAttributes, weight: number): number {
    const len = this.#write(attributes);
    const nextHop = this.#nextHops.retain(attributes.nextHop);
    const hash = this.#hash(len, nextHop, weight);
    const mask = this.#slots.length - 1;
    let slot = (hash << 1) & mask;
    for (; this.#slots[slot] !== FREE; slot = (slot + 2) & mask) {
      if (this.#slots[slot + 1] !== hash) continue;
      const id = this.#slots[slot] ?? FREE;
      if (!this.#isSame(id, len, nextHop, weight)) continue;
      this.#nextHops.release(nextHop);
      return id;
    }
    const id = this.#allocate();
    this.#slots[slot] = id;
    this.#slots[slot + 1] = hash;
    this.#fill(id, attributes, { len, nextHop, weight });
    if (4 * this.#count > this.#slots.length) this.#growSlots();
    return id;
  }

  #fill(
    id: number,
    attributes: PathAttributes,
    known: { readonly len: number; readonly nextHop: number; readonly weight: number },
  ): void {
    const serial = this.#serial++;
    this.#serials[id] = serial;
    const { originatorId, clusterList, communities } = attributes;
    const isStale = communities?.includes(WellKnownCommunity.LongLivedStale) === true;
    const rows = this.#rows;
    const at = id * SET_STRIDE;
    rows[at + SetField.COUNT] = 0;
    rows[at + SetField.LEN] = known.len;
    rows[at + SetField.AT] = this.#arena.add(this.#scratch, wordsOf(known.len), () =>
      this.#compact(),
    );
    rows[at + SetField.NEXT_HOP] = known.nextHop;
    rows[at + SetField.WEIGHT] = known.weight;
    rows[at + SetField.LOCAL_PREF] = attributes.localPref ?? LOCAL_PREF_DEFAULT;
    rows[at + SetField.PATH_LENGTH] = asPath.selectionLength(attributes.asPath);
    rows[at + SetField.ORIGIN] =
      attributes.origin +
      (originatorId === undefined ? 0 : HAS_ORIGINATOR) +
      (isStale ? IS_LONG_LIVED_STALE : 0);
    rows[at + SetField.MED] = attributes.multiExitDisc ?? 0;
    rows[at + SetField.NEIGHBOUR_ASN] = asPath.firstAsn(attributes.asPath) ?? 0;
    rows[at + SetField.ORIGINATOR_ID] = originatorId ?? 0;
    rows[at + SetField.CLUSTER_LIST_LENGTH] = clusterList?.length ?? 0;
    this.#remember(serial, attributes);
  }

  #allocate(): number {
    const id = this.#free.pop() ?? this.#used++;
    this.#count += 1;
    if (id < this.#serials.length) return id;
    const capacity = 2 * this.#serials.length;
    const rows = new Int32Array(capacity * SET_STRIDE);
    rows.set(this.#rows);
    this.#rows = rows;
    const serials = new Float64Array(capacity).fill(-1);
    serials.set(this.#serials);
    this.#serials = serials;
    return id;
  }

  #remove(id: number): void {
    const len = this.#field(id, SetField.LEN);
    const at = this.#field(id, SetField.AT);
    const nextHop = this.#field(id, SetField.NEXT_HOP);
    this.#arena.load(at, wordsOf(len), this.#scratch);
    this.#vacate(id, this.#hash(len, nextHop, this.#field(id, SetField.WEIGHT)));
    this.#arena.drop(wordsOf(len));
    this.#nextHops.release(nextHop);
    this.#serials[id] = -1;
    this.#free.push(id);
    this.#count -= 1;
  }

  /** Backward shift: what probed past the hole moves into it, so no tombstones are left. */
  #vacate(id: number, hash: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = (hash << 1) & mask;
    while (slots[hole] !== id) {
      assert(slots[hole] !== FREE, 'a set in use has a slot');
      hole = (hole + 2) & mask;
    }
    for (let slot = (hole + 2) & mask; slots[slot] !== FREE; slot = (slot + 2) & mask) {
      const home = ((slots[slot + 1] ?? 0) << 1) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot] ?? FREE;
      slots[hole + 1] = slots[slot + 1] ?? 0;
      hole = slot;
    }
    slots[hole] = FREE;
  }

  #growSlots(): void {
    const before = this.#slots;
    const slots = new Int32Array(2 * before.length).fill(FREE);
    const mask = slots.length - 1;
    for (let at = 0; at < before.length; at += 2) {
      const id = before[at] ?? FREE;
      if (id === FREE) continue;
      const hash = before[at + 1] ?? 0;
      let slot = (hash << 1) & mask;
      while (slots[slot] !== FREE) slot = (slot + 2) & mask;
      slots[slot] = id;
      slots[slot + 1] = hash;
    }
    this.#slots = slots;
  }

  /** The arena asks where the words are that are still in use. */
  #compact(): void {
    for (let id = 0; id < this.#used; id++) {
      if (this.#serials[id] === -1 || this.#field(id, SetField.COUNT) === 0) continue;
      const at = id * SET_STRIDE + SetField.AT;
      this.#rows[at] = this.#arena.move(
        this.#rows[at] ?? 0,
        wordsOf(this.#field(id, SetField.LEN)),
      );
    }
  }

  #isSame(id: number, len: number, nextHop: number, weight: number): boolean {
    return (
      this.#field(id, SetField.LEN) === len &&
      this.#field(id, SetField.NEXT_HOP) === nextHop &&
      this.#field(id, SetField.WEIGHT) === weight &&
      this.#arena.isSame(this.#field(id, SetField.AT), wordsOf(len), this.#scratch)
    );
  }

  /** The set in its one encoding into #scratch; returns its octets. */
  #write(attributes: PathAttributes): number {
    const lenMax = sharedLenMax(attributes) + 4;
    if (lenMax > this.#scratchBytes.length) {
      this.#scratch = new Int32Array(wordsOf(2 * lenMax));
      this.#scratchBytes = new Uint8Array(this.#scratch.buffer);
    }
    const len = emitShared(attributes, FOUR_OCTET, this.#scratchBytes);
    for (let at = len; (at & 3) !== 0; at++) this.#scratchBytes[at] = 0;
    return len;
  }

  /** Of what is in #scratch: the mixing of MurmurHash3, with multipliers of this table. */
  #hash(len: number, nextHop: number, weight: number): number {
    const [m1, m2] = this.#multipliers;
    const scratch = this.#scratch;
    const end = wordsOf(len);
    let hash = Math.imul(nextHop ^ Math.imul(weight, m2), m1) ^ len;
    for (let at = 0; at < end; at++) {
      const word = Math.imul(scratch[at] ?? 0, m1);
      hash ^= Math.imul((word << 15) | (word >>> 17), m2);
      hash = (hash << 13) | (hash >>> 19);
      hash = (Math.imul(hash, 5) + 0xe654_6b64) | 0;
    }
    hash = Math.imul(hash ^ (hash >>> 16), m1);
    hash = Math.imul(hash ^ (hash >>> 13), m2);
    return hash ^ (hash >>> 16);
  }

  #twoOctetForm(id: number): Uint8Array {
    return encodeShared(this.attributesOf(id), { fourOctetAs: false });
  }
}

function wordsOf(octets: number): number {
  return (octets + 3) >>> 2;
}
