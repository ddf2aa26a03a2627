/**
 * The revision log as a service: list, show, compare two revisions, restore one. Restoring is a commit like any other, a new revision
 * that puts every tree back as it was; history is never rewritten. What is shown is what a client may see (disclosure.ts).
 *
 * Comparing and restoring cost what happened between the two revisions, not the size of the network. Called by northbound under
 * /networking/weft/v1/revisions.
 */
import { defined } from '../../base/assert.ts';
import { DIFFERENCES_MAX, RESTORE_ATTEMPTS_MAX, REVISIONS_PAGE_COUNT_MAX } from '../limits.ts';
import type {
  Cause,
  Change,
  JsonObject,
  Mutation,
  Revision,
  RevisionEntry,
  Store,
} from '../store/store.ts';
import {
  StoreConflict,
  StoreRevisionForgotten,
  StoreRevisionUnknown,
} from '../store/store-error.ts';
import { discloseDifference, discloseDocument } from './disclosure.ts';
import { type Difference, diffJson } from './json-diff.ts';
import { RestoreInvalid } from './revision-error.ts';

export interface ChangedTree {
  /** In the store: `virtualnetworks/blue`. */
  readonly key: string;
  /** As the client spelt it. */
  readonly resourceRef: string;
  readonly kind: 'created' | 'updated' | 'deleted';
}

export interface RevisionSummary {
  readonly revision: Revision;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cause: Cause;
  readonly trees: readonly ChangedTree[];
}

export interface RevisionPage {
  /** Newest first. */
  readonly revisions: readonly RevisionSummary[];
  /** `before` of the next page; undefined on the last. */
  readonly next: Revision | undefined;
}

/** A created tree has only `after`, a deleted one only `before`, an updated one only `differences`. */
export interface TreeDifference extends ChangedTree {
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  readonly differences?: readonly Difference[];
}

export interface RevisionDetail extends RevisionSummary {
  readonly trees: readonly TreeDifference[];
  /** More than DIFFERENCES_MAX: the rest is left out. */
  readonly isTruncated: boolean;
}

export interface RevisionDiff {
  readonly from: Revision;
  readonly to: Revision;
  /** In key order. */
  readonly trees: readonly TreeDifference[];
  readonly isTruncated: boolean;
}

/** Reasons against putting these documents in place (`after` undefined: deleting it); none if they are valid. */
export type ValidateRestore = (changes: readonly Change[]) => Promise<readonly string[]>;

export interface RestoreRequest {
  readonly revision: Revision;
  readonly cause: Cause;
  readonly validate: ValidateRestore;
}

/** Revisions before `before`, newest first; without it from the latest. */
export async function listRevisions(
  store: Store,
  page: { readonly before?: Revision; readonly limit?: number } = {},
): Promise<RevisionPage> {
  const limit = Math.min(page.limit ?? REVISIONS_PAGE_COUNT_MAX, REVISIONS_PAGE_COUNT_MAX);
  const to = Math.min(page.before === undefined ? store.revision : page.before - 1, store.revision);
  const revisions: RevisionSummary[] = [];
  for await (const entry of store.log({ from: 1, to, limit, reverse: true })) {
    revisions.push(summaryOf(entry));
  }
  const last = revisions.at(-1)?.revision ?? 0;
  return { revisions, next: last > store.oldest + 1 ? last : undefined };
}

/** Rejects with SDN_STORE_REVISION_UNKNOWN or SDN_STORE_REVISION_FORGOTTEN. */
export async function showRevision(store: Store, revision: Revision): Promise<RevisionDetail> {
  for await (const entry of store.log({ from: revision, to: revision, limit: 1 })) {
    return { ...summaryOf(entry), ...differencesOf(entry.changes) };
  }
  if (revision > 0 && revision <= store.oldest) {
    throw new StoreRevisionForgotten(revision, store.oldest + 1);
  }
  throw new StoreRevisionUnknown(revision, store.revision);
}

/** What somebody who saw `from` has to know to understand `to`; `to` may be the earlier one. Revision 0 is the empty store. */
export async function diffRevisions(
  store: Store,
  range: { readonly from: Revision; readonly to: Revision },
): Promise<RevisionDiff> {
  const { from, to } = range;
  return { from, to, ...differencesOf(await changesBetween(store, from, to)) };
}

