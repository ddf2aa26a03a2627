/** `weft vnet`: virtual networks (MS-NCNBI §3.1.5.18), each one tenant's address space. */
import type { Command } from 'commander';
import { SdnError } from '../../base/errors.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import { listOption } from '../arguments.ts';
import { UsageFault } from '../fault-report.ts';
import { joinedAt, lastName, textAt } from '../fields.ts';
import { formatResource, inline, STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { create, remove, WHAT_IF, type WriteOptions } from '../writes.ts';
import { SUBNET_COLUMNS } from './subnet.ts';

const COLLECTION = '/virtualNetworks';

export function addVnetCommands(program: Command, session: Session): void {
  const vnet = program.command('vnet').description('virtual networks');
  vnet
    .command('list')
    .description('all virtual networks')
    .action(() => list(session));
  vnet
    .command('show <name>')
    .description('one virtual network with its subnets and its state')
    .action((name: string) => show(session, name));
  vnet
    .command('create <name>')
    .description('make a virtual network')
    .requiredOption('--prefix <prefix>', 'address space, e.g. 10.0.0.0/16 (repeatable)', listOption)
    .option(
      '--subnet <name=prefix>',
      'subnet to make with it, web=10.0.1.0/24 (repeatable)',
      listOption,
    )
    .option(
      '--dns <address>',
      "resolver offered by DHCP, not the platform's (repeatable)",
      listOption,
    )
    .option('--logical-network <name>', 'provider network (default: the one there is)')
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) => createNetwork(session, name, options));
  vnet
    .command('delete <name>')
    .description('delete a virtual network; refused while a network interface is in it')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) =>
      remove(session, `${COLLECTION}/${name}`, options),
    );
}

async function list(session: Session): Promise<void> {
  const vnets = await session.northbound().list(COLLECTION);
  session.print(vnets, () =>
    vnets.length === 0
      ? 'No virtual networks. Make one: weft vnet create NAME --prefix 10.0.0.0/16\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            {
              heading: 'ADDRESS SPACE',
              value: (each) => joinedAt(each, 'properties', 'addressSpace', 'addressPrefixes'),
            },
            {
              heading: 'SUBNETS',
              align: 'right',
              value: (each) => String(inline(each, 'subnets').length),
            },
            ...STATE_COLUMNS,
          ],
          vnets,
        ),
  );
}

async function show(session: Session, name: string): Promise<void> {
  const vnet = await session.northbound().get(`${COLLECTION}/${name}`);
  session.print(vnet, () => {
    const text = formatResource(vnet, [
      ['name', vnet.resourceId],
      ['address space', joinedAt(vnet, 'properties', 'addressSpace', 'addressPrefixes')],
      ['dns', joinedAt(vnet, 'properties', 'dhcpOptions', 'dnsServers')],
      ['provider network', lastName(textAt(vnet, 'properties', 'logicalNetwork', 'resourceRef'))],
    ]);
    const subnets = inline(vnet, 'subnets');
    const table = subnets.length === 0 ? '' : `\n${formatTable(SUBNET_COLUMNS, subnets)}`;
    return `${text}${table}`;
  });
}

interface CreateOptions extends WriteOptions {
  readonly prefix: readonly string[];
  readonly subnet?: readonly string[];
  readonly dns?: readonly string[];
  readonly logicalNetwork?: string;
}

async function createNetwork(
  session: Session,
  name: string,
  options: CreateOptions,
): Promise<void> {
  const subnets = (options.subnet ?? []).map(parseSubnet);
  const logicalNetwork = options.logicalNetwork ?? (await providerNetwork(session));
  const properties = {
    addressSpace: { addressPrefixes: options.prefix },
    logicalNetwork: { resourceRef: `/logicalNetworks/${logicalNetwork}` },
    ...(options.dns !== undefined && { dhcpOptions: { dnsServers: options.dns } }),
    ...(subnets.length > 0 && { subnets }),
  };
  await create(session, `${COLLECTION}/${name}`, properties, options);
}

function parseSubnet(text: string): { resourceId: string; properties: { addressPrefix: string } } {
  const [resourceId = '', addressPrefix = '', ...rest] = text.split('=');
  if (resourceId === '' || addressPrefix === '' || rest.length > 0) {
    throw new UsageFault(`${text} is not NAME=PREFIX`, 'For example: --subnet web=10.0.1.0/24');
  }
  return { resourceId, properties: { addressPrefix } };
}

/** The logical network that carries virtual ones, when there is no choice. */
async function providerNetwork(session: Session): Promise<string> {
  const networks = await session.northbound().list('/logicalNetworks');
  const carriers = networks.filter(
    (each) => textAt(each, 'properties', 'networkVirtualizationEnabled').toLowerCase() === 'true',
  );
  const [only] = carriers;
  if (only !== undefined && carriers.length === 1) return only.resourceId;
  throw new SdnError(
    'SDN_CLI_LOGICAL_NETWORK',
    carriers.length === 0
      ? 'no logical network carries virtual networks'
      : `several logical networks carry virtual networks: ${carriers.map((each) => each.resourceId).join(', ')}`,
    { remedy: 'Name one: --logical-network NAME' },
  );
}
