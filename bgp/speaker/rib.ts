/**
 * One family's routes in a speaker: the table, the update groups, and the work of deciding and telling. RFC 4271 §9.
 *
 * The speaker hands in what neighbours said; `settle` decides some prefixes, tells groups and the speaker's listeners; neighbours then take
 * their turns. Called by speaker.ts and neighbour.ts.
 */

import type { AttributeTable } from '../rib/attribute-table.ts';
import type { DecisionOptions, PathSource } from '../rib/decision.ts';
import { NONE } from '../rib/prefix-table.ts';
import { RouteTable } from '../rib/route-table.ts';
import { type Member, UpdateGroup, type UpdateGroupOptions } from '../rib/update-group.ts';

/** Prefixes decided in one turn. */
const DECISIONS_PER_TURN = 1_024;

export interface FamilyRibOptions {
  readonly afi: number;
  readonly attributes: AttributeTable;
  readonly decision: DecisionOptions;
  source(peer: number): PathSource;
  nextHopCost(nextHop: Uint8Array): number | undefined;
  /** The best route of these prefixes is another one now. */
  onChanged(prefixes: readonly number[]): void;
  /** All that was deferred is decided. */
  onComplete(): void;
  /** Members of a group have something to hear. */
  onWork(): void;
}

export class FamilyRib {
  readonly afi: number;
  readonly table: RouteTable;
  readonly #options: FamilyRibOptions;
  /** Nothing is decided yet (RFC 4724 §4.1). */
  #isDeferred = false;
  /** Nothing is told yet: the first decisions are not complete. */
  isHeld = false;
  readonly #groups = new Map<string, UpdateGroup>();
  /** Prefixes without a path, to be let go when nobody needs to hear of it any more. */
  readonly #empty = new Set<number>();

  constructor(options: FamilyRibOptions) {
    this.afi = options.afi;
    this.#options = options;
    const { afi, attributes, decision, source, nextHopCost } = options;
    this.table = new RouteTable({ afi, attributes, decision, source, nextHopCost });
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** Puts a peer into the group of that key, made where it is new. */
  join(
    key: string,
    peer: number,
    group: Pick<UpdateGroupOptions, 'packing' | 'pathsMax' | 'exported'>,
    told?: Uint8Array,
  ): { readonly group: UpdateGroup; readonly member: Member } {
    const { attributes } = this.#options;
    const found =
      this.#groups.get(key) ?? new UpdateGroup({ ...group, table: this.table, attributes });
    this.#groups.set(key, found);
    return { group: found, member: found.add(peer, told) };
  }

  leave(key: string, member: Member): void {
    const group = this.#groups.get(key);
    group?.remove(member);
    if (group === undefined || group.members.size > 0) return;
    group.dispose();
    this.#groups.delete(key);
  }

  /** Until `resume` nothing is decided, and nobody is told anything. */
  defer(): void {
    this.#isDeferred = true;
    this.isHeld = true;
  }

  resume(): void {
    this.#isDeferred = false;
  }

  /** Decides some of the marked prefixes; true when there are more. */
  settle(): boolean {
    if (this.#isDeferred) return false;
    const changed: number[] = [];
    let hasWork = false;
    this.table.settle(DECISIONS_PER_TURN, (prefix) => {
      changed.push(prefix);
      for (const group of this.#groups.values()) if (group.changed(prefix)) hasWork = true;
      if (!this.table.hasPaths(prefix)) this.#empty.add(prefix);
    });
    if (changed.length > 0) this.#options.onChanged(changed);
    if (hasWork) this.#options.onWork();
    if (this.isHeld && !this.table.hasMarked) this.#release();
    if (!this.table.hasMarked) this.#letGo();
    return this.table.hasMarked;
  }

  #release(): void {
    this.isHeld = false;
    this.#options.onComplete();
    this.#options.onWork();
  }

  /** Identifiers of prefixes that are gone are free again once every member has heard of it. */
  #letGo(): void {
    if (this.#empty.size === 0) return;
    const groups = [...this.#groups.values()];
    if (!groups.every((group) => group.isIdle)) return;
    for (const prefix of this.#empty) {
      if (this.table.hasPaths(prefix) || this.table.best(prefix) !== NONE) continue;
      if (groups.every((group) => group.letGo(prefix))) this.table.prefixes.release(prefix);
    }
    this.#empty.clear();
  }

  /** A member has caught up: maybe the last one. */
  tidy(): void {
    if (!this.table.hasMarked) this.#letGo();
  }
}
