/**
 * How far each revision has come: which targets it concerned, which have answered, and how long it took until the last one had
 * (OVN's nb_cfg → hv_cfg loop, per revision and exact). Bounded: the oldest revisions are forgotten. Free of I/O and time.
 */
import type { TargetKey } from '../goal-state/goal-states.ts';
import type { Revision } from '../store/store.ts';
import { REVISIONS_TRACKED_MAX } from './limits.ts';

export interface Progress {
  readonly waitingFor: ReadonlySet<TargetKey>;
  /** Targets that could not apply a part of it. */
  readonly refusedBy: ReadonlySet<TargetKey>;
  /** From commit to the last answer. */
  readonly elapsedMs: number | undefined;
}

interface Entry {
  readonly committedAt: number;
  waitingFor: Set<TargetKey>;
  refusedBy: Set<TargetKey>;
  elapsedMs: number | undefined;
}

/** Shared by the entries that need no set of their own, most of thousands; never added to. */
const NOBODY: Set<TargetKey> = new Set();

export class RevisionProgress {
  readonly #entries = new Map<Revision, Entry>();
  /** Per target, the revisions it has not answered, ascending. */
  readonly #unanswered = new Map<TargetKey, Revision[]>();
  readonly #trackedMax: number;

  constructor(trackedMax: number = REVISIONS_TRACKED_MAX) {
    this.#trackedMax = trackedMax;
  }

  /** A revision was compiled; it changed the slices of `targets`. `committedAt` on the clock that `answered` is told. */
  compiled(revision: Revision, targets: Iterable<TargetKey>, committedAt: number): void {
    const waitingFor = new Set(targets);
    const elapsedMs = waitingFor.size === 0 ? 0 : undefined;
    this.#entries.set(revision, { committedAt, waitingFor, refusedBy: NOBODY, elapsedMs });
    for (const target of waitingFor) {
      const queue = this.#unanswered.get(target);
      if (queue === undefined) this.#unanswered.set(target, [revision]);
      else queue.push(revision);
    }
    if (this.#entries.size > this.#trackedMax) this.#forgetOldest();
  }

  /** The target has answered everything up to `revision`. Returns how long each revision took that is complete by this. */
  answered(target: TargetKey, revision: Revision, now: number): readonly number[] {
    const queue = this.#unanswered.get(target) ?? [];
    const completed: number[] = [];
    let count = 0;
    for (const unanswered of queue) {
      if (unanswered > revision) break;
      count++;
      const entry = this.#entries.get(unanswered);
      entry?.waitingFor.delete(target);
      if (entry?.waitingFor.size !== 0) continue;
      entry.waitingFor = NOBODY;
      entry.elapsedMs = Math.max(0, now - entry.committedAt);
      completed.push(entry.elapsedMs);
    }
    if (count === queue.length) this.#unanswered.delete(target);
    else queue.splice(0, count);
    return completed;
  }

  /** The target could not apply a resource which `revision` was the last to change. */
  refused(target: TargetKey, revision: Revision): void {
    const entry = this.#entries.get(revision);
    if (entry !== undefined) entry.refusedBy = new Set([...entry.refusedBy, target]);
  }

  /** The target needs nothing any more. */
  forgetTarget(target: TargetKey): void {
    for (const revision of this.#unanswered.get(target) ?? []) {
      this.#entries.get(revision)?.waitingFor.delete(target);
    }
    this.#unanswered.delete(target);
  }

  of(revision: Revision): Progress | undefined {
    return this.#entries.get(revision);
  }

  /** First revision the target has not answered. */
  firstUnanswered(target: TargetKey): Revision | undefined {
    return this.#unanswered.get(target)?.[0];
  }

  #forgetOldest(): void {
    for (const [revision, { waitingFor }] of this.#entries) {
      for (const target of waitingFor) {
        const queue = this.#unanswered.get(target);
        if (queue?.[0] === revision) queue.shift();
        if (queue?.length === 0) this.#unanswered.delete(target);
      }
      this.#entries.delete(revision);
      return;
    }
  }
}
