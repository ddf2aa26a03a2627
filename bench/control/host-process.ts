/**
 * A process of simulated hosts: real agents with real streams, certificates and saved goal states, but no switch behind them.
 * Driven by messages from simulated-hosts.ts over the IPC channel; it answers with the instants at which resources were
 * handed to the role.
 */
import { readFile } from 'node:fs/promises';
import { type Agent, type GoalChange, startAgent } from '../../agent/agent.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { systemRng } from '../../base/rng.ts';
import { millis } from '../../base/units.ts';
import { TargetKind } from '../../schema/southbound/messages.ts';
import { machineNow } from './machine-time.ts';

export interface HostFiles {
  readonly id: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly savedGoal: string;
}

export type Order =
  | { readonly kind: 'start'; readonly controller: string; readonly hosts: readonly HostFiles[] }
  /** All ports of some hosts. */
  | { readonly kind: 'attach'; readonly ports: Readonly<Record<string, readonly string[]>> }
  /** From now on, or no longer, name the mappings that arrive. */
  | { readonly kind: 'watch'; readonly on: boolean }
  | { readonly kind: 'count' }
  | { readonly kind: 'stop' };

/** A mapping was handed to a role, at machineNow(). */
export interface Arrival {
  readonly key: string;
  readonly at: number;
}

export type Notice =
  | { readonly kind: 'applied'; readonly arrivals: readonly Arrival[] }
  /** Resources held by all hosts of the process together. */
  | { readonly kind: 'count'; readonly connected: number; readonly resources: number }
  | { readonly kind: 'stopped' };

const NOTICE_DELAY = millis(1);

const agents = new Map<string, Agent>();
const arrived: Arrival[] = [];
let watching = false;

process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'start':
      for (const host of order.hosts) agents.set(host.id, await startHost(host, order.controller));
      return;
    case 'attach':
      for (const [id, portIds] of Object.entries(order.ports)) {
        const ports = portIds.map((portId) => ({
          portId,
          linkUp: true,
          device: 'simulated',
          learnedAddresses: [],
        }));
        agents.get(id)?.observe({ ports, health: [] });
      }
      return;
    case 'watch':
      watching = order.on;
      return;
    case 'count': {
      const states = Array.from(agents.values(), (agent) => agent.status());
      notify({
        kind: 'count',
        connected: states.filter(({ controller }) => controller.connected).length,
        resources: states.reduce((sum, { resourceCount }) => sum + resourceCount, 0),
      });
      return;
    }
    case 'stop':
      await Promise.all(Array.from(agents.values(), (agent) => agent.close()));
      notify({ kind: 'stopped' });
      process.disconnect();
  }
}

async function startHost(host: HostFiles, controller: string): Promise<Agent> {
  const { id, savedGoal } = host;
  return startAgent({
    kind: TargetKind.HOST,
    id,
    controller,
    tls: {
      ca: await readFile(host.ca),
      cert: await readFile(host.cert),
      key: await readFile(host.key),
    },
    savedGoalPath: savedGoal,
    softwareVersion: 'bench',
    role: { apply },
    clock: systemClock,
    rng: systemRng,
    log: silentLogger,
  });
}

async function apply(change: GoalChange): Promise<{ errors: [] }> {
  if (!watching) return { errors: [] };
  const at = machineNow();
  const mappings = change.upserts.filter(({ key }) => key.startsWith('mapping/'));
  if (mappings.length === 0) return { errors: [] };
  const isFirst = arrived.length === 0;
  arrived.push(...mappings.map(({ key }) => ({ key, at })));
  // Told a little later and together: the instants are taken, and messages between processes cost time that hosts do not spend.
  if (isFirst) {
    systemClock.after(NOTICE_DELAY, () => notify({ kind: 'applied', arrivals: arrived.splice(0) }));
  }
  return { errors: [] };
}

function notify(notice: Notice): void {
  process.send?.(notice);
}
