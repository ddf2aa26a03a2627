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
 * Building is a sweep over the sorted bounds of all ranges, in numbers (IPv6 addresses apart), since a list is replaced by the thread that
 * forwards: some milliseconds for thousands of rules.
 * Memory: at most 2 · ranges + 1 bitmaps a field (limits: CLASSIFIED_RULES_MAX, CLASSIFIED_RANGES_MAX).
 *
 * Called by group (classifiedGroup).
 */
import { assert } from '../../base/assert.ts';
import { IPV4_MAPPED_WORD, type IpWords } from '../../base/ip-words.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { CLASSIFIED_RANGES_MAX, CLASSIFIED_RULES_MAX } from '../limits.ts';
import {
  type AddressRange,
  after,
  compareWords,
  IPV4_FIRST,
  IPV4_LAST,
  rangesOf,
} from './address-set.ts';
import type { NumberRange, Predicate } from './predicate.ts';
import type { Rule } from './rule.ts';

/** No rule matches. */
export const NO_RULE = -1;

type Field = 'srcAddress' | 'dstAddress' | 'protocol' | 'srcPort' | 'dstPort';
const FIELDS: readonly string[] = ['srcAddress', 'dstAddress', 'protocol', 'srcPort', 'dstPort'];

const NUMBER_LAST = 0xffff_ffff;
const NO_RANGES: readonly never[] = [];
/** A bound of a range and the rule it belongs to in one exact number: 33 bits and 20. */
const RULE_SPAN = 2 ** 20;

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
  /** While building: where the bitmaps of a hash lie in the pool. */
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
    const ranges = rules.map(({ predicates }) => addressRanges(predicateOf(predicates, field)));
    return new AddressIndex(this.#numberIntervals(ranges, ipv4Part), this.#ipv6Intervals(ranges));
  }

  #numberIndex(rules: readonly Rule[], field: 'protocol' | 'srcPort' | 'dstPort'): NumberIndex {
    const ranges = rules.map(({ predicates }) => numberRanges(predicateOf(predicates, field)));
    return new NumberIndex(this.#numberIntervals(ranges, identity));
  }

  /** `numbersOf`: what of a range lies among these numbers. Ranges undefined: the rule matches every value. */
  #numberIntervals<Range>(
    ranges: readonly (readonly Range[] | undefined)[],
    numbersOf: (range: Range) => NumberRange | undefined,
  ): Intervals {
    const sweep = this.#sweep(ranges);
    const room = new Float64Array(ranges.reduce((sum, own) => sum + (own?.length ?? 0) * 2, 0));
    let count = 0;
    for (let rule = 0; rule < ranges.length; rule += 1) {
      for (const range of ranges[rule] ?? NO_RANGES) {
        const numbers = numbersOf(range);
        if (numbers === undefined) continue;
        room[count++] = numbers.from * RULE_SPAN + rule;
        if (numbers.to < NUMBER_LAST) room[count++] = (numbers.to + 1) * RULE_SPAN + rule;
      }
    }
    const bounds = room.fill(Number.POSITIVE_INFINITY, count).sort();
    const starts = [0];
    const bitmaps: number[] = [];
    let start = 0;
    for (let index = 0; index < count; index += 1) {
      const bound = bounds[index] ?? 0;
      const at = Math.floor(bound / RULE_SPAN);
      if (at !== start) {
        bitmaps.push(this.#intern(sweep));
        starts.push(at);
        start = at;
      }
      sweep.flip(bound - at * RULE_SPAN);
    }
    bitmaps.push(this.#intern(sweep));
    return { starts, bitmaps };
  }

  /** Starts are four words each. */
  #ipv6Intervals(ranges: readonly (readonly AddressRange[] | undefined)[]): Intervals {
    const sweep = this.#sweep(ranges);
    const bounds: { readonly at: IpWords; readonly rule: number }[] = [];
    for (let rule = 0; rule < ranges.length; rule += 1) {
      for (const { from, to } of ranges[rule] ?? NO_RANGES) {
        if (compareWords(from, IPV4_FIRST) >= 0 && compareWords(to, IPV4_LAST) <= 0) continue;
        bounds.push({ at: from, rule });
        const end = after(to);
        if (end !== undefined) bounds.push({ at: end, rule });
      }
    }
    bounds.sort((a, b) => compareWords(a.at, b.at));
    let start: IpWords = [0, 0, 0, 0];
    const starts: number[] = [...start];
    const bitmaps: number[] = [];
    for (const { at, rule } of bounds) {
      if (compareWords(at, start) !== 0) {
        bitmaps.push(this.#intern(sweep));
        starts.push(...at);
        start = at;
      }
      sweep.flip(rule);
    }
    bitmaps.push(this.#intern(sweep));
    return { starts, bitmaps };
  }

  /** Before the first bound: the rules that match every value. */
  #sweep(ranges: readonly unknown[]): Sweep {
    const sweep = new Sweep(this.#wordsPerBitmap);
    for (let rule = 0; rule < ranges.length; rule += 1) {
      if (ranges[rule] === undefined) sweep.flip(rule);
    }
    return sweep;
  }

  /** Where the bitmap lies in the pool. */
  #intern({ bitmap, hash }: Sweep): number {
    const same = this.#byHash.get(hash);
    for (const at of same ?? []) if (this.#holds(at, bitmap)) return at;
    const at = this.#bitmaps * this.#wordsPerBitmap;
    if (at === this.#pool.length) {
      const grown = new Uint32Array(this.#pool.length * 2);
      grown.set(this.#pool);
      this.#pool = grown;
    }
    this.#pool.set(bitmap, at);
    this.#bitmaps += 1;
    if (same === undefined) this.#byHash.set(hash, [at]);
    else same.push(at);
    return at;
  }

  #holds(at: number, bitmap: Uint32Array): boolean {
    const pool = this.#pool;
    for (let word = 0; word < bitmap.length; word += 1) {
      if (pool[at + word] !== bitmap[word]) return false;
    }
    return true;
  }
}

/** The rules that match at one point of a field, and a hash of them that is kept up with each change (Zobrist). */
class Sweep {
  readonly bitmap: Uint32Array;
  hash = 0;

  constructor(words: number) {
    this.bitmap = new Uint32Array(words);
  }

  flip(rule: number): void {
    this.bitmap[rule >>> 5] = (this.bitmap[rule >>> 5] ?? 0) ^ (1 << (rule & 31));
    this.hash ^= mixed(rule + 1);
  }
}

interface Intervals {
  /** Ascending, the first 0. */
  readonly starts: readonly number[];
  /** Where the bitmap of each lies in the pool. */
  readonly bitmaps: readonly number[];
}

/** Intervals of a number up to 32 bits. */
class NumberIndex {
  readonly #starts: Uint32Array;
  readonly #bitmaps: Uint32Array;

  constructor({ starts, bitmaps }: Intervals) {
    this.#starts = new Uint32Array(starts);
    this.#bitmaps = new Uint32Array(bitmaps);
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
    this.#starts = new Uint32Array(ipv6.starts);
    this.#bitmaps = new Uint32Array(ipv6.bitmaps);
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

/** Disjoint; undefined: every value. */
function addressRanges(predicate: Predicate | undefined): readonly AddressRange[] | undefined {
  if (predicate === undefined) return undefined;
  const set = 'set' in predicate ? predicate.set.ranges : undefined;
  const ranges = set ?? ('in' in predicate ? rangesOf(predicate.in) : undefined);
  assert(ranges !== undefined, 'a predicate about addresses');
  return ranges;
}

/** Disjoint, while those of the predicate may overlap; undefined: every value. */
function numberRanges(predicate: Predicate | undefined): readonly NumberRange[] | undefined {
  if (predicate === undefined) return undefined;
  const ranges =
    'anyOf' in predicate ? predicate.anyOf : 'from' in predicate ? [predicate] : undefined;
  assert(ranges !== undefined, 'a predicate about a number');
  if (ranges.length === 1) return ranges.filter(({ from, to }) => from <= to);
  const merged: NumberRange[] = [];
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    if (from > to) continue;
    const last = merged.at(-1);
    if (last === undefined || last.to < from) merged.push({ from, to });
    else if (last.to < to) merged[merged.length - 1] = { from: last.from, to };
  }
  return merged;
}

/** The IPv4 addresses of a range. */
function ipv4Part({ from, to }: AddressRange): NumberRange | undefined {
  if (compareWords(from, IPV4_LAST) > 0 || compareWords(to, IPV4_FIRST) < 0) return undefined;
  return {
    from: compareWords(from, IPV4_FIRST) < 0 ? 0 : from[3],
    to: compareWords(to, IPV4_LAST) > 0 ? NUMBER_LAST : to[3],
  };
}

function identity(range: NumberRange): NumberRange {
  return range;
}

/** A well spread 32-bit number for each number (the finaliser of MurmurHash3). */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
