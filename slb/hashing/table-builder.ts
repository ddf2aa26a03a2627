/**
 * Tables of pools, made where there is time for it: on the main thread of a mux or a host, never on the one that forwards, which is handed each table
 * ready, in shared memory. Pools with the same backends and weights share one: it is made once, and lies in memory once. A table of 1,000 backends takes
 * milliseconds: callers let timers and sockets have their turn after each that was made. Called by slb/mux/agent/mux-goal.ts and
 * dataplane/load-balancing/backend-tables.ts.
 */
import { MAGLEV_ROWS, maglevTable, NO_BACKEND, TABLE_SEED } from './maglev.ts';

export interface Chosen {
  readonly name: string;
  /** At least 1. */
  readonly weight: number;
}

export interface Table {
  /** See signatureOf: two tables with the same are the same. */
  readonly signature: string;
  /** By position in the table. */
  readonly chosen: readonly string[];
  /** Positions, or NO_BACKEND; in shared memory. */
  readonly rows: Uint16Array;
  readonly shares: readonly number[];
}

export class TableBuilder {
  readonly #tables = new Map<string, { readonly table: Table; uses: number }>();
  #made = 0;

  /** The table of these, for one more pool. */
  acquire(backends: readonly Chosen[]): Table {
    const sorted = inTableOrder(backends);
    const signature = signatureOf(sorted);
    const known = this.#tables.get(signature);
    if (known !== undefined) {
      known.uses += 1;
      return known.table;
    }
    const table = build(signature, sorted);
    this.#made += 1;
    this.#tables.set(signature, { table, uses: 1 });
    return table;
  }

  release({ signature }: Table): void {
    const known = this.#tables.get(signature);
    if (known === undefined) return;
    known.uses -= 1;
    if (known.uses === 0) this.#tables.delete(signature);
  }

  /** Tables in memory. */
  get count(): number {
    return this.#tables.size;
  }

  /** Tables made so far. */
  get made(): number {
    return this.#made;
  }
}

/** By position in their table. */
export function inTableOrder<Backend extends Chosen>(backends: readonly Backend[]): Backend[] {
  return [...backends].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Backends and weights, canonical. `sorted`: in the order of their table. */
export function signatureOf(sorted: readonly Chosen[]): string {
  return sorted.map(({ name, weight }) => `${name}*${weight}`).join(' ');
}

function build(signature: string, sorted: readonly Chosen[]): Table {
  const made = maglevTable(sorted, TABLE_SEED);
  const counts = new Uint32Array(sorted.length);
  for (let row = 0; row < MAGLEV_ROWS; row += 1) {
    const position = made[row] ?? NO_BACKEND;
    if (position !== NO_BACKEND) counts[position] = (counts[position] ?? 0) + 1;
  }
  const rows = new Uint16Array(new SharedArrayBuffer(made.byteLength));
  rows.set(made);
  return { signature, chosen: sorted.map(({ name }) => name), rows, shares: [...counts] };
}
