/**
 * From a planned write to a durable revision. Plans follow each other at once, each on the outcome of the one before; their commits overlap,
 * and the store writes those that arrive together with one flush. Each commit names the revision before it, so when one fails
 * the store refuses all that were planned on it, and planning starts again from what is durable.
 *
 * Called by the writer, inside the write queue.
 */
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { DesiredStateFeed } from '../model/desired-state-feed.ts';
import type { Cause, Mutation, Revision, Store } from '../store/store.ts';
import { COMMITS_IN_FLIGHT_MAX } from './limits.ts';
import type { PlanningState } from './planning-state.ts';
import type { DocumentChange } from './resource-type.ts';

export interface CommitPipelineParts {
  readonly store: Store;
  readonly feed: DesiredStateFeed;
  readonly planning: PlanningState;
  readonly clock: Clock;
}

export interface PlannedCommit {
  /** Trees as they shall be; undefined: gone. */
  readonly documents: readonly (Omit<DocumentChange, 'value'> & {
    readonly value: DocumentChange['value'] | undefined;
  })[];
  /** What else belongs to the commit, outside desired state. */
  readonly further: readonly Mutation[];
  readonly cause: Cause;
}

export class CommitPipeline {
  readonly #parts: CommitPipelineParts;
  readonly #inFlight = new Set<Promise<void>>();
  /** Desired state may have changed in a way the planning state has not seen. */
  #isStale = true;

  constructor(parts: CommitPipelineParts) {
    this.#parts = parts;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  /** Before each plan: the planning state is the latest, and there is room for one more commit. */
  async ready(): Promise<void> {
    if (this.#isStale) await this.#refresh();
    while (this.#inFlight.size >= COMMITS_IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
  }

  /** Revision that the next commit will be. */
  get nextRevision(): Revision {
    return this.#parts.planning.revision + 1;
  }

  /** Resolves when the commit is durable and clients see it. The planning state shows it when this returns. */
  commit({ documents, further, cause }: PlannedCommit): Promise<void> {
    const { store, feed, planning, clock } = this.#parts;
    const revision = this.nextRevision;
    const changes = documents.map(({ key, value }) => ({
      key,
      before: planning.desired.tree(key)?.root.body,
      after: value,
    }));
    planning.apply({ revision, at: clock.wallNow(), cause, changes });
    const desired = documents.map(
      ({ key, value }): Mutation => ({ section: 'desired', key, value }),
    );
    const committed = store.commit({
      mutations: [...desired, ...further],
      cause,
      expectLatest: revision - 1,
    });
    const shown = committed.then((entry) => {
      assert(entry?.revision === revision, 'the commit is the revision that was planned');
      return feed.reached(revision);
    });
    this.#track(shown);
    return shown;
  }

  /** Runs `task`, which commits to desired state by itself, while nothing is under way. */
  async exclusive<T>(task: () => Promise<T>): Promise<T> {
    await this.settle();
    this.#isStale = true;
    return task();
  }

  /** Resolves when nothing is under way any more, whatever became of it. */
  async settle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
  }

  #track(shown: Promise<void>): void {
    const settled = shown.then(
      () => undefined,
      () => {
        this.#isStale = true;
      },
    );
    this.#inFlight.add(settled);
    settled.finally(() => this.#inFlight.delete(settled)).catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    const { store, feed, planning } = this.#parts;
    await this.settle();
    await feed.reached(store.revision);
    planning.reload(feed.state);
    this.#isStale = false;
  }
}
