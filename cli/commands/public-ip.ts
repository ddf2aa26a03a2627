/** `weft public-ip`: addresses of the outside that lead to one interface each (publicIPAddresses, MS-NCNBI §3.1.5.14). */
import { type Command, Option } from 'commander';
import type { Resource } from '../../fabric/northbound-client.ts';
import { amountOption } from '../arguments.ts';
import { nameIn, textAt } from '../fields.ts';
import { formatResource, STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { change, create, remove, requireSomething, WHAT_IF, type WriteOptions } from '../writes.ts';

const COLLECTION = '/publicIPAddresses';
const path = (name: string): string => `${COLLECTION}/${name}`;

export function addPublicIpCommands(program: Command, session: Session): void {
  const publicIp = program
    .command('public-ip')
    .description('addresses of the outside, one interface each');
  publicIp
    .command('list')
    .description('all public addresses and what they lead to')
    .action(() => list(session));
  publicIp
    .command('show <name>')
    .description('one public address, what it leads to, and its state')
    .action((name: string) => show(session, name));
  publicIp
    .command('create <name>')
    .description('take a public address; `weft nic set NIC --public-ip NAME` puts it to use')
    .option('--ip <address>', 'this one (default: the next free one)')
    .addOption(new Option('--version <version>', 'of the address').choices(['ipv4', 'ipv6']))
    .option('--idle-timeout <minutes>', 'of TCP connections without traffic, 4 to 30', amountOption)
    .option('--label <name>', 'DNS label to keep beside it')
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) =>
      create(session, path(name), properties(options), options, {
        after: (made) =>
          session.note(`${made.resourceId} is ${textAt(made, 'properties', 'ipAddress')}`),
      }),
    );
  publicIp
    .command('set <name>')
    .description('change a public address')
    .option('--idle-timeout <minutes>', 'of TCP connections without traffic, 4 to 30', amountOption)
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) => set(session, name, options));
  publicIp
    .command('delete <name>')
    .description('give a public address back; refused while an interface has it')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) => remove(session, path(name), options));
}

interface CreateOptions extends WriteOptions {
  readonly ip?: string;
  readonly version?: string;
  readonly idleTimeout?: number;
  readonly label?: string;
}

function properties({ ip, version, idleTimeout, label }: CreateOptions) {
  return {
    publicIPAllocationMethod: ip === undefined ? 'Dynamic' : 'Static',
    ...(ip !== undefined && { ipAddress: ip }),
    publicIPAddressVersion: (version ?? familyOf(ip)) === 'ipv6' ? 'IPv6' : 'IPv4',
    ...(idleTimeout !== undefined && { idleTimeoutInMinutes: idleTimeout }),
    ...(label !== undefined && { dnsSettings: { domainNameLabel: label } }),
  };
}

function familyOf(ip: string | undefined): string {
  return ip?.includes(':') === true ? 'ipv6' : 'ipv4';
}

async function set(session: Session, name: string, options: CreateOptions): Promise<void> {
  const { idleTimeout } = options;
  requireSomething({ idleTimeout }, '--idle-timeout');
  await change(session, path(name), options, (present) => ({
    ...present,
    idleTimeoutInMinutes: idleTimeout,
  }));
}

/** `blue-web3`; empty while it leads nowhere. */
function holder(address: unknown): string {
  return nameIn(
    textAt(address, 'properties', 'ipConfiguration', 'resourceRef'),
    'networkInterfaces',
  );
}

async function list(session: Session): Promise<void> {
  const all = await session.northbound().list(COLLECTION);
  session.print(all, () =>
    all.length === 0
      ? 'No public addresses. Take one: weft public-ip create NAME\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            { heading: 'ADDRESS', value: (each) => textAt(each, 'properties', 'ipAddress') },
            {
              heading: 'METHOD',
              value: (each) => textAt(each, 'properties', 'publicIPAllocationMethod'),
            },
            { heading: 'NIC', value: holder },
            ...STATE_COLUMNS,
          ],
          all,
        ),
  );
}

async function show(session: Session, name: string): Promise<void> {
  const found = await session.northbound().get(path(name));
  const minutes = textAt(found, 'properties', 'idleTimeoutInMinutes');
  session.print(found, () =>
    formatResource(found, [
      ['name', found.resourceId],
      ['address', textAt(found, 'properties', 'ipAddress')],
      ['method', textAt(found, 'properties', 'publicIPAllocationMethod')],
      ['nic', holder(found)],
      ['idle timeout', minutes === '' ? '' : `${minutes} min`],
      ['label', textAt(found, 'properties', 'dnsSettings', 'domainNameLabel')],
    ]),
  );
}
