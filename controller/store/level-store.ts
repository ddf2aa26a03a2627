/**
 * LevelStore — the Store on LevelDB (level, classic-level), the engine of a single controller. One commit is part of one atomic batch
 * that is flushed to disk before the commit is acknowledged; level-rows.ts says which rows it writes, group-commit.ts how commits that
 * arrive together share a batch, level-reader.ts how history is read. Called by controller/main.
 */
import { defined } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { STORE_FORGOTTEN_PER_BATCH_MAX, STORE_REVISIONS_KEPT_MAX } from '../limits.ts';
import {
  changesOf,
  checkExpectations,
  type PreparedCommit,
  prepareCommit,
  type Version,
} from './commit-plan.ts';
import { GroupCommit, type Outcome } from './group-commit.ts';
import { type Database, openDatabase, SCHEMA, type StoreSchema } from './level-database.ts';
import {
  latestRevision,
  oldestRevision,
  readLog,
  readRange,
  readRangeAt,
  readVersionAt,
} from './level-reader.ts';
import {
  emitCurrent,
  forgottenRows,
  historyKey,
  type LogRow,
  type LogRowChange,
  logKey,
  OLDEST_KEY,
  parseCurrent,
  parseDocument,
  parseLogRow,
  rowKey,
} from './level-rows.ts';
import { type Published, RevisionFeed } from './revision-feed.ts';
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
import {
  StoreClosed,
  StoreError,
  StoreFailed,
  StoreRevisionForgotten,
  StoreRevisionUnknown,
} from './store-error.ts';

export interface LevelStoreOptions {
  /** Directory of the database; made if it is missing. */
  readonly path: string;
  readonly clock: Clock;
  /** Default STORE_REVISIONS_KEPT_MAX. */
  readonly revisionsKeptMax?: number;
  /** Other than the current one in tests of migration only. */
  readonly schema?: StoreSchema;
}

/** Opens the store, migrating it if an older version wrote it. Rejects with a StoreError. */
export async function openLevelStore(options: LevelStoreOptions): Promise<LevelStore> {
  const database = await openDatabase(options.path, options.schema ?? SCHEMA);
  return new LevelStore(database, {
    clock: options.clock,
    latest: await latestRevision(database),
    oldest: await oldestRevision(database),
    revisionsKeptMax: options.revisionsKeptMax ?? STORE_REVISIONS_KEPT_MAX,
  });
}

type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

/** What one batch will write, and what it will mean. */
interface Plan {
  readonly outcomes: Outcome[];
  readonly operations: Operation[];
  readonly published: Published[];
  /** Newest version of each key of `desired` that the group looks at, as the commits planned so far leave it. */
  readonly newest: Map<string, Version>;
}

const ABSENT: Version = { revision: 0, value: undefined };

