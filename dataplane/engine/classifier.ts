/**
 * Classifier: the first of many rules that matches a packet, found without trying them one by one (bit-vector classification:
 * Lakshman & Stiliadis, "High-Speed Policy-based Packet Forwarding", SIGCOMM 1998).
 *
 *   source        |----id 4----|--id 9--|-----id 4-----|        each field's values fall into intervals within which the same
 *   destination   |--id 1--|-------id 7-------|--id 1--|        rules match; an interval names a bitmap, one bit a rule
 *   …
 *   bitmap(source) & bitmap(destination) & bitmap(protocol) & bitmap(source port) & bitmap(destination port) → lowest set bit
 *
 * Fields: both addresses of both families, protocol, both ports. Built once for a list and never changed. Equal bitmaps are held once, of
 * all fields together. A lookup is five binary searches and one pass over at most ⌈rules / 32⌉ words; it allocates nothing.
 * Memory: at most 2 · ranges + 1 bitmaps a field (limits: CLASSIFIED_RULES_MAX, CLASSIFIED_RANGES_MAX).
 *
 * Called by group (classifiedGroup).
 */
import { assert } from '../../base/assert.ts';
import { IPV4_MAPPED_WORD, type IpWords } from '../../base/ip-words.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { CLASSIFIED_RANGES_MAX, CLASSIFIED_RULES_MAX } from '../limits.ts';
import { rangesOf } from './address-set.ts';
import type { Predicate } from './predicate.ts';
import type { Rule } from './rule.ts';

/** No rule matches. */
export const NO_RULE = -1;

/** Values of one field that a rule matches; inclusive. */
interface Span {
  readonly from: bigint;
  readonly to: bigint;
}

type Field = 'srcAddress' | 'dstAddress' | 'protocol' | 'srcPort' | 'dstPort';
const FIELDS: readonly string[] = ['srcAddress', 'dstAddress', 'protocol', 'srcPort', 'dstPort'];

const IPV4_FIRST = 0xffffn << 32n;
const IPV4_LAST = IPV4_FIRST | 0xffff_ffffn;

/** Why these rules cannot be classified; undefined: they can. */
export function unclassifiable(rules: readonly Rule[]): string | undefined {
  if (rules.length > CLASSIFIED_RULES_MAX) {
    return `${rules.length} rules are more than the ${CLASSIFIED_RULES_MAX} of one list`;
  }
  const ranges = rules.reduce((sum, rule) => sum + countRanges(rule), 0);
  if (ranges <= CLASSIFIED_RANGES_MAX) return undefined;
  return `${ranges} address and port ranges are more than the ${CLASSIFIED_RANGES_MAX} of one list`;
}

function countRanges(rule: Rule): number {
  return rule.predicates.reduce((sum, predicate) => {
    if ('set' in predicate) return sum + predicate.set.ranges.length;
    return sum + ('anyOf' in predicate ? predicate.anyOf.length : 1);
  }, 0);
}

export class Classifier {
  readonly #wordsPerBitmap: number;
  /** All different bitmaps, one after the other. */
  #pool: Uint32Array;
  #bitmaps = 0;
  /** While building: bitmaps by hash. */
  readonly #byHash = new Map<number, number[]>();
  readonly #src: AddressIndex;
  readonly #dst: AddressIndex;
  readonly #protocol: NumberIndex;
  readonly #srcPort: NumberIndex;
  readonly #dstPort: NumberIndex;

  /** `rules` in the order in which they are tried; each with at most one predicate a field, and none of other fields. */
  constructor(rules: readonly Rule[]) {
    assert(unclassifiable(rules) === undefined, 'a list within the limits');
    this.#wordsPerBitmap = Math.max(1, Math.ceil(rules.length / 32));
    this.#pool = new Uint32Array(this.#wordsPerBitmap * 16);
    for (const { predicates } of rules) assertClassifiable(predicates);
    this.#src = this.#addressIndex(rules, 'srcAddress');
    this.#dst = this.#addressIndex(rules, 'dstAddress');
    this.#protocol = this.#numberIndex(rules, 'protocol');
    this.#srcPort = this.#numberIndex(rules, 'srcPort');
    this.#dstPort = this.#numberIndex(rules, 'dstPort');
    this.#pool = this.#pool.slice(0, this.#bitmaps * this.#wordsPerBitmap);
    this.#byHash.clear();
  }

