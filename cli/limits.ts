/** Named maxima of the command line (docs/limits.md). */
import { type Millis, millis } from '../base/units.ts';

/** A wait shorter than this says nothing. */
export const PROGRESS_DELAY: Millis = millis(700);
/** Between two redraws of a progress line. */
export const PROGRESS_REDRAW_INTERVAL: Millis = millis(250);
/** Rows of `flows` and `revisions list` unless --limit says otherwise. */
export const ROWS_DEFAULT = 50;
/** Most rows one command asks a role for. */
export const ROWS_MAX = 10_000;
/** Between two looks at what has been logged, with --follow. */
export const FLOW_LOG_POLL_INTERVAL: Millis = millis(1000);
/** Packets of one connectivity check. */
export const CHECK_PROBES_MAX = 100;
/** Between an answer and the next packet of a check: half of what a host may send in a second. */
export const CHECK_INTERVAL: Millis = millis(100);
