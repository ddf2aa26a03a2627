/**
 * Tables by which this host chooses the backends of internal virtual addresses, kept in step with goal state on the host's main thread: made there
 * (slb/hashing), and handed to the forwarding thread with the change that needs them, so that this one only exchanges one table for another
 * between two bursts (docs/design/0025). A public address has its backend chosen by a mux; a pool with one candidate needs no choice.
 *
 *   change of goal state ──► after(change) ──► TableChange, beside the change ──► forwarding thread ──► handedOver
 *
 * Which backends get new flows is selection's to say, here as there. Called by switch/start-switch.
 */
import type { Resource, VirtualIp } from '../../schema/southbound/messages.ts';
import {
  inTableOrder,
  signatureOf,
  type Table,
  TableBuilder,
} from '../../slb/hashing/table-builder.ts';
import { BACKEND_TABLES_MAX } from '../limits.ts';
import { type Health, healthOf, type Pool, poolOf } from './pools.ts';
import { Selection } from './selection.ts';

/** Of a pool's backends as one probe sees them. */
export interface BackendTable {
  readonly poolId: string;
  /** '': nobody probes. */
  readonly healthId: string;
  /** Undefined: none any more. */
  readonly table: Pick<Table, 'signature' | 'rows'> | undefined;
}

/** What has changed since the last one that was handed over. */
export type TableChange = readonly BackendTable[];

interface Use {
  readonly poolId: string;
  readonly healthId: string;
  /** Internal virtual addresses that choose by it. */
  addresses: number;
  /** Its table is to be looked at. */
  isStale: boolean;
  table: Table | undefined;
  /** What the forwarding thread has. */
  handed: Pick<Table, 'signature'> | undefined;
}

export class BackendTables {
  readonly #tablesMax: number;
  readonly #builder = new TableBuilder();
  readonly #pools = new Map<string, Pool>();
  readonly #healths = new Map<string, Health>();
  /** By key of the virtual address: names of its uses. */
  readonly #addresses = new Map<string, ReadonlySet<string>>();
  readonly #uses = new Map<string, Use>();

  constructor(tablesMax: number = BACKEND_TABLES_MAX) {
    this.#tablesMax = tablesMax;
  }

  /** Tables in memory. */
  get count(): number {
    return this.#builder.count;
  }

  /** Tables made so far. */
  get made(): number {
    return this.#builder.made;
  }

  /** Pauses after each table that was made: others of this thread should have their turn then. */
  *after(change: {
    readonly upserts: readonly Resource[];
    readonly removes: readonly string[];
  }): Generator<undefined, TableChange, undefined> {
    const dirty = new Set<string>();
    for (const key of change.removes) {
      this.#setAddress(key, undefined);
      if (this.#pools.delete(key) || this.#healths.delete(key)) dirty.add(key);
    }
    for (const resource of change.upserts) {
      if (this.#note(resource)) dirty.add(resource.key);
    }
    // What has gone makes room for what has come.
    for (const use of this.#uses.values()) if (use.addresses === 0) this.#release(use);
    for (const use of this.#uses.values()) {
      if (dirty.has(poolKey(use.poolId)) || dirty.has(healthKey(use.healthId))) use.isStale = true;
      if (!use.isStale || use.addresses === 0) continue;
      const { made } = this.#builder;
      this.#renew(use);
      if (this.#builder.made > made) yield;
    }
    return this.#notHandedOver();
  }

  /** The forwarding thread has taken the change. */
  handedOver(change: TableChange): void {
    for (const { poolId, healthId, table } of change) {
      const name = nameOf(poolId, healthId);
      const use = this.#uses.get(name);
      if (use === undefined) continue;
      use.handed = table;
      if (use.addresses === 0) this.#uses.delete(name);
    }
  }

  /** Is it a pool, or what is known of one? What is malformed leaves the last good version, as in the switch. */
  #note({ key, virtualIp, backendPool, backendHealth }: Resource): boolean {
    if (virtualIp !== undefined) this.#setAddress(key, virtualIp);
    if (backendPool !== undefined) {
      const pool = poolOf(backendPool);
      if (typeof pool !== 'string') this.#pools.set(key, pool);
    }
    if (backendHealth !== undefined) {
      const health = healthOf(backendHealth, this.#healths.get(key));
      if (typeof health !== 'string') this.#healths.set(key, health);
    }
    return backendPool !== undefined || backendHealth !== undefined;
  }

  #setAddress(key: string, address: VirtualIp | undefined): void {
    const names = new Set<string>();
    for (const { poolId, healthId } of address?.internal === true ? address.rules : []) {
      const name = nameOf(poolId, healthId);
      if (names.has(name)) continue;
      names.add(name);
      const use = this.#uses.get(name) ?? newUse(poolId, healthId);
      this.#uses.set(name, use);
      use.addresses += 1;
    }
    for (const name of this.#addresses.get(key) ?? []) {
      const use = this.#uses.get(name);
      if (use !== undefined) use.addresses -= 1;
    }
    if (names.size === 0) this.#addresses.delete(key);
    else this.#addresses.set(key, names);
  }

  #renew(use: Use): void {
    const candidates = this.#candidates(use);
    const isNeeded = candidates.length > 1;
    const before = use.table;
    use.isStale = false;
    if (isNeeded && before?.signature === signatureOf(inTableOrder(candidates))) return;
    if (before !== undefined) this.#builder.release(before);
    use.table = undefined;
    if (!isNeeded) return;
    // Without room it is tried again with the next change: another one may have gone by then.
    use.isStale = this.#builder.count >= this.#tablesMax;
    if (!use.isStale) use.table = this.#builder.acquire(candidates);
  }

  /** Nobody chooses by it any more; who does later has it made anew. */
  #release(use: Use): void {
    if (use.table !== undefined) this.#builder.release(use.table);
    use.table = undefined;
    use.isStale = true;
  }

  #candidates({ poolId, healthId }: Use) {
    const pool = this.#pools.get(poolKey(poolId));
    const health = this.#healths.get(healthKey(healthId));
    if (pool === undefined || (healthId !== '' && health === undefined)) return [];
    return new Selection(pool, health).candidates;
  }

  #notHandedOver(): TableChange {
    const change: BackendTable[] = [];
    for (const [name, { poolId, healthId, addresses, table, handed }] of this.#uses) {
      if (table?.signature !== handed?.signature) {
        const { signature, rows } = table ?? {};
        const made =
          signature === undefined || rows === undefined ? undefined : { signature, rows };
        change.push({ poolId, healthId, table: made });
      } else if (addresses === 0) this.#uses.delete(name);
    }
    return change;
  }
}

function newUse(poolId: string, healthId: string): Use {
  return { poolId, healthId, addresses: 0, isStale: true, table: undefined, handed: undefined };
}

function nameOf(poolId: string, healthId: string): string {
  return `${poolId}\n${healthId}`;
}

function poolKey(id: string): string {
  return `pool/${id}`;
}

function healthKey(id: string): string {
  return `health/${id}`;
}
