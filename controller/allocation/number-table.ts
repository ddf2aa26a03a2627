/**
 * Who owns which number of a space (addresses of a subnet, MAC addresses, VNIs), and which is free. Ownership is a map; for each range
 * asked for, a bitmap is built once and kept in step, so finding a free number costs O(log n) however full the range is.
 *
 * Called by Allocations. A number has one owner; a claim of an owned number is a bug of the caller, who asks `ownerOf` first.
 */
import { assert } from '../../base/assert.ts';
import { FreeBitmap } from './free-bitmap.ts';

export interface NumberRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

interface Window {
  readonly range: NumberRange;
  readonly bitmap: FreeBitmap;
}

export class NumberTable {
  readonly #owners = new Map<number, string>();
  readonly #windows = new Map<string, Window>();

  get size(): number {
    return this.#owners.size;
  }

  ownerOf(number: number): string | undefined {
    return this.#owners.get(number);
  }

  claim(number: number, owner: string): void {
    const present = this.#owners.get(number);
    assert(present === undefined, `${number} belongs to ${present} and cannot go to ${owner}`);
    this.#owners.set(number, owner);
    for (const { range, bitmap } of this.#windowsOver(number)) bitmap.take(number - range.first);
  }

  release(number: number, owner: string): void {
    assert(this.#owners.get(number) === owner, `${number} does not belong to ${owner}`);
    this.#owners.delete(number);
    for (const { range, bitmap } of this.#windowsOver(number)) bitmap.free(number - range.first);
  }

  /** Lowest number of `range` that is at least `from` and neither owned nor `skip`ped. */
  lowestFree(
    range: NumberRange,
    options: { readonly from?: number; readonly skip?: (number: number) => boolean } = {},
  ): number | undefined {
    if (range.last < range.first) return undefined;
    const { bitmap } = this.#window(range);
    let from = Math.max(0, (options.from ?? range.first) - range.first);
    for (;;) {
      const index = from < bitmap.count ? bitmap.lowestFree(from) : undefined;
      if (index === undefined) return undefined;
      const number = range.first + index;
      if (options.skip?.(number) !== true) return number;
      from = index + 1;
    }
  }

  countIn(range: NumberRange): number {
    let count = 0;
    for (const number of this.#owners.keys()) {
      if (number >= range.first && number <= range.last) count++;
    }
    return count;
  }

  /** Some owner of a number in `range`, or undefined. */
  anyOwnerIn(range: NumberRange): string | undefined {
    for (const [number, owner] of this.#owners) {
      if (number >= range.first && number <= range.last) return owner;
    }
    return undefined;
  }

  #windowsOver(number: number): Window[] {
    return [...this.#windows.values()].filter(
      ({ range }) => number >= range.first && number <= range.last,
    );
  }

  #window(range: NumberRange): Window {
    const key = `${range.first}-${range.last}`;
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const bitmap = new FreeBitmap(range.last - range.first + 1);
    for (const number of this.#owners.keys()) {
      if (number >= range.first && number <= range.last) bitmap.take(number - range.first);
    }
    const window = { range, bitmap };
    this.#windows.set(key, window);
    return window;
  }
}
