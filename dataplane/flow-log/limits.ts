/** Named maxima and times of the flow log (docs/limits.md). */
import { type Millis, seconds } from '../../base/units.ts';

/** Flows whose traffic is logged; of others only the beginning is, counted as unfollowed. */
export const LOGGED_FLOWS_MAX = 65_536;
/** Records that the switch keeps until they are fetched; records beyond are lost and counted. */
export const RECORD_QUEUE_MAX = 32_768;
/** Records fetched at once: bounds the pause of the forwarding loop. */
export const RECORDS_PER_FETCH_MAX = 4096;
/** Flows whose traffic is recorded between two bursts. */
export const RECORDED_FLOWS_PER_BURST = 256;
/** Denied flows that are remembered, so that each is logged once per interval however many packets it has; of more, some are logged again. */
export const DENIED_FLOWS_REMEMBERED = 4096;
/** How often records are fetched from the switch. */
export const FETCH_INTERVAL: Millis = seconds(1);
/** Fetches in a row while there is more to fetch. */
export const FETCHES_PER_INTERVAL_MAX = 16;
/** How often fetched records are written to their files. */
export const WRITE_INTERVAL: Millis = seconds(10);
/** Records that wait to be written; records beyond are lost and counted: the disk is slow, full or not there. */
export const UNWRITTEN_RECORDS_MAX = 131_072;
/** Files of the flow log of one host, in bytes: beyond this the oldest hour goes, counted. */
export const FLOW_LOG_BYTES_MAX: number = 1024 * 1024 * 1024;
/** Newest records kept to be asked for. */
export const RECENT_RECORDS_MAX = 10_000;
