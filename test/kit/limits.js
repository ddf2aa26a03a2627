/** Named maxima of the test kit: how long a test waits before it says that a thing did not happen. */
import { millis, seconds } from '../../base/units.js';
/** Default patience of `eventually`: anything a healthy topology does, it does sooner, even on a busy machine. */
export const PATIENCE = seconds(10);
/** Between two tries of `eventually`. */
export const RETRY_INTERVAL = millis(20);
/** A program started in a VM that has not said that it is ready. */
export const PROGRAM_READY_TIMEOUT = seconds(10);
/** After the last frame was seen until a capture is read: tcpdump's own delay. */
export const CAPTURE_SETTLE = millis(150);
/** What one capture or program may print. */
export const PROGRAM_OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
//# sourceMappingURL=limits.js.map
