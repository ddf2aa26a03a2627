/**
 * A pool of 1,000 backends that changes, as the parts of a mux see it: its main thread makes the table anew and says so, its forwarder brings the new one
 * into force between two bursts. Only the second is on packets' way. Called by main.ts.
 */

import { MuxGoal } from '../../slb/mux/agent/mux-goal.ts';
import { MuxTables } from '../../slb/mux/forwarder/mux-tables.ts';
import { machineNow } from '../control/machine-time.ts';
import { poolOf } from './mux-goal-state.ts';

export interface TableChange {
  /** On the main thread, milliseconds. */
  readonly madeMs: number;
  /** On the forwarder's, milliseconds. */
  readonly inForceMs: number;
}

const CHANGES = 21;

/** Each a backend fewer or more; the first ones, which run slowly, are left out. */
export async function changeTables(backends: number): Promise<readonly TableChange[]> {
  const goal = new MuxGoal();
  const tables = new MuxTables({ setPeer: () => undefined, onAddressGone: () => undefined });
  const changes: TableChange[] = [];
  for (let round = 0; round < 2 * CHANGES; round += 1) {
    const resources = poolOf(backends - (round % 2));
    const startedAt = machineNow();
    const { change } = await goal.apply(resources, []);
    const madeAt = machineNow();
    tables.apply(change, round);
    if (round < CHANGES) continue;
    changes.push({ madeMs: madeAt - startedAt, inForceMs: machineNow() - madeAt });
  }
  return changes;
}
