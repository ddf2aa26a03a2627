/**
 * What the speaker has learned becomes routes of whoever forwards: changed prefixes are collected for a moment and told in parts, each with the next hops
 * that it has by then. After an own restart, what forwards goes on by routes of before until the speaker has decided anew (RFC 4724 §4.1). Called by
 * bgp-control.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { type IpWords, parseIpPrefixWords, parseIpWords } from '../../base/ip-words.ts';
import type { Logger } from '../../base/log.ts';
import { seconds } from '../../base/units.ts';
import type { Speaker } from '../speaker/contract.ts';
import type { LearnedRoute } from './learned-route.ts';
import { RESTART_CHECK_INTERVAL, ROUTES_COLLECTED_MS, ROUTES_PER_CHANGE_MAX } from './limits.ts';

/** Whoever forwards. */
export interface Forwarding {
  /** Brings routes into force; absent: nobody here forwards by them. */
  learn?(routes: readonly LearnedRoute[]): Promise<void>;
  /** Whoever forwards has done so before this process, by routes that it keeps until it is told to forget those that were not told again. */
  readonly isRestarting?: boolean;
  forget?(): Promise<number>;
}

export interface RouteFeedOptions extends Forwarding {
  speaker(): Pick<Speaker, 'route' | 'neighbours'> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export class RouteFeed {
  readonly #options: RouteFeedOptions;
  /** Prefixes that have changed and that the router has not been told. */
  readonly #changed = new Set<string>();
  readonly #installed = new Set<string>();
  #flush: Timer | undefined;
  /**
   * RFC 4724 §4.1, after an own restart: routes of before are in force (stale) until the speaker, which hears everybody first (deferring), has
   * decided anew, and neighbours that it need not wait for, since they have restarted themselves, have told everything too.
   */
  #restart: 'stale' | 'deferring' | 'decided' | 'over';
  /** When routes of before go at the latest, by the clock. */
  #forgetAt = 0;

  constructor(options: RouteFeedOptions) {
    this.#options = options;
    this.#restart = options.isRestarting === true ? 'stale' : 'over';
  }

  /** Are routes of before the process' start still in force? */
  get isRestarting(): boolean {
    return this.#restart !== 'over';
  }

  /** Routes of before are in force, and no speaker has begun to hear neighbours yet. */
  get isStale(): boolean {
    return this.#restart === 'stale';
  }

  /** Prefixes have other best routes. */
  changed(prefixes: readonly string[]): void {
    for (const prefix of prefixes) this.#changed.add(prefix);
    this.#collect();
  }

  /** All that was told may have other next hops now, or none. */
  allChanged(): void {
    for (const prefix of this.#installed) this.#changed.add(prefix);
    this.#collect();
  }

  /** A speaker hears neighbours, after a restart for so long before it decides; 0: it decides at once. */
  speakerStarted(deferralSec: number): void {
    this.#forgetAt = this.#options.clock.now() + seconds(deferralSec);
    if (deferralSec > 0) this.#restart = 'deferring';
    else this.decided();
  }

  /** What it was waiting for does not come any more. */
  speakerStops(): void {
    if (this.#restart === 'deferring') this.decided();
  }

  /** The first decisions have been made, or there is nothing to decide. */
  decided(): void {
    if (this.#restart === 'over') return;
    this.#restart = 'decided';
    this.#collect();
  }

  close(): void {
    this.#flush?.cancel();
  }

  #collect(): void {
    if (this.#flush !== undefined) return;
    if (this.#changed.size === 0 && this.#restart !== 'decided') return;
    const isOnlyWaiting = this.#changed.size === 0 && !this.#mayForget();
    const delay = isOnlyWaiting ? RESTART_CHECK_INTERVAL : ROUTES_COLLECTED_MS;
    this.#flush = this.#options.clock.after(delay, () => {
      void this.#tell();
    });
  }

  #mayForget(): boolean {
    if (this.#options.clock.now() >= this.#forgetAt) return true;
    const neighbours = this.#options.speaker()?.neighbours() ?? [];
    return neighbours.every(
      ({ state, families }) =>
        state !== 'Established' || families.every(({ isComplete }) => isComplete),
    );
  }

  /** Tells the router some of the changed routes; the rest in the next turn. */
  async #tell(): Promise<void> {
    const routes: LearnedRoute[] = [];
    for (const text of this.#changed) {
      if (routes.length >= ROUTES_PER_CHANGE_MAX) break;
      this.#changed.delete(text);
      const prefix = parseIpPrefixWords(text);
      if (prefix === undefined) continue;
      const nextHops = this.#nextHopsOf(text);
      if (nextHops.length > 0) this.#installed.add(text);
      else this.#installed.delete(text);
      routes.push({ prefix, nextHops });
    }
    const { learn, forget, log } = this.#options;
    try {
      if (routes.length > 0) await learn?.(routes);
      if (this.#changed.size === 0 && this.#restart === 'decided' && this.#mayForget()) {
        this.#restart = 'over';
        const gone = await forget?.();
        log.info({ gone }, 'BGP has decided anew after the restart');
      }
    } catch (fault) {
      // Whoever forwards has died, which is reported by itself and ends the process.
      log.debug({ err: fault }, 'routes not told');
    }
    this.#flush = undefined;
    this.#collect();
  }

  #nextHopsOf(prefix: string): readonly IpWords[] {
    const route = this.#options.speaker()?.route(prefix);
    if (route === undefined || route.neighbour === undefined) return [];
    return route.nextHops.map(parseIpWords).filter((words) => words !== undefined);
  }
}
