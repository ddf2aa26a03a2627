/**
 * The rows of the LevelDB database, schema 1. Keys are text in the order of their UTF-8 bytes; R is a revision in 16 decimal digits.
 *
 *   schema          its version, decimal
 *   d/KEY           REVISION SPACE JSON     newest document of `desired`
 *   h/KEY NUL R     JSON or null            every version of it ever committed; null where it was deleted
 *   l/R             JSON LogRow             the revision log
 *   s/SECTION/KEY   JSON                    the other sections: newest value only
 *   oldest          REVISION                 earliest revision whose state can be read; absent: 0
 *
 * A log row names the versions a revision replaced and made instead of repeating them: a document is on disk once per version, and
 * once as the newest. NUL sorts before every character, so versions of `a` precede those of `a/b`. Called by level-store.
 */
import type { Cause, JsonObject, Revision, Section } from './store.ts';
import { StoreCorrupt } from './store-error.ts';

/** Schema of what this file describes. */
export const SCHEMA_VERSION = 1;
export const SCHEMA_KEY = 'schema';
export const OLDEST_KEY = 'oldest';

export const CURRENT_PREFIX = 'd/';
export const HISTORY_PREFIX = 'h/';
export const LOG_PREFIX = 'l/';
/** Above every key of the log. */
export const LOG_END = 'l0';

/** Digits of the largest safe integer. */
const REVISION_DIGITS = 16;

export interface LogRow {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cause: Cause;
  readonly changes: readonly LogRowChange[];
}

/** What replaced the version `before` (0: there was none) is the history row of the log row's revision. */
export type LogRowChange = readonly [key: string, before: Revision, to: 'written' | 'deleted'];

export interface CurrentRow {
  readonly revision: Revision;
  /** JSON */
  readonly text: string;
}

/** Where the newest value of a key is. */
export function rowKey(section: Section, key: string): string {
  return section === 'desired' ? `${CURRENT_PREFIX}${key}` : `s/${section}/${key}`;
}

export function historyKey(key: string, revision: Revision): string {
  return `${HISTORY_PREFIX}${key}\0${digits(revision)}`;
}

export function logKey(revision: Revision): string {
  return `${LOG_PREFIX}${digits(revision)}`;
}

export function parseLogKey(row: string): Revision {
  return Number(row.slice(LOG_PREFIX.length));
}

export function parseHistoryKey(row: string): {
  readonly key: string;
  readonly revision: Revision;
} {
  const end = row.length - REVISION_DIGITS;
  return { key: row.slice(HISTORY_PREFIX.length, end - 1), revision: Number(row.slice(end)) };
}

export function emitCurrent(row: CurrentRow): string {
  return `${row.revision} ${row.text}`;
}

/**
 * History rows that nobody can ask for once `revision` is the oldest one: the versions it replaced, and its deletions, which then
 * say no more than a missing row.
 */
export function forgottenRows(logRow: LogRow, revision: Revision): string[] {
  return logRow.changes.flatMap(([key, before, to]) => [
    ...(before === 0 ? [] : [historyKey(key, before)]),
    ...(to === 'deleted' ? [historyKey(key, revision)] : []),
  ]);
}

/** Reads the revision without parsing the document. */
export function parseCurrent(row: string): CurrentRow {
  const space = row.indexOf(' ');
  return { revision: Number(row.slice(0, space)), text: row.slice(space + 1) };
}

export function parseDocument(text: string, row: string): JsonObject {
  return parseJson(text, row);
}

/** `null`, a deletion, is undefined. */
export function parseVersion(text: string, row: string): JsonObject | undefined {
  return parseJson<JsonObject | null>(text, row) ?? undefined;
}

export function parseLogRow(text: string, row: string): LogRow {
  return parseJson(text, row);
}

/** The shape is what this file once wrote: LevelDB's checksums vouch for the bytes, the schema version for the rest. */
function parseJson<T>(text: string, row: string): T {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new StoreCorrupt(`row ${row} is not JSON`, cause);
  }
}

function digits(revision: Revision): string {
  return String(revision).padStart(REVISION_DIGITS, '0');
}
