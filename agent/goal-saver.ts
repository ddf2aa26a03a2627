/**
 * When the goal state is saved: soon after a change, seldom while changes keep coming, and never in the way of applying the next
 * one. Called by agent/agent.ts.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { type Millis, millis } from '../base/units.ts';
import { SAVE_DELAY, SAVE_INTERVAL_MIN } from './limits.ts';
import type { HeldGoal } from './reconciler.ts';
import { saveGoal } from './saved-goal.ts';

export interface GoalSaverOptions {
  readonly path: string;
  readonly held: HeldGoal;
  readonly clock: Clock;
  readonly log: Logger;
}

export class GoalSaver {
  readonly #options: GoalSaverOptions;
  #timer: Timer | undefined;
  #saving: Promise<void> | undefined;
  #savedAt: Millis;

  constructor(options: GoalSaverOptions) {
    this.#options = options;
    this.#savedAt = millis(options.clock.now() - SAVE_INTERVAL_MIN);
  }

  /** The goal state differs from what was saved last. */
  changed(): void {
    const { clock } = this.#options;
    const sinceSaved = clock.now() - this.#savedAt;
    const wait = millis(Math.max(SAVE_DELAY, SAVE_INTERVAL_MIN - sinceSaved));
    this.#timer ??= clock.after(wait, () => {
      this.#timer = undefined;
      // A save that takes longer than the interval is waited for; what it misses is saved after it.
      if (this.#saving === undefined) this.#saving = this.#save();
      else this.changed();
    });
  }

  /** True when what is held is on disk, so that it survives kill -9. */
  get isSaved(): boolean {
    return this.#timer === undefined && this.#saving === undefined;
  }

  /** Saves what is not saved yet. */
  async close(): Promise<void> {
    await this.#saving;
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    await this.#save();
  }

  async #save(): Promise<void> {
    const { path, held, clock, log } = this.#options;
    this.#savedAt = clock.now();
    try {
      await saveGoal(path, held);
    } catch (error) {
      // The target goes on: it only starts with an older goal state should it restart without a controller.
      log.error({ err: error }, 'goal state not saved');
    }
    this.#saving = undefined;
  }
}
