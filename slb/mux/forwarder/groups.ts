/**
 * Groups: a pool as one probe sees it, with two tables (hashing/maglev.ts) that say which backend a row goes to, the current and the one before.
 *
 * A flow that the mux does not know goes by them. One that begins (TCP SYN, UDP) goes by the current table. One that has begun earlier, at another
 * mux or before this one forgot it, was placed by the table of its time: for PREVIOUS_TABLE_SEC after a change that is taken to be the previous
 * one, if the backend that it names is still a member, whatever its probe says. Called by mux-tables.ts, and by forwarder.ts for flows that it
 * does not know.
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
    this.#goal = goal;
    return refused;
  }

  close(): void {
    for (const target of this.#members.values()) this.#targets.release(target);
    this.#members.clear();
    this.#current = EMPTY;
    this.#previous = EMPTY;
  }

  /** Of a flow that begins; NONE: there is no live backend. */
  current(row: number): Target {
    const { rows, targets } = this.#current;
    const position = rows[row] ?? NO_BACKEND;
    return position === NO_BACKEND ? NONE : (targets[position] ?? NONE);
  }

  /** Of a flow that has begun under the table before; NONE: that counts no more, or named a backend that is no member now. */
  previous(row: number, nowSec: number): Target {
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