export class LevelStore implements Store {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #feed: RevisionFeed;
  readonly #groups: GroupCommit;
  readonly #revisionsKeptMax: number;
  #oldest: Revision;
  #failure: StoreFailed | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    database: Database,
    options: {
      readonly clock: Clock;
      readonly latest: Revision;
      readonly oldest: Revision;
      readonly revisionsKeptMax: number;
    },
  ) {
    this.#database = database;
    this.#clock = options.clock;
    this.#oldest = options.oldest;
    this.#revisionsKeptMax = options.revisionsKeptMax;
    this.#feed = new RevisionFeed(options.latest);
    this.#groups = new GroupCommit((group) => this.#writeGroup(group));
  }

  get revision(): Revision {
    return this.#feed.latest;
  }

  get oldest(): Revision {
    return this.#oldest;
  }

  /** Batches written since the store was opened: fewer than commits when they came together. */
  get batchCount(): number {
    return this.#groups.groupCount;
  }

  /** Commits refused since then because too much was waiting. */
  get refusedCount(): number {
    return this.#groups.refusedCount;
  }

  async get(section: Section, key: string): Promise<Entry | undefined> {
    this.#checkOpen();
    const row = rowKey(section, key);
    const text = await this.#database.get(row);
    if (text === undefined) return undefined;
    if (section !== 'desired') return { key, value: parseDocument(text, row), revision: 0 };
    const current = parseCurrent(text);
    return { key, value: parseDocument(current.text, row), revision: current.revision };
  }

  async *range(section: Section, prefix: string): AsyncGenerator<Entry, void, undefined> {
    this.#checkOpen();
    yield* readRange(this.#database, section, prefix);
  }

  async commit(commit: Commit): Promise<RevisionEntry | undefined> {
    this.#checkOpen();
    return this.#groups.submit(prepareCommit(commit));
  }

  async getAt(key: string, revision: Revision): Promise<JsonObject | undefined> {
    this.#checkOpen();
    this.#checkRevision(revision);
    return readVersionAt(this.#database, key, revision);
  }

  async *rangeAt(prefix: string, revision: Revision): AsyncGenerator<Entry, void, undefined> {
    this.#checkOpen();
    this.#checkRevision(revision);
    yield* readRangeAt(this.#database, prefix, revision);
  }

  async *log(range: LogRange): AsyncGenerator<RevisionEntry, void, undefined> {
    this.#checkOpen();
    // A batch is on disk a moment before it is acknowledged; until then nobody sees its revisions.
    yield* readLog(this.#database, { ...range, to: Math.min(range.to, this.revision) });
  }

  async *watch(
    after: Revision,
    signal: AbortSignal,
  ): AsyncGenerator<RevisionEntry, void, undefined> {
    this.#checkOpen();
    if (after < this.#oldest) throw new StoreRevisionForgotten(after, this.#oldest);
    yield* this.#feed.watch(after, signal, (from, limit) =>
      readLog(this.#database, { from, to: this.revision, limit }),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#groups.drain();
    this.#feed.close();
    await this.#database.close();
  }

  async #writeGroup(group: readonly PreparedCommit[]): Promise<readonly Outcome[]> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const plan = this.#plan(group, await this.#readNewest(group));
      const oldest = await this.#planForgetting(plan);
      if (plan.operations.length > 0) {
        await this.#database.batch(plan.operations, { sync: true });
      }
      this.#oldest = oldest;
      this.#feed.publish(plan.published);
      return plan.outcomes;
    } catch (cause) {
      this.#failure = new StoreFailed(cause);
      throw this.#failure;
    }
  }

  /** One read for all keys the group looks at; no other writer can come between it and the batch. */
  async #readNewest(group: readonly PreparedCommit[]): Promise<Map<string, Version>> {
    const keys = new Set<string>();
    for (const { commit, mutations } of group) {
      for (const { section, key } of mutations) if (section === 'desired') keys.add(key);
      for (const { key } of commit.expect ?? []) keys.add(key);
    }
    const rows = [...keys].map((key) => rowKey('desired', key));
    const texts = rows.length === 0 ? [] : await this.#database.getMany(rows);
    const newest = new Map<string, Version>();
    [...keys].forEach((key, index) => {
      const text = texts[index];
      if (text !== undefined) newest.set(key, lazyVersion(text, key));
    });
    return newest;
  }

  #plan(group: readonly PreparedCommit[], newest: Map<string, Version>): Plan {
    const plan: Plan = { outcomes: [], operations: [], published: [], newest };
    for (const prepared of group) {
      try {
        plan.outcomes.push({ kind: 'committed', entry: this.#planCommit(prepared, plan) });
      } catch (cause) {
        if (!(cause instanceof StoreError)) throw cause;
        plan.outcomes.push({ kind: 'refused', cause });
      }
    }
    return plan;
  }

  /** Throws, with nothing planned, when an expectation does not hold. */
  #planCommit(prepared: PreparedCommit, plan: Plan): RevisionEntry | undefined {
    const { commit } = prepared;
    const current = (key: string): Version => plan.newest.get(key) ?? ABSENT;
    const latest = this.revision + plan.published.length;
    checkExpectations(commit, latest, current);
    const changes = changesOf(prepared, current);
    const revision = latest + 1;
    const logChanges = changes.map(
      ({ key, after }): LogRowChange => [
        key,
        current(key).revision,
        after === undefined ? 'deleted' : 'written',
      ],
    );
    for (const { section, key, value, text } of prepared.mutations) {
      const row = rowKey(section, key);
      if (section !== 'desired') plan.operations.push(writeOf(row, text));
      else if (value !== undefined || current(key).value !== undefined) {
        const emitted = text === undefined ? undefined : emitCurrent({ revision, text });
        plan.operations.push(writeOf(row, emitted));
        plan.operations.push(writeOf(historyKey(key, revision), text ?? 'null'));
        plan.newest.set(key, value === undefined ? ABSENT : { revision, value });
      }
    }
    if (changes.length === 0) return undefined;
    const { cause } = commit;
    const entry: RevisionEntry = { revision, at: this.#clock.wallNow(), cause, changes };
    const logRow: LogRow = { at: entry.at, cause, changes: logChanges };
    plan.operations.push(writeOf(logKey(revision), JSON.stringify(logRow)));
    plan.published.push({ entry, bytes: prepared.bytes });
    return entry;
  }

  /** Forgets as many of the oldest revisions as the plan adds new ones, once the store is full. Returns the oldest then. */
  async #planForgetting(plan: Plan): Promise<Revision> {
    const latest = this.revision + plan.published.length;
    const due = latest - this.#revisionsKeptMax - this.#oldest;
    // What this batch itself writes is on disk, and can be forgotten, with the next.
    const count = Math.min(due, STORE_FORGOTTEN_PER_BATCH_MAX, this.revision - this.#oldest);
    if (count <= 0) return this.#oldest;
    const oldest = this.#oldest + count;
    const revisions = Array.from({ length: count }, (_, index) => this.#oldest + 1 + index);
    const rows = revisions.map(logKey);
    const texts = await this.#database.getMany(rows);
    revisions.forEach((revision, index) => {
      const row = logKey(revision);
      const logRow = parseLogRow(defined(texts[index], row), row);
      for (const forgotten of [row, ...forgottenRows(logRow, revision)]) {
        plan.operations.push(writeOf(forgotten, undefined));
      }
    });
    plan.operations.push(writeOf(OLDEST_KEY, String(oldest)));
    return oldest;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreClosed();
  }

  #checkRevision(revision: Revision): void {
    if (revision > this.revision) throw new StoreRevisionUnknown(revision, this.revision);
  }
}

function writeOf(key: string, value: string | undefined): Operation {
  return value === undefined ? { type: 'del', key } : { type: 'put', key, value };
}

/** The document is parsed only if a change is made to it: an expectation needs no more than the revision. */
function lazyVersion(row: string, key: string): Version {
  const { revision, text } = parseCurrent(row);
  let value: JsonObject | undefined;
  return {
    revision,
    get value(): JsonObject {
      value ??= parseDocument(text, rowKey('desired', key));
      return value;
    },
  };
}
