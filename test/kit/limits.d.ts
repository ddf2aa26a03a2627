/** Named maxima of the test kit: how long a test waits before it says that a thing did not happen. */
import { type Millis } from '../../base/units.ts';
/** Default patience of `eventually`: anything a healthy topology does, it does sooner, even on a busy machine. */
export declare const PATIENCE: Millis;
/** Between two tries of `eventually`. */
export declare const RETRY_INTERVAL: Millis;
/** A program started in a VM that has not said that it is ready. */
export declare const PROGRAM_READY_TIMEOUT: Millis;
/** After the last frame was seen until a capture is read: tcpdump's own delay. */
export declare const CAPTURE_SETTLE: Millis;
/** What one capture or program may print. */
export declare const PROGRAM_OUTPUT_BYTES_MAX: number;
//# sourceMappingURL=limits.d.ts.map
