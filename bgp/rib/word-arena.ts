/**
 * Records of 32-bit words end to end in one array. What is dropped leaves a gap; when the array is full, the records that are left move together,
 * into a larger one where they need it. Who owns the records says where they are, and is told where they go. Called by attribute-table.ts.
 *
 * Invariant: at most half of the array is gaps after a move, so adding costs a bounded number of copies.
 */
import { assert } from '../../base/assert.ts';

const CAPACITY_INITIAL = 16 * 1_024;

export class WordArena {
  #words = new Int32Array(CAPACITY_INITIAL);
  #bytes = new Uint8Array(this.#words.buffer);
  #end = 0;
  #dropped = 0;
  /** While records move. */
  #target: Int32Array<ArrayBuffer> | undefined;
  #targetEnd = 0;

  /** Octets that it takes. */
  get byteLength(): number {
    return this.#words.byteLength;
  }

  /**
   * Adds the first `count` words of `from`; returns where they are. `moveAll` is called when there is no room: it calls `move` for each record
   * that is in use.
   */
  add(from: Int32Array, count: number, moveAll: () => void): number {
    if (this.#end + count > this.#words.length) this.#compact(count, moveAll);
    const at = this.#end;
    const words = this.#words;
    for (let index = 0; index < count; index++) words[at + index] = from[index] ?? 0;
    this.#end = at + count;
    return at;
  }

  /** A record of `count` words is not in use any more. */
  drop(count: number): void {
    this.#dropped += count;
  }

  /** Within moveAll: returns where the record is from now on. */
  move(at: number, count: number): number {
    const target = this.#target;
    assert(target !== undefined, 'records move only when there is no room');
    const to = this.#targetEnd;
    for (let index = 0; index < count; index++) target[to + index] = this.#words[at + index] ?? 0;
    this.#targetEnd = to + count;
    return to;
  }

  /** Copies a record's words to the beginning of `out`. */
  load(at: number, count: number, out: Int32Array): void {
    const words = this.#words;
    for (let index = 0; index < count; index++) out[index] = words[at + index] ?? 0;
  }

  /** Copies the first `len` octets of the record at word `at`. */
  copy(at: number, len: number, out: Uint8Array, to: number): void {
    const bytes = this.#bytes;
    const from = at << 2;
    for (let index = 0; index < len; index++) out[to + index] = bytes[from + index] ?? 0;
  }

  isSame(at: number, count: number, other: Int32Array): boolean {
    const words = this.#words;
    for (let index = 0; index < count; index++) {
      if (words[at + index] !== other[index]) return false;
    }
    return true;
  }

  #compact(room: number, moveAll: () => void): void {
    const needed = this.#end - this.#dropped + room;
    this.#target = new Int32Array(Math.max(CAPACITY_INITIAL, 2 * needed));
    this.#targetEnd = 0;
    moveAll();
    this.#words = this.#target;
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#target = undefined;
    this.#end = this.#targetEnd;
    this.#dropped = 0;
    assert(this.#end + room <= this.#words.length, 'there is room now');
  }
}
