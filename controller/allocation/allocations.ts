/**
 * The controller's allocation tables: a view of desired state, rebuilt at start and kept in step with every applied revision, and the
 * draft in which one write tries out its own claims before it is committed. Writes are serial, so a draft never meets
 * another's; nothing is ever rolled back, because nothing is taken before its revision is applied.
 *
 * Called by northbound: PlanningState keeps the tables, the write path drafts, views count usage.
 */
import type { DesiredState, Tree } from '../model/desired-state.ts';
import { type Claim, claimsOf } from './claims.ts';
import { type NumberRange, NumberTable, type SpaceNumber } from './number-table.ts';

export class Allocations {
  readonly #tables = new Map<string, NumberTable>();
  /** By key of the tree. */
  readonly #claims = new Map<string, readonly Claim[]>();
  /** Last number given out of a space whose numbers must not come back soon. */
  readonly #cursors = new Map<string, number>();

  /** Fills the tables from `desired`, forgetting what they held. */
  rebuild(desired: DesiredState): void {
    for (const table of [this.#tables, this.#claims, this.#cursors]) table.clear();
    for (const tree of desired.trees().values()) this.#claim(tree);
  }

  /** Brings the tables in step with `desired`, which has just applied changes to these trees. */
  update(desired: DesiredState, treeKeys: readonly string[]): void {
    // Everything is released before anything is claimed: one revision may swap numbers between trees.
    for (const key of treeKeys) this.#release(key);
    for (const key of treeKeys) {
      const tree = desired.tree(key);
      if (tree !== undefined) this.#claim(tree);
    }
  }

  table(space: string): NumberTable {
    const known = this.#tables.get(space);
    if (known !== undefined) return known;
    const table = new NumberTable();
    this.#tables.set(space, table);
    return table;
  }

  /** A draft for a write that gives up `released`: what resources held that it changes or removes. */
  draft(released: readonly Claim[]): AllocationDraft {
    return new AllocationDraft(this, released);
  }

  /** Where a search that avoids recently freed numbers goes on. */
  cursor(space: string): number | undefined {
    return this.#cursors.get(space);
  }

  #release(treeKey: string): void {
    for (const { space, number, owner } of this.#claims.get(treeKey) ?? []) {
      const table = this.table(space);
      table.release(number, owner);
      if (table.size === 0) this.#tables.delete(space);
    }
    this.#claims.delete(treeKey);
  }

  #claim({ key, root }: Tree): void {
    const claims = claimsOf(root);
    if (claims.length > 0) this.#claims.set(key, claims);
    for (const { space, number, owner } of claims) {
      this.table(space).claim(number, owner);
      if (typeof number === 'number') this.#cursors.set(space, number);
    }
  }
}

/** What one write would take, on top of the tables. */
export class AllocationDraft {
  readonly #allocations: Allocations;
  readonly #released = new Map<string, Set<SpaceNumber>>();
  readonly #taken = new Map<string, Map<SpaceNumber, string>>();

  constructor(allocations: Allocations, released: readonly Claim[]) {
    this.#allocations = allocations;
    for (const { space, number } of released) {
      const numbers = this.#released.get(space) ?? new Set();
      this.#released.set(space, numbers.add(number));
    }
  }

  /** Takes `number` for `owner`; returns the present owner instead where there is another. */
  take(space: string, number: SpaceNumber, owner: string): string | undefined {
    const present = this.ownerOf(space, number);
    if (present !== undefined && present !== owner) return present;
    const taken = this.#taken.get(space) ?? new Map();
    this.#taken.set(space, taken.set(number, owner));
    return undefined;
  }

  ownerOf(space: string, number: SpaceNumber): string | undefined {
    const drafted = this.#taken.get(space)?.get(number);
    if (drafted !== undefined) return drafted;
    if (this.#released.get(space)?.has(number) === true) return undefined;
    return this.#allocations.table(space).ownerOf(number);
  }

  /** Takes the lowest free number of `range` for `owner`; undefined when there is none. */
  takeLowest<N extends SpaceNumber>(
    space: string,
    range: NumberRange<N>,
    owner: string,
    skip: (number: N) => boolean = () => false,
  ): N | undefined {
    const table = this.#allocations.table(space);
    const drafted = this.#taken.get(space);
    const unusable = (candidate: N) => drafted?.has(candidate) === true || skip(candidate);
    const number =
      table.lowestFree(range, { skip: unusable }) ?? this.#releasedIn(space, range, unusable);
    if (number !== undefined) this.take(space, number, owner);
    return number;
  }

  #releasedIn<N extends SpaceNumber>(
    space: string,
    range: NumberRange<N>,
    unusable: (number: N) => boolean,
  ): N | undefined {
    for (const released of this.#released.get(space) ?? []) {
      // A space has numbers of one type.
      const number = released as N;
      if (number >= range.first && number <= range.last && !unusable(number)) return number;
    }
    return undefined;
  }

  /** As takeLowest, going on after the last number given out, so that a freed number rests as long as possible. */
  takeNext(space: string, range: NumberRange, owner: string): number | undefined {
    const table = this.#allocations.table(space);
    const drafted = this.#taken.get(space);
    const skip = (candidate: number) => drafted?.has(candidate) === true;
    const cursor = this.#allocations.cursor(space);
    const number =
      (cursor === undefined ? undefined : table.lowestFree(range, { from: cursor + 1, skip })) ??
      table.lowestFree(range, { skip });
    if (number !== undefined) this.take(space, number, owner);
    return number;
  }
}
