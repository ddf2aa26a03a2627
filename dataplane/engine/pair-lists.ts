/**
 * Which numbers of flow pairs are in use, how many each owner has, and which are half-open, oldest first: for each owner and for all.
 * Doubly linked lists through typed arrays, so that every operation is O(1) and allocates nothing. Called by flow-table.
 */
import { assert } from '../../base/assert.ts';

const NONE = -1;

export class PairLists {
  readonly #ownedCount: Uint32Array;
  readonly #isUsed: Uint8Array;
  /** Pairs that were used and are free again, linked through #nextFree. */
  readonly #nextFree: Int32Array;
  #free = NONE;
  #usedMax = 0;
  #count = 0;
  readonly #all: LinkedQueues;
  readonly #byOwner: LinkedQueues;

  constructor(pairs: number, owners: number) {
    this.#ownedCount = new Uint32Array(owners);
    this.#isUsed = new Uint8Array(pairs);
    this.#nextFree = new Int32Array(pairs);
    this.#all = new LinkedQueues(pairs, 1);
    this.#byOwner = new LinkedQueues(pairs, owners);
  }

  get count(): number {
    return this.#count;
  }

  /** No pair at or above this number has ever been in use. */
  get usedMax(): number {
    return this.#usedMax;
  }

  isUsed(pair: number): boolean {
    return this.#isUsed[pair] === 1;
  }

  ownedCount(owner: number): number {
    return this.#ownedCount[owner] ?? 0;
  }

  /** Takes a free pair, half-open. The caller has made sure there is one. */
  add(owner: number): number {
    let pair = this.#free;
    if (pair === NONE) pair = this.#usedMax++;
    else this.#free = this.#nextFree[pair] ?? NONE;
    assert(pair < this.#isUsed.length, 'a free pair');
    this.#isUsed[pair] = 1;
    this.#count += 1;
    this.#ownedCount[owner] = this.ownedCount(owner) + 1;
    this.enterHalfOpen(pair, owner);
    return pair;
  }

  remove(pair: number, owner: number): void {
    assert(this.isUsed(pair), 'a pair in use');
    this.leaveHalfOpen(pair, owner);
    this.#isUsed[pair] = 0;
    this.#count -= 1;
    this.#ownedCount[owner] = this.ownedCount(owner) - 1;
    this.#nextFree[pair] = this.#free;
    this.#free = pair;
  }

  enterHalfOpen(pair: number, owner: number): void {
    this.#all.append(0, pair);
    this.#byOwner.append(owner, pair);
  }

  /** No effect on a pair that is not half-open. */
  leaveHalfOpen(pair: number, owner: number): void {
    this.#all.unlink(0, pair);
    this.#byOwner.unlink(owner, pair);
  }

  /** NONE (−1) if there is none. */
  oldestHalfOpen(): number {
    return this.#all.first(0);
  }

  oldestHalfOpenOf(owner: number): number {
    return this.#byOwner.first(owner);
  }

  checkInvariants(pairAt: (pair: number) => { owner: number; isHalfOpen: boolean }): void {
    const owned = new Map<number, number>();
    let used = 0;
    for (let pair = 0; pair < this.#usedMax; pair += 1) {
      const { owner, isHalfOpen } = pairAt(pair);
      const isQueued = this.isUsed(pair) && isHalfOpen;
      assert(this.#all.has(pair) === isQueued, 'the half-open, and they alone, are queued');
      assert(this.#byOwner.has(pair) === isQueued, 'the half-open are queued at their owner');
      if (!this.isUsed(pair)) continue;
      used += 1;
      owned.set(owner, (owned.get(owner) ?? 0) + 1);
    }
    assert(used === this.#count, 'count counts the pairs');
    for (const [owner, count] of this.#ownedCount.entries()) {
      assert(count === (owned.get(owner) ?? 0), 'owners are charged for what they own');
    }
  }
}

/** Several first-in-first-out queues over one set of items, each item in at most one. */
class LinkedQueues {
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #next: Int32Array;
  readonly #prev: Int32Array;
  readonly #isQueued: Uint8Array;

  constructor(items: number, queues: number) {
    this.#first = new Int32Array(queues).fill(NONE);
    this.#last = new Int32Array(queues).fill(NONE);
    this.#next = new Int32Array(items);
    this.#prev = new Int32Array(items);
    this.#isQueued = new Uint8Array(items);
  }

  first(queue: number): number {
    return this.#first[queue] ?? NONE;
  }

  has(item: number): boolean {
    return this.#isQueued[item] === 1;
  }

  append(queue: number, item: number): void {
    const last = this.#last[queue] ?? NONE;
    this.#next[item] = NONE;
    this.#prev[item] = last;
    if (last === NONE) this.#first[queue] = item;
    else this.#next[last] = item;
    this.#last[queue] = item;
    this.#isQueued[item] = 1;
  }

  unlink(queue: number, item: number): void {
    if (!this.has(item)) return;
    const next = this.#next[item] ?? NONE;
    const prev = this.#prev[item] ?? NONE;
    if (prev === NONE) this.#first[queue] = next;
    else this.#next[prev] = next;
    if (next === NONE) this.#last[queue] = prev;
    else this.#prev[next] = prev;
    this.#isQueued[item] = 0;
  }
}
