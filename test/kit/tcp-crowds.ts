/**
 * Tens of thousands of TCP connections of machines that stay open and are quiet until they are asked (tcp-crowd.ts), and servers that know by
 * which ports they came. A process has some 16,000 of them: the usual limit of open files leaves room for so many.
 */
import type { Argv } from '../../fabric/command.ts';
import { programPath } from '../../fabric/roles.ts';
import { eventually } from './eventually.ts';
import { CROWD_PATIENCE } from './limits.ts';
import type { Machine } from './machine.ts';
import type { Program } from './program.ts';
import type { CrowdReport, CrowdServed } from './tcp-crowd.ts';

export type { CrowdReport, CrowdServed } from './tcp-crowd.ts';

/** Servers at several ports of one address, in one process. */
export interface CrowdPorts {
  readonly address: string;
  readonly firstPort: number;
  readonly ports: number;
}

export interface CrowdServer {
  served(): Promise<CrowdServed>;
}

export interface Crowd {
  /** Resolves when all are open, or have failed. */
  opened(): Promise<CrowdReport>;
  /** Says one octet on each open connection: `answered` tells how many have answered it. */
  ask(): Promise<CrowdReport>;
  stop(): Promise<void>;
}

export async function serveCrowd(
  machine: Machine,
  { firstPort, ports }: Omit<CrowdPorts, 'address'>,
): Promise<CrowdServer> {
  const program = await machine.start(load('serve', String(firstPort), String(ports)), 'ready\n');
  const next = reports<CrowdServed>(program, 1);
  return {
    served() {
      program.write('\n');
      return next();
    },
  };
}

/** `name`: one letter. `each`: connections to each port of the servers. */
export async function openCrowd(
  from: Machine,
  name: string,
  { address, firstPort, ports }: CrowdPorts,
  each: number,
): Promise<Crowd> {
  const numbers = [firstPort, ports, each].map(String);
  const program = await from.start(load('open', name, address, ...numbers));
  const next = reports<CrowdReport>(program, 0);
  return {
    opened: next,
    ask() {
      program.write('\n');
      return next();
    },
    async stop() {
      await program.stop('SIGKILL');
    },
  };
}

/** The program's lines of JSON, one after another, from the one with that number on. */
function reports<T>(program: Program, first: number): () => Promise<T> {
  let taken = first;
  return () => {
    const number = taken++;
    return eventually(
      'connections are reported',
      () => {
        const lines = program.stdout().toString().split('\n');
        return lines.length < number + 2 ? undefined : (JSON.parse(lines[number] ?? '') as T);
      },
      CROWD_PATIENCE,
    ) as Promise<T>;
  };
}

function load(...args: readonly string[]): Argv {
  return [process.execPath, programPath('test/kit/tcp-crowd.js'), ...args];
}
