/** Named maxima of the test kit: how long a test waits before it says that a thing did not happen. */
import { type Millis, millis, seconds } from '../../base/units.ts';

/** Default patience of `eventually`: anything a healthy topology does, it does sooner, even on a very busy machine. */
export const PATIENCE: Millis = seconds(30);
/** Between two tries of `eventually`. */
export const RETRY_INTERVAL: Millis = millis(20);
/** A program started in a VM that has not said that it is ready. */
export const PROGRAM_READY_TIMEOUT: Millis = seconds(30);
/** What a program that holds connections says about them: it may be busy with them. */
export const REPORT_PATIENCE: Millis = seconds(30);
/** What tens of thousands of connections have come to, on a very busy machine. */
export const CROWD_PATIENCE: Millis = seconds(120);
/** After the last frame was seen until a capture is read: tcpdump's own delay. */
export const CAPTURE_SETTLE: Millis = millis(150);
/** What one capture or program may print. */
export const PROGRAM_OUTPUT_BYTES_MAX: number = 64 * 1024 * 1024;

/** Datagrams of one flow of flow-probe.ts that wait for their answer, so that no socket's buffer is what loses them. */
export const FLOW_UNANSWERED_MAX = 4;
