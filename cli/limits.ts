/** Named maxima of the command line (docs/limits.md). */

/** A wait shorter than this says nothing. */
export const PROGRESS_DELAY_MS = 700;
/** Between two redraws of a progress line. */
export const PROGRESS_REDRAW_MS = 250;
/** Rows of `flows` and `revisions list` unless --limit says otherwise. */
export const ROWS_DEFAULT = 50;
/** Most rows one command asks a role for. */
export const ROWS_MAX = 10_000;
