/** Limits of what roles answer about themselves. Apart from the schemas, since those who only ask need no more of these than the numbers. */

/** Flows in one answer. */
export const FLOWS_PAGE_MAX = 1_000;

/** Routes in one answer of an edge. */
export const BGP_ROUTES_PAGE_MAX = 2_000;
