/**
 * The operations in progress. An operation is in progress from its commit until the compiler has taken its revision in, or until
 * another cancels it; both are known without bookkeeping on disk, because the record of an operation holds its revision. After a restart
 * the compiler starts from the latest revision, so whatever was in progress has then succeeded.
 *
 * Called by the write path (admission) and by views (provisioningState, resources being deleted).
 */
import type { Resource } from '../model/desired-state.ts';
import type { Revision } from '../store/store.ts';
import type { OperationSubject } from './concurrency.ts';
import type { OperationRecord } from './operation-history.ts';

export interface LiveOperation extends OperationSubject {
  readonly treeKey: string;
  readonly revision: Revision;
  /** As it is written to the history. */
  readonly record: OperationRecord;
  /** What a DELETE took away: shown as Deleting until the operation ends. */
  readonly removed: Resource | undefined;
}

export class LiveOperations {
  readonly #byTree = new Map<string, LiveOperation[]>();

  /** In the tree, newer than `settled`, the latest revision the compiler has taken in. */
  of(treeKey: string, settled: Revision): readonly LiveOperation[] {
    const operations = this.#byTree.get(treeKey);
    if (operations === undefined) return [];
    return operations.filter(({ revision }) => revision > settled);
  }

  /** Forgets what has ended, and takes `operation` up in place of `canceled`. */
  start(operation: LiveOperation, canceled: readonly OperationSubject[], settled: Revision): void {
    const ended = new Set(canceled.map(({ id }) => id));
    const rest = this.of(operation.treeKey, settled).filter(({ id }) => !ended.has(id));
    this.#byTree.set(operation.treeKey, [...rest, operation]);
    if (this.#byTree.size % SWEEP_EVERY === 0) this.#sweep(settled);
  }

  /** The operation's commit failed: it never was. */
  drop({ treeKey, id }: LiveOperation): void {
    const rest = (this.#byTree.get(treeKey) ?? []).filter((operation) => operation.id !== id);
    this.#byTree.set(treeKey, rest);
  }

  /** A resource whose deletion is in progress. */
  deleting(treeKey: string, key: string, settled: Revision): Resource | undefined {
    for (const { removed } of this.of(treeKey, settled)) {
      const found = removed === undefined ? undefined : findIn(removed, key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  get treeCount(): number {
    return this.#byTree.size;
  }

  #sweep(settled: Revision): void {
    for (const treeKey of [...this.#byTree.keys()]) {
      const live = this.of(treeKey, settled);
      if (live.length === 0) this.#byTree.delete(treeKey);
    }
  }
}

/** Trees between two sweeps: each costs one pass over the table, so it stays within twice what is live. */
const SWEEP_EVERY = 64;

function findIn(resource: Resource, key: string): Resource | undefined {
  if (resource.key === key) return resource;
  for (const child of resource.children) {
    const found = findIn(child, key);
    if (found !== undefined) return found;
  }
  return undefined;
}
