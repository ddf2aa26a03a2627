/**
 * Address sets: any number of addresses of both families under a name that people know ("INTERNET", "10.0.0.0/8 and 3 more"), for rules
 * that match one of many. Held as disjoint inclusive ranges in ascending order over the 128-bit space of base/ip-words, where IPv4 lies
 * at ::ffff:0:0/96; so complement and union need no case for the family.
 *
 * Called by dataplane/layers (writes them), predicate (asks for one address), classifier (turns them into intervals),
 * dataplane/explain (shows their prefixes).
 */
import {
  formatIpPrefixWords,
  IPV4_MAPPED_BITS,
  type IpPrefixWords,
  type IpWords,
  ipv4Words,
  isIpv4Words,
  wordMask,
} from '../../base/ip-words.ts';

/** Both ends belong to it. */
export interface AddressRange {
  readonly from: IpWords;
  readonly to: IpWords;
}

export interface AddressSet {
  /** For explanations. */
  readonly name: string;
  /** Disjoint, not adjacent, ascending. */
  readonly ranges: readonly AddressRange[];
}

const FIRST: IpWords = [0, 0, 0, 0];
export const IPV4_FIRST: IpWords = ipv4Words(0);
export const IPV4_LAST: IpWords = ipv4Words(0xffff_ffff);
const LAST: IpWords = [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff];

/** Prefixes named one by one before a description says how many more there are. */
const NAMED_MAX = 3;

/** The addresses of all these prefixes, which may overlap; an IPv6 prefix has no IPv4 addresses, also where it spans the mapped ones. */
export function addressSet(prefixes: readonly IpPrefixWords[], name?: string): AddressSet {
  return {
    // Made up when somebody asks: lists of thousands of rules are compiled far more often than explained.
    get name() {
      return name ?? nameOf(prefixes);
    },
    ranges: normalised(prefixes.flatMap(rangesOf)),
  };
}

/** Every address that is in any of the sets. */
export function unionOf(name: string, sets: readonly AddressSet[]): AddressSet {
  return { name, ranges: normalised(sets.flatMap(({ ranges }) => ranges)) };
}

/** Every address of both families that is in none of the sets. */
export function complementOf(name: string, sets: readonly AddressSet[]): AddressSet {
  const ranges: AddressRange[] = [];
  let from: IpWords | undefined = FIRST;
  for (const taken of unionOf('', sets).ranges) {
    if (from === undefined) break;
    if (compareWords(from, taken.from) < 0) ranges.push({ from, to: before(taken.from) });
    from = after(taken.to);
  }
  if (from !== undefined) ranges.push({ from, to: LAST });
  return { name, ranges };
}

export function setHas(set: AddressSet, w0: number, w1: number, w2: number, w3: number): boolean {
  const { ranges } = set;
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined) return false;
    if (compare(range.to, w0, w1, w2, w3) < 0) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low];
  return range !== undefined && compare(range.from, w0, w1, w2, w3) <= 0;
}

function nameOf(prefixes: readonly IpPrefixWords[]): string {
  const named = prefixes.slice(0, NAMED_MAX).map(formatIpPrefixWords);
  const more = prefixes.length - named.length;
  return `${named.join(' or ')}${more === 0 ? '' : ` or ${more} more`}`;
}

/** The fewest prefixes that make up the set, those of IPv4 first. */
export function prefixesOf({ ranges }: AddressSet): IpPrefixWords[] {
  const prefixes = ranges.flatMap(prefixesOfRange);
  const isIpv4 = ({ words }: IpPrefixWords) => isIpv4Words(words);
  return [...prefixes.filter(isIpv4), ...prefixes.filter((own) => !isIpv4(own))];
}

