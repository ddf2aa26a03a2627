/**
 * A pool of 1,000 backends that changes, as the parts of a mux see it: its main thread makes the table anew and says so, its forwarder brings the new one
 * into force between two bursts. Only the second is on packets' way. And as the main thread of a host sees it whose VMs reach the pool by an internal
 * address. Called by control-plane.ts.
 */
import { BackendTables } from '../../dataplane/load-balancing/backend-tables.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { MuxGoal } from '../../slb/mux/agent/mux-goal.ts';
import { MuxTables } from '../../slb/mux/forwarder/mux-tables.ts';
import { machineNow } from '../control/machine-time.ts';
import { poolOf } from './mux-goal-state.ts';

export interface TableChange {
  /** On the main thread, milliseconds. */
  readonly madeMs: number;
  /** On the forwarder's, milliseconds. */
  readonly inForceMs: number;
  /** On the main thread of a host, milliseconds. */
  readonly hostMs: number;
}

const CHANGES = 21;

/** Each a backend fewer or more; the first ones, which run slowly, are left out. */
export async function changeTables(backends: number): Promise<readonly TableChange[]> {
  const goal = new MuxGoal();
  const tables = new MuxTables({ setPeer: () => undefined, onAddressGone: () => undefined });
  const host = new BackendTables();
  const changes: TableChange[] = [];
  for (let round = 0; round < 2 * CHANGES; round += 1) {
    const resources = poolOf(backends - (round % 2));
    const startedAt = machineNow();
    const { change } = await goal.apply(resources, []);
    const madeAt = machineNow();
    tables.apply(change, round);
    const inForceMs = machineNow() - madeAt;
    const hostMs = changeOfHost(host, resources);
    if (round < CHANGES) continue;
    changes.push({ madeMs: madeAt - startedAt, inForceMs, hostMs });
  }
  return changes;
}

function changeOfHost(host: BackendTables, resources: readonly Resource[]): number {
  const upserts = resources.map((each) =>
    each.virtualIp === undefined
      ? each
      : { ...each, virtualIp: { ...each.virtualIp, internal: true } },
  );
  const startedAt = machineNow();
  const steps = host.after({ upserts, removes: [] });
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  host.handedOver(step.value);
  return machineNow() - startedAt;
}
