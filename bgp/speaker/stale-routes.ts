/**
 * Routes of a neighbour whose session is over, and what becomes of them: the receiving side of graceful restart (RFC 4724 §4.2, RFC 8538) and of
 * long-lived graceful restart (RFC 9494 §4.2). They are kept while there is hope, swept when the neighbour has told everything again or
 * its time is over. Called by neighbour.ts.
 *
 * Invariant: at most one timer; while it runs, some rows of the neighbour may be stale.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import { STALE_TIME_MAX } from '../limits.ts';
import { CeaseSubcode, isForGood, NotificationCode } from '../message/notification.ts';
import type { SessionFailure } from '../session/failure.ts';
import type { LongLivedFamily, Negotiated } from '../session/negotiation.ts';
import type { RibIn } from './rib-in.ts';

export interface StaleRoutesOptions {
  readonly clock: Clock;
  readonly ribIn: RibIn;
  /** How long this side keeps routes as a last resort (RFC 9494); 0: not at all. */
  longLivedStaleSec(): number;
  /** Stale rows of the family are about to go. */
  onSweep(afi: number): void;
}

export class StaleRoutes {
  readonly #options: StaleRoutesOptions;
  #timer: Timer | undefined;

  constructor(options: StaleRoutesOptions) {
    this.#options = options;
  }

  /** The session is up again: what the peer did not preserve goes now, the rest when it has told everything again. */
  up({ gracefulRestart, longLived }: Negotiated): void {
    const { clock, ribIn } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const afi of ribIn.families()) {
      if (ribIn.pathCount(afi) === 0) continue;
      const kept = [...(gracefulRestart?.families ?? []), ...longLived];
      const isKept = kept.some((family) => family.afi === afi && family.forwardingState);
      if (isKept) {
        this.#timer ??= clock.after(STALE_TIME_MAX, () => {
          this.#timer = undefined;
          for (const each of ribIn.families()) this.sweep(each);
        });
      } else ribIn.sweep(afi, 'all');
    }
  }

  /** The session, which stood, is over. */
  down(failure: SessionFailure, { gracefulRestart: restart, longLived }: Negotiated): void {
    const { clock, ribIn } = this.#options;
    if (restart === undefined || !keepsRoutes(failure, restart.notification)) {
      ribIn.sweepFamilies('all');
      return;
    }
    for (const afi of ribIn.families()) {
      if (restart.families.some((family) => family.afi === afi)) ribIn.markStale(afi);
      else ribIn.sweep(afi, 'all');
    }
    const patience = millis(Math.min(seconds(restart.restartTimeSec), STALE_TIME_MAX));
    this.#timer?.cancel();
    this.#timer = clock.after(patience, () => {
      this.#timer = undefined;
      this.#restartFailed(longLived);
    });
  }

  /** What has not been told again goes: End-of-RIB, or the end of a refresh (RFC 7313 §4). */
  sweep(afi: number): void {
    this.#options.onSweep(afi);
    this.#options.ribIn.sweep(afi, 'stale');
  }

  /** Nobody waits any longer. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** RFC 9494 §4.2: the restart time is over; what may live on does, until its own time is over. */
  #restartFailed(longLived: readonly LongLivedFamily[]): void {
    const { clock, ribIn } = this.#options;
    const ownSec = this.#options.longLivedStaleSec();
    let patience = 0;
    for (const afi of ribIn.families()) {
      const offered = longLived.find((family) => family.afi === afi)?.staleTimeSec ?? 0;
      const staleSec = Math.min(offered, ownSec);
      if (staleSec === 0) ribIn.sweep(afi, 'all');
      else ribIn.beginLongLived(afi);
      patience = Math.max(patience, staleSec);
    }
    if (patience === 0) return;
    this.#timer = clock.after(seconds(patience), () => {
      this.#timer = undefined;
      ribIn.sweepFamilies('all');
    });
  }
}

/** RFC 4724 §4.2, RFC 8538 §3: whether the routes outlive this end of the session. */
function keepsRoutes(failure: SessionFailure, hasNotificationBit: boolean): boolean {
  switch (failure.kind) {
    case 'connection-lost':
      return true;
    case 'connect':
      return false;
    case 'received': {
      const { code, subcode } = failure.notification;
      const isHard =
        code === NotificationCode.Cease &&
        // The path is down, not only the speaker: what it forwarded is lost (RFC 5882 §4.3.2).
        (subcode === CeaseSubcode.HardReset || subcode === CeaseSubcode.BfdDown);
      return hasNotificationBit && !isHard;
    }
    case 'sent':
      return hasNotificationBit && !isForGood(failure.notification);
    default:
      return false;
  }
}
