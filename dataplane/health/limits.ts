/** Named maxima and times of health probes (docs/limits.md). */
import { type Millis, millis, minutes, seconds } from '../../base/units.ts';

/** Backends one host probes, each counted for every probe that it has; others are refused. */
export const BACKENDS_PROBED_MAX = 8192;
/** Probes under way at once, a socket each. Others wait for their turn, and are left out when their next time has come before it. */
export const PROBES_IN_FLIGHT_MAX = 1024;
/** An answer must have come within the probe's interval, and within this at most (Azure). */
export const PROBE_TIMEOUT_MAX: Millis = seconds(30);
/** Between the end of one probe's time and the next probe of the same backend. */
export const PROBE_PAUSE_MIN: Millis = millis(50);
/** Begin of a backend's first probe after it has become known, at random within this or its interval: restarts probe nobody in lockstep. */
export const PROBE_START_SPREAD: Millis = seconds(1);
/** Status line and headers of one HTTP answer; what is longer is no success. */
export const PROBE_HEADER_BYTES_MAX: number = 8 * 1024;
/** Informational (1xx) answers before the final one. */
export const PROBE_INFORMATIONAL_MAX = 8;
/** A connection that has answered a TCP probe is closed by the backend within this, or forgotten. */
export const PROBE_CLOSE_TIMEOUT: Millis = seconds(1);
/** What is read of a connection that only has to be closed; a backend that sends more is reset. */
export const PROBE_CLOSING_BYTES_MAX: number = 64 * 1024;
/** Backends that flap: a backend that has gone down more often than FLAPS_FREE within this has to answer longer before it is up again. */
export const FLAP_WINDOW: Millis = minutes(10);
export const FLAPS_FREE = 2;
/** Each further time doubles the successes that it takes, up to so many times the probe's own number. */
export const FLAP_FACTOR_MAX = 8;
/** Text of a reason. */
export const PROBE_REASON_LENGTH_MAX = 200;
/** A changed reason of a backend that stays as it is goes up with the next report, this much later at most. */
export const REASON_REPORT_DELAY: Millis = seconds(10);
/** Backends told in one answer to a question about probes. */
export const PROBES_LISTED_MAX = 1000;
