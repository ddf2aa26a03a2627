/** Disjoint sets of packets listed for one ipConfiguration and direction of a what-if answer; how many more there are is said. */
export const WHAT_IF_PACKET_SETS_MAX = 64;

/** Ranges that a set of addresses is described by before it becomes one line that says how many there are more. */
export const WHAT_IF_PREFIXES_MAX = 4;

/** Changes of one kind (flows, routes, goals) listed in a what-if answer; how many more there are is said. */
export const WHAT_IF_CHANGES_MAX = 500;

/** Addresses whose flows are compared without letting others have their turn: a few milliseconds of work. */
export const WHAT_IF_SLICE_LENGTH = 32;
