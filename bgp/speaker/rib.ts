/**
 * One family's routes in a speaker: the table, the update groups, and the work of deciding and telling. RFC 4271 §9.
 *
 * The speaker hands in what neighbours said; `settle` decides some prefixes, tells groups and the speaker's listeners; neighbours then take
 * their turns. Called by speaker.ts and neighbour.ts.
 */

import type { AttributeTable } from '../rib/attribute-table.ts';
import type { DecisionOptions, PathSource } from '../rib/decision.ts';
import type { Member } from '../rib/group-member.ts';
import { NONE } from '../rib/prefix-table.ts';
import { RouteTable } from '../rib/route-table.ts';
import { UpdateGroup, type UpdateGroupOptions } from '../rib/update-group.ts';

/** Prefixes decided in one turn, and let go in one. */
const DECISIONS_PER_TURN = 1_024;
const RELEASES_PER_TURN = 4_096;

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
  /** `settle` has work again. */
  onUnsettled(): void;
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
  /** Prefixes without a path, to be let go when nobody needs to hear of it any more; each once. */
  #empty: number[] = [];
  /** By prefix: it is among them. */
  #isEmpty = new Uint8Array(0);

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

  /** Decides some of the marked prefixes, or forgets some that are gone; true when there are more. */
  settle(): boolean {
    if (this.#isDeferred) return false;
    const changed: number[] = [];
    let hasWork = false;
    this.table.settle(DECISIONS_PER_TURN, (prefix) => {
      changed.push(prefix);
      for (const group of this.#groups.values()) if (group.changed(prefix)) hasWork = true;
      if (!this.table.hasPaths(prefix)) this.#noteEmpty(prefix);
    });
    if (changed.length > 0) this.#options.onChanged(changed);
    if (hasWork) this.#options.onWork();
    if (this.isHeld && !this.table.hasMarked) this.#release();
    return this.table.hasMarked || this.#letGo();
  }

  #release(): void {
    this.isHeld = false;
    this.#options.onComplete();
    this.#options.onWork();
  }

  #noteEmpty(prefix: number): void {
    if (prefix >= this.#isEmpty.length) {
      const isEmpty = new Uint8Array(this.table.prefixes.capacity);
      isEmpty.set(this.#isEmpty);
      this.#isEmpty = isEmpty;
    }
    if (this.#isEmpty[prefix] === 1) return;
    this.#isEmpty[prefix] = 1;
    this.#empty.push(prefix);
  }

  /** Identifiers of prefixes that are gone are free again once every member has heard of it. Some at a time; true when there are more. */
  #letGo(): boolean {
    if (this.#empty.length === 0) return false;
    const groups = [...this.#groups.values()];
    if (!groups.every((group) => group.isIdle)) return false;
    const { table } = this;
    for (let count = 0; count < RELEASES_PER_TURN; count++) {
      const prefix = this.#empty.pop();
      if (prefix === undefined) return false;
      this.#isEmpty[prefix] = 0;
      if (table.hasPaths(prefix) || table.best(prefix) !== NONE) continue;
      if (groups.every((group) => group.letGo(prefix))) table.prefixes.release(prefix);
    }
    return this.#empty.length > 0;
  }

  /** A member has caught up: maybe the last one. */
  tidy(): void {
    if (this.#empty.length > 0 && !this.table.hasMarked) this.#options.onUnsettled();
  }
}
