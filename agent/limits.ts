/** Named maxima and times of the southbound client (docs/limits.md). */
import { type Millis, millis, seconds } from '../base/units.ts';

/** First wait after a lost or refused stream; doubles up to RECONNECT_DELAY_MAX, each wait drawn from its upper half. */
export const RECONNECT_DELAY_MIN: Millis = millis(100);
/** A controller that is back is found again within this time. */
export const RECONNECT_DELAY_MAX: Millis = seconds(2);
/** HTTP/2 ping of an idle stream; unanswered for KEEPALIVE_TIMEOUT the stream counts as lost. */
export const KEEPALIVE_INTERVAL: Millis = seconds(10);
export const KEEPALIVE_TIMEOUT: Millis = seconds(5);
/** The controller must answer Hello, with a frame or with headers, within this time. */
export const HELLO_TIMEOUT: Millis = seconds(10);
/** At the end, a handshake with the controller that is under way is waited for no longer than this. */
export const CLOSE_TIMEOUT: Millis = seconds(1);
/** Observations of one burst (twenty ports attached at start) go up as one report. */
export const REPORT_DELAY: Millis = millis(5);
/** The first change after a quiet time is saved this much later, with all that came meanwhile. */
export const SAVE_DELAY: Millis = millis(200);
/** While changes keep coming; what a crash within this time loses, the controller sends again. */
export const SAVE_INTERVAL_MIN: Millis = seconds(2);
/** Faults named in one Ack or Report; how many more there are is said in a last one. */
export const FAULTS_TOLD_MAX = 1000;
/** Questions of the controller that are being answered at once. */
export const QUESTIONS_MAX = 64;
/** JSON of one answer; what is longer is refused, and asked for in parts. A quarter of what the controller reads at once. */
export const ANSWER_BYTES_MAX: number = 1024 * 1024;
/** Path of a control socket: sun_path without its terminator (unix(7)). */
export const SOCKET_PATH_BYTES_MAX = 107;
/** Size of a saved goal state; a longer file is not ours. */
export const SAVED_BYTES_MAX: number = 256 * 1024 * 1024;
/** Time that one command of iproute2 may take. */
export const INTERFACE_COMMAND_TIMEOUT: Millis = seconds(10);
/** How often a role's own settings that could not be brought into force are tried again, and its interfaces are looked at. */
export const SETTINGS_RETRY_INTERVAL: Millis = seconds(5);