/**
 * Puts every tree back as it was at the end of `revision`. The entry of the new revision, or undefined if nothing differs. Rejects with
 * RestoreInvalid, with SDN_STORE_REVISION_UNKNOWN, or with StoreConflict when others kept writing.
 */
export async function restoreRevision(
  store: Store,
  request: RestoreRequest,
): Promise<RevisionEntry | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryRestore(store, request);
    } catch (thrown) {
      if (!(thrown instanceof StoreConflict) || attempt === RESTORE_ATTEMPTS_MAX) throw thrown;
    }
  }
}

async function tryRestore(
  store: Store,
  request: RestoreRequest,
): Promise<RevisionEntry | undefined> {
  const latest = store.revision;
  const changes = await changesBetween(store, latest, request.revision);
  if (changes.length === 0) return undefined;
  const problems = await request.validate(changes);
  if (problems.length > 0) throw new RestoreInvalid(request.revision, problems);
  const mutations = changes.map(
    ({ key, after }): Mutation => ({ section: 'desired', key, value: after }),
  );
  return store.commit({ mutations, cause: request.cause, expectLatest: latest });
}

/** The trees that differ between two revisions, in key order, as changes from the one to the other. */
async function changesBetween(store: Store, from: Revision, to: Revision): Promise<Change[]> {
  for (const revision of [from, to]) {
    if (revision < 0 || revision > store.revision) {
      throw new StoreRevisionUnknown(revision, store.revision);
    }
    if (revision < store.oldest) throw new StoreRevisionForgotten(revision, store.oldest);
  }
  const early = Math.min(from, to);
  const late = Math.max(from, to);
  // The first change of a key tells what it was before all of them, the last one what it was after.
  const spans = new Map<
    string,
    { before: JsonObject | undefined; after: JsonObject | undefined }
  >();
  for await (const entry of store.log({ from: early + 1, to: late, limit: late - early })) {
    for (const { key, before, after } of entry.changes) {
      const span = spans.get(key);
      if (span === undefined) spans.set(key, { before, after });
      else span.after = after;
    }
  }
  return [...spans.keys()].sort().flatMap((key) => {
    const span = defined(spans.get(key), 'a key of the map');
    const change = from <= to ? { key, ...span } : { key, before: span.after, after: span.before };
    return isChanged(change) ? [change] : [];
  });
}

function isChanged({ before, after }: Change): boolean {
  if (before === undefined || after === undefined) return before !== after;
  return diffJson(before, after).length > 0;
}

function summaryOf(entry: RevisionEntry): RevisionSummary {
  const { revision, at, cause, changes } = entry;
  return { revision, at, cause, trees: changes.map(changedTreeOf) };
}

function changedTreeOf({ key, before, after }: Change): ChangedTree {
  const ref = (after ?? before)?.['resourceRef'];
  const resourceRef = typeof ref === 'string' ? ref : `/${key}`;
  if (before === undefined) return { key, resourceRef, kind: 'created' };
  return { key, resourceRef, kind: after === undefined ? 'deleted' : 'updated' };
}

function differencesOf(changes: readonly Change[]): {
  readonly trees: readonly TreeDifference[];
  readonly isTruncated: boolean;
} {
  const trees: TreeDifference[] = [];
  let left = DIFFERENCES_MAX;
  for (const change of changes) {
    const tree = treeDifferenceOf(change);
    const count = tree.differences?.length ?? 1;
    if (count > left) {
      const differences = tree.differences?.slice(0, left);
      if (differences !== undefined && left > 0) trees.push({ ...tree, differences });
      return { trees, isTruncated: true };
    }
    left -= count;
    trees.push(tree);
  }
  return { trees, isTruncated: false };
}

function treeDifferenceOf(change: Change): TreeDifference {
  const { key, before, after } = change;
  const tree = changedTreeOf(change);
  if (before !== undefined && after !== undefined) {
    const differences = diffJson(before, after).flatMap(
      (difference) => discloseDifference(key, difference) ?? [],
    );
    return { ...tree, differences };
  }
  if (after !== undefined) return { ...tree, after: discloseDocument(key, after) };
  return before === undefined ? tree : { ...tree, before: discloseDocument(key, before) };
}
