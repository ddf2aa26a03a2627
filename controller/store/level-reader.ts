/**
 * Reads of the LevelDB store that span rows: ranges, the log, and `desired` as it was. Each uses one LevelDB snapshot, so that neither
 * a commit nor forgetting what is old shows half-way. Called by level-store.
 */
import { STORE_READ_COUNT } from '../limits.ts';
import type { Database } from './level-database.ts';
import {
  CURRENT_PREFIX,
  HISTORY_PREFIX,
  historyKey,
  LOG_END,
  LOG_PREFIX,
  type LogRow,
  logKey,
  OLDEST_KEY,
  parseCurrent,
  parseDocument,
  parseHistoryKey,
  parseLogKey,
  parseLogRow,
  parseVersion,
  rowKey,
} from './level-rows.ts';
import type {
  Change,
  Entry,
  JsonObject,
  LogRange,
  Revision,
  RevisionEntry,
  Section,
} from './store.ts';
import { StoreCorrupt, StoreRevisionForgotten } from './store-error.ts';

type Snapshot = ReturnType<Database['snapshot']>;
type Reads = { readonly snapshot?: Snapshot };

/** Entries of a section in key order, all of one moment. */
export async function* readRange(
  database: Database,
  section: Section,
  prefix: string,
): AsyncGenerator<Entry, void, undefined> {
  if (section === 'desired') {
    yield* readCurrent(database, prefix, {});
    return;
  }
  const sectionRows = rowKey(section, '');
  for await (const [row, text] of rowsWithPrefix(database, sectionRows + prefix, {})) {
    yield { key: row.slice(sectionRows.length), value: parseDocument(text, row), revision: 0 };
  }
}

/** Revision of the last log entry, 0 if there is none. */
export async function latestRevision(database: Database, reads: Reads = {}): Promise<Revision> {
  const range = { gte: LOG_PREFIX, lt: LOG_END, reverse: true, limit: 1, ...reads };
  const [last] = await database.keys(range).all();
  return last === undefined ? 0 : parseLogKey(last);
}

/** Earliest revision whose state can be read. */
export async function oldestRevision(database: Database, reads: Reads = {}): Promise<Revision> {
  return Number((await database.get(OLDEST_KEY, reads)) ?? 0);
}

export async function readVersionAt(
  database: Database,
  key: string,
  revision: Revision,
): Promise<JsonObject | undefined> {
  const snapshot = database.snapshot();
  try {
    await checkKept(database, revision, snapshot);
    const bounds = { gte: historyKey(key, 0), lte: historyKey(key, revision) };
    const range = { ...bounds, reverse: true, limit: 1, snapshot };
    const [version] = await database.iterator(range).all();
    return version === undefined ? undefined : parseVersion(version[1], version[0]);
  } finally {
    await snapshot.close();
  }
}

/** `desired` as of a revision: the newest documents if it is the latest one, else picked from all versions. */
export async function* readRangeAt(
  database: Database,
  prefix: string,
  revision: Revision,
): AsyncGenerator<Entry, void, undefined> {
  const snapshot = database.snapshot();
  try {
    await checkKept(database, revision, snapshot);
    const latest = await latestRevision(database, { snapshot });
    if (revision === latest) yield* readCurrent(database, prefix, { snapshot });
    else yield* readVersions(database, prefix, { revision, snapshot });
  } finally {
    await snapshot.close();
  }
}

export async function* readLog(
  database: Database,
  range: LogRange,
): AsyncGenerator<RevisionEntry, void, undefined> {
  const from = Math.max(range.from, 1);
  if (range.to < from || range.limit <= 0) return;
  const reverse = range.reverse === true;
  const snapshot = database.snapshot();
  const bounds = { gte: logKey(from), lte: logKey(range.to), limit: range.limit };
  const iterator = database.iterator({ ...bounds, reverse, snapshot });
  let expected: Revision | undefined;
  try {
    for (;;) {
      const rows = await iterator.nextv(STORE_READ_COUNT);
      if (rows.length === 0) return;
      for (const entry of await completeEntries(database, rows, snapshot)) {
        if (expected !== undefined && entry.revision !== expected) {
          throw new StoreCorrupt(`revision ${expected} is missing from the log`);
        }
        expected = entry.revision + (reverse ? -1 : 1);
        yield entry;
      }
    }
  } finally {
    await iterator.close();
    await snapshot.close();
  }
}

