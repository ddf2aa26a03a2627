/**
 * Prefixes of one family as small integers. Everything that the RIB keeps per prefix is an array indexed by that integer, so a route costs
 * bytes, not objects. RFC 4271 §3.2: one table for what came in, what was chosen and what goes out.
 *
 * Open addressing with linear probing; addresses are one word (IPv4) or four (IPv6) of a Uint32Array. Identifiers are dense and reused after
 * `release`, which is the caller's to time: an identifier that anybody still holds must not be released.
 */
import { assert } from '../../base/assert.ts';
import { IPV4_MAPPED_BITS, type IpPrefixWords, ipv4Words } from '../../base/ip-words.ts';
import { PREFIXES_MAX } from '../limits.ts';
import { Afi } from '../message/capability.ts';

/** No prefix, no path, no attributes. */
export const NONE = -1;

const CAPACITY_INITIAL = 1_024;

export class PrefixTable {
  readonly afi: number;
  /** Words of one address. */
  readonly stride: 1 | 4;
  /** Octets that one prefix takes on the wire at most. */
  readonly wireLenMax: number;
  #words: Uint32Array;
  #len: Uint8Array;
  #slots: Int32Array;
  #free: number[] = [];
  #used = 0;
  #count = 0;

  constructor(afi: number) {
    this.afi = afi;
    this.stride = afi === Afi.Ipv4 ? 1 : 4;
    this.wireLenMax = 1 + 4 * this.stride;
    this.#words = new Uint32Array(CAPACITY_INITIAL * this.stride);
    this.#len = new Uint8Array(CAPACITY_INITIAL);
    this.#slots = new Int32Array(CAPACITY_INITIAL * 2).fill(NONE);
  }

  get count(): number {
    return this.#count;
  }

  /** Identifiers are below this. */
  get idEnd(): number {
    return this.#used;
  }

  /** Room for identifiers: arrays beside this table are as long. */
  get capacity(): number {
    return this.#len.length;
  }

  find(w0: number, w1: number, w2: number, w3: number, len: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash(w0, w1, w2, w3, len) & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot] ?? NONE;
      if (id === NONE || this.#isAt(id, w0, w1, w2, w3, len)) return id;
    }
  }

  /** The identifier of the prefix, made if it is new; NONE when the table is full. Host bits are zero. */
  intern(w0: number, w1: number, w2: number, w3: number, len: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(w0, w1, w2, w3, len) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const known = this.#slots[slot] ?? NONE;
      if (known === NONE) break;
      if (this.#isAt(known, w0, w1, w2, w3, len)) return known;
    }
    if (this.#count >= PREFIXES_MAX) return NONE;
    const id = this.#free.pop() ?? this.#used++;
    const isFull = id >= this.#len.length;
    if (isFull) this.#grow();
    const at = id * this.stride;
    this.#words[at] = w0;
    if (this.stride === 4) {
      this.#words[at + 1] = w1;
      this.#words[at + 2] = w2;
      this.#words[at + 3] = w3;
    }
    this.#len[id] = len;
    this.#count += 1;
    if (isFull) this.#insert(id);
    else this.#slots[slot] = id;
    return id;
  }

  release(id: number): void {
    const mask = this.#slots.length - 1;
    let hole = this.#slotOf(id);
    assert(this.#slots[hole] === id, 'a prefix is released once');
    // Backward shift: what probed past the hole moves into it, so no tombstones are left.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const other = this.#slots[slot] ?? NONE;
      if (other === NONE) break;
      const home = this.#hashOf(other) & mask;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        this.#slots[hole] = other;
        hole = slot;
      }
    }
    this.#slots[hole] = NONE;
    this.#free.push(id);
    this.#count -= 1;
  }

  len(id: number): number {
    return this.#len[id] ?? 0;
  }

  word(id: number, index: number): number {
    return index < this.stride ? (this.#words[id * this.stride + index] ?? 0) : 0;
  }

  /** In the mapped form that base/ip-words uses for both families. */
  prefix(id: number): IpPrefixWords {
    if (this.afi === Afi.Ipv4) {
      return { words: ipv4Words(this.word(id, 0)), len: this.len(id) + IPV4_MAPPED_BITS };
    }
    const words = [this.word(id, 0), this.word(id, 1), this.word(id, 2), this.word(id, 3)] as const;
    return { words, len: this.len(id) };
  }

  /** Octets on the wire, path identifier not counted (RFC 4271 §4.3). */
  wireLen(id: number): number {
    return 1 + ((this.len(id) + 7) >>> 3);
  }

  /** Writes the prefix as NLRI; returns the offset after it. */
  emit(id: number, bytes: Uint8Array, at: number): number {
    const len = this.len(id);
    const base = id * this.stride;
    let next = at;
    bytes[next++] = len;
    for (let octet = 0; octet << 3 < len; octet++) {
      const word = this.#words[base + (octet >>> 2)] ?? 0;
      bytes[next++] = (word >>> (24 - ((octet & 3) << 3))) & 0xff;
    }
    return next;
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    const held = [...this.#slots].filter((id) => id !== NONE);
    assert(held.length === this.#count, 'every prefix has one slot');
    assert(new Set(held).size === held.length, 'no prefix has two');
    assert(this.#count + this.#free.length === this.#used, 'identifiers are used or free');
    for (const id of held) {
      const { stride } = this;
      const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = this.#words.slice(id * stride, (id + 1) * stride);
      assert(this.find(w0, w1, w2, w3, this.len(id)) === id, 'every prefix is found');
    }
  }

  #isAt(id: number, w0: number, w1: number, w2: number, w3: number, len: number): boolean {
    const words = this.#words;
    const at = id * this.stride;
    if (words[at] !== w0 || this.#len[id] !== len) return false;
    return (
      this.stride === 1 || (words[at + 1] === w1 && words[at + 2] === w2 && words[at + 3] === w3)
    );
  }

  #hashOf(id: number): number {
    return hash(
      this.word(id, 0),
      this.word(id, 1),
      this.word(id, 2),
      this.word(id, 3),
      this.len(id),
    );
  }

  #slotOf(id: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hashOf(id) & mask;
    while (this.#slots[slot] !== id && this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
    return slot;
  }

  #insert(id: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashOf(id) & mask;
    while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
    this.#slots[slot] = id;
  }

  #grow(): void {
    const capacity = this.#len.length * 2;
    const words = new Uint32Array(capacity * this.stride);
    words.set(this.#words);
    this.#words = words;
    const len = new Uint8Array(capacity);
    len.set(this.#len);
    this.#len = len;
    const held = this.#slots.filter((id) => id !== NONE);
    this.#slots = new Int32Array(capacity * 2).fill(NONE);
    for (const id of held) this.#insert(id);
  }
}

function hash(w0: number, w1: number, w2: number, w3: number, len: number): number {
  let mixed = Math.imul(w0 ^ Math.imul(len, 0x9e37_79b1), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ w1, 0xc2b2_ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 13) ^ w2, 0x27d4_eb2f);
  mixed = Math.imul(mixed ^ (mixed >>> 16) ^ w3, 0x1656_67b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
