/** Waiting for what happens soon, in place of sleeping for what should have happened by now. */
import { sleep, systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Millis } from '../../base/units.ts';
import { PATIENCE, RETRY_INTERVAL } from './limits.ts';

/**
 * Calls `attempt` until it returns a value that is neither false nor undefined, and resolves with that. A rejection counts as "not
 * yet". After `within`, rejects naming `what` and the last rejection's reason.
 */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T> | T,
  within: Millis = PATIENCE,
): Promise<Exclude<T, false | undefined>> {
  const deadline = systemClock.now() + within;
  for (;;) {
    let reason = 'it did not';
    try {
      const value = await attempt();
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
    } catch (thrown) {
      reason = messageOf(thrown);
    }
    if (systemClock.now() > deadline)
      throw new Error(`not within ${within / 1000} s: ${what} (${reason})`);
    await sleep(systemClock, RETRY_INTERVAL);
  }
}
