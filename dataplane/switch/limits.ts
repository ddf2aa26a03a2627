/** Named times of the switch's main-thread side (docs/limits.md). */
import { type Millis, seconds } from '../../base/units.ts';

/** How often the namespaces of attached devices are looked at, to notice deleted ones. */
export const NAMESPACE_CHECK_INTERVAL: Millis = seconds(1);
