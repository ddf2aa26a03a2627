/** Named maxima of the controller's questions about the network (docs/limits.md). */
import { type Millis, seconds } from '../../base/units.ts';

/** Hosts that one trace is followed through: a sender, a receiver, and appliances between them. */
export const TRACE_HOPS_MAX = 16;
/** How long a probe of a connectivity check waits for its answer: a host must answer within five seconds in all. */
export const PROBE_TIMEOUT_MS = 2000;
/** Numbers that are tried for a probe before it is given up: one that a flow of the VM has is refused. */
export const PROBE_ID_TRIES_MAX = 4;
/** Connectivity checks under way; a further one is refused as ServiceUnavailable. */
export const CONNECTIVITY_CHECKS_RUNNING_MAX = 32;
/** Connectivity checks whose results can be read: the oldest are forgotten. */
export const CONNECTIVITY_CHECKS_KEPT_MAX = 1000;
/** Collected states of load balancing that can be read: the oldest are forgotten. */
export const SLB_STATES_KEPT_MAX = 100;
/** A network interface, frontend or mux is read without its counters when who counts has not told them by then. */
export const INTERFACE_COUNTERS_WAIT: Millis = seconds(1);
