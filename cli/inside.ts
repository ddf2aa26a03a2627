/**
 * Work that touches the fabric's namespaces. In a fabric without root these live in a user namespace of its own: the command line then
 * runs itself again inside, on the same terminal. Called by commands/vm and commands/port.
 */
import { entrance } from '../fabric/unprivileged.ts';
import type { VmFabric } from '../fabric/vm.ts';
import type { Session } from './session.ts';

export async function inside(session: Session, work: () => Promise<void>): Promise<void> {
  const prefix = entrance(session.fabric(), { ...session.shell.env });
  if (prefix.length === 0) return work();
  const again = [process.execPath, process.argv[1] ?? '', ...session.shell.args];
  session.exitCode = await session.shell.runHere([...prefix, ...again]);
}

export function vmFabric(session: Session): VmFabric {
  return { name: session.fabric().name, state: session.state };
}
