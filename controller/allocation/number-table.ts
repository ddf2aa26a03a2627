/**
 * Who owns which number of a space (addresses of a subnet, MAC addresses, VNIs), and which is free. Ownership is a map; for each range
 * asked for, a bitmap is built once and kept in step, so finding a free number costs O(log n) however full the range is. A bitmap spans
 * what a range gives out, never a whole IPv6 subnet: numbers outside it are owned like any other.
 *
 * Called by Allocations. A number has one owner; a claim of an owned number is a bug of the caller, who asks `ownerOf` first.
 */
import { assert } from '../../base/assert.ts';
import { BITMAP_NUMBERS_MAX, FreeBitmap } from './free-bitmap.ts';

/** A space has numbers of one of these types: addresses are integers of up to 128 bits (base/ip.ts), everything else fits 53. */
export type SpaceNumber = number | bigint;

export interface NumberRange<N extends SpaceNumber = number> {
  readonly first: N;
  /** Inclusive. */
  readonly last: N;
}

interface Window {
  readonly range: NumberRange<SpaceNumber>;
  readonly bitmap: FreeBitmap;
}

/** How many numbers a range has; exact up to 2^53. */
export function sizeOfRange({ first, last }: NumberRange<SpaceNumber>): number {
  return last < first ? 0 : distance(first, last) + 1;
}

/** The range without what lies beyond its first `countMax` numbers. */
export function startOfRange<N extends SpaceNumber>(
  range: NumberRange<N>,
  countMax: number,
): NumberRange<N> {
  return sizeOfRange(range) <= countMax
    ? range
    : { first: range.first, last: plus(range.first, countMax - 1) };
}

export class NumberTable {
  readonly #owners = new Map<SpaceNumber, string>();
  readonly #windows = new Map<string, Window>();

  get size(): number {
    return this.#owners.size;
  }

  ownerOf(number: SpaceNumber): string | undefined {
    return this.#owners.get(number);
  }

  claim(number: SpaceNumber, owner: string): void {
    const present = this.#owners.get(number);
    assert(present === undefined, `${number} belongs to ${present} and cannot go to ${owner}`);
    this.#owners.set(number, owner);
    for (const { range, bitmap } of this.#windowsOver(number))
      bitmap.take(distance(range.first, number));
  }

  release(number: SpaceNumber, owner: string): void {
    assert(this.#owners.get(number) === owner, `${number} does not belong to ${owner}`);
    this.#owners.delete(number);
    for (const { range, bitmap } of this.#windowsOver(number))
      bitmap.free(distance(range.first, number));
  }

  /**
   * Lowest number of `range` that is at least `from` and neither owned nor `skip`ped. Of a range longer than a bitmap only its start
   * is searched: no space gives out that many.
   */
  lowestFree<N extends SpaceNumber>(
    whole: NumberRange<N>,
    options: { readonly from?: N; readonly skip?: (number: N) => boolean } = {},
  ): N | undefined {
    const range = startOfRange(whole, BITMAP_NUMBERS_MAX);
    if (range.last < range.first) return undefined;
    const { bitmap } = this.#window(range);
    let from = Math.max(0, distance(range.first, options.from ?? range.first));
    for (;;) {
      const index = from < bitmap.count ? bitmap.lowestFree(from) : undefined;
      if (index === undefined) return undefined;
      const number = plus(range.first, index);
      if (options.skip?.(number) !== true) return number;
      from = index + 1;
    }
  }

  countIn(range: NumberRange<SpaceNumber>): number {
    let count = 0;
    for (const number of this.#owners.keys()) {
      if (number >= range.first && number <= range.last) count++;
    }
    return count;
  }

  /** Some owner, or undefined. */
  anyOwner(): string | undefined {
    return this.#owners.values().next().value;
  }

  /** Some owner of a number in `range`, or undefined. */
  anyOwnerIn(range: NumberRange<SpaceNumber>): string | undefined {
    for (const [number, owner] of this.#owners) {
      if (number >= range.first && number <= range.last) return owner;
    }
    return undefined;
  }

  #windowsOver(number: SpaceNumber): Window[] {
    return [...this.#windows.values()].filter(
      ({ range }) => number >= range.first && number <= range.last,
    );
  }

  #window(range: NumberRange<SpaceNumber>): Window {
    const key = `${range.first}-${range.last}`;
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const bitmap = new FreeBitmap(sizeOfRange(range));
    for (const number of this.#owners.keys()) {
      if (number >= range.first && number <= range.last) bitmap.take(distance(range.first, number));
    }
    const window = { range, bitmap };
    this.#windows.set(key, window);
    return window;
  }
}

function distance(from: SpaceNumber, to: SpaceNumber): number {
  return typeof from === 'bigint' || typeof to === 'bigint'
    ? Number(BigInt(to) - BigInt(from))
    : to - from;
}

function plus<N extends SpaceNumber>(number: N, count: number): N {
  // A number of the type it was: N is one of the two, which the compiler cannot tell from an expression.
  return (typeof number === 'bigint' ? number + BigInt(count) : Number(number) + count) as N;
}
