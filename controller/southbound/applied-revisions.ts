/**
 * Remembers in the store which revision each target has applied, a little later and all together: a controller that starts again knows what is in
 * force although nobody has connected yet. Called by target-hub.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { TargetKey } from '../goal-state/goal-states.ts';
import type { JsonObject } from '../store/store.ts';
import { APPLIED_RECORD_DELAY } from './limits.ts';
import type { Target } from './target.ts';

export interface AppliedRevisionsOptions {
  readonly clock: Clock;
  /** Stores an observation; `value` undefined deletes. */
  observe(key: string, value: JsonObject | undefined): void;
}

export class AppliedRevisions {
  readonly #options: AppliedRevisionsOptions;
  readonly #changed = new Map<TargetKey, Target>();
  #timer: Timer | undefined;

  constructor(options: AppliedRevisionsOptions) {
    this.#options = options;
  }

  /** The target's `appliedRevision` is another. */
  note(target: Target): void {
    this.#changed.set(target.key, target);
    this.#timer ??= this.#options.clock.after(APPLIED_RECORD_DELAY, () => this.#record(), {
      background: true,
    });
  }

  forget(key: TargetKey): void {
    this.#changed.delete(key);
    this.#options.observe(`target/${key}`, undefined);
  }

  /** Records what has not been recorded yet. */
  close(): void {
    this.#timer?.cancel();
    this.#record();
  }

  #record(): void {
    this.#timer = undefined;
    for (const { key, appliedRevision, heardAt } of this.#changed.values()) {
      this.#options.observe(`target/${key}`, { appliedRevision, at: heardAt });
    }
    this.#changed.clear();
  }
}
