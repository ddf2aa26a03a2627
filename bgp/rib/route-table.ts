/**
 * The routing information base of one family: every path of every neighbour, and the best of each prefix. RFC 4271 §3.2 and §9.1.
 *
 * The essay. Adj-RIB-In and Loc-RIB are one table: a path is a row of typed arrays (whose, which prefix, which attributes as received, which
 * after import policy), chained per prefix; a prefix knows its first and its best path. 36 bytes a route beside its share of an attribute set.
 * A change marks its prefix; `settle` decides marked prefixes in bounded pieces and tells, once per prefix, however often it changed meanwhile.
 * A path that import policy refused stays, unused, so that a changed policy can be applied without asking the peer again.
 *
 * Stale paths (RFC 4724 §4.2, RFC 7313 §4) are usable until swept. Called by the speaker.
 */
import { assert } from '../../base/assert.ts';
import { PATHS_MAX } from '../limits.ts';
import type { AttributeTable } from './attribute-table.ts';
import {
  type Candidate,
  type DecisionOptions,
  decide,
  explain,
  type PathSource,
  type StepName,
} from './decision.ts';
import { NONE, PrefixTable } from './prefix-table.ts';

export interface RouteTableOptions {
  readonly afi: number;
  readonly attributes: AttributeTable;
  readonly decision: DecisionOptions;
  source(peer: number): PathSource;
  /** Cost of reaching a next hop; undefined: it cannot be reached, and its routes are not eligible (§9.1.2). */
  nextHopCost(nextHop: Uint8Array): number | undefined;
}

/** A path with its row number: what a decision was about. */
interface TableCandidate extends Candidate {
  readonly path: number;
}

export interface ExplainedPath {
  readonly path: number;
  readonly peer: number;
  readonly isBest: boolean;
  readonly isMultipath: boolean;
  readonly isStale: boolean;
  /** Why it is not the best. */
  readonly lostBy: StepName | 'refused by import policy' | 'next hop unreachable' | undefined;
}

const CAPACITY_INITIAL = 1_024;
const STALE = 1;

export class RouteTable {
  readonly prefixes: PrefixTable;
  readonly #options: RouteTableOptions;
  // By path.
  #prefixOf = new Int32Array(CAPACITY_INITIAL);
  #peerOf = new Int32Array(CAPACITY_INITIAL).fill(NONE);
  #pathIdOf = new Uint32Array(CAPACITY_INITIAL);
  #received = new Int32Array(CAPACITY_INITIAL);
  #accepted = new Int32Array(CAPACITY_INITIAL);
  #next = new Int32Array(CAPACITY_INITIAL);
  #flags = new Uint8Array(CAPACITY_INITIAL);
  // By prefix.
  #head = new Int32Array(CAPACITY_INITIAL).fill(NONE);
  #best = new Int32Array(CAPACITY_INITIAL).fill(NONE);
  #isMarked = new Uint8Array(CAPACITY_INITIAL);
  #marked: number[] = [];
  #markedAt = 0;
  #used = 0;
  readonly #free: number[] = [];
  #count = 0;
  /** Further paths of prefixes that use several. */
  readonly #beside = new Map<number, readonly number[]>();

  constructor(options: RouteTableOptions) {
    this.#options = options;
    this.prefixes = new PrefixTable(options.afi);
  }

  get pathCount(): number {
    return this.#count;
  }

  get hasMarked(): boolean {
    return this.#markedAt < this.#marked.length;
  }

