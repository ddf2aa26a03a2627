/**
 * Which numbers of a range are taken, with the lowest free one found in O(log₃₂ n): a bit per number, a summary bit per full word, a
 * summary of the summary and so on. 16 million numbers take 2 MiB.
 *
 * Invariants: a bit of level k+1 is set exactly when all 32 bits of its word in level k are; bits past the range are set.
 * Called by number-table.
 */
import { assert, defined } from '../../base/assert.ts';

/** Numbers one bitmap may span: 24 bits, the size of the VXLAN identifier space (RFC 7348 §5). */
export const BITMAP_NUMBERS_MAX: number = 1 << 24;
const WORD_FULL = 0xffff_ffff;

export class FreeBitmap {
  readonly count: number;
  /** Level 0 holds the numbers, each next one a bit per word of the level below; the last has one word. */
  readonly #levels: readonly Uint32Array[];

  constructor(count: number) {
    assert(count >= 1 && count <= BITMAP_NUMBERS_MAX, 'a bitmap spans 1 … 2^24 numbers');
    this.count = count;
    this.#levels = emptyLevels(count);
  }

  isTaken(index: number): boolean {
    return (this.#word(0, index >>> 5) & (1 << (index & 31))) !== 0;
  }

  take(index: number): void {
    assert(index >= 0 && index < this.count, 'index is in the range');
    let position = index;
    for (const level of this.#levels) {
      const at = position >>> 5;
      const word = (defined(level[at], 'word') | (1 << (position & 31))) >>> 0;
      level[at] = word;
      if (word !== WORD_FULL) return;
      position = at;
    }
  }

  free(index: number): void {
    assert(index >= 0 && index < this.count, 'index is in the range');
    let position = index;
    for (const level of this.#levels) {
      const at = position >>> 5;
      level[at] = (defined(level[at], 'word') & ~(1 << (position & 31))) >>> 0;
      position = at;
    }
  }

  /** Lowest free number ≥ `from`, or undefined. */
  lowestFree(from = 0): number | undefined {
    let position = from;
    for (let depth = 0; depth < this.#levels.length; depth++) {
      const found = this.#freeInWord(depth, position);
      if (found !== undefined) return this.#descend(depth, found);
      position = (position >>> 5) + 1;
    }
    return undefined;
  }

  /** Lowest free bit of the word that holds `position`, at or after it. */
  #freeInWord(depth: number, position: number): number | undefined {
    const level = defined(this.#levels[depth], 'level');
    const at = position >>> 5;
    if (at >= level.length) return undefined;
    const free = ~defined(level[at], 'word') & (WORD_FULL << (position & 31));
    return free === 0 ? undefined : at * 32 + lowestBit(free);
  }

  #descend(depth: number, position: number): number {
    let found = position;
    for (let below = depth - 1; below >= 0; below--) {
      found = found * 32 + lowestBit(~this.#word(below, found));
    }
    return found;
  }

  #word(depth: number, at: number): number {
    return defined(this.#levels[depth]?.[at], 'word');
  }
}

function emptyLevels(count: number): Uint32Array[] {
  const levels: Uint32Array[] = [];
  let bits = count;
  do {
    const words = Math.ceil(bits / 32);
    const level = new Uint32Array(words);
    const rest = bits % 32;
    if (rest !== 0) level[words - 1] = (WORD_FULL << rest) >>> 0;
    levels.push(level);
    bits = words;
  } while (bits > 1);
  return levels;
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
