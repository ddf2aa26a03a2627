/**
 * `weft verify NIC inbound|outbound PROTOCOL LOCAL REMOTE`: would the access control lists of an interface let a new flow in or out, and
 * which rule of which list says so? Exit code 3: they would not.
 */
import { Argument, type Command } from 'commander';
import { ExitCode } from '../fault-report.ts';
import { at, isObject, type Json, listAt, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { type Column, formatFields, formatTable, printable } from '../table.ts';

export function addVerifyCommand(program: Command, session: Session): void {
  program
    .command('verify')
    .description('would access control let a new flow in or out, and by which rule?')
    .argument('<nic>', 'network interface')
    .addArgument(new Argument('<direction>', 'as the VM sees it').choices(['inbound', 'outbound']))
    .argument('<protocol>', 'tcp, udp, icmp, or a protocol number')
    .argument('<local>', 'the VM’s end: ADDRESS:PORT, [ADDRESS]:PORT, or :PORT; for icmp ADDRESS')
    .argument('<remote>', 'the other end')
    .action((nic: string, direction: string, protocol: string, local: string, remote: string) =>
      verify(session, nic, { direction, protocol, local, remote }),
    );
}

async function verify(
  session: Session,
  nic: string,
  flow: Readonly<Record<'direction' | 'protocol' | 'local' | 'remote', string>>,
): Promise<void> {
  const path = `/networking/weft/v1/networkInterfaces/${encodeURIComponent(nic)}/flowVerify`;
  const body = await session.northbound().ask('GET', `${path}?${new URLSearchParams({ ...flow })}`);
  session.print(body, () => formatVerdict(body));
  if (textAt(body, 'access') !== 'Allow') session.exitCode = ExitCode.Denied;
}

const COLUMNS: readonly Column<Json>[] = [
  { heading: '', value: (list) => (textAt(list, 'action') === 'Deny' ? '✗' : '✓') },
  { heading: 'LIST OF', value: (list) => textAt(list, 'appliesTo') },
  { heading: 'LIST', value: (list) => textAt(list, 'resourceRef') },
  { heading: 'RULE', value: (list) => textAt(list, 'rule', 'id') },
  { heading: 'ACTION', value: (list) => textAt(list, 'action') },
];

export function formatVerdict(body: unknown): string {
  const isAllowed = textAt(body, 'access') === 'Allow';
  const arrow = textAt(body, 'direction') === 'outbound' ? '→' : '←';
  const [local, remote] = [end(at(body, 'local')), end(at(body, 'remote'))];
  const flow = `${textAt(body, 'protocol')} ${local} ${arrow} ${remote}`;
  const lists = listAt(body, 'lists').filter(isObject);
  const denying = lists.find((list) => textAt(list, 'action') === 'Deny');
  const ref = textAt(denying, 'rule', 'resourceRef');
  const by = denying === undefined ? '' : ` by rule '${textAt(denying, 'rule', 'id')}'`;
  const of = ref === '' ? '' : ` of ${ref}`;
  const title = `${flow}: ${isAllowed ? 'allowed' : `denied${by}${of}`}`;
  const pending = lists.map((list) => textAt(list, 'pending')).filter((text) => text !== '');
  const notes = pending.map((text) => `${printable(text)}\n`).join('');
  const before = at(body, 'before');
  if (before === undefined) {
    return `${printable(title)}\n\n${formatTable(COLUMNS, lists)}${notes}`;
  }
  const text = (...path: readonly string[]) => textAt(before, ...path);
  return `${printable(title)}\n\n${formatFields([
    ['decided before the lists', text('layer')],
    ['rule', text('rule')],
    ['does', text('outcome')],
    ['because', text('drop', 'meaning')],
    ['remedy', text('drop', 'remedy')],
  ])}`;
}

function end(value: unknown): string {
  const address = textAt(value, 'address');
  const port = textAt(value, 'port');
  if (port === '') return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