  /** Of the tables, bytes. */
  get byteLength(): number {
    const indices = [this.#src, this.#dst, this.#protocol, this.#srcPort, this.#dstPort];
    return indices.reduce((sum, index) => sum + index.byteLength, this.#pool.byteLength);
  }

  /** Number of the first rule that matches, or NO_RULE. */
  find(key: FlowKey): number {
    const pool = this.#pool;
    const count = this.#wordsPerBitmap;
    const src = this.#src.find(key.src0, key.src1, key.src2, key.src3);
    const dst = this.#dst.find(key.dst0, key.dst1, key.dst2, key.dst3);
    const protocol = this.#protocol.find(key.protocol);
    const srcPort = this.#srcPort.find(key.srcPort);
    const dstPort = this.#dstPort.find(key.dstPort);
    for (let word = 0; word < count; word += 1) {
      // Addresses first: they are what rules differ in most, so that most words are done with after two.
      let match = (pool[dst + word] ?? 0) & (pool[src + word] ?? 0);
      if (match === 0) continue;
      match &= (pool[dstPort + word] ?? 0) & (pool[protocol + word] ?? 0);
      match &= pool[srcPort + word] ?? 0;
      if (match !== 0) return word * 32 + 31 - Math.clz32(match & -match);
    }
    return NO_RULE;
  }

  #addressIndex(rules: readonly Rule[], field: 'srcAddress' | 'dstAddress'): AddressIndex {
    const spans = rules.map(({ predicates }) => addressSpans(predicateOf(predicates, field)));
    const ipv4 = spans.map((own) =>
      own?.flatMap(({ from, to }) => {
        const clipped = {
          from: (from > IPV4_FIRST ? from : IPV4_FIRST) - IPV4_FIRST,
          to: (to < IPV4_LAST ? to : IPV4_LAST) - IPV4_FIRST,
        };
        return clipped.from > clipped.to ? [] : [clipped];
      }),
    );
    const ipv6 = spans.map((own) =>
      own?.filter(({ from, to }) => from < IPV4_FIRST || to > IPV4_LAST),
    );
    return new AddressIndex(this.#intervals(ipv4), this.#intervals(ipv6));
  }

  #numberIndex(rules: readonly Rule[], field: 'protocol' | 'srcPort' | 'dstPort'): NumberIndex {
    const spans = rules.map(({ predicates }) => numberSpans(predicateOf(predicates, field)));
    return new NumberIndex(this.#intervals(spans));
  }

  /** Elementary intervals: where each begins, and where its bitmap lies in the pool. The first begins at 0. */
  #intervals(spans: readonly (readonly Span[] | undefined)[]): Intervals {
    const current = new Uint32Array(this.#wordsPerBitmap);
    const turns = new Map<bigint, number[]>();
    const turn = (at: bigint, rule: number) => {
      const known = turns.get(at);
      if (known === undefined) turns.set(at, [rule]);
      else known.push(rule);
    };
    for (const [rule, own] of spans.entries()) {
      if (own === undefined) flip(current, rule);
      for (const { from, to } of own ?? []) {
        turn(from, rule);
        turn(to + 1n, rule);
      }
    }
    const starts = [...turns.keys()].sort((a, b) => (a < b ? -1 : 1));
    if (starts[0] !== 0n) starts.unshift(0n);
    const bitmaps = starts.map((start) => {
      for (const rule of turns.get(start) ?? []) flip(current, rule);
      return this.#intern(current);
    });
    return { starts, bitmaps };
  }

  /** Where the bitmap lies in the pool. */
  #intern(bitmap: Uint32Array): number {
    const hash = hashOf(bitmap);
    const same = this.#byHash.get(hash) ?? [];
    const known = same.find((at) => bitmap.every((word, index) => this.#pool[at + index] === word));
    if (known !== undefined) return known;
    const at = this.#bitmaps * this.#wordsPerBitmap;
    if (at === this.#pool.length) {
      const grown = new Uint32Array(this.#pool.length * 2);
      grown.set(this.#pool);
      this.#pool = grown;
    }
    this.#pool.set(bitmap, at);
    this.#bitmaps += 1;
    this.#byHash.set(hash, [...same, at]);
    return at;
  }
}

interface Intervals {
  readonly starts: readonly bigint[];
  readonly bitmaps: readonly number[];
}

/** Intervals of a number up to 32 bits. */
class NumberIndex {
  readonly #starts: Uint32Array;
  readonly #bitmaps: Uint32Array;

  constructor({ starts, bitmaps }: Intervals) {
    // An interval that begins after the last value has nothing in it.
    const within = starts.filter((start) => start <= 0xffff_ffffn);
    this.#starts = Uint32Array.from(within, Number);
    this.#bitmaps = Uint32Array.from(bitmaps.slice(0, within.length));
  }

  get byteLength(): number {
    return this.#starts.byteLength + this.#bitmaps.byteLength;
  }

  /** Where the bitmap of the interval that `value` lies in begins. */
  find(value: number): number {
    const starts = this.#starts;
    let low = 0;
    let count = starts.length;
    while (count > 1) {
      const half = count >>> 1;
      if ((starts[low + half] ?? 0) <= value) low += half;
      count -= half;
    }
    return this.#bitmaps[low] ?? 0;
  }
}

/** Intervals of addresses: IPv4 by one word, IPv6 by four. */
class AddressIndex {
  readonly #ipv4: NumberIndex;
  readonly #starts: Uint32Array;
  readonly #bitmaps: Uint32Array;

  constructor(ipv4: Intervals, ipv6: Intervals) {
    this.#ipv4 = new NumberIndex(ipv4);
    const within = ipv6.starts.filter((start) => start >> 128n === 0n);
    this.#starts = Uint32Array.from(
      within.flatMap((start) => [96n, 64n, 32n, 0n].map((bits) => Number(low32(start >> bits)))),
    );
    this.#bitmaps = Uint32Array.from(ipv6.bitmaps.slice(0, within.length));
  }

  get byteLength(): number {
    return this.#ipv4.byteLength + this.#starts.byteLength + this.#bitmaps.byteLength;
  }

  find(w0: number, w1: number, w2: number, w3: number): number {
    if (w2 === IPV4_MAPPED_WORD && w0 === 0 && w1 === 0) return this.#ipv4.find(w3);
    let low = 0;
    let count = this.#bitmaps.length;
    while (count > 1) {
      const half = count >>> 1;
      if (this.#startsBefore(low + half, w0, w1, w2, w3)) low += half;
      count -= half;
    }
    return this.#bitmaps[low] ?? 0;
  }

  /** At the address or before it. */
  #startsBefore(interval: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const starts = this.#starts;
    const at = interval * 4;
    const s0 = starts[at] ?? 0;
    if (s0 !== w0) return s0 < w0;
    const s1 = starts[at + 1] ?? 0;
    if (s1 !== w1) return s1 < w1;
    const s2 = starts[at + 2] ?? 0;
    if (s2 !== w2) return s2 < w2;
    return (starts[at + 3] ?? 0) <= w3;
  }
}

function assertClassifiable(predicates: readonly Predicate[]): void {
  let seen = 0;
  for (const { field } of predicates) {
    const index = FIELDS.indexOf(field);
    assert(index >= 0, 'a field that the classifier knows');
    assert((seen & (1 << index)) === 0, 'one predicate a field');
    seen |= 1 << index;
  }
}

function predicateOf(predicates: readonly Predicate[], field: Field): Predicate | undefined {
  return predicates.find((predicate) => predicate.field === field);
}

/** Undefined: every value. */
function addressSpans(predicate: Predicate | undefined): Span[] | undefined {
  if (predicate === undefined) return undefined;
  const set = 'set' in predicate ? predicate.set.ranges : undefined;
  const ranges = set ?? ('in' in predicate ? rangesOf(predicate.in) : undefined);
  assert(ranges !== undefined, 'a predicate about addresses');
  return ranges.map(({ from, to }) => ({ from: bigintOf(from), to: bigintOf(to) }));
}

/** Undefined: every value. Ranges of one predicate may overlap. */
function numberSpans(predicate: Predicate | undefined): Span[] | undefined {
  if (predicate === undefined) return undefined;
  const ranges =
    'anyOf' in predicate ? predicate.anyOf : 'from' in predicate ? [predicate] : undefined;
  assert(ranges !== undefined, 'a predicate about a number');
  const merged: Span[] = [];
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    if (from > to) continue;
    const last = merged.at(-1);
    if (last === undefined || last.to < BigInt(from)) {
      merged.push({ from: BigInt(from), to: BigInt(to) });
    } else if (last.to < BigInt(to)) {
      merged[merged.length - 1] = { from: last.from, to: BigInt(to) };
    }
  }
  return merged;
}

function bigintOf(words: IpWords): bigint {
  return words.reduce((value, word) => (value << 32n) | BigInt(word), 0n);
}

function low32(value: bigint): bigint {
  return value & 0xffff_ffffn;
}

function flip(bitmap: Uint32Array, rule: number): void {
  bitmap[rule >>> 5] = (bitmap[rule >>> 5] ?? 0) ^ (1 << (rule & 31));
}

function hashOf(bitmap: Uint32Array): number {
  let hash = 0;
  for (const word of bitmap) hash = Math.imul(hash ^ word ^ (hash >>> 15), 0x9e37_79b1);
  return hash;
}
