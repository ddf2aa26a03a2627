/**
 * Many TCP clients of a machine, and their servers (tcp-load.ts): short connections that are counted by who answered, and long ones that are talked
 * on while a test takes things away.
 */
import type { Argv } from '../../fabric/command.ts';
import { programPath } from '../../fabric/roles.ts';
import { eventually } from './eventually.ts';
import { REPORT_PATIENCE } from './limits.ts';
import type { Machine } from './machine.ts';
import type { Program } from './program.ts';
import type { HoldReport, VisitReport } from './tcp-load.ts';

export type { HoldReport, VisitReport } from './tcp-load.ts';

/** Of a server: an address and a port. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Long connections that are talked on. */
export interface HeldConnections {
  /** When all were open. */
  readonly first: HoldReport;
  /** `answered` tells which have answered something that was said after this call. */
  report(): Promise<HoldReport>;
  stop(): Promise<void>;
}

/** Says the machine's name to each connection, then answers with whatever comes, until the test ends. */
export function serveTcp(machine: Machine, port: number): Promise<Program> {
  return machine.start(load('serve', machine.name, String(port)), 'ready');
}

/** Short connections, one for each source port from `firstPort` on. */
export async function visit(
  from: Machine,
  { address, port }: Target,
  { connections, firstPort }: { readonly connections: number; readonly firstPort: number },
): Promise<VisitReport> {
  const argv = load('visit', address, String(port), String(connections), String(firstPort));
  const { code, stdout, stderr } = await from.run(argv);
  if (code !== 0) throw new Error(`visits of ${from.name}: ${stderr.trim()}`);
  return JSON.parse(stdout) as VisitReport;
}

/** Short connections all the time, from the first that succeeds until the function that is returned is called: it tells what became of them. */
export async function visitMeanwhile(
  from: Machine,
  { address, port }: Target,
): Promise<() => Promise<VisitReport>> {
  const program = await from.start(load('revisit', address, String(port)), 'visited');
  return async () => {
    const code = await program.end();
    if (code !== 0) throw new Error(`visits of ${from.name}: ${program.stderr()}`);
    return JSON.parse(program.stdout().toString()) as VisitReport;
  };
}

/** Resolves when all are open, or have failed. */
export async function hold(
  from: Machine,
  { address, port }: Target,
  { connections, firstPort }: { readonly connections: number; readonly firstPort: number },
): Promise<HeldConnections> {
  const argv = load('hold', address, String(port), String(connections), String(firstPort));
  const program = await from.start(argv, '\n');
  let taken = 0;
  const next = (): HoldReport | undefined => {
    const lines = program.stdout().toString().split('\n');
    if (lines.length < taken + 2) return undefined;
    const line = lines[taken];
    taken += 1;
    return JSON.parse(line ?? '') as HoldReport;
  };
  const waitFor = () => eventually('connections are reported', next, REPORT_PATIENCE);
  const first = await waitFor();
  return {
    first,
    report() {
      program.write('\n');
      return waitFor();
    },
    async stop() {
      await program.stop('SIGKILL');
    },
  };
}

function load(...args: readonly string[]): Argv {
  return [process.execPath, programPath('test/kit/tcp-load.js'), ...args];
}
