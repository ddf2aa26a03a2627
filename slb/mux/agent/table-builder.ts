/**
 * Makes the tables of groups, off the thread that forwards and one at a time, so that BGP's and BFD's timers are kept meanwhile. Groups with the same
 * backends and weights share one table: it is made once, and lies in memory once. Called by mux-goal.ts.
 */
import { setImmediate } from 'node:timers/promises';
import { MAGLEV_ROWS, maglevTable, NO_BACKEND, TABLE_SEED } from '../../hashing/maglev.ts';

export interface Chosen {
  readonly name: string;
  /** At least 1. */
  readonly weight: number;
}

export interface Table {
  /** Backends and weights, canonical: two tables with the same are the same. */
  readonly signature: string;
  /** By position in the table. */
  readonly chosen: readonly string[];
  /** Positions, or NO_BACKEND; in shared memory. */
  readonly rows: Uint16Array;
  readonly shares: readonly number[];
}

export class TableBuilder {
  readonly #tables = new Map<string, { readonly table: Table; uses: number }>();

  /** The table of these, for one more group. */
  async acquire(backends: readonly Chosen[]): Promise<Table> {
    const sorted = [...backends].sort((a, b) => (a.name < b.name ? -1 : 1));
    const signature = sorted.map(({ name, weight }) => `${name}*${weight}`).join(' ');
    const known = this.#tables.get(signature);
    if (known !== undefined) {
      known.uses += 1;
      return known.table;
    }
    const table = build(signature, sorted);
    this.#tables.set(signature, { table, uses: 1 });
    // Timers and sockets of this thread have their turn between two tables.
    await setImmediate();
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
}

function build(signature: string, sorted: readonly Chosen[]): Table {
  const rows = new Uint16Array(new SharedArrayBuffer(MAGLEV_ROWS * Uint16Array.BYTES_PER_ELEMENT));
  rows.set(maglevTable(sorted, TABLE_SEED));
  const shares = new Array<number>(sorted.length).fill(0);
  for (const position of rows) {
    if (position !== NO_BACKEND) shares[position] = (shares[position] ?? 0) + 1;
  }
  return { signature, chosen: sorted.map(({ name }) => name), rows, shares };
}
