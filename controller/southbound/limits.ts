/** Named maxima and times of the southbound (docs/limits.md). Reaching one is counted in metrics.ts. */
import { type Millis, millis, seconds } from '../../base/units.ts';

/** A stream that has said nothing by then is ended. */
export const HELLO_DEADLINE: Millis = seconds(10);
/** A target that has not answered a message by then counts as lost; a snapshot of a full host takes well under a second. */
export const ACK_DEADLINE: Millis = seconds(30);
/** HTTP/2 ping; unanswered for KEEPALIVE_TIMEOUT the target counts as lost. */
export const KEEPALIVE_INTERVAL: Millis = seconds(10);
export const KEEPALIVE_TIMEOUT: Millis = seconds(5);
/** Targets that a change did not concern learn of its revision this much later, many revisions at once. */
export const REVISION_NOTICE_DELAY: Millis = seconds(1);
/** How often a target's applied revision is written to the store, at most. */
export const APPLIED_RECORD_DELAY: Millis = seconds(1);
/** Wait before the store is asked again to take observations that it refused. */
export const OBSERVED_RETRY_DELAY: Millis = seconds(1);
/** Keys one target can be behind by; beyond, it is sent everything. */
export const OUTSTANDING_KEYS_MAX = 65_536;
/** Ports of one host: as many as its switch has (dataplane/limits.ts). */
export const REPORT_PORTS_MAX = 4096;
/** Standing faults of one target that are kept. */
export const TARGET_FAULTS_MAX = 4096;
/** Largest message from a target: a report of all ports and faults. */
export const REPORT_BYTES_MAX: number = 4 * 1024 * 1024;
/** A question that a target has not answered by then has failed. */
export const QUESTION_TIMEOUT: Millis = seconds(5);
/** Questions to one target that wait for their answers; more are refused. */
export const QUESTIONS_PER_TARGET_MAX = 32;
/** Revisions whose way to the targets is remembered. */
export const REVISIONS_TRACKED_MAX = 10_000;
/** Names listed where more targets have not answered. */
export const WAITING_NAMES_MAX = 20;
/** Routes that lead nowhere, named in the configurationState of one routeTable. */
export const UNSERVED_ROUTES_NAMED_MAX = 16;
/** A target that is away is waited for no longer than this before a virtual address is announced, or forgotten after its withdrawal. */
export const TARGET_AWAY_WAIT: Millis = seconds(5);
/** Virtual addresses that come into force so close together are announced with one message. */
export const ANNOUNCEMENT_DELAY: Millis = millis(5);
/** What probes find out within this time goes to muxes and hosts with one message. */
export const HEALTH_DELAY: Millis = millis(20);
/** A host that is away for so long has lost its backends: they are chosen only where no other is up. */
export const HOST_LOST_WAIT: Millis = seconds(15);
/** Probe results of one host: every address of its ports, by a few probes. */
export const REPORT_PROBE_RESULTS_MAX = 65_536;
/** Changes of load balancers and backends that come so close together have their ports leased together. */
export const SNAT_DELAY: Millis = millis(5);
/** After ports were leased it is waited, beyond SNAT_DELAY, so many times as long as that took: leasing takes a fifth of the controller's time at most. */
export const SNAT_PAUSE_FACTOR = 4;
/** A compilation that took so long has let others wait: what has come meanwhile is taken together. */
export const COMPILE_BUSY: Millis = millis(1);
/** Revisions that are compiled together at most. */
export const REVISIONS_PER_COMPILE_MAX = 256;
