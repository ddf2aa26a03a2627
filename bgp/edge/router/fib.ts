/**
 * The forwarding table: longest-prefix match (RFC 1812 §5.2.4.3) over connected networks, static routes and what BGP has learned, in this order of
 * preference for one prefix. A route leads to a group of next hops of equal cost; which of them a flow takes is decided by its hash, with
 * rendezvous hashing (Thaler and Ravishankar 1998; RFC 2992 §2): when a next hop comes or goes, only the flows move that must.
 *
 * Groups are interned: a full table with a few neighbours has a few groups. A change of a prefix makes the flows to its addresses stale, by
 * one of 256 epoch cells per family that share its leading octet (IPv4) or third octet (IPv6). Called by slow-path.ts and router-state.ts.
 */
import { defined } from '../../../base/assert.ts';
import {
  IPV4_MAPPED_BITS,
  type IpPrefixWords,
  type IpWords,
  isIpv4Words,
} from '../../../base/ip-words.ts';
import { Lpm, NONE } from '../../../base/lpm.ts';
import type { EpochCell, Epochs } from '../../../dataplane/engine/epochs.ts';

export interface NextHop {
  /** Number of the interface it is reached by. */
  readonly link: number;
  /** Undefined: the destination itself is on the link. */
  readonly gateway: IpWords | undefined;
}

export const RouteSource = { CONNECTED: 0, STATIC: 1, LEARNED: 2 } as const;
export type RouteSource = (typeof RouteSource)[keyof typeof RouteSource];
const SOURCES = 3;
export const ROUTE_SOURCE_NAMES = ['connected', 'static', 'bgp'] as const;

export interface HopGroup {
  readonly hops: readonly NextHop[];
  /** One per hop: what it is known by when flows choose. */
  readonly seeds: readonly number[];
}

export interface FoundRoute {
  readonly group: HopGroup;
  readonly source: RouteSource;
}

/** With the prefix that it is of. */
export interface FibRoute extends FoundRoute {
  readonly prefix: IpPrefixWords;
}

interface InternedGroup extends HopGroup {
  readonly key: string;
  routes: number;
}

/** Epoch cells of one family, by an octet of the destination. */
const BUCKETS = 256;
const GOLDEN = 0x9e37_79b1;

