/**
 * What a target does with a message from the controller: pure. From the goal state it holds and the message follow the change
 * to apply, the goal state after it, and whether the two ends still agree (schema/southbound/goal-hash.ts). `planDelta`
 * and `planSnapshot` decide and change nothing; `commit` carries a plan out in time proportional to the change.
 *
 * A snapshot is turned into the difference to what is held, so that a role never tears down what is already right.
 * Called by agent/agent.ts.
 */
import { SdnError } from '../base/errors.ts';
import { type DeltaFrame, resourceCodec, type SnapshotFrame } from '../schema/southbound/codec.ts';
import { equalBytes, goalHash, resourceDigest } from '../schema/southbound/goal-hash.ts';
import type { Resource } from '../schema/southbound/messages.ts';

/** One resource as it was sent. */
export interface HeldResource {
  readonly bytes: Uint8Array;
  readonly digest: Uint8Array;
}

/** The goal state a target holds; changed by `commit` alone. */
export interface HeldGoal {
  revision: number;
  hash: Uint8Array;
  readonly resources: Map<string, HeldResource>;
}

/** What a role shall bring into force, as a whole, removals last. */
export interface GoalChange {
  readonly revision: number;
  readonly upserts: readonly Resource[];
  /** Keys. */
  readonly removes: readonly string[];
}

export interface Plan {
  readonly change: GoalChange;
  readonly hash: Uint8Array;
  readonly upserts: ReadonlyMap<string, HeldResource>;
}

export function emptyGoal(): HeldGoal {
  return { revision: 0, hash: goalHash().bytes(), resources: new Map() };
}

/** Undefined when the held goal state would not become the controller's: nothing of the delta may be used then. */
export function planDelta(held: HeldGoal, delta: DeltaFrame): Plan | undefined {
  const sum = goalHash(held.hash);
  const upserts = new Map<string, HeldResource>();
  const resources: Resource[] = [];
  for (const bytes of delta.upserts) {
    const { resource, entry } = read(bytes, upserts);
    const before = held.resources.get(resource.key);
    if (before !== undefined) sum.subtract(before.digest);
    sum.add(entry.digest);
    resources.push(resource);
  }
  for (const key of delta.removes) {
    const before = held.resources.get(key);
    if (before === undefined || upserts.has(key)) return undefined;
    sum.subtract(before.digest);
  }
  const hash = sum.bytes();
  if (!equalBytes(hash, delta.goalHash)) return undefined;
  const { revision, removes } = delta;
  return { change: { revision, upserts: resources, removes }, hash, upserts };
}

export function planSnapshot(held: HeldGoal, snapshot: SnapshotFrame): Plan {
  const sum = goalHash();
  const upserts = new Map<string, HeldResource>();
  const changed: Resource[] = [];
  for (const bytes of snapshot.resources) {
    const { resource, entry } = read(bytes, upserts);
    sum.add(entry.digest);
    const before = held.resources.get(resource.key);
    if (before === undefined || !equalBytes(before.digest, entry.digest)) changed.push(resource);
  }
  const removes = [...held.resources.keys()].filter((key) => !upserts.has(key));
  const change = { revision: snapshot.revision, upserts: changed, removes };
  return { change, hash: sum.bytes(), upserts };
}

export function commit(held: HeldGoal, plan: Plan): void {
  for (const [key, entry] of plan.upserts) held.resources.set(key, entry);
  for (const key of plan.change.removes) held.resources.delete(key);
  held.revision = plan.change.revision;
  held.hash = plan.hash;
}

/** The change that takes a role which has nothing to the whole of `held`. */
export function wholeOf(held: HeldGoal): GoalChange {
  const upserts = [...held.resources.values()].map((entry) => resourceCodec.decode(entry.bytes));
  return { revision: held.revision, upserts, removes: [] };
}

function read(
  bytes: Uint8Array,
  seen: Map<string, HeldResource>,
): { resource: Resource; entry: HeldResource } {
  const resource = resourceCodec.decode(bytes);
  if (resource.key === '' || seen.has(resource.key)) {
    throw new SdnError('SDN_SOUTHBOUND_MALFORMED', `key '${resource.key}' is empty or sent twice`);
  }
  // A copy: the frame's buffer is one large allocation that the entry would keep alive.
  const entry = { bytes: Uint8Array.from(bytes), digest: resourceDigest(bytes) };
  seen.set(resource.key, entry);
  return { resource, entry };
}
