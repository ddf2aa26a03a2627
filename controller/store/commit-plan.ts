/**
 * What a commit means, apart from where it is written: checks its size, compares `expect`, and works out the changes. Shared by the
 * stores, so that they cannot disagree. Pure but for the counters.
 */
import { assert } from '../../base/assert.ts';
import { STORE_DOCUMENT_BYTES_MAX, STORE_KEY_BYTES_MAX, STORE_MUTATIONS_MAX } from '../limits.ts';
import type { Change, Commit, JsonObject, Revision, Section } from './store.ts';
import { StoreConflict, StoreTooBig } from './store-error.ts';

/** A mutation with its document as the text that is stored. */
export interface PreparedMutation {
  readonly section: Section;
  readonly key: string;
  readonly value: JsonObject | undefined;
  /** JSON; undefined deletes. */
  readonly text: string | undefined;
}

export interface PreparedCommit {
  readonly commit: Commit;
  readonly mutations: readonly PreparedMutation[];
  /** Of keys and documents. */
  readonly bytes: number;
}

/** Serialises the documents, so that what the caller does with them later has no influence. Throws StoreTooBig. */
export function prepareCommit(commit: Commit): PreparedCommit {
  if (commit.mutations.length > STORE_MUTATIONS_MAX) {
    const actual = commit.mutations.length;
    throw new StoreTooBig('mutations in one commit', { actual, max: STORE_MUTATIONS_MAX });
  }
  const seen = new Set<string>();
  let bytes = 0;
  const mutations = commit.mutations.map((mutation): PreparedMutation => {
    const { section, key, value } = mutation;
    const place = `${section}/${key}`;
    assert(!seen.has(place), `a commit changes a key once: ${place}`);
    assert(key !== '' && !key.includes('\0'), 'a key is not empty and has no NUL');
    seen.add(place);
    const keyBytes = Buffer.byteLength(key);
    if (keyBytes > STORE_KEY_BYTES_MAX) {
      throw new StoreTooBig('bytes in a key', { actual: keyBytes, max: STORE_KEY_BYTES_MAX });
    }
    const text = value === undefined ? undefined : JSON.stringify(value);
    const textBytes = text === undefined ? 0 : Buffer.byteLength(text);
    if (textBytes > STORE_DOCUMENT_BYTES_MAX) {
      const limit = { actual: textBytes, max: STORE_DOCUMENT_BYTES_MAX };
      throw new StoreTooBig(`bytes in ${key}`, limit);
    }
    bytes += keyBytes + textBytes;
    return { section, key, value, text };
  });
  return { commit, mutations, bytes };
}

/** The newest version of a key of `desired` at the moment a commit is decided; revision 0 and no value when absent. */
export interface Version {
  readonly revision: Revision;
  readonly value: JsonObject | undefined;
}

/** Throws StoreConflict unless every expectation holds. */
export function checkExpectations(
  commit: Commit,
  latest: Revision,
  current: (key: string) => Version,
): void {
  const { expectLatest } = commit;
  if (expectLatest !== undefined && expectLatest !== latest) {
    throw new StoreConflict('the store', { expected: expectLatest, actual: latest });
  }
  for (const { key, revision: expected } of commit.expect ?? []) {
    const actual = current(key).revision;
    if (actual !== expected) throw new StoreConflict(key, { expected, actual });
  }
}

/** The changes to `desired`, in the order asked for. Deleting what is absent changes nothing. */
export function changesOf(commit: PreparedCommit, current: (key: string) => Version): Change[] {
  const changes: Change[] = [];
  for (const { section, key, value } of commit.mutations) {
    if (section !== 'desired') continue;
    const before = current(key).value;
    if (before !== undefined || value !== undefined) changes.push({ key, before, after: value });
  }
  return changes;
}
