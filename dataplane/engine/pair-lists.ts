/**
 * Which numbers of flow pairs are in use, whose they are, and in which order they may be evicted: for each owner and for all. Doubly
 * linked lists through typed arrays, so that every operation is O(1) and allocates nothing.
 *
 * Evictable are first the half-open pairs, oldest first, then those whose connection has ended, first ended first; a pair that is in use
 * by both sides is never evicted. Called by flow-pairs.
 */
import { assert } from '../../base/assert.ts';

const NONE = -1;

/** When a pair may be evicted; of the evictable, lower goes first. */
export const Evictable = { HALF_OPEN: 0, ENDED: 1, NEVER: 2 } as const;
export type Evictable = (typeof Evictable)[keyof typeof Evictable];
/** Classes that are queued. */
const CLASSES = 2;

/** Where the links of numbered items lie: item k has its own from k × stride on. */
export interface LinkWords {
  readonly words: Int32Array;
  /** In words, as the offsets. */
  readonly stride: number;
  readonly nextAt: number;
  readonly prevAt: number;
}

export class PairLists {
  readonly #ownedCount: Uint32Array;
  readonly #isUsed: Uint8Array;
  readonly #class: Uint8Array;
  #usedMax = 0;
  #count = 0;
  /** A queue for each owner, and one, #free, of pairs that were used and are free again. */
  readonly #owned: LinkedQueues;
  readonly #free: number;
  readonly #all: LinkedQueues;
  readonly #byOwner: LinkedQueues;

