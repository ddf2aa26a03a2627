/** `weft ARGS…` on a running topology, as its administrator types it. */
import { attempt, type CommandResult } from '../../fabric/command.ts';
import { programPath } from '../../fabric/roles.ts';
import type { RunningTopology } from './topology.ts';

export function weft(
  { fabric }: RunningTopology,
  ...args: readonly string[]
): Promise<CommandResult> {
  const program = [process.execPath, programPath('cli/main.js')] as const;
  return attempt([...program, '--state', fabric.state.root, ...args]);
}
