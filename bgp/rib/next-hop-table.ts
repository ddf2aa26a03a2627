/**
 * Next hops, each once: thousands of attribute sets have the same. Known by a small integer as long as somebody uses it. Called by
 * attribute-table.ts.
 */
import { defined } from '../../base/assert.ts';

interface NextHop {
  readonly key: string;
  readonly bytes: Uint8Array;
  count: number;
}

/** Next hops found without their key. A power of two. */
const RECENT = 64;

export class NextHopTable {
  readonly #nextHops: (NextHop | undefined)[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #recent = new Int32Array(RECENT).fill(-1);

  get count(): number {
    return this.#byKey.size;
  }

  get(id: number): Uint8Array {
    return defined(this.#nextHops[id], 'a next hop in use').bytes;
  }

  /** Number of the next hop, used once more. */
  retain(bytes: Uint8Array): number {
    const slot = slotOf(bytes);
    let id = this.#recent[slot] ?? -1;
    const recent = this.#nextHops[id];
    if (recent === undefined || !isSame(recent.bytes, bytes)) {
      id = this.#intern(bytes);
      this.#recent[slot] = id;
    }
    defined(this.#nextHops[id], 'a next hop in use').count += 1;
    return id;
  }

  release(id: number): void {
    const nextHop = defined(this.#nextHops[id], 'a next hop in use');
    nextHop.count -= 1;
    if (nextHop.count > 0) return;
    this.#byKey.delete(nextHop.key);
    this.#nextHops[id] = undefined;
    this.#free.push(id);
  }

  #intern(bytes: Uint8Array): number {
    const key = bytes.join('.');
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const id = this.#free.pop() ?? this.#nextHops.length;
    this.#nextHops[id] = { key, bytes: bytes.slice(), count: 0 };
    this.#byKey.set(key, id);
    return id;
  }
}

function slotOf(bytes: Uint8Array): number {
  let mixed = bytes.length;
  for (let at = 0; at < bytes.length; at++) mixed = Math.imul(mixed, 31) + (bytes[at] ?? 0);
  return mixed & (RECENT - 1);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
