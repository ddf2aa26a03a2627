/**
 * What tests leave behind when they are killed. The name of every topology carries the pid of its test; names of processes that are no
 * more are swept when the next topology starts, and a process that ends in order removes its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { fabricNames, sweepNamespaces } from '../../fabric/namespaces.ts';

const KIT_NAME = /^kit([0-9]+)x[0-9]+$/;
let started = 0;

/** A fabric name that no other topology on this machine has. */
export function uniqueFabricName(): string {
  started += 1;
  return `kit${process.pid}x${started}`;
}

/** Removes the topologies of processes that are gone. */
export async function sweepStaleTopologies(): Promise<void> {
  for (const name of await fabricNames()) {
    const pid = KIT_NAME.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await sweepNamespaces(name);
  }
}

/** Topologies that run in this process: name → state directory. */
const running = new Map<string, string>();

export function register(name: string, stateDirectory: string): void {
  if (running.size === 0) {
    process.once('exit', removeAll);
    for (const signal of SIGNALS) process.once(signal, endBySignal);
  }
  running.set(name, stateDirectory);
}

export function unregister(name: string): void {
  running.delete(name);
  if (running.size > 0) return;
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, endBySignal);
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function endBySignal(): void {
  process.exit(1); // runs removeAll
}

/** Synchronous, as the last moments of a process are. Roles and programs die with it by themselves. */
function removeAll(): void {
  const names = readdirSync('/run/netns');
  for (const [name, directory] of running) {
    for (const namespace of names.filter((each) => each.startsWith(`weft-${name}-`)))
      spawnSync('ip', ['netns', 'del', namespace]);
    rmSync(directory, { recursive: true, force: true });
  }
}
