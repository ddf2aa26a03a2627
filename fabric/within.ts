/** A bound on how long something may take, for work that has none of its own. Called by fabric.ts for the status of roles. */
import type { Clock } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import type { Millis } from '../base/units.ts';

/** Settles as `work` does, or rejects with SDN_TIMEOUT after `limit`; the work itself goes on. */
export function within<T>(clock: Clock, limit: Millis, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(
      limit,
      () => reject(new SdnError('SDN_TIMEOUT', `no answer within ${limit / 1000} s`)),
      { background: true },
    );
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
