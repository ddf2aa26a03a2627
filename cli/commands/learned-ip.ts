/** `weft learned-ip`: addresses that interfaces share and that one of them has at a time (learnedIpAddresses, MS-NCNBI §3.1.5.32). */
import type { Command } from 'commander';
import { lastName, listAt, nameIn, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';

export function addLearnedIpCommands(program: Command, session: Session): void {
  program
    .command('learned-ip')
    .description('addresses that interfaces share, and who has them')
    .command('list')
    .description('all shared addresses, the interface that has each now, and its host')
    .action(() => list(session));
}

async function list(session: Session): Promise<void> {
  const answer = await session.northbound().ask('GET', '/networking/weft/v1/learnedIpAddresses');
  const addresses = listAt(answer, 'value');
  session.print(addresses, () =>
    addresses.length === 0
      ? 'No learned addresses. Make one: weft put /learnedIpAddresses/NAME -f FILE\n'
      : formatTable(COLUMNS, addresses),
  );
}

const COLUMNS: readonly Column<unknown>[] = [
  { heading: 'NAME', value: (each) => lastName(textAt(each, 'resourceRef')) },
  { heading: 'ADDRESS', value: (each) => textAt(each, 'ipAddress') },
  { heading: 'VNET', value: (each) => nameIn(textAt(each, 'virtualSubnet'), 'virtualNetworks') },
  { heading: 'SUBNET', value: (each) => nameIn(textAt(each, 'virtualSubnet'), 'subnets') },
  { heading: 'INTERFACE', value: (each) => lastName(textAt(each, 'networkInterface')) },
  { heading: 'HOST', value: (each) => textAt(each, 'host') },
  { heading: 'SHARED BY', value: (each) => sharers(each).join(', ') },
];

function sharers(address: unknown): readonly string[] {
  return listAt(address, 'sharedBy').map((ref) => (typeof ref === 'string' ? lastName(ref) : ''));
}
