/**
 * How many flows each port has and what became of those it had: numbers in an array that may be shared memory, written by flow-pairs and
 * flow-table, read by anybody at any time. Called by flow-pairs and flow-table (count), dataplane/switch/counters (reads).
 */

/** Of one port, since it got its number. */
export interface FlowCounts {
  /** In the table now, each with its reverse; and how many of these have not been answered. */
  readonly current: number;
  readonly halfOpen: number;
  readonly created: number;
  /** Forgotten in their time. */
  readonly expired: number;
  /** Forgotten before their time, to make room. */
  readonly evicted: number;
  /** Not remembered, their packets dropped as FlowTableFull. */
  readonly refused: number;
}

export const FlowCount = {
  CURRENT: 0,
  HALF_OPEN: 1,
  CREATED: 2,
  EXPIRED: 3,
  EVICTED: 4,
  REFUSED: 5,
} as const;
export type FlowCount = (typeof FlowCount)[keyof typeof FlowCount];
/** Numbers per port. */
export const FLOW_COUNTS = 6;

export class FlowStatistics {
  readonly #values: Float64Array;

  /** Over `values`, FLOW_COUNTS to a port. */
  constructor(values: Float64Array) {
    this.#values = values;
  }

  add(owner: number, count: FlowCount, amount: number): void {
    const at = owner * FLOW_COUNTS + count;
    this.#values[at] = (this.#values[at] ?? 0) + amount;
  }

  /** Starts a port's counts at zero: its number has gone to another port, and its flows are forgotten. */
  clear(owner: number): void {
    this.#values.fill(0, owner * FLOW_COUNTS, (owner + 1) * FLOW_COUNTS);
  }

  read(owner: number): FlowCounts {
    const value = (count: FlowCount) => this.#values[owner * FLOW_COUNTS + count] ?? 0;
    return {
      current: value(FlowCount.CURRENT),
      halfOpen: value(FlowCount.HALF_OPEN),
      created: value(FlowCount.CREATED),
      expired: value(FlowCount.EXPIRED),
      evicted: value(FlowCount.EVICTED),
      refused: value(FlowCount.REFUSED),
    };
  }
}
