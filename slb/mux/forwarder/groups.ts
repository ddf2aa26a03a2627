/**
 * Groups: a pool as one probe sees it, with two tables (hashing/maglev.ts) that say which backend a row goes to, the current and the one before.
 *
 * What begins (TCP SYN, UDP) goes by the current table. A TCP connection that has begun elsewhere may be at any member, whatever its probe says, since tables
 * have changed: the group knows in which order they are asked (backend-search.ts).
 *
 *   step 0   home: where the search begins
 *        1   the backend of the row in the current table
 *        2   the one in the table before, for PREVIOUS_TABLE_SEC after the change
 *        3 … all members
 *
 * Called by mux-tables.ts, and by forwarder.ts and backend-search.ts for flows that the mux does not know.
 */
import { NONE } from '../../../base/lpm.ts';
import { NO_BACKEND } from '../../hashing/maglev.ts';
import { PREVIOUS_TABLE_SEC } from '../../limits.ts';
import type { GroupGoal } from './table-change.ts';
import type { Target, Targets } from './targets.ts';

interface Table {
  readonly rows: Uint16Array;
  /** Target by position; NONE: it found no slot. */
  readonly targets: Int32Array;
  /** Generation of the target, when the table was made. */
  readonly generations: Uint32Array;
}

const EMPTY: Table = {
  rows: new Uint16Array(0),
  targets: new Int32Array(0),
  generations: new Uint32Array(0),
};

/** Everybody has been asked. */
export const NO_STEP = -1;
const CURRENT_STEP = 1;
const PREVIOUS_STEP = 2;
/** From here on members are asked that no table speaks for. */
export const MEMBERS_STEP = 3;

export interface MemberView {
  readonly name: string;
  readonly target: Target;
  readonly rows: number;
  readonly isDown: boolean;
  readonly isDraining: boolean;
}

export class Group {
  readonly key: string;
  readonly #targets: Targets;
  #members = new Map<string, Target>();
  /** The members', in the pool's order. */
  #targetsInOrder = new Int32Array(0);
  #changedSec = Number.NEGATIVE_INFINITY;
  #goal: GroupGoal | undefined;
  #current = EMPTY;
  #previous = EMPTY;
  #previousUntilSec = 0;

  constructor(key: string, targets: Targets) {
    this.key = key;
    this.#targets = targets;
  }

  /** Members and table from now on; the names of those for which there was no room. */
  apply(goal: GroupGoal, nowSec: number): readonly string[] {
    const refused: string[] = [];
    const members = new Map<string, Target>();
    const gone = new Map(this.#members);
    for (const member of goal.members) {
      const { name, isDown, isDraining } = member;
      let target = this.#members.get(name) ?? NONE;
      gone.delete(name);
      if (target === NONE) target = this.#targets.acquire(member);
      else if (!this.#targets.redirect(target, member)) refused.push(name);
      if (target === NONE) {
        refused.push(name);
        continue;
      }
      this.#targets.setState(target, isDown, isDraining);
      members.set(name, target);
    }
    const before = this.#current;
    const targets = Int32Array.from(goal.chosen, (name) => members.get(name) ?? NONE);
    const generations = Uint32Array.from(targets, (target) => this.#targets.generation(target));
    this.#current = { rows: goal.rows, targets, generations };
    if (goal.isOtherTable && before.rows.length > 0) {
      this.#previous = before;
      this.#previousUntilSec = nowSec + PREVIOUS_TABLE_SEC;
    }
    for (const target of gone.values()) this.#targets.release(target);
    this.#members = members;
    this.#targetsInOrder = Int32Array.from(members.values());
    this.#changedSec = nowSec;
    this.#goal = goal;
    return refused;
  }

  close(): void {
    for (const target of this.#members.values()) this.#targets.release(target);
    this.#members.clear();
    this.#targetsInOrder = new Int32Array(0);
    this.#current = EMPTY;
    this.#previous = EMPTY;
  }

  /** Of a flow that begins; NONE: there is no live backend. */
  current(row: number): Target {
    const { rows, targets } = this.#current;
    const position = rows[row] ?? NO_BACKEND;
    return position === NO_BACKEND ? NONE : (targets[position] ?? NONE);
  }

  /** The step after `step` at which somebody is asked who has not been; NO_STEP: there is none. */
  stepAfter(step: number, row: number, home: Target, nowSec: number): number {
    const current = this.current(row);
    const previous = this.#previousOf(row, nowSec);
    const end = MEMBERS_STEP + this.#targetsInOrder.length;
    for (let next = step + 1; next < end; next += 1) {
      const target = this.askedAt(next, row, home, nowSec);
      if (target === NONE || target === home || !this.#targets.isAttached(target)) continue;
      if (next > CURRENT_STEP && target === current) continue;
      if (next > PREVIOUS_STEP && target === previous) continue;
      return next;
    }
    return NO_STEP;
  }

  /** Who is asked at a step; NONE: nobody. */
  askedAt(step: number, row: number, home: Target, nowSec: number): Target {
    if (step >= MEMBERS_STEP) return this.#targetsInOrder[step - MEMBERS_STEP] ?? NONE;
    if (step === PREVIOUS_STEP) return this.#previousOf(row, nowSec);
    return step === CURRENT_STEP ? this.current(row) : home;
  }

  hasMember(target: Target): boolean {
    return target !== NONE && this.#targetsInOrder.includes(target);
  }

  /** Has it been told of its members within so many seconds? */
  hasChangedWithin(seconds: number, nowSec: number): boolean {
    return nowSec - this.#changedSec < seconds;
  }

  /** Of a flow that has begun under the table before; NONE: that counts no more, or named a backend that is no member now. */
  #previousOf(row: number, nowSec: number): Target {
    if (nowSec >= this.#previousUntilSec) {
      if (this.#previous !== EMPTY) this.#previous = EMPTY;
      return NONE;
    }
    const { rows, targets, generations } = this.#previous;
    const position = rows[row] ?? NO_BACKEND;
    const target = position === NO_BACKEND ? NONE : (targets[position] ?? NONE);
    if (target === NONE || this.#targets.generation(target) !== generations[position]) return NONE;
    return target;
  }

  get hasLiveBackend(): boolean {
    return this.#current.targets.length > 0;
  }

  members(): readonly MemberView[] {
    const goal = this.#goal;
    if (goal === undefined) return [];
    return goal.members.map(({ name, isDown, isDraining }) => {
      const rows = goal.shares[goal.chosen.indexOf(name)] ?? 0;
      return { name, target: this.#members.get(name) ?? NONE, rows, isDown, isDraining };
    });
  }

  nameOf(target: Target): string {
    for (const [name, known] of this.#members) {
      if (known === target) return name;
    }
    return '';
  }
}
