/**
 * What probes are called in questions and answers, apart from the schemas (probe.ts, slb.ts), which roles that forward do not load. Called by
 * dataplane/probe and dataplane/health, controller/diagnostics.
 */

/** IP protocol numbers of a probe of a path (probe.ts). */
export const ProbeProtocol = { ICMP: 1, TCP: 6, ICMPV6: 58 } as const;

/** Of a backend under one health probe (slb.ts). UNKNOWN: it has not been probed yet. */
export const ProbeState = { UNKNOWN: 'unknown', UP: 'up', DOWN: 'down' } as const;
