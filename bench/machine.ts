/** What a result was measured on: figures without their machine mean nothing. Called by report. */
import { cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
}

/** One line for the head of a table. */
export function formatMachine(machine: Machine): string {
  const gigabytes = Math.round(machine.memoryBytes / 2 ** 30);
  return `${machine.cores} × ${machine.cpu}, ${gigabytes} GiB, Linux ${machine.kernel}, Node ${machine.node}`;
}
