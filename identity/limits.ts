/** Named maxima of identity: how long certificates live (docs/limits.md). */
import { type Millis, minutes, seconds } from '../base/units.ts';

const DAY_SEC = 86_400;

/** The authority's own certificate. */
export const CA_LIFETIME: Millis = seconds(3650 * DAY_SEC);
/** A role's certificate. */
export const LEAF_LIFETIME: Millis = seconds(365 * DAY_SEC);
/** A certificate with less than this part of its lifetime left is issued anew. */
export const RENEWAL_FRACTION: number = 1 / 3;
/** Certificates are valid from this long before their issue, for machines whose clocks differ. */
export const CLOCK_SKEW: Millis = minutes(5);
