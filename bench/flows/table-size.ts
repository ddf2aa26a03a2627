/**
 * table-size FLOWS: a process that makes so many concurrent flows to another host and prints what they cost as JSON. In a process of its own, to be
 * started with --expose-gc, because memory that an earlier measurement gave up would hide what this one takes. Run by main.
 */
import { sampleGoal } from '../forwarder/sample-network.ts';
import { makeFlows } from './new-flows.ts';

export interface TableSize {
  /** Resident memory of the whole process, runtime and code included. */
  readonly processBytes: number;
  /** What of it came with the switch and its flows. */
  readonly addedBytes: number;
  readonly flowsPerSec: number;
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function main(): void {
  const flows = Number(process.argv[2]);
  const before = residentBytes();
  const full = makeFlows({ dst: '10.0.0.6', flows, ports: 1, goal: sampleGoal() });
  const processBytes = residentBytes();
  full.core.checkInvariants();
  const { flowsPerSec } = full;
  const size: TableSize = { processBytes, addedBytes: processBytes - before, flowsPerSec };
  console.log(JSON.stringify(size));
}

main();
