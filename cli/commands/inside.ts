/** `weft inside MEMBER -- COMMAND`: a command where a member of the fabric is, or a shell: `outside`, `edge`, a host, the controller. */
import type { Command } from 'commander';
import { SdnError } from '../../base/errors.ts';
import { fabricNamespaces, inNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { inside } from '../inside.ts';
import type { Session } from '../session.ts';

export function addInsideCommand(program: Command, session: Session): void {
  program
    .command('inside <member>')
    .description(
      'run a command, or a shell, in a network namespace of the fabric: outside, edge, host1 …',
    )
    .argument('[command...]', 'what to run there, after --')
    .action((member: string, command: readonly string[]) =>
      inside(session, () => enter(session, member, command)),
    );
}

async function enter(session: Session, member: string, command: readonly string[]): Promise<void> {
  const { name } = session.fabric();
  const prefix = namespaceName(name, 'x').slice(0, -1);
  const members = (await fabricNamespaces(name)).map((each) => each.slice(prefix.length));
  if (!members.includes(member)) {
    throw new SdnError('SDN_MEMBER_UNKNOWN', `the fabric has no member '${member}'`, {
      remedy: `It has ${members.sort().join(', ')}.`,
    });
  }
  const namespace = namespaceName(name, member);
  const [program, ...args] = command;
  session.exitCode =
    program === undefined
      ? await session.shell.runHere(inNamespace(namespace, ['bash', '--norc']), {
          PS1: `${member}:\\w# `,
        })
      : await session.shell.runHere(inNamespace(namespace, [program, ...args]));
}