  /**
   * Adds or replaces a peer's path. `received` and `accepted` (NONE: refused) are retained by the caller for this table. False, with both
   * released again, when the table is full.
   */
  announce(route: {
    readonly prefix: number;
    readonly peer: number;
    readonly pathId: number;
    readonly received: number;
    readonly accepted: number;
  }): 'added' | 'replaced' | 'full' {
    const { prefix, peer, pathId, received, accepted } = route;
    this.#growPrefixes();
    let path = this.#find(prefix, peer, pathId);
    const isNew = path === NONE;
    if (isNew) {
      if (this.#count >= PATHS_MAX) {
        this.#releaseSets(received, accepted);
        return 'full';
      }
      path = this.#allocate(prefix, peer, pathId);
    } else {
      const isSame = this.#received[path] === received && this.#accepted[path] === accepted;
      this.#releaseSets(this.#received[path] ?? NONE, this.#accepted[path] ?? NONE);
      this.#flags[path] = 0;
      if (isSame) return 'replaced';
    }
    this.#received[path] = received;
    this.#accepted[path] = accepted;
    this.#flags[path] = 0;
    this.#mark(prefix);
    return isNew ? 'added' : 'replaced';
  }

  /** False when the peer had no such path. */
  withdraw(prefix: number, peer: number, pathId: number): boolean {
    const path = this.#find(prefix, peer, pathId);
    if (path === NONE) return false;
    this.#remove(path);
    return true;
  }

