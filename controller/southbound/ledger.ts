/**
 * What the controller knows of a target's copy of its slice: what it surely holds, what is under way, and what is outstanding.
 * It outlives streams: a target that comes back with the hash of one of the two states it can be in is sent the difference,
 * any other one a snapshot.
 *
 * Invariants: a delta's upserts differ from what the target holds, and its removes name only what it holds; so the number of
 * entries is bounded by the keys in which target and slice differ, at most OUTSTANDING_KEYS_MAX. Called by target.ts.
 */
import { assert } from '../../base/assert.ts';
import type { ControllerFrame } from '../../schema/southbound/codec.ts';
import { equalBytes } from '../../schema/southbound/goal-hash.ts';
import type { GoalResource } from '../goal-state/resource.ts';
import type { Slice } from '../goal-state/slice.ts';
import type { Revision } from '../store/store.ts';
import { OUTSTANDING_KEYS_MAX } from './limits.ts';

/** Per key, the digest of what the target holds; undefined: it holds nothing. */
type Outstanding = Map<string, Uint8Array | undefined>;

interface Inflight {
  readonly revision: Revision;
  /** The target's hash once it has taken the message in. */
  readonly hash: Uint8Array;
  /** Undefined for a snapshot. */
  readonly keys: Outstanding | undefined;
}

export type Resumption = 'equal' | 'difference' | 'snapshot';

/** The fields of a message that ledger and slice decide; the session adds its nonce. */
export interface Update {
  readonly frame: ControllerFrame;
  readonly keyCount: number;
}

export class Ledger {
  /** Hash of what the target held before the message in flight; undefined: not known, a snapshot is due. */
  #heldHash: Uint8Array | undefined;
  #inflight: Inflight | undefined;
  #outstanding: Outstanding = new Map();
  /** More than OUTSTANDING_KEYS_MAX keys were outstanding: what the target lacks is not known any more. */
  #overflowed = false;

  /** The slice changed; `before` is what it was. */
  changed(keys: ReadonlyMap<string, GoalResource | undefined>): void {
    if (this.#overflowed) return;
    if (this.#heldHash === undefined && this.#inflight === undefined) return;
    for (const [key, before] of keys) {
      if (!this.#outstanding.has(key)) this.#outstanding.set(key, before?.digest);
    }
    if (this.#outstanding.size > OUTSTANDING_KEYS_MAX) {
      this.#overflowed = true;
      this.#outstanding = new Map();
    }
  }

  /** A stream begins; `hash` is of what the target holds, empty when it wants everything. */
  resume(hash: Uint8Array, slice: Slice): Resumption {
    const inflight = this.#inflight;
    const overflowed = this.#overflowed;
    this.#inflight = undefined;
    this.#overflowed = false;
    if (hash.length > 0 && equalBytes(hash, slice.hash())) {
      this.#heldHash = slice.hash();
      this.#outstanding = new Map();
      return 'equal';
    }
    if (!overflowed && inflight !== undefined && equalBytes(hash, inflight.hash)) {
      this.#heldHash = inflight.hash;
      return 'difference';
    }
    if (!overflowed && this.#heldHash !== undefined && equalBytes(hash, this.#heldHash)) {
      // The message in flight was lost: its keys are outstanding again, from what the target held before it.
      for (const [key, held] of inflight?.keys ?? []) this.#outstanding.set(key, held);
      return 'difference';
    }
    this.#heldHash = undefined;
    this.#outstanding = new Map();
    return 'snapshot';
  }

  /** All that is outstanding as one message. It is in flight from now on. */
  take(slice: Slice, { nonce, revision }: { nonce: number; revision: Revision }): Update {
    assert(this.#inflight === undefined, 'one message in flight at a time');
    const hash = slice.hash();
    if (this.#heldHash === undefined || this.#overflowed) {
      this.#heldHash = undefined;
      this.#overflowed = false;
      this.#inflight = { revision, hash, keys: undefined };
      const resources = Array.from(slice.resources.values(), ({ bytes }) => bytes);
      return { frame: { snapshot: { nonce, revision, resources } }, keyCount: resources.length };
    }
    const keys = this.#outstanding;
    this.#outstanding = new Map();
    this.#inflight = { revision, hash, keys };
    const { upserts, removes } = difference(keys, slice);
    const frame = { delta: { nonce, revision, upserts, removes, goalHash: hash } };
    return { frame, keyCount: upserts.length + removes.length };
  }

  /** The message in flight was answered. Returns the keys it carried, undefined for all. */
  acknowledged(): { readonly revision: Revision; readonly keys: Iterable<string> | undefined } {
    const inflight = this.#inflight;
    assert(inflight !== undefined, 'an Ack answers a message in flight');
    this.#inflight = undefined;
    this.#heldHash = inflight.hash;
    return { revision: inflight.revision, keys: inflight.keys?.keys() };
  }

  get hasOutstanding(): boolean {
    return this.#overflowed || this.#outstanding.size > 0;
  }

  /** Revision of the message in flight. */
  get inflightRevision(): Revision | undefined {
    return this.#inflight?.revision;
  }

  /** The target does not surely hold the slice's version of the key. */
  isOutstanding(key: string): boolean {
    if (this.#heldHash === undefined || this.#overflowed) return true;
    return this.#outstanding.has(key) || this.#inflight?.keys?.has(key) === true;
  }

  /** Every key that `isOutstanding`; undefined: all. */
  outstandingKeys(): readonly string[] | undefined {
    if (this.#heldHash === undefined || this.#overflowed) return undefined;
    return [...this.#outstanding.keys(), ...(this.#inflight?.keys?.keys() ?? [])];
  }
}

function difference(
  keys: Outstanding,
  slice: Slice,
): { upserts: readonly Uint8Array[]; removes: readonly string[] } {
  const upserts: Uint8Array[] = [];
  const removes: string[] = [];
  for (const [key, held] of keys) {
    const wanted = slice.resources.get(key);
    if (wanted === undefined) {
      if (held !== undefined) removes.push(key);
    } else if (held === undefined || !equalBytes(held, wanted.digest)) upserts.push(wanted.bytes);
  }
  return { upserts, removes };
}
