/** Limits of the operation history. */

/** Operations that can be asked about — MS-NCNBI §3.1.5.12: "one million". */
export const OPERATION_HISTORY_MAX = 1_000_000;
/** Operations forgotten at once when the history is full, so that the price is paid rarely. */
export const OPERATION_EVICTION_BATCH = 1_000;
