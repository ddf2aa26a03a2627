/**
 * Keeps a DesiredState at the store's latest revision. `reached` closes the gap between an acknowledged commit and the mirror: a
 * request that committed revision n awaits `reached(n)` and from then on reads its own write. Called by controller/main.
 */
import type { Entry, Revision, Store } from '../store/store.ts';
import { DesiredState } from './desired-state.ts';

export interface DesiredStateFeed {
  readonly state: DesiredState;
  /** Resolves once `state` shows `revision` or a later one; rejects if the feed ended before. */
  reached(revision: Revision): Promise<void>;
  /** Resolves after `signal` aborted or the store closed; rejects when the store, or a listener of `state`, failed. */
  readonly ended: Promise<void>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/** Loads the latest revision, then follows the store until `signal` aborts. */
export async function followDesired(store: Store, signal: AbortSignal): Promise<DesiredStateFeed> {
  const state = new DesiredState();
  const { revision } = store;
  const entries: Entry[] = [];
  for await (const entry of store.rangeAt('', revision)) entries.push(entry);
  state.load(entries, revision);

  const waiters = new Map<Revision, Waiter[]>();
  let outcome: { readonly cause: unknown } | undefined;
  const ended = follow();
  // Whoever starts the feed decides what its failure means; an unobserved one must not end the process first.
  ended.catch(() => undefined);
  return { state, reached, ended };

  async function follow(): Promise<void> {
    try {
      for await (const entry of store.watch(revision, signal)) {
        state.apply(entry);
        for (const waiter of waiters.get(entry.revision) ?? []) waiter.resolve();
        waiters.delete(entry.revision);
      }
      outcome = { cause: new Error('the store is no longer followed') };
    } catch (cause) {
      outcome = { cause };
      throw cause;
    } finally {
      for (const waiter of [...waiters.values()].flat()) waiter.reject(outcome?.cause);
      waiters.clear();
    }
  }

  function reached(wanted: Revision): Promise<void> {
    if (wanted <= state.revision) return Promise.resolve();
    if (outcome !== undefined) return Promise.reject(outcome.cause);
    return new Promise((resolve, reject) => {
      const present = waiters.get(wanted);
      if (present === undefined) waiters.set(wanted, [{ resolve, reject }]);
      else present.push({ resolve, reject });
    });
  }
}
