/** Limits of what roles answer about themselves. Apart from the schemas, since roles and those who only ask need no more of these than the numbers. */

/** Flows in one answer. */
export const FLOWS_PAGE_MAX = 1_000;

/** Routes in one answer of an edge. */
export const BGP_ROUTES_PAGE_MAX = 2_000;

/** Bytes of one piece of a capture: as text they fit one answer. */
export const CAPTURE_PIECE_BYTES_MAX: number = 512 * 1024;

/** Prefixes that one side of a rule is shown with. */
export const RULE_PREFIXES_MAX = 16;

/** Prefixes of one answer about rules, over all of them; with the rules they stay below what one answer may be long. */
export const ANSWER_PREFIXES_MAX = 8_000;

/** Bytes of a traced frame, Ethernet header included: a jumbo frame. */
export const TRACE_FRAME_BYTES_MAX = 9_018;
