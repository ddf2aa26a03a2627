/**
 * Entries of the unified flow table and the index that finds them: fixed arrays, an entry's number never changes while it is in use.
 *
 * An entry is 128 bytes. The first 64, one cache line, hold all that a lookup and most of what the check for staleness reads; the second
 * line what is written with every packet, and what the pair that the entry belongs to has of its own (flow-pairs.ts): both entries of a pair hold
 * it alike, so that a packet finds it in the line that it counts in anyway. The index is open addressing with linear probing at a load of at most one half; a slot is one word, the
 * entry's number and as many of the upper bits of its hash as there is room for, so that nearly every probe of another's slot ends there.
 * Removal closes the gap, so there are no tombstones to step over. Called by flow-table, flow-pairs and flow-view.
 */
import { assert } from '../../base/assert.ts';
import { EtherType } from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { type FlowScope, KIND_IPV6, kindOf, portsOf } from './flow-id.ts';
import type { LinkWords } from './pair-lists.ts';

/** Number of an entry; NO_FLOW is none. */
export type FlowIndex = number;
export const NO_FLOW: FlowIndex = -1;

/** 32-bit words of an entry. */
export const STRIDE = 32;
export const Word = {
  SCOPE: 0,
  SRC: 1,
  DST: 5,
  PORTS: 9,
  KIND: 10,
  TRANSPOSITION: 11,
  EPOCH: 12,
  /** CELLS_MAX of them; the last two lie in the second cache line. */
  CELLS: 13,
  /** Entry of the port that receives the packets, plus one; 0: none. */
  LINK: 19,
  SRC_MAC_HIGH: 24,
  SRC_MAC_LOW: 25,
  LAST_USED: 26,
  HASH: 27,
  /** Of the linked pair, when the link was made. */
  LINK_GENERATION: 28,
  /** The pair's, the same in both entries: PAIR_… below. */
  PAIR: 29,
  /** The pair's, the same in both entries: grows when its number goes to another flow, or one of its entries to another key. */
  GENERATION: 30,
  /** The next pair of the same owner in the even entry, the previous one in the odd. */
  NEIGHBOUR: 31,
} as const;
/** Words of an entry from here on are its pair's, and outlive the entry. */
const PAIR_WORDS_AT = Word.PAIR;
/**
 * Word.PAIR: the flow's state, its owner from PAIR_OWNER_SHIFT on, whether somebody watches it, whether it ends with a reset, and from
 * PAIR_IDLE_SHIFT on how many seconds it may be idle once established; 0: as long as any.
 */
export const PAIR_STATE_MASK = 0xf;
export const PAIR_OWNER_SHIFT = 4;
export const PAIR_OWNER_MASK = 0x1fff;
export const PAIR_WATCHED: number = 1 << 17;
export const PAIR_RESETS: number = 1 << 18;
export const PAIR_IDLE_SHIFT = 19;
export const PAIR_IDLE_SEC_MAX = 0x1fff;

/** Counters of an entry are doubles: offsets in 8-byte words, DOUBLES of them to an entry. */
export const DOUBLES: number = STRIDE / 2;
export const Double = { PACKETS: 10, BYTES: 11 } as const;

const WORD_BITS = 32;
/** Of Word.KIND. */
const PROTOCOL_MASK = 0xff;
/** How far a hash of 31 bits is shifted for its upper bits to be a tag. */
const TAG_SHIFT = 1;

