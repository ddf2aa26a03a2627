/** Named maxima of the controller's questions about the network (docs/limits.md). */

/** Hosts that one trace is followed through: a sender, a receiver, and appliances between them. */
export const TRACE_HOPS_MAX = 16;