function prefixesOfRange({ from, to }: AddressRange): IpPrefixWords[] {
  const prefixes: IpPrefixWords[] = [];
  let at: IpWords | undefined = from;
  while (at !== undefined && compareWords(at, to) <= 0) {
    const prefix = largestPrefix(at, earlier(to, lastOfFamily(at)));
    prefixes.push(prefix);
    at = after(lastOf(prefix));
  }
  return prefixes;
}

/** The largest prefix that begins at an address and does not reach beyond another. */
function largestPrefix(words: IpWords, to: IpWords): IpPrefixWords {
  let prefix: IpPrefixWords = { words, len: 128 };
  while (prefix.len > 0) {
    const len = prefix.len - 1;
    const hasHostBits = words.some((part, index) => (part & ~wordMask(len, index)) !== 0);
    if (hasHostBits || compareWords(lastOf({ words, len }), to) > 0) break;
    prefix = { words, len };
  }
  return prefix;
}

/** The mapped IPv4 addresses lie among those of IPv6. */
function lastOfFamily(words: IpWords): IpWords {
  if (isIpv4Words(words)) return IPV4_LAST;
  return compareWords(words, IPV4_FIRST) < 0 ? before(IPV4_FIRST) : LAST;
}

function earlier(a: IpWords, b: IpWords): IpWords {
  return compareWords(a, b) < 0 ? a : b;
}

function lastOf({ words, len }: IpPrefixWords): IpWords {
  const last = (index: 0 | 1 | 2 | 3) => (words[index] | ~wordMask(len, index)) >>> 0;
  return [last(0), last(1), last(2), last(3)];
}

/** One range; two for an IPv6 prefix that spans the mapped IPv4 addresses. */
export function rangesOf(prefix: IpPrefixWords): AddressRange[] {
  const { words, len } = prefix;
  const to = lastOf(prefix);
  const spansIpv4 = compareWords(words, IPV4_FIRST) <= 0 && compareWords(to, IPV4_LAST) >= 0;
  if (len >= IPV4_MAPPED_BITS || !spansIpv4) return [{ from: words, to }];
  const below: AddressRange = { from: words, to: before(IPV4_FIRST) };
  const next = after(IPV4_LAST);
  if (next === undefined || compareWords(next, to) > 0) return [below];
  return [below, { from: next, to }];
}

function normalised(ranges: readonly AddressRange[]): AddressRange[] {
  const sorted = [...ranges].sort((a, b) => compareWords(a.from, b.from));
  const merged: AddressRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    const next = last === undefined ? undefined : after(last.to);
    if (last === undefined || (next !== undefined && compareWords(next, range.from) < 0)) {
      merged.push(range);
    } else if (compareWords(last.to, range.to) < 0) {
      merged[merged.length - 1] = { from: last.from, to: range.to };
    }
  }
  return merged;
}

/** Below, equal, above: -1, 0, 1. */
export function compareWords(a: IpWords, b: IpWords): number {
  return compare(a, b[0], b[1], b[2], b[3]);
}

function compare(a: IpWords, w0: number, w1: number, w2: number, w3: number): number {
  if (a[0] !== w0) return a[0] < w0 ? -1 : 1;
  if (a[1] !== w1) return a[1] < w1 ? -1 : 1;
  if (a[2] !== w2) return a[2] < w2 ? -1 : 1;
  if (a[3] !== w3) return a[3] < w3 ? -1 : 1;
  return 0;
}

/** The next address; undefined after the last. */
export function after(words: IpWords): IpWords | undefined {
  const next: [number, number, number, number] = [...words];
  for (const index of [3, 2, 1, 0] as const) {
    next[index] = (next[index] + 1) >>> 0;
    if (next[index] !== 0) return next;
  }
  return undefined;
}

/** The address before one that is not the first. */
function before(words: IpWords): IpWords {
  const previous: [number, number, number, number] = [...words];
  for (const index of [3, 2, 1, 0] as const) {
    previous[index] = (previous[index] - 1) >>> 0;
    if (previous[index] !== 0xffff_ffff) return previous;
  }
  return previous;
}