/** Multiplicative hashing constant: 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;

export class FlowEntries {
  /** All entries, as words and as doubles over the same memory. */
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  /** Over the same memory: where pairs, by number, are linked to their neighbours. */
  readonly neighbours: LinkWords;
  /** Tag above, entry + 1 below; 0: empty. Signed, so that a word is a small integer of the engine or close to it. */
  readonly #slots: Int32Array;
  readonly #slotMask: number;
  /** Bits of a slot that are entry + 1. */
  readonly #referenceMask: number;
  readonly #seed: number;

  constructor(entries: number, seed: number) {
    const buffer = new ArrayBuffer(entries * STRIDE * 4);
    this.words = new Uint32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.neighbours = {
      words: new Int32Array(buffer),
      stride: STRIDE * 2,
      nextAt: Word.NEIGHBOUR,
      prevAt: STRIDE + Word.NEIGHBOUR,
    };
    const slots = 2 ** Math.ceil(Math.log2(entries * 2));
    this.#slots = new Int32Array(slots);
    this.#slotMask = slots - 1;
    const referenceBits = Math.ceil(Math.log2(entries + 1));
    assert(referenceBits < WORD_BITS, 'an entry’s number fits a slot');
    this.#referenceMask = 2 ** referenceBits - 1;
    this.#seed = seed | 0;
  }

  /** 31 bits: what fits a small integer of the engine is passed around without a heap object. */
  hash(scope: FlowScope, key: FlowKey): number {
    const kind = kindOf(key);
    let hash = Math.imul(this.#seed ^ scope ^ kind, GOLDEN);
    hash = mix(hash, key.src3);
    hash = mix(hash, key.dst3);
    hash = mix(hash, portsOf(key));
    if ((kind & KIND_IPV6) !== 0) {
      hash = mix(hash, key.src0);
      hash = mix(hash, key.src1);
      hash = mix(hash, key.src2);
      hash = mix(hash, key.dst0);
      hash = mix(hash, key.dst1);
      hash = mix(hash, key.dst2);
    }
    return (hash ^ (hash >>> 16)) & 0x7fff_ffff;
  }

  /** The entry of this key in this scope; `hash` is that of both. */
  find(hash: number, scope: FlowScope, key: FlowKey): FlowIndex {
    const slots = this.#slots;
    const references = this.#referenceMask;
    const tag = this.#tag(hash);
    for (let slot = hash & this.#slotMask; ; slot = (slot + 1) & this.#slotMask) {
      const word = slots[slot] ?? 0;
      if (word === 0) return NO_FLOW;
      if ((word & ~references) !== tag) continue;
      const entry = (word & references) - 1;
      if (this.#isKey(entry, scope, key)) return entry;
    }
  }

  /** Writes a fresh entry, everything but its key and what is the pair's zero, and indexes it. */
  add(entry: FlowIndex, scope: FlowScope, key: FlowKey): void {
    const { words } = this;
    const base = entry * STRIDE;
    const hash = this.hash(scope, key);
    words.fill(0, base, base + PAIR_WORDS_AT);
    words[base + Word.SCOPE] = scope;
    words[base + Word.SRC] = key.src0;
    words[base + Word.SRC + 1] = key.src1;
    words[base + Word.SRC + 2] = key.src2;
    words[base + Word.SRC + 3] = key.src3;
    words[base + Word.DST] = key.dst0;
    words[base + Word.DST + 1] = key.dst1;
    words[base + Word.DST + 2] = key.dst2;
    words[base + Word.DST + 3] = key.dst3;
    words[base + Word.PORTS] = portsOf(key);
    words[base + Word.KIND] = kindOf(key);
    words[base + Word.HASH] = hash;
    let slot = hash & this.#slotMask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#slotMask;
    this.#slots[slot] = this.#tag(hash) | (entry + 1);
  }

  /** Writes the entry's key; what identifies no packet is left alone. */
  readKey(entry: FlowIndex, into: FlowKey): void {
    const { words } = this;
    const base = entry * STRIDE;
    into.src0 = words[base + Word.SRC] ?? 0;
    into.src1 = words[base + Word.SRC + 1] ?? 0;
    into.src2 = words[base + Word.SRC + 2] ?? 0;
    into.src3 = words[base + Word.SRC + 3] ?? 0;
    into.dst0 = words[base + Word.DST] ?? 0;
    into.dst1 = words[base + Word.DST + 1] ?? 0;
    into.dst2 = words[base + Word.DST + 2] ?? 0;
    into.dst3 = words[base + Word.DST + 3] ?? 0;
    const ports = words[base + Word.PORTS] ?? 0;
    into.srcPort = ports >>> 16;
    into.dstPort = ports & 0xffff;
    const kind = words[base + Word.KIND] ?? 0;
    into.etherType = (kind & KIND_IPV6) !== 0 ? EtherType.IPV6 : EtherType.IPV4;
    into.protocol = kind & PROTOCOL_MASK;
  }

  /** Takes an entry out of the index and closes the gap, so that probing never has to step over removed entries. */
  remove(entry: FlowIndex): void {
    const slots = this.#slots;
    const mask = this.#slotMask;
    let hole = this.#hashOf(entry) & mask;
    while (this.#entryAt(hole) !== entry) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashOf(this.#entryAt(slot)) & mask;
      // Stays if its home lies behind the hole: then a probe for it never passes the hole.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot] ?? 0;
      hole = slot;
    }
    slots[hole] = 0;
  }

  /** Asserts what every operation relies on; returns the number of indexed entries. For tests. */
  checkInvariants(isUsed: (entry: FlowIndex) => boolean): number {
    let indexed = 0;
    for (let slot = 0; slot <= this.#slotMask; slot += 1) {
      const word = this.#slots[slot] ?? 0;
      if (word === 0) continue;
      indexed += 1;
      const entry = this.#entryAt(slot);
      const hash = this.#hashOf(entry);
      assert(isUsed(entry), 'an indexed entry is in use');
      assert((word & ~this.#referenceMask) === this.#tag(hash), 'a slot has its entry’s tag');
      for (let at = hash & this.#slotMask; at !== slot; at = (at + 1) & this.#slotMask) {
        assert(this.#slots[at] !== 0, 'no hole before an entry');
      }
    }
    return indexed;
  }

  #tag(hash: number): number {
    return (hash << TAG_SHIFT) & ~this.#referenceMask;
  }

  /** NO_FLOW where the slot is empty. */
  #entryAt(slot: number): FlowIndex {
    return ((this.#slots[slot] ?? 0) & this.#referenceMask) - 1;
  }

  #hashOf(entry: FlowIndex): number {
    return this.words[entry * STRIDE + Word.HASH] ?? 0;
  }

  #isKey(entry: FlowIndex, scope: FlowScope, key: FlowKey): boolean {
    const { words } = this;
    const base = entry * STRIDE;
    const kind = kindOf(key);
    if (
      words[base + Word.SCOPE] !== scope ||
      words[base + Word.SRC + 3] !== key.src3 ||
      words[base + Word.DST + 3] !== key.dst3 ||
      words[base + Word.PORTS] !== portsOf(key) ||
      words[base + Word.KIND] !== kind
    ) {
      return false;
    }
    return (
      (kind & KIND_IPV6) === 0 ||
      (words[base + Word.SRC] === key.src0 &&
        words[base + Word.SRC + 1] === key.src1 &&
        words[base + Word.SRC + 2] === key.src2 &&
        words[base + Word.DST] === key.dst0 &&
        words[base + Word.DST + 1] === key.dst1 &&
        words[base + Word.DST + 2] === key.dst2)
    );
  }
}

function mix(hash: number, word: number): number {
  return Math.imul(hash ^ (hash >>> 15) ^ word, GOLDEN);
}
