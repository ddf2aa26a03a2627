/**
 * What watchers of a store read. The latest revisions stay in memory, within a count and a number of bytes; a watcher is only a
 * position. While it is among the recent ones it is fed from memory, when it has fallen behind it reads the log, chunk by chunk, until
 * it has caught up. So a slow watcher costs nothing, and no revision can be missed or come twice. Called by the stores.
 */
import { assert } from '../../base/assert.ts';
import { STORE_READ_COUNT, STORE_RECENT_BYTES_MAX, STORE_RECENT_REVISIONS_MAX } from '../limits.ts';
import type { Revision, RevisionEntry } from './store.ts';
import { StoreCorrupt, StoreRevisionUnknown } from './store-error.ts';

export interface Published {
  readonly entry: RevisionEntry;
  /** Of its documents, as JSON. */
  readonly bytes: number;
}

/** Reads log entries with from ≤ revision, at most `limit`, ascending. */
export type ReadLog = (from: Revision, limit: number) => AsyncIterable<RevisionEntry>;

export interface FeedLimits {
  readonly revisionsMax: number;
  readonly bytesMax: number;
}

const FEED_LIMITS: FeedLimits = {
  revisionsMax: STORE_RECENT_REVISIONS_MAX,
  bytesMax: STORE_RECENT_BYTES_MAX,
};

export class RevisionFeed {
  readonly #limits: FeedLimits;
  #latest: Revision;
  /** Revisions #latest − #recent.size + 1 … #latest. */
  readonly #recent = new Map<Revision, Published>();
  #recentBytes = 0;
  readonly #sleepers = new Set<() => void>();
  #closed = false;

  constructor(latest: Revision, limits: FeedLimits = FEED_LIMITS) {
    this.#latest = latest;
    this.#limits = limits;
  }

  get latest(): Revision {
    return this.#latest;
  }

  /** Revisions that follow the latest, in order, once they are durable. */
  publish(revisions: readonly Published[]): void {
    for (const published of revisions) {
      const { revision } = published.entry;
      assert(revision === this.#latest + 1, 'revisions are published in order, without gaps');
      this.#latest = revision;
      this.#recent.set(revision, published);
      this.#recentBytes += published.bytes;
      this.#forget();
    }
    this.#wake();
  }

  /** Ends every watch. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *watch(
    after: Revision,
    signal: AbortSignal,
    readLog: ReadLog,
  ): AsyncGenerator<RevisionEntry, void, undefined> {
    if (after > this.#latest) throw new StoreRevisionUnknown(after, this.#latest);
    let next = after + 1;
    while (!signal.aborted && !this.#closed) {
      if (next > this.#latest) {
        await this.#sleep(signal);
        continue;
      }
      for (const entry of await this.#chunk(next, readLog)) {
        if (signal.aborted || this.#closed) return;
        yield entry;
        next = entry.revision + 1;
      }
    }
  }

  async #chunk(next: Revision, readLog: ReadLog): Promise<readonly RevisionEntry[]> {
    const recent = this.#recent.get(next);
    if (recent !== undefined) return [recent.entry];
    const entries: RevisionEntry[] = [];
    try {
      for await (const entry of readLog(next, STORE_READ_COUNT)) entries.push(entry);
    } catch (cause) {
      if (this.#closed) return [];
      throw cause;
    }
    if (entries[0]?.revision !== next) {
      throw new StoreCorrupt(`revision ${next} is missing from the log`);
    }
    return entries;
  }

  #forget(): void {
    const { revisionsMax, bytesMax } = this.#limits;
    // Insertion order is revision order, so the first is the oldest.
    for (const [revision, { bytes }] of this.#recent) {
      if (this.#recent.size <= revisionsMax && this.#recentBytes <= bytesMax) return;
      this.#recent.delete(revision);
      this.#recentBytes -= bytes;
    }
    assert(this.#recentBytes === 0, 'what is kept in memory is counted');
  }

  #sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#sleepers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#sleepers]) wake();
  }
}
