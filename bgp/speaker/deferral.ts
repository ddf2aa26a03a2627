/**
 * Waiting before the first decision after an own restart — RFC 4724 §4.1: what was forwarded goes on being forwarded until every neighbour has told
 * everything (End-of-RIB), or Selection_Deferral_Timer has run out; only then are routes chosen and told, and End-of-RIB sent. Neighbours
 * that restart themselves, or do not know graceful restart, are not waited for once their sessions are up.
 *
 * Per family. Called by running-speaker.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Millis } from '../../base/units.ts';
import type { Negotiated } from '../session/negotiation.ts';
import type { Neighbour } from './neighbour.ts';

export interface DeferralOptions {
  readonly clock: Clock;
  readonly timeMax: Millis;
  readonly afis: readonly number[];
  /** Those that are configured now: whoever connects unannounced is not waited for. */
  neighbours(): Iterable<Neighbour>;
  onOver(afi: number): void;
}

export class SelectionDeferral {
  readonly #options: DeferralOptions;
  readonly #waiting: Set<number>;
  /** Families that need not be waited for any more. */
  readonly #complete = new Map<Neighbour, Set<number>>();
  readonly #timer: Timer;

  constructor(options: DeferralOptions) {
    this.#options = options;
    this.#waiting = new Set(options.afis);
    this.#timer = options.clock.after(options.timeMax, () => this.end());
  }

  up(neighbour: Neighbour, { gracefulRestart, families }: Negotiated): void {
    const isWaitedFor = gracefulRestart !== undefined && !gracefulRestart.restarting;
    for (const { afi } of neighbour.checked.families) {
      const isCommon = families.some((family) => family.afi === afi);
      if (!isWaitedFor || !isCommon) this.#note(neighbour, afi);
    }
    this.#check();
  }

  endOfRib(neighbour: Neighbour, afi: number): void {
    this.#note(neighbour, afi);
    this.#check();
  }

  /** Whoever is still waited for. */
  end(): void {
    this.#timer.cancel();
    for (const afi of this.#waiting) this.#over(afi);
  }

  #note(neighbour: Neighbour, afi: number): void {
    const families = this.#complete.get(neighbour) ?? new Set();
    this.#complete.set(neighbour, families.add(afi));
  }

  #check(): void {
    const neighbours = [...this.#options.neighbours()];
    for (const afi of this.#waiting) {
      const awaited = neighbours.some(
        (each) =>
          each.checked.families.some((family) => family.afi === afi) &&
          this.#complete.get(each)?.has(afi) !== true,
      );
      if (!awaited) this.#over(afi);
    }
    if (this.#waiting.size === 0) this.#timer.cancel();
  }

  #over(afi: number): void {
    this.#waiting.delete(afi);
    this.#options.onOver(afi);
  }
}
