/**
 * Group commit: one batch is written at a time, and the commits that arrive meanwhile share the next one. The disk is asked to flush
 * once per batch, so a thousand writers cost little more than one, while each commit keeps its own revision, its own place in the
 * order and its own outcome. Bounded by count and bytes. Called by level-store, which plans and writes each group.
 */
import {
  STORE_GROUP_BYTES_MAX,
  STORE_GROUP_COMMITS_MAX,
  STORE_QUEUED_BYTES_MAX,
  STORE_QUEUED_COMMITS_MAX,
} from '../limits.ts';
import type { PreparedCommit } from './commit-plan.ts';
import type { RevisionEntry } from './store.ts';
import { StoreBusy } from './store-error.ts';

/** What became of each commit of a group, in the group's order. */
export type Outcome =
  | { readonly kind: 'committed'; readonly entry: RevisionEntry | undefined }
  | { readonly kind: 'refused'; readonly cause: unknown };

/** Makes a group durable. Rejects when nothing of it can be vouched for. */
export type WriteGroup = (group: readonly PreparedCommit[]) => Promise<readonly Outcome[]>;

interface Waiting {
  readonly prepared: PreparedCommit;
  readonly resolve: (entry: RevisionEntry | undefined) => void;
  readonly reject: (cause: unknown) => void;
}

export class GroupCommit {
  readonly #write: WriteGroup;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;
  /** Commits turned away because the queue was full. */
  refusedCount = 0;
  groupCount = 0;

  constructor(write: WriteGroup) {
    this.#write = write;
  }

  /** Resolves or rejects with the commit's own outcome. */
  submit(prepared: PreparedCommit): Promise<RevisionEntry | undefined> {
    const isFull =
      this.#queue.length >= STORE_QUEUED_COMMITS_MAX ||
      this.#queuedBytes + prepared.bytes > STORE_QUEUED_BYTES_MAX;
    if (isFull) {
      this.refusedCount += 1;
      return Promise.reject(new StoreBusy());
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ prepared, resolve, reject });
      this.#queuedBytes += prepared.bytes;
      this.#running ??= this.#run();
    });
  }

  /** Resolves when everything submitted so far has its outcome. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Commits of the same turn of the event loop join the first group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#take();
      this.groupCount += 1;
      await this.#settle(group);
    }
    this.#running = undefined;
  }

  async #settle(group: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#write(group.map(({ prepared }) => prepared));
      group.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (outcome?.kind === 'committed') resolve(outcome.entry);
        else reject(outcome?.cause);
      });
    } catch (cause) {
      for (const { reject } of group) reject(cause);
    }
  }

  /** The first commit whatever its size, and those behind it that fit with it. */
  #take(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { prepared } of this.#queue) {
      bytes += prepared.bytes;
      if (count > 0 && (count === STORE_GROUP_COMMITS_MAX || bytes > STORE_GROUP_BYTES_MAX)) break;
      count += 1;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    for (const { prepared } of group) this.#queuedBytes -= prepared.bytes;
    return group;
  }
}
