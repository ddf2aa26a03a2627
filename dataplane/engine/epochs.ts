/**
 * Epochs: how a policy change reaches flows that are already in the unified flow table (VFP, NSDI 2017 §5.2: flows are invalidated by
 * generation, never flushed).
 *
 * An epoch cell is a counter that belongs to something a flow was resolved against: a port's whole policy, or one rule that may be
 * revoked by itself (a single address mapping). A flow remembers up to CELLS_MAX cells and the *sum* of their values; since cells only
 * ever count up, an equal sum proves that none of them has moved. A flow with another sum is stale and is resolved again by
 * its next packet. So a change costs one increment, however many flows it concerns.
 *
 * Invariant: a released cell keeps its value, hence a flow that remembers the former owner stays stale under the next one.
 * Called by flow-table (compare), by the owners of ports and rules (bump).
 */
import { assert } from '../../base/assert.ts';

/** Index of an epoch cell. */
export type EpochCell = number;

/** The cell nobody bumps: for a flow that depends on fewer than CELLS_MAX. */
export const ALWAYS_CURRENT: EpochCell = 0;

/** Cells that one flow may depend on: both ports of its way, and four rules (a virtual address, and what it takes of a peering, a route, a mapping). */
export const CELLS_MAX = 6;

const CELLS_INITIAL = 1024;

export class Epochs {
  #cells = new Uint32Array(CELLS_INITIAL);
  #used = 1;
  readonly #released: EpochCell[] = [];

  /** A cell for a new port or rule. */
  allocate(): EpochCell {
    const reused = this.#released.pop();
    if (reused !== undefined) return reused;
    if (this.#used === this.#cells.length) this.#grow();
    return this.#used++;
  }

  /** So many cells in a row, for good; returns the first. For what is numbered itself. */
  reserve(count: number): EpochCell {
    const first = this.#used;
    this.#used += count;
    while (this.#used > this.#cells.length) this.#grow();
    return first;
  }

  /** Gives the cell back; whatever was resolved against its owner is stale from now on. */
  release(cell: EpochCell): void {
    this.bump(cell);
    this.#released.push(cell);
  }

  /** Makes every flow that depends on the cell stale. */
  bump(cell: EpochCell): void {
    assert(cell > ALWAYS_CURRENT && cell < this.#used, 'an allocated epoch cell');
    this.#cells[cell] = (this.#cells[cell] ?? 0) + 1;
  }

  /** What a flow remembers that depends on the CELLS_MAX cells in `words` from `at` on. */
  sum(words: Uint32Array, at: number): number {
    const cells = this.#cells;
    let sum = 0;
    for (let index = at; index < at + CELLS_MAX; index += 1) sum += cells[words[index] ?? 0] ?? 0;
    return sum >>> 0;
  }

  #grow(): void {
    const cells = new Uint32Array(this.#cells.length * 2);
    cells.set(this.#cells);
    this.#cells = cells;
  }
}
