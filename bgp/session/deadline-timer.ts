/** The one timer of a state machine, for whatever is due next. Called by machine.ts. */
import type { Clock, Timer } from '../../base/clock.ts';
import { type Millis, millis } from '../../base/units.ts';

/** A timer that runs this late was held up by our own process: what the peer sent meanwhile is read before it is judged silent. */
const STALLED_MS = 100;
const READ_FIRST: Millis = millis(2);

export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #timer: Timer | undefined;
  #at: Millis | undefined;

  /** `onDue`: not before the deadline, but maybe before a later one that has come to stand instead of it. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Undefined: nothing is due any more. One that is early looks again and waits on, which costs less than moving it with every UPDATE. */
  set(at: Millis | undefined): void {
    if (at === this.#at) return;
    if (at !== undefined && this.#at !== undefined && this.#at <= at) return;
    this.cancel();
    this.#at = at;
    if (at === undefined) return;
    const delay = millis(Math.max(0, at - this.#clock.now()));
    this.#timer = this.#clock.after(delay, () => this.#ran(at));
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = undefined;
  }

  #ran(at: Millis, isSecondLook = false): void {
    this.#timer = undefined;
    this.#at = undefined;
    if (!isSecondLook && this.#clock.now() - at > STALLED_MS) {
      this.#at = at;
      this.#timer = this.#clock.after(READ_FIRST, () => this.#ran(at, true));
      return;
    }
    this.#onDue();
  }
}
