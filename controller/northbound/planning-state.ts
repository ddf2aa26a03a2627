/**
 * The state that writes are planned on: desired state as it will be once every commit under way is durable, with the allocation tables for it.
 * It runs ahead of the store by at most COMMITS_IN_FLIGHT_MAX revisions, so that commits share a flush to disk; what clients read
 * never does. Each commit names the revision before it, so the store refuses all that were planned on one that failed, and the
 * plan starts again from what is durable.
 */
import { Allocations } from '../allocation/allocations.ts';
import { DesiredState } from '../model/desired-state.ts';
import type { Entry, Revision, RevisionEntry } from '../store/store.ts';

export class PlanningState {
  readonly desired: DesiredState = new DesiredState();
  readonly allocations: Allocations = new Allocations();

  get revision(): Revision {
    return this.desired.revision;
  }

  apply(entry: RevisionEntry): void {
    this.desired.apply(entry);
    this.allocations.update(
      this.desired,
      entry.changes.map(({ key }) => key),
    );
  }

  /** Starts again from what is durable. */
  reload(durable: DesiredState): void {
    this.desired.load(entriesOf(durable), durable.revision);
    this.allocations.rebuild(this.desired);
  }
}

function* entriesOf(durable: DesiredState): Generator<Entry, void, undefined> {
  for (const { key, revision, root } of durable.trees().values()) {
    yield { key, revision, value: root.body };
  }
}
