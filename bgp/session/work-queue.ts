/**
 * Work in bounded slices. A table of a million routes must not keep a KEEPALIVE from going out in time, so whoever has work (a session
 * with input, a peer with routes to send) takes a turn, and between slices the event loop has its own: sockets and timers.
 *
 * First come, first served; a worker with work left goes to the end. Called by machine.ts and the speaker.
 */
import type { Clock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { SLICE_TIME_MS, TURNS_PER_SLICE } from '../limits.ts';

/** Does a bounded piece of its work; true when there is more. */
export type Worker = () => boolean;

export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting = new Set<Worker>();
  #isScheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A worker that waits already is not added again. */
  add(worker: Worker): void {
    this.#waiting.add(worker);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.after(millis(0), () => this.#slice());
  }

  has(worker: Worker): boolean {
    return this.#waiting.has(worker);
  }

  remove(worker: Worker): void {
    this.#waiting.delete(worker);
  }

  #slice(): void {
    this.#isScheduled = false;
    const end = this.#clock.now() + SLICE_TIME_MS;
    for (let turn = 0; turn < TURNS_PER_SLICE; turn++) {
      const [worker] = this.#waiting;
      if (worker === undefined) return;
      this.#waiting.delete(worker);
      if (worker()) this.#waiting.add(worker);
      if (this.#clock.now() >= end) break;
    }
    const [first] = this.#waiting;
    if (first !== undefined) this.add(first);
  }
}
