/**
 * Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, §3.4): a table of a prime number of
 * rows, each of which names a backend. Every mux computes the same table from the same backends and so agrees with the others on every flow
 * without a word between them; every backend gets its share of rows, exact to one row where weights are equal; and when backends come or
 * go, few flows of the others move.
 *
 * Every backend has a permutation of all rows, from two hashes of its name. The backends take turns, each taking the first row of its
 * permutation that is free, until none is. With weights a backend has so many turns as its part of the largest weight lets it (turns
 * add up, as in Katran's second version).
 *
 * The table depends on the set of backends and weights alone: names decide, not the order in which they are given. Some milliseconds for 1,000
 * backends; not for the thread that forwards. Called by table-builder.ts, on the main thread of muxes and hosts.
 */
import { assert } from '../../base/assert.ts';
import { BACKEND_WEIGHT_MAX, BACKENDS_PER_POOL_MAX } from './limits.ts';

/** Prime, and large: what moves without need is about 0.5 % of the flows (NSDI 2016, §5.3). */
export const MAGLEV_ROWS = 65_537;

/** Of tables and rows: the same for every mux and every host, which so agree on every flow. */
export const TABLE_SEED = 0x57ef_7a11;

/** In a row of a pool that has no backend. */
export const NO_BACKEND = 0xffff;

export interface PoolBackend {
  /** Unique in the pool, and the same at every mux: its address and port, as canonical text. */
  readonly name: string;
  /** 0 … BACKEND_WEIGHT_MAX; 0: gets nothing. */
  readonly weight: number;
}

/** A name's second hash must not follow from its first. */
const OFFSET_SEED = 0x811c_9dc5;
const SKIP_SEED = 0x2545_f491;

/**
 * MAGLEV_ROWS rows, each the position of a backend in `backends`, or NO_BACKEND in all of them where none has a weight. `seed`: 32 bits, the
 * same at every mux; who does not know it cannot choose names that share a permutation.
 */
export function maglevTable(backends: readonly PoolBackend[], seed: number): Uint16Array {
  assert(backends.length <= BACKENDS_PER_POOL_MAX, 'a pool within its limit');
  const rows = new Uint16Array(MAGLEV_ROWS).fill(NO_BACKEND);
  const turns = turnsOf(backends, seed);
  const { count, positions, weights, weightMax } = turns;
  /** Weight saved up; weightMax of it is worth a row. */
  const credits = new Int32Array(count);
  for (let left = count === 0 ? 0 : MAGLEV_ROWS; left > 0; ) {
    for (let turn = 0; turn < count; turn += 1) {
      const credit = (credits[turn] ?? 0) + (weights[turn] ?? 0);
      credits[turn] = credit;
      if (credit < weightMax) continue;
      credits[turn] = credit - weightMax;
      rows[firstFree(rows, turns, turn)] = positions[turn] ?? NO_BACKEND;
      left -= 1;
      if (left === 0) break;
    }
  }
  return rows;
}

/** Who takes turns, in the order of names. */
interface Turns {
  readonly count: number;
  /** In the list of backends. */
  readonly positions: Uint16Array;
  readonly weights: Int32Array;
  readonly weightMax: number;
  /** The permutations: the next row, and by how many rows it goes on. */
  readonly next: Int32Array;
  readonly skips: Int32Array;
}

function turnsOf(backends: readonly PoolBackend[], seed: number): Turns {
  const sorted = backends
    .map(({ name, weight }, position) => ({ name, weight, position }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const isWithin = backends.every(({ weight }) => weight >= 0 && weight <= BACKEND_WEIGHT_MAX);
  assert(isWithin, 'weights within their limit');
  return {
    count: sorted.length,
    positions: Uint16Array.from(sorted, ({ position }) => position),
    weights: Int32Array.from(sorted, ({ weight }) => weight),
    weightMax: sorted.reduce((most, { weight }) => Math.max(most, weight), 0),
    next: Int32Array.from(sorted, ({ name }) => hashOf(name, seed ^ OFFSET_SEED) % MAGLEV_ROWS),
    skips: Int32Array.from(
      sorted,
      ({ name }) => (hashOf(name, seed ^ SKIP_SEED) % (MAGLEV_ROWS - 1)) + 1,
    ),
  };
}

/** The first row of the permutation that is free; it goes on behind that. */
function firstFree(rows: Uint16Array, { next, skips }: Turns, turn: number): number {
  const skip = skips[turn] ?? 1;
  let row = next[turn] ?? 0;
  while (rows[row] !== NO_BACKEND) {
    row += skip;
    if (row >= MAGLEV_ROWS) row -= MAGLEV_ROWS;
  }
  next[turn] = (row + skip) % MAGLEV_ROWS;
  return row;
}

/** 32 bits of a text: FNV-1a with the finisher of MurmurHash3, which spreads what differs in the last character only. */
function hashOf(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
