/**
 * Time, injected. Everything that waits or measures takes a Clock by constructor, so that a test can hold time still and a
 * simulation can run a day in a second. Only this file touches the platform's timers.
 */
import { performance } from 'node:perf_hooks';
import { type Millis, millis } from './units.ts';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic, in milliseconds with a fraction; the origin has no meaning. */
  now(): Millis;
  /** Wall clock, milliseconds since 1970-01-01T00:00:00Z: for records people read, never for intervals. */
  wallNow(): number;
  /**
   * Runs `callback` once after `delay`; 0: as soon as what is ready to be read has had its turn. A running timer does not keep the process alive
   * when `background` is set.
   */
  after(delay: Millis, callback: () => void, options?: { background?: boolean }): Timer;
}

export const systemClock: Clock = {
  now: () => millis(performance.now()),
  wallNow: () => Date.now(),
  after(delay, callback, options) {
    // A timer of 0 would wait a millisecond.
    if (delay <= 0) {
      const immediate = setImmediate(callback);
      if (options?.background === true) immediate.unref();
      return { cancel: () => clearImmediate(immediate) };
    }
    const handle = setTimeout(callback, delay);
    if (options?.background === true) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delay` on `clock`. */
export function sleep(clock: Clock, delay: Millis): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delay, resolve);
  });
}

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to: for tests and simulation. */
export class ManualClock implements Clock {
  #now = 0;
  #order = 0;
  #pending: Pending[] = [];
  readonly #wallOrigin: number;

  constructor(wallOrigin = 1_700_000_000_000) {
    this.#wallOrigin = wallOrigin;
  }

  now(): Millis {
    return millis(this.#now);
  }

  wallNow(): number {
    return this.#wallOrigin + this.#now;
  }

  after(delay: Millis, callback: () => void): Timer {
    const entry: Pending = { at: this.#now + Math.max(0, delay), order: this.#order++, callback };
    this.#pending.push(entry);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((other) => other !== entry);
      },
    };
  }

  /** Moves time on by `duration`, running every timer that falls due, in order of due time. */
  advance(duration: Millis): void {
    const end = this.#now + duration;
    for (;;) {
      const next = this.#pending
        .filter((entry) => entry.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined) break;
      this.#pending = this.#pending.filter((entry) => entry !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }
}
