/**
 * Store — where desired state lives. One document per resource tree (a virtual network with its subnets is one document),
 * so a write is atomic by nature, and one ordered log of revisions.
 *
 * Sections
 * - `desired`: what clients asked for, with what the controller allocated for it. Every commit that touches it is a revision.
 * - `observed`: what targets reported (which host a port is attached to). Latest value only.
 * - `operations`: asynchronous operations and idempotent replies. Latest value only.
 * - `meta`: schema version, identifiers of this installation.
 *
 * Invariants: an acknowledged commit survives kill -9; revisions are 1, 2, 3 … without gaps; a reader sees a commit whole or
 * not at all; `watch` delivers every revision after the given one exactly once, in order. History is kept for a number of revisions
 * (STORE_REVISIONS_KEPT_MAX); what is older is forgotten with the commit that makes it so. Implementations pass test/conformance/store.
 * Called by northbound (commits, reads) and by compiler and southbound (watch).
 */

export type Revision = number;

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export type Section = 'desired' | 'observed' | 'operations' | 'meta';

/** `value` undefined deletes; given, it belongs to the store and its watchers, and nobody changes it any more. Keys in `desired` are lower-cased resource paths: `virtualnetworks/blue`. */
export interface Mutation {
  readonly section: Section;
  readonly key: string;
  readonly value: JsonObject | undefined;
}

/** Who asked for a revision and with what words; shown by `weft revisions`. */
export interface Cause {
  readonly client: string;
  readonly requestId: string;
  /** e.g. `PUT /virtualNetworks/blue` */
  readonly summary: string;
}

export interface Commit {
  readonly mutations: readonly Mutation[];
  readonly cause: Cause;
  /** The commit fails with SDN_STORE_CONFLICT unless each of these keys of `desired` still has that revision (0: absent). */
  readonly expect?: readonly { readonly key: string; readonly revision: Revision }[];
  /** The commit fails with SDN_STORE_CONFLICT, too, unless this is still the latest revision: for commits that concern the whole. */
  readonly expectLatest?: Revision;
}

export interface Change {
  readonly key: string;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
}

export interface RevisionEntry {
  readonly revision: Revision;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cause: Cause;
  readonly changes: readonly Change[];
}

export interface Entry {
  readonly key: string;
  readonly value: JsonObject;
  /** Revision that last wrote the key; 0 outside `desired`. */
  readonly revision: Revision;
}

/** Log entries with from ≤ revision ≤ to, of which the first `limit`; bounds outside the log are no error. */
export interface LogRange {
  readonly from: Revision;
  readonly to: Revision;
  readonly limit: number;
  readonly reverse?: boolean;
}

export interface Store {
  /** Latest committed revision, 0 in an empty store. */
  readonly revision: Revision;
  /** Earliest revision whose state can still be read; the log has those after it. 0 until the store forgets the first ones. */
  readonly oldest: Revision;
  get(section: Section, key: string): Promise<Entry | undefined>;
  /** Entries whose key starts with `prefix`, in key order, of one consistent snapshot. */
  range(section: Section, prefix: string): AsyncIterable<Entry>;
  /**
   * Durable when it resolves. `undefined` when nothing in `desired` changed (deleting what is absent is no change). Rejects with a
   * StoreError, then nothing is written. Commits take effect in the order of the calls; a key may occur once in a commit. The objects of
   * the returned entry are shared with every watcher: nobody may change them.
   */
  commit(commit: Commit): Promise<RevisionEntry | undefined>;
  /**
   * A key of `desired` as of the end of `revision`. Rejects with SDN_STORE_REVISION_UNKNOWN for a revision yet to come, with
   * SDN_STORE_REVISION_FORGOTTEN for one before `oldest`; so do rangeAt and watch.
   */
  getAt(key: string, revision: Revision): Promise<JsonObject | undefined>;
  /** The entries of `desired` whose key starts with `prefix`, as of the end of `revision`, in key order. */
  rangeAt(prefix: string, revision: Revision): AsyncIterable<Entry>;
  /** The log, ascending unless `reverse`. */
  log(range: LogRange): AsyncIterable<RevisionEntry>;
  /** Every revision after `after`: first from the log, then live. Ends when `signal` aborts or the store closes. */
  watch(after: Revision, signal: AbortSignal): AsyncIterable<RevisionEntry>;
  /** Finishes the commits already called, ends every watch; whatever is called afterwards rejects with SDN_STORE_CLOSED. */
  close(): Promise<void>;
}