  /** The pairs of one owner are linked in `neighbours`. */
  constructor(pairs: number, owners: number, neighbours: LinkWords) {
    this.#ownedCount = new Uint32Array(owners);
    this.#isUsed = new Uint8Array(pairs);
    this.#class = new Uint8Array(pairs);
    this.#owned = new LinkedQueues(neighbours, owners + 1);
    this.#free = owners;
    this.#all = new LinkedQueues(linkWords(pairs), CLASSES);
    this.#byOwner = new LinkedQueues(linkWords(pairs), owners * CLASSES);
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

  /** The owner's oldest pair, NONE (−1) without any. */
  firstOwned(owner: number): number {
    return this.#owned.first(owner);
  }

  /** The next pair of the same owner; NONE after the last. */
  nextOwned(pair: number): number {
    return this.#owned.next(pair);
  }

  /** Takes a free pair, half-open. The caller has made sure there is one. */
  add(owner: number): number {
    let pair = this.#owned.first(this.#free);
    if (pair === NONE) pair = this.#usedMax++;
    else this.#owned.unlink(this.#free, pair);
    assert(pair < this.#isUsed.length, 'a free pair');
    this.#isUsed[pair] = 1;
    this.#class[pair] = Evictable.NEVER;
    this.#count += 1;
    this.#ownedCount[owner] = this.ownedCount(owner) + 1;
    this.#owned.append(owner, pair);
    this.setEvictable(pair, owner, Evictable.HALF_OPEN);
    return pair;
  }

  remove(pair: number, owner: number): void {
    assert(this.isUsed(pair), 'a pair in use');
    this.setEvictable(pair, owner, Evictable.NEVER);
    this.#owned.unlink(owner, pair);
    this.#isUsed[pair] = 0;
    this.#count -= 1;
    this.#ownedCount[owner] = this.ownedCount(owner) - 1;
    this.#owned.append(this.#free, pair);
  }

  /** Puts the pair last in the queue of its class, unless it is of that class already. */
  setEvictable(pair: number, owner: number, evictable: Evictable): void {
    const old = this.#class[pair] ?? Evictable.NEVER;
    if (old === evictable) return;
    if (old !== Evictable.NEVER) {
      this.#all.unlink(old, pair);
      this.#byOwner.unlink(owner * CLASSES + old, pair);
    }
    this.#class[pair] = evictable;
    if (evictable === Evictable.NEVER) return;
    this.#all.append(evictable, pair);
    this.#byOwner.append(owner * CLASSES + evictable, pair);
  }

  /** The pair that goes first, of all or of one owner; NONE (−1) if none may. */
  victim(): number {
    const halfOpen = this.#all.first(Evictable.HALF_OPEN);
    return halfOpen !== NONE ? halfOpen : this.#all.first(Evictable.ENDED);
  }

  victimOf(owner: number): number {
    const halfOpen = this.#byOwner.first(owner * CLASSES + Evictable.HALF_OPEN);
    return halfOpen !== NONE ? halfOpen : this.#byOwner.first(owner * CLASSES + Evictable.ENDED);
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(pairAt: (pair: number) => { owner: number; evictable: Evictable }): void {
    const owned = new Map<number, number>();
    const queued = new Map<number, number>();
    let used = 0;
    for (let pair = 0; pair < this.#usedMax; pair += 1) {
      if (!this.isUsed(pair)) continue;
      const { owner, evictable } = pairAt(pair);
      assert(this.#class[pair] === evictable, 'queued as what the pair is');
      used += 1;
      owned.set(owner, (owned.get(owner) ?? 0) + 1);
      queued.set(evictable, (queued.get(evictable) ?? 0) + 1);
    }
    assert(used === this.#count, 'count counts the pairs');
    assert(this.#owned.length(this.#free) === this.#usedMax - used, 'pairs not in use are free');
    for (const [owner, count] of this.#ownedCount.entries()) {
      assert(count === (owned.get(owner) ?? 0), 'owners are charged for what they own');
      assert(this.#owned.length(owner) === count, 'pairs in use are listed');
    }
    for (const evictable of [Evictable.HALF_OPEN, Evictable.ENDED]) {
      let ofOwners = 0;
      for (const owner of this.#ownedCount.keys()) {
        ofOwners += this.#byOwner.length(owner * CLASSES + evictable);
      }
      const count = queued.get(evictable) ?? 0;
      assert(this.#all.length(evictable) === count, 'the evictable, and they alone, are queued');
      assert(ofOwners === count, 'the evictable are queued at their owner');
    }
  }
}

/** For so many items, in memory of their own. */
function linkWords(items: number): LinkWords {
  return { words: new Int32Array(items * 2), stride: 2, nextAt: 0, prevAt: 1 };
}

/** Several first-in-first-out queues over one set of items, each item in at most one; the caller knows in which. */
class LinkedQueues {
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #nextAt: number;
  readonly #prevAt: number;

  constructor(links: LinkWords, queues: number) {
    this.#first = new Int32Array(queues).fill(NONE);
    this.#last = new Int32Array(queues).fill(NONE);
    this.#words = links.words;
    this.#stride = links.stride;
    this.#nextAt = links.nextAt;
    this.#prevAt = links.prevAt;
  }

  first(queue: number): number {
    return this.#first[queue] ?? NONE;
  }

  next(item: number): number {
    return this.#words[item * this.#stride + this.#nextAt] ?? NONE;
  }

  /** Counts the items, one by one. For tests. */
  length(queue: number): number {
    let count = 0;
    for (let item = this.first(queue); item !== NONE; item = this.next(item)) count += 1;
    return count;
  }

  append(queue: number, item: number): void {
    const last = this.#last[queue] ?? NONE;
    this.#setNext(item, NONE);
    this.#setPrev(item, last);
    if (last === NONE) this.#first[queue] = item;
    else this.#setNext(last, item);
    this.#last[queue] = item;
  }

  unlink(queue: number, item: number): void {
    const next = this.next(item);
    const prev = this.#words[item * this.#stride + this.#prevAt] ?? NONE;
    if (prev === NONE) this.#first[queue] = next;
    else this.#setNext(prev, next);
    if (next === NONE) this.#last[queue] = prev;
    else this.#setPrev(next, prev);
  }

  #setNext(item: number, next: number): void {
    this.#words[item * this.#stride + this.#nextAt] = next;
  }

  #setPrev(item: number, prev: number): void {
    this.#words[item * this.#stride + this.#prevAt] = prev;
  }
}