export class Fib {
  readonly #lpm = new Lpm();
  /** Per prefix, SOURCES groups; NONE: no such route. */
  #rows = new Int32Array(SOURCES * 64).fill(NONE);
  /** Per prefix, the round in which its learned route was told last. */
  #rounds = new Uint32Array(64);
  #round = 0;
  #used = 0;
  readonly #free: number[] = [];
  readonly #groups: (InternedGroup | undefined)[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #freeGroups: number[] = [];
  readonly #epochs: Epochs;
  readonly #cells: EpochCell;

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
    this.#cells = epochs.reserve(BUCKETS * 2);
  }

  /** Prefixes with a route. */
  get size(): number {
    return this.#lpm.size;
  }

  lookup(w0: number, w1: number, w2: number, w3: number): FoundRoute | undefined {
    const row = this.#lpm.lookup(w0, w1, w2, w3);
    return row === NONE ? undefined : this.#best(row);
  }

  /** Is the address on a link, and on which? NONE: on none. */
  connectedLink(words: IpWords): number {
    const row = this.#lpm.lookup(...words);
    if (row === NONE) return NONE;
    const group = this.#rows[row * SOURCES + RouteSource.CONNECTED] ?? NONE;
    return group === NONE ? NONE : (this.#groups[group]?.hops[0]?.link ?? NONE);
  }

  /** The route of one source for a prefix; no hops: none any more. */
  set(source: RouteSource, prefix: IpPrefixWords, hops: readonly NextHop[]): void {
    let row = this.#lpm.get(prefix);
    if (row === NONE) {
      if (hops.length === 0) return;
      row = this.#takeRow();
      this.#lpm.set(prefix, row);
    }
    if (source === RouteSource.LEARNED) this.#rounds[row] = this.#round;
    const at = row * SOURCES + source;
    const before = this.#rows[at] ?? NONE;
    const group = hops.length === 0 ? NONE : this.#intern(hops);
    this.#rows[at] = group;
    if (before !== NONE) this.#release(before);
    if (before === group) return;
    if (this.#best(row) === undefined) {
      this.#lpm.remove(prefix);
      this.#free.push(row);
    }
    this.#bump(prefix);
  }

  /**
   * From here on routes are learned anew, from a speaker that has just started: those of before stay in force until `forget` (RFC 4724 §4.1,
   * where the forwarding table of a restarting speaker keeps its stale routes).
   */
  relearn(): void {
    this.#round += 1;
  }

  /** Takes away learned routes that have not been told since `relearn`; returns how many. */
  forget(): number {
    let count = 0;
    for (const { prefix, value } of this.#lpm.entries()) {
      if (this.#rounds[value] === this.#round) continue;
      if (this.#rows[value * SOURCES + RouteSource.LEARNED] === NONE) continue;
      this.set(RouteSource.LEARNED, prefix, []);
      count += 1;
    }
    return count;
  }

  /** Takes away every route of one source. */
  clear(source: RouteSource): void {
    for (const { prefix, value } of this.#lpm.entries()) {
      if (this.#rows[value * SOURCES + source] !== NONE) this.set(source, prefix, []);
    }
  }

  /** What a flow to the address depends on. */
  cellOf(w0: number, w1: number, w2: number, w3: number): EpochCell {
    const isIpv4 = w0 === 0 && w1 === 0 && w2 === 0xffff;
    return this.#cells + (isIpv4 ? w3 >>> 24 : BUCKETS + ((w0 >>> 8) & 0xff));
  }

  /** Every route there is, best source of each prefix first. For people. */
  *routes(): Generator<FibRoute> {
    for (const { prefix, value } of this.#lpm.entries()) {
      const found = this.#best(value);
      if (found !== undefined) yield { prefix, ...found };
    }
  }

  #best(row: number): FoundRoute | undefined {
    for (const source of [RouteSource.CONNECTED, RouteSource.STATIC, RouteSource.LEARNED]) {
      const group = this.#rows[row * SOURCES + source] ?? NONE;
      if (group !== NONE) return { group: defined(this.#groups[group], 'a group in use'), source };
    }
    return undefined;
  }

  #takeRow(): number {
    const row = this.#free.pop() ?? this.#used++;
    if ((row + 1) * SOURCES > this.#rows.length) {
      const rows = new Int32Array(this.#rows.length * 2).fill(NONE);
      rows.set(this.#rows);
      this.#rows = rows;
      const rounds = new Uint32Array(this.#rounds.length * 2);
      rounds.set(this.#rounds);
      this.#rounds = rounds;
    }
    return row;
  }

  #intern(hops: readonly NextHop[]): number {
    const key = hops.map(({ link, gateway }) => `${link}:${gateway?.join() ?? ''}`).join(' ');
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      defined(this.#groups[known], 'a group in use').routes += 1;
      return known;
    }
    const index = this.#freeGroups.pop() ?? this.#groups.length;
    this.#groups[index] = { hops, seeds: hops.map(seedOf), key, routes: 1 };
    this.#byKey.set(key, index);
    return index;
  }

  #release(index: number): void {
    const group = defined(this.#groups[index], 'a group in use');
    group.routes -= 1;
    if (group.routes > 0) return;
    this.#groups[index] = undefined;
    this.#byKey.delete(group.key);
    this.#freeGroups.push(index);
  }

  #bump({ words, len }: IpPrefixWords): void {
    const isIpv4 = len >= IPV4_MAPPED_BITS && isIpv4Words(words);
    const isNarrow = isIpv4 ? len >= IPV4_MAPPED_BITS + 8 : len >= 24;
    if (isNarrow) {
      this.#epochs.bump(this.cellOf(...words));
      return;
    }
    const first = this.#cells + (isIpv4 ? 0 : BUCKETS);
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) this.#epochs.bump(first + bucket);
  }
}

/** The hop of the group that a flow takes: the one with the highest score of those that may be used; NONE if there is none. */
export function chooseHop(
  { seeds }: HopGroup,
  flowHash: number,
  mayUse: (hop: number) => boolean,
): number {
  let best = NONE;
  let bestScore = -1;
  for (let hop = 0; hop < seeds.length; hop += 1) {
    const mixed = Math.imul(flowHash ^ (seeds[hop] ?? 0), GOLDEN);
    const score = Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca6b) >>> 0;
    if (score <= bestScore || !mayUse(hop)) continue;
    best = hop;
    bestScore = score;
  }
  return best;
}

function seedOf({ link, gateway }: NextHop): number {
  let seed = Math.imul(link + 1, GOLDEN);
  for (const word of gateway ?? []) seed = Math.imul(seed ^ (seed >>> 15) ^ word, GOLDEN);
  return seed ^ (seed >>> 16);
}
