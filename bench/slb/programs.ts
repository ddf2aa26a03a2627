/** The benchmark's own programs in C. Called by contestants.ts, exercises.ts and the fabric's. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../../fabric/command.ts';

const PROGRAMS = ['connections', 'round-trips'] as const;

/** Makes them beside this file; idempotent. */
export async function buildPrograms(): Promise<void> {
  mkdirSync(new URL('./', import.meta.url), { recursive: true });
  for (const name of PROGRAMS) {
    const source = fileURLToPath(new URL(`../../../bench/slb/${name}.c`, import.meta.url));
    await run(['cc', '-O2', '-Wall', '-o', pathOf(name), source]);
  }
}

/** What `connections load` prints. */
export interface Load {
  readonly completed: number;
  readonly failed: number;
  readonly sec: number;
  /** Of the client. */
  readonly cpuSec: number;
}

export function connections(): string {
  return pathOf('connections');
}

export function roundTrips(): string {
  return pathOf('round-trips');
}

function pathOf(name: (typeof PROGRAMS)[number]): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}
