/** A target's slice: every resource it needs and no other, with the hash the target must compute (goal-hash.ts). */
import { type GoalHash, goalHash } from '../../schema/southbound/goal-hash.ts';
import type { GoalResource } from './resource.ts';

export interface Slice {
  readonly resources: ReadonlyMap<string, GoalResource>;
  /** 32 bytes. */
  hash(): Uint8Array;
}

export class MutableSlice implements Slice {
  readonly #resources = new Map<string, GoalResource>();
  readonly #hash: GoalHash = goalHash();

  get resources(): ReadonlyMap<string, GoalResource> {
    return this.#resources;
  }

  hash(): Uint8Array {
    return this.#hash.bytes();
  }

  /** `resource` undefined removes the key. */
  set(key: string, resource: GoalResource | undefined): void {
    const before = this.#resources.get(key);
    if (before !== undefined) this.#hash.subtract(before.digest);
    if (resource === undefined) {
      this.#resources.delete(key);
      return;
    }
    this.#hash.add(resource.digest);
    this.#resources.set(key, resource);
  }
}