  /** Everything of a peer, or only what is stale; returns how many went. */
  sweep(peer: number, staleOnly: boolean): number {
    let removed = 0;
    for (let path = 0; path < this.#used; path++) {
      if (this.#peerOf[path] !== peer) continue;
      if (staleOnly && ((this.#flags[path] ?? 0) & STALE) === 0) continue;
      this.#remove(path);
      removed += 1;
    }
    return removed;
  }

  /** Marks everything of a peer stale: it stays in use until it is announced again or swept. */
  markStale(peer: number): void {
    for (let path = 0; path < this.#used; path++) {
      if (this.#peerOf[path] === peer) this.#flags[path] = STALE;
    }
  }

  countOf(peer: number): number {
    let count = 0;
    for (let path = 0; path < this.#used; path++) if (this.#peerOf[path] === peer) count += 1;
    return count;
  }

  /** Judges anew what a peer has announced; `accept` retains what it returns. */
  reimport(
    peer: number,
    accept: (prefix: number, received: number, isStale: boolean) => number,
  ): void {
    for (let path = 0; path < this.#used; path++) {
      if (this.#peerOf[path] !== peer) continue;
      const prefix = this.#prefixOf[path] ?? NONE;
      const isStale = this.#flags[path] === STALE;
      const accepted = accept(prefix, this.#received[path] ?? NONE, isStale);
      const before = this.#accepted[path] ?? NONE;
      this.#accepted[path] = accepted;
      if (before !== NONE) this.#options.attributes.release(before);
      if (before !== accepted) this.#mark(prefix);
    }
  }

  /** All prefixes are decided anew: what can be reached has changed. */
  markAll(): void {
    for (let prefix = 0; prefix < this.prefixes.idEnd; prefix++) {
      if ((this.#head[prefix] ?? NONE) !== NONE) this.#mark(prefix);
    }
  }

  /** Decides at most `countMax` marked prefixes; `onChange` hears of each whose best path, attributes or companions changed. */
  settle(countMax: number, onChange: (prefix: number) => void): void {
    const end = Math.min(this.#marked.length, this.#markedAt + countMax);
    while (this.#markedAt < end) {
      const prefix = this.#marked[this.#markedAt++] ?? NONE;
      this.#isMarked[prefix] = 0;
      this.#decide(prefix);
      onChange(prefix);
    }
    if (this.#markedAt < this.#marked.length) return;
    this.#marked = [];
    this.#markedAt = 0;
  }

  best(prefix: number): number {
    return this.#best[prefix] ?? NONE;
  }

  /** The best path first, then those used beside it. */
  used(prefix: number): readonly number[] {
    const best = this.best(prefix);
    if (best === NONE) return [];
    return this.#beside.get(prefix) ?? [best];
  }

  /** At most `countMax` usable paths in the order of preference. */
  ranked(prefix: number, countMax: number): readonly number[] {
    let left = this.#candidates(prefix);
    const paths: number[] = [];
    while (paths.length < countMax) {
      const decided = decide(left, this.#options.decision);
      if (decided === undefined) return paths;
      paths.push(decided.best.path);
      left = left.filter((each) => each !== decided.best);
    }
    return paths;
  }

  /** Rows of paths are below this; those of nobody are free. */
  get rowEnd(): number {
    return this.#used;
  }

  prefixOf(path: number): number {
    return this.#prefixOf[path] ?? NONE;
  }

  pathIdOf(path: number): number {
    return this.#pathIdOf[path] ?? 0;
  }

  /** Paths of a peer that the next sweep of stale ones takes. */
  staleRows(peer: number): number[] {
    const rows: number[] = [];
    for (let path = 0; path < this.#used; path++) {
      if (this.#peerOf[path] === peer && this.#flags[path] === STALE) rows.push(path);
    }
    return rows;
  }

  peerOf(path: number): number {
    return this.#peerOf[path] ?? NONE;
  }

  /** Attribute set after import policy; NONE when that refused it. */
  acceptedOf(path: number): number {
    return this.#accepted[path] ?? NONE;
  }

  /** Every path of a prefix as it was received, used or not. */
  paths(
    prefix: number,
  ): { readonly peer: number; readonly pathId: number; readonly received: number }[] {
    const all: { peer: number; pathId: number; received: number }[] = [];
    for (let path = this.#head[prefix] ?? NONE; path !== NONE; path = this.#next[path] ?? NONE) {
      all.push({
        peer: this.peerOf(path),
        pathId: this.#pathIdOf[path] ?? 0,
        received: this.#received[path] ?? NONE,
      });
    }
    return all;
  }

  /** Attribute set as the peer announced it. */
  receivedOf(path: number): number {
    return this.#received[path] ?? NONE;
  }

  hasPaths(prefix: number): boolean {
    return (this.#head[prefix] ?? NONE) !== NONE;
  }

  /** Every path of a prefix with the reason why it is or is not used. */
  explain(prefix: number): readonly ExplainedPath[] {
    const candidates = this.#candidates(prefix);
    const verdicts = explain(candidates, this.#options.decision);
    const used = this.used(prefix);
    const explained: ExplainedPath[] = [];
    for (let path = this.#head[prefix] ?? NONE; path !== NONE; path = this.#next[path] ?? NONE) {
      const candidate = candidates.find((each) => each.path === path);
      const refused = this.#accepted[path] === NONE;
      explained.push({
        path,
        peer: this.peerOf(path),
        isBest: path === this.best(prefix),
        isMultipath: used.includes(path),
        isStale: this.#flags[path] === STALE,
        lostBy:
          candidate !== undefined
            ? verdicts.get(candidate)
            : refused
              ? 'refused by import policy'
              : 'next hop unreachable',
      });
    }
    return explained;
  }

  /** Asserts what every operation relies on. For tests; settled tables only. */
  checkInvariants(): void {
    this.prefixes.checkInvariants();
    let reached = 0;
    for (let prefix = 0; prefix < this.prefixes.idEnd; prefix++) {
      for (let path = this.#head[prefix] ?? NONE; path !== NONE; path = this.#next[path] ?? NONE) {
        reached += 1;
        assert(this.#prefixOf[path] === prefix, 'a path is chained under its prefix');
        assert(this.#peerOf[path] !== NONE, 'a chained path is somebody’s');
      }
      const decided = decide(this.#candidates(prefix), this.#options.decision);
      assert((decided?.best.path ?? NONE) === this.best(prefix), 'the best path is the best');
    }
    assert(reached === this.#count, 'count counts the paths');
  }

  #decide(prefix: number): void {
    const head = this.#head[prefix] ?? NONE;
    this.#beside.delete(prefix);
    // Most prefixes have one path: no list, no comparison.
    if (head === NONE || (this.#next[head] ?? NONE) === NONE) {
      this.#best[prefix] = head !== NONE && this.#costOf(head) !== undefined ? head : NONE;
      return;
    }
    const decided = decide(this.#candidates(prefix), this.#options.decision);
    this.#best[prefix] = decided?.best.path ?? NONE;
    if (decided !== undefined && decided.multipath.length > 1) {
      this.#beside.set(
        prefix,
        decided.multipath.map((each) => each.path),
      );
    }
  }

  #candidates(prefix: number): TableCandidate[] {
    const { attributes, source } = this.#options;
    const candidates: TableCandidate[] = [];
    for (let path = this.#head[prefix] ?? NONE; path !== NONE; path = this.#next[path] ?? NONE) {
      const interiorCost = this.#costOf(path);
      if (interiorCost === undefined) continue;
      candidates.push({
        path,
        interiorCost,
        set: attributes.get(this.acceptedOf(path)),
        source: source(this.peerOf(path)),
        pathId: this.#pathIdOf[path] ?? 0,
      });
    }
    return candidates;
  }

  /** Undefined: not eligible. */
  #costOf(path: number): number | undefined {
    const accepted = this.acceptedOf(path);
    if (accepted === NONE) return undefined;
    const { attributes, nextHopCost, source } = this.#options;
    if (source(this.peerOf(path)).isLocal) return 0;
    return nextHopCost(attributes.nextHopOf(accepted));
  }

  #find(prefix: number, peer: number, pathId: number): number {
    let path = this.#head[prefix] ?? NONE;
    while (path !== NONE && !(this.#peerOf[path] === peer && this.#pathIdOf[path] === pathId)) {
      path = this.#next[path] ?? NONE;
    }
    return path;
  }

  #allocate(prefix: number, peer: number, pathId: number): number {
    const path = this.#free.pop() ?? this.#used++;
    if (path >= this.#peerOf.length) this.#growPaths();
    this.#prefixOf[path] = prefix;
    this.#peerOf[path] = peer;
    this.#pathIdOf[path] = pathId;
    this.#next[path] = this.#head[prefix] ?? NONE;
    this.#head[prefix] = path;
    this.#count += 1;
    return path;
  }

  #remove(path: number): void {
    const prefix = this.#prefixOf[path] ?? NONE;
    const next = this.#next[path] ?? NONE;
    if (this.#head[prefix] === path) this.#head[prefix] = next;
    else {
      let before = this.#head[prefix] ?? NONE;
      while (this.#next[before] !== path) before = this.#next[before] ?? NONE;
      this.#next[before] = next;
    }
    // Until it is decided anew, the prefix must not name a row that may be somebody else's by then.
    if (this.#best[prefix] === path) this.#best[prefix] = NONE;
    this.#beside.delete(prefix);
    this.#releaseSets(this.#received[path] ?? NONE, this.#accepted[path] ?? NONE);
    this.#peerOf[path] = NONE;
    this.#flags[path] = 0;
    this.#free.push(path);
    this.#count -= 1;
    this.#mark(prefix);
  }

  #releaseSets(received: number, accepted: number): void {
    this.#options.attributes.release(received);
    if (accepted !== NONE) this.#options.attributes.release(accepted);
  }

  #mark(prefix: number): void {
    if (this.#isMarked[prefix] === 1) return;
    this.#isMarked[prefix] = 1;
    this.#marked.push(prefix);
  }

  #growPrefixes(): void {
    const { capacity } = this.prefixes;
    if (capacity <= this.#head.length) return;
    this.#head = grown(this.#head, capacity);
    this.#best = grown(this.#best, capacity);
    const isMarked = new Uint8Array(capacity);
    isMarked.set(this.#isMarked);
    this.#isMarked = isMarked;
  }

  #growPaths(): void {
    const capacity = this.#peerOf.length * 2;
    this.#prefixOf = grown(this.#prefixOf, capacity);
    this.#peerOf = grown(this.#peerOf, capacity);
    this.#received = grown(this.#received, capacity);
    this.#accepted = grown(this.#accepted, capacity);
    this.#next = grown(this.#next, capacity);
    const pathIds = new Uint32Array(capacity);
    pathIds.set(this.#pathIdOf);
    this.#pathIdOf = pathIds;
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags);
    this.#flags = flags;
  }
}

function grown(array: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(capacity).fill(NONE);
  larger.set(array);
  return larger;
}
