/**
 * MemoryStore — a Store without a disk: for tests, simulation and trying things out. Everything is kept, nothing survives the process;
 * apart from that it passes the same conformance suite as LevelStore. Commits take effect in the order they were called.
 */
import type { Clock } from '../../base/clock.ts';
import { STORE_REVISIONS_KEPT_MAX } from '../limits.ts';
import { changesOf, checkExpectations, prepareCommit, type Version } from './commit-plan.ts';
import { RevisionFeed } from './revision-feed.ts';
import type {
  Commit,
  Entry,
  JsonObject,
  LogRange,
  Revision,
  RevisionEntry,
  Section,
  Store,
} from './store.ts';
import { StoreClosed, StoreRevisionForgotten, StoreRevisionUnknown } from './store-error.ts';

const ABSENT: Version = { revision: 0, value: undefined };

export class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #sections: Readonly<Record<Section, Map<string, Entry>>> = {
    desired: new Map(),
    observed: new Map(),
    operations: new Map(),
    meta: new Map(),
  };
  /** Versions of each key of `desired`, oldest first; a deletion is a version without a value. */
  readonly #history = new Map<string, Version[]>();
  readonly #log = new Map<Revision, RevisionEntry>();
  readonly #feed = new RevisionFeed(0);
  #closed = false;

  readonly #revisionsKeptMax: number;
  #oldest: Revision = 0;

  constructor(clock: Clock, revisionsKeptMax: number = STORE_REVISIONS_KEPT_MAX) {
    this.#clock = clock;
    this.#revisionsKeptMax = revisionsKeptMax;
  }

  get oldest(): Revision {
    return this.#oldest;
  }

  get revision(): Revision {
    return this.#feed.latest;
  }

  async get(section: Section, key: string): Promise<Entry | undefined> {
    this.#checkOpen();
    return this.#sections[section].get(key);
  }

  async *range(section: Section, prefix: string): AsyncGenerator<Entry, void, undefined> {
    this.#checkOpen();
    yield* inKeyOrder(this.#sections[section].values(), prefix);
  }

  async commit(commit: Commit): Promise<RevisionEntry | undefined> {
    this.#checkOpen();
    const prepared = prepareCommit(commit);
    const current = (key: string): Version => this.#sections.desired.get(key) ?? ABSENT;
    checkExpectations(commit, this.revision, current);
    const changes = changesOf(prepared, current);
    const revision = changes.length === 0 ? undefined : this.revision + 1;
    for (const { section, key, text } of prepared.mutations) {
      if (text === undefined) {
        this.#sections[section].delete(key);
        continue;
      }
      const value: JsonObject = JSON.parse(text);
      const of = section === 'desired' && revision !== undefined ? revision : 0;
      this.#sections[section].set(key, { key, value, revision: of });
    }
    if (revision === undefined) return undefined;
    const entry: RevisionEntry = {
      revision,
      at: this.#clock.wallNow(),
      cause: commit.cause,
      changes: changes.map(({ key, before }) => ({ key, before, after: current(key).value })),
    };
    for (const { key, after } of entry.changes) {
      const versions = this.#history.get(key);
      const version: Version = { revision, value: after };
      if (versions === undefined) this.#history.set(key, [version]);
      else versions.push(version);
    }
    this.#log.set(revision, entry);
    if (revision - this.#oldest > this.#revisionsKeptMax) this.#forget(this.#oldest + 1);
    this.#feed.publish([{ entry, bytes: prepared.bytes }]);
    return entry;
  }

  async getAt(key: string, revision: Revision): Promise<JsonObject | undefined> {
    this.#checkOpen();
    this.#checkRevision(revision);
    return this.#versionAt(key, revision).value;
  }

  async *rangeAt(prefix: string, revision: Revision): AsyncGenerator<Entry, void, undefined> {
    this.#checkOpen();
    this.#checkRevision(revision);
    const entries: Entry[] = [];
    for (const key of this.#history.keys()) {
      const version = this.#versionAt(key, revision);
      if (version.value === undefined) continue;
      entries.push({ key, value: version.value, revision: version.revision });
    }
    yield* inKeyOrder(entries, prefix);
  }

  async *log(range: LogRange): AsyncGenerator<RevisionEntry, void, undefined> {
    this.#checkOpen();
    const entries = [...this.#log.values()].filter(
      ({ revision }) => revision >= range.from && revision <= range.to,
    );
    if (range.reverse === true) entries.reverse();
    yield* entries.slice(0, range.limit);
  }

  async *watch(
    after: Revision,
    signal: AbortSignal,
  ): AsyncGenerator<RevisionEntry, void, undefined> {
    this.#checkOpen();
    if (after < this.#oldest) throw new StoreRevisionForgotten(after, this.#oldest);
    yield* this.#feed.watch(after, signal, (from, limit) =>
      this.log({ from, to: this.revision, limit }),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#feed.close();
  }

  #versionAt(key: string, revision: Revision): Version {
    const versions = this.#history.get(key) ?? [];
    return versions.findLast((version) => version.revision <= revision) ?? ABSENT;
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreClosed();
  }

  #checkRevision(revision: Revision): void {
    if (revision > this.revision) throw new StoreRevisionUnknown(revision, this.revision);
    if (revision < this.#oldest) throw new StoreRevisionForgotten(revision, this.#oldest);
  }

  /** Makes `revision` the oldest: what it replaced cannot be asked for any more. */
  #forget(revision: Revision): void {
    for (const { key } of this.#log.get(revision)?.changes ?? []) {
      const kept = this.#history.get(key)?.filter((version) => version.revision >= revision) ?? [];
      const [first] = kept;
      const isRedundant = first?.revision === revision && first.value === undefined;
      if (isRedundant) kept.shift();
      if (kept.length === 0) this.#history.delete(key);
      else this.#history.set(key, kept);
    }
    this.#log.delete(revision);
    this.#oldest = revision;
  }
}

/** In the order of the keys' UTF-8 bytes, as LevelDB has it; JavaScript's own order differs beyond the basic plane. */
function inKeyOrder(entries: Iterable<Entry>, prefix: string): Entry[] {
  return [...entries]
    .filter((entry) => entry.key.startsWith(prefix))
    .map((entry) => ({ entry, bytes: Buffer.from(entry.key) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ entry }) => entry);
}
