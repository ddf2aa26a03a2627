/**
 * The log of an update group: which places changed, in order. Members are places in it themselves; of several entries of one place only the latest
 * counts, so a member that never reads costs one entry per place at most. Called by update-group.ts.
 */
import { assert } from '../../base/assert.ts';
import type { Member } from './group-member.ts';
import { NONE } from './prefix-table.ts';

/** Entries that may be superfluous before the log is made shorter. */
const SLACK = 4_096;

export class ChangeLog {
  #entries: number[] = [];
  /** Number of the first entry; numbers only grow. */
  #start = 0;
  /** Number of the latest entry of a place. */
  #latestOf = new Float64Array(0);

  /** Number of the next entry. */
  get end(): number {
    return this.#start + this.#entries.length;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Room for so many places. */
  grow(capacity: number): void {
    const larger = new Float64Array(capacity).fill(NONE);
    larger.set(this.#latestOf);
    this.#latestOf = larger;
  }

  /** `placeEnd`: places are below this. */
  add(place: number, members: ReadonlySet<Member>, placeEnd: number): void {
    this.#latestOf[place] = this.end;
    this.#entries.push(place);
    if (this.#entries.length > 2 * placeEnd + SLACK) this.#compact(members, placeEnd);
  }

  /** The place that the entry is the latest of; NONE: it counts no more. */
  placeAt(at: number): number {
    const place = this.#entries[at - this.#start] ?? NONE;
    return this.#latestOf[place] === at ? place : NONE;
  }

  /** Nobody needs to hear of these places any more. */
  forget(first: number, end: number): void {
    this.#latestOf.fill(NONE, first, end);
  }

  /** Entries that every member has read go. */
  trim(members: ReadonlySet<Member>): void {
    let least = this.end;
    for (const member of members) least = Math.min(least, member.logAt);
    const read = least - this.#start;
    if (read < this.#entries.length && read < SLACK) return;
    this.#entries = read === this.#entries.length ? [] : this.#entries.slice(read);
    this.#start = least;
  }

  /** Leaves only the latest entry of each place; members move with theirs. */
  #compact(members: ReadonlySet<Member>, placeEnd: number): void {
    const readers = [...members].sort((a, b) => a.logAt - b.logAt);
    const kept: number[] = [];
    let next = 0;
    const end = this.end;
    // Places only grow: entries move to the end of the numbering, so a remembered batch is never taken for another.
    for (let at = this.#start; at < end; at++) {
      for (; readers[next]?.logAt === at; next++) {
        const reader = readers[next];
        if (reader !== undefined) reader.logAt = end + kept.length;
      }
      const place = this.placeAt(at);
      if (place === NONE) continue;
      this.#latestOf[place] = end + kept.length;
      kept.push(place);
    }
    for (; next < readers.length; next++) {
      const reader = readers[next];
      if (reader !== undefined) reader.logAt = end + kept.length;
    }
    this.#entries = kept;
    this.#start = end;
    assert(kept.length <= placeEnd, 'one entry per place is left');
  }
}
