/** `weft subnet`: subnets of virtual networks (MS-NCNBI §3.1.5.18.2), each with a VXLAN network identifier of its own. */
import type { Command } from 'commander';
import { formatIp, parseIpPrefix } from '../../base/ip.ts';
import { lastName, listAt, nameIn, textAt } from '../fields.ts';
import { formatResource, inline, provisioning } from '../resources.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';
import {
  change,
  create,
  remove,
  requireSomething,
  WHAT_IF,
  type WriteOptions,
  withReferences,
} from '../writes.ts';

const path = (vnet: string, name: string): string => `/virtualNetworks/${vnet}/subnets/${name}`;

export const SUBNET_COLUMNS: readonly Column<unknown>[] = [
  { heading: 'SUBNET', value: (each) => textAt(each, 'resourceId') },
  { heading: 'PREFIX', value: (each) => textAt(each, 'properties', 'addressPrefix') },
  { heading: 'GATEWAY', value: gateway },
  { heading: 'VNI', align: 'right', value: virtualSubnetId },
  {
    heading: 'INTERFACES',
    align: 'right',
    value: (each) => String(listAt(each, 'properties', 'ipConfigurations').length),
  },
  { heading: 'PROVISIONING', value: provisioning },
];

export function addSubnetCommands(program: Command, session: Session): void {
  const subnet = program.command('subnet').description('subnets of virtual networks');
  subnet
    .command('list')
    .description('subnets of one virtual network, or of all')
    .option('--vnet <name>', 'virtual network')
    .action((options: { vnet?: string }) => list(session, options.vnet));
  subnet
    .command('show <name>')
    .description('one subnet with the interfaces in it')
    .requiredOption('--vnet <name>', 'virtual network')
    .action((name: string, options: { vnet: string }) => show(session, path(options.vnet, name)));
  subnet
    .command('create <name>')
    .description('add a subnet to a virtual network')
    .requiredOption('--vnet <name>', 'virtual network')
    .requiredOption('--prefix <prefix>', 'address prefix, e.g. 10.0.2.0/24 or fd00:1:0:2::/64')
    .option('--pair <subnet>', 'subnet of the other family, for interfaces with an address in each')
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) => createSubnet(session, name, options));
  subnet
    .command('set <name>')
    .description('put policy on a subnet, or take it off')
    .requiredOption('--vnet <name>', 'virtual network')
    .option('--acl <name>', 'access control list, or none')
    .option('--route-table <name>', 'route table, or none')
    .option('--mirror <name>', 'mirror that gets copies of its packets, or none')
    .option(...WHAT_IF)
    .action((name: string, options: SetOptions) => set(session, name, options));
  subnet
    .command('delete <name>')
    .description('delete a subnet; refused while a network interface is in it')
    .requiredOption('--vnet <name>', 'virtual network')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions & { vnet: string }) =>
      remove(session, path(options.vnet, name), options),
    );
}

async function list(session: Session, vnet: string | undefined): Promise<void> {
  const client = session.northbound();
  const vnets =
    vnet === undefined
      ? await client.list('/virtualNetworks')
      : [await client.get(`/virtualNetworks/${vnet}`)];
  const subnets = vnets.flatMap((each) => inline(each, 'subnets'));
  session.print(subnets, () =>
    subnets.length === 0
      ? 'No subnets. Make one: weft subnet create NAME --vnet VNET --prefix 10.0.1.0/24\n'
      : formatTable<unknown>(
          [
            {
              heading: 'VNET',
              value: (each) => nameIn(textAt(each, 'resourceRef'), 'virtualNetworks'),
            },
            ...SUBNET_COLUMNS,
          ],
          subnets,
        ),
  );
}

async function show(session: Session, subnetPath: string): Promise<void> {
  const subnet = await session.northbound().get(subnetPath);
  session.print(subnet, () => {
    const users = listAt(subnet, 'properties', 'ipConfigurations').map((each) =>
      textAt(each, 'resourceRef'),
    );
    return formatResource(subnet, [
      ['name', subnet.resourceId],
      ['vnet', nameIn(subnet.resourceRef, 'virtualNetworks')],
      ['prefix', textAt(subnet, 'properties', 'addressPrefix')],
      ['gateway', gateway(subnet)],
      ['vni', virtualSubnetId(subnet)],
      ['acl', lastName(textAt(subnet, 'properties', 'accessControlList', 'resourceRef'))],
      ['route table', lastName(textAt(subnet, 'properties', 'routeTable', 'resourceRef'))],
      ['mirror', lastName(textAt(subnet, 'properties', 'serviceInsertion', 'resourceRef'))],
      ['interfaces', users.map((ref) => nameIn(ref, 'networkInterfaces')).join(', ')],
    ]);
  });
}

interface CreateOptions extends WriteOptions {
  readonly vnet: string;
  readonly prefix: string;
  readonly pair?: string;
}

async function createSubnet(session: Session, name: string, options: CreateOptions): Promise<void> {
  const { vnet, prefix, pair } = options;
  const properties = {
    addressPrefix: prefix,
    ...(pair !== undefined && { dualStackSubnet: { resourceRef: path(vnet, pair) } }),
  };
  await create(session, path(vnet, name), properties, options);
}

interface SetOptions extends WriteOptions {
  readonly vnet: string;
  readonly acl?: string;
  readonly routeTable?: string;
  readonly mirror?: string;
}

async function set(session: Session, name: string, options: SetOptions): Promise<void> {
  const { vnet, acl, routeTable, mirror } = options;
  requireSomething({ acl, routeTable, mirror }, '--acl, --route-table, --mirror');
  await change(session, path(vnet, name), options, (properties) =>
    withReferences(properties, [
      ['accessControlList', 'accessControlLists', acl],
      ['routeTable', 'routeTables', routeTable],
      ['serviceInsertion', 'serviceInsertions', mirror],
    ]),
  );
}

/** The router's address: the first usable one, on every host. */
function gateway(subnet: unknown): string {
  const prefix = parseIpPrefix(textAt(subnet, 'properties', 'addressPrefix'));
  return prefix === undefined ? '' : formatIp(prefix.first + 1n);
}

function virtualSubnetId(subnet: unknown): string {
  return (
    textAt(subnet, 'properties', 'virtualSubnetId') ||
    textAt(subnet, 'properties', 'VirtualSubnetId')
  );
}
