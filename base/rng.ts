/** Chance, injected: production draws from the kernel, tests and simulation from a printed seed. */
import { randomFillSync } from 'node:crypto';

export interface Rng {
  /** Uniform over 0 … 2^32 − 1. */
  uint32(): number;
}

/** Words fetched from the kernel at once: a call costs a microsecond whatever its size, and a write draws a dozen words. */
const DRAWN_WORDS = 1_024;
const drawn = new Uint32Array(DRAWN_WORDS);
let drawnAt = DRAWN_WORDS;

export const systemRng: Rng = {
  uint32() {
    if (drawnAt === DRAWN_WORDS) {
      randomFillSync(drawn);
      drawnAt = 0;
    }
    const word = drawn[drawnAt] ?? 0;
    // A word that was given out is not kept.
    drawn[drawnAt++] = 0;
    return word;
  },
};

/** Deterministic generator (mulberry32): the same seed gives the same sequence. Not for secrets. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  return {
    uint32() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (mixed ^ (mixed >>> 14)) >>> 0;
    },
  };
}

/** Uniform integer in [0, bound); bound in 1 … 2^32. */
export function below(rng: Rng, bound: number): number {
  return Math.floor((rng.uint32() / 0x1_0000_0000) * bound);
}