async function* readCurrent(
  database: Database,
  prefix: string,
  reads: Reads,
): AsyncGenerator<Entry, void, undefined> {
  for await (const [row, text] of rowsWithPrefix(database, CURRENT_PREFIX + prefix, reads)) {
    const current = parseCurrent(text);
    const value = parseDocument(current.text, row);
    yield { key: row.slice(CURRENT_PREFIX.length), value, revision: current.revision };
  }
}

/** Walks the versions' keys alone and fetches only the documents that were in force. */
async function* readVersions(
  database: Database,
  prefix: string,
  at: { readonly revision: Revision; readonly snapshot: Snapshot },
): AsyncGenerator<Entry, void, undefined> {
  let wanted: string[] = [];
  let candidate: { readonly row: string; readonly key: string } | undefined;
  const rowPrefix = HISTORY_PREFIX + prefix;
  for await (const row of database.keys({ gte: rowPrefix, snapshot: at.snapshot })) {
    if (!row.startsWith(rowPrefix)) break;
    const { key, revision } = parseHistoryKey(row);
    if (candidate !== undefined && candidate.key !== key) {
      wanted.push(candidate.row);
      candidate = undefined;
    }
    if (revision <= at.revision) candidate = { row, key };
    if (wanted.length >= STORE_READ_COUNT) {
      yield* fetchVersions(database, wanted, at.snapshot);
      wanted = [];
    }
  }
  if (candidate !== undefined) wanted.push(candidate.row);
  yield* fetchVersions(database, wanted, at.snapshot);
}

async function* fetchVersions(
  database: Database,
  rows: readonly string[],
  snapshot: Snapshot,
): AsyncGenerator<Entry, void, undefined> {
  const texts = await database.getMany([...rows], { snapshot });
  for (const [index, row] of rows.entries()) {
    const value = parseVersion(textAt(texts, index, row), row);
    if (value !== undefined) yield { ...parseHistoryKey(row), value };
  }
}

/** Log entries with the documents that their rows name. */
async function completeEntries(
  database: Database,
  rows: readonly (readonly [string, string])[],
  snapshot: Snapshot,
): Promise<RevisionEntry[]> {
  const parsed = rows.map(([row, text]) => ({
    revision: parseLogKey(row),
    logRow: parseLogRow(text, row),
  }));
  const versionRows = parsed.flatMap(({ revision, logRow }) => versionRowsOf(logRow, revision));
  const texts = versionRows.length === 0 ? [] : await database.getMany(versionRows, { snapshot });
  const versions = new Map<string, JsonObject | undefined>();
  versionRows.forEach((row, index) => {
    versions.set(row, parseVersion(textAt(texts, index, row), row));
  });
  return parsed.map(({ revision, logRow }) => {
    const changes = logRow.changes.map(([key, before]): Change => {
      return {
        key,
        before: before === 0 ? undefined : versions.get(historyKey(key, before)),
        after: versions.get(historyKey(key, revision)),
      };
    });
    return { revision, at: logRow.at, cause: logRow.cause, changes };
  });
}

function versionRowsOf(logRow: LogRow, revision: Revision): string[] {
  return logRow.changes.flatMap(([key, before]) => {
    const after = historyKey(key, revision);
    return before === 0 ? [after] : [historyKey(key, before), after];
  });
}

async function checkKept(
  database: Database,
  revision: Revision,
  snapshot: Snapshot,
): Promise<void> {
  const oldest = await oldestRevision(database, { snapshot });
  if (revision < oldest) throw new StoreRevisionForgotten(revision, oldest);
}

function textAt(texts: readonly (string | undefined)[], index: number, row: string): string {
  const text = texts[index];
  if (text === undefined) throw new StoreCorrupt(`row ${row} is missing`);
  return text;
}

async function* rowsWithPrefix(
  database: Database,
  prefix: string,
  reads: Reads,
): AsyncGenerator<readonly [string, string], void, undefined> {
  for await (const [row, text] of database.iterator({ gte: prefix, ...reads })) {
    if (!row.startsWith(prefix)) return;
    yield [row, text];
  }
}
