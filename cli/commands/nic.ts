/** `weft nic`: network interfaces (MS-NCNBI §3.1.5.11). The controller allocates the MAC, and the address unless one is named. */
import type { Command } from 'commander';
import { SdnError } from '../../base/errors.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import { listOption } from '../arguments.ts';
import { lastName, macAt, nameIn, textAt } from '../fields.ts';
import { configuration, formatResource, inline } from '../resources.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { create, remove, WHAT_IF, type WriteOptions } from '../writes.ts';
import { addNicSetCommand, policyFields } from './nic-set.ts';

const COLLECTION = '/networkInterfaces';

export function addNicCommands(program: Command, session: Session): void {
  const nic = program.command('nic').description('network interfaces of VMs');
  nic
    .command('list')
    .description('all network interfaces')
    .option('--vnet <name>', 'only those in this virtual network')
    .action((options: { vnet?: string }) => list(session, options.vnet));
  nic
    .command('show <name>')
    .description('one network interface with its addresses, place and state')
    .action((name: string) => show(session, name));
  nic
    .command('create <name>')
    .description('make a network interface in a subnet')
    .requiredOption('--vnet <name>', 'virtual network')
    .requiredOption('--subnet <name>', 'subnet')
    .option('--ip <address>', 'static address (default: the next free one)')
    .option('--ip6-subnet <name>', 'its pair of the other family, for an address there, too')
    .option('--ip6 <address>', 'static address in it (default: the next free one)')
    .option('--mac <address>', 'static MAC address (default: from the MAC pool)')
    .option(
      '--dns <address>',
      "resolver offered by DHCP, not the virtual network's (repeatable)",
      listOption,
    )
    .option('--hostname <name>', 'name offered by DHCP')
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) => createNic(session, name, options));
  addNicSetCommand(nic, session);
  nic
    .command('delete <name>')
    .description('delete a network interface and free its addresses')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) =>
      remove(session, `${COLLECTION}/${name}`, options),
    );
}

/** The subnet reference of the primary ipConfiguration. */
function subnetRef(nic: unknown): string {
  return textAt(inline(nic, 'ipConfigurations')[0], 'properties', 'subnet', 'resourceRef');
}

function addresses(nic: unknown): string {
  return inline(nic, 'ipConfigurations')
    .map((each) => textAt(each, 'properties', 'privateIPAddress'))
    .join(', ');
}

async function list(session: Session, vnet: string | undefined): Promise<void> {
  const all = await session.northbound().list(COLLECTION);
  const nics =
    vnet === undefined
      ? all
      : all.filter(
          (each) => nameIn(subnetRef(each), 'virtualNetworks').toLowerCase() === vnet.toLowerCase(),
        );
  session.print(nics, () =>
    nics.length === 0
      ? 'No network interfaces. Make one: weft nic create NAME --vnet VNET --subnet SUBNET\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            { heading: 'ADDRESS', value: addresses },
            { heading: 'MAC', value: (each) => macAt(each, 'properties', 'privateMacAddress') },
            { heading: 'VNET', value: (each) => nameIn(subnetRef(each), 'virtualNetworks') },
            { heading: 'SUBNET', value: (each) => nameIn(subnetRef(each), 'subnets') },
            { heading: 'HOST', value: host },
            { heading: 'CONFIGURATION', value: configuration },
          ],
          nics,
        ),
  );
}

/** Where it is attached; empty while it is nowhere. */
function host(nic: unknown): string {
  return lastName(textAt(nic, 'properties', 'server', 'resourceRef'));
}

async function show(session: Session, name: string): Promise<void> {
  const nic = await session.northbound().get(`${COLLECTION}/${name}`);
  session.print(nic, () =>
    formatResource(nic, [
      ['name', nic.resourceId],
      ['address', addresses(nic)],
      ['mac', macAt(nic, 'properties', 'privateMacAddress')],
      ['vnet', nameIn(subnetRef(nic), 'virtualNetworks')],
      ['subnet', nameIn(subnetRef(nic), 'subnets')],
      ['hostname', textAt(nic, 'properties', 'internalDnsNameLabel')],
      ['host', host(nic)],
      ...policyFields(nic),
    ]),
  );
}

interface CreateOptions extends WriteOptions {
  readonly vnet: string;
  readonly subnet: string;
  readonly ip?: string;
  readonly ip6Subnet?: string;
  readonly ip6?: string;
  readonly mac?: string;
  readonly dns?: readonly string[];
  readonly hostname?: string;
}

async function createNic(session: Session, name: string, options: CreateOptions): Promise<void> {
  const { vnet, subnet, ip, ip6Subnet, ip6, mac, dns, hostname } = options;
  if (ip6 !== undefined && ip6Subnet === undefined)
    throw new SdnError('SDN_CLI_USAGE', '--ip6 is an address in the subnet of --ip6-subnet');
  const properties = {
    privateMacAllocationMethod: mac === undefined ? 'Dynamic' : 'Static',
    ...(mac !== undefined && { privateMacAddress: mac }),
    ...(dns !== undefined && { dnsSettings: { dnsServers: dns } }),
    ...(hostname !== undefined && { internalDnsNameLabel: hostname }),
    ipConfigurations: [
      ipConfiguration('primary', `/virtualNetworks/${vnet}/subnets/${subnet}`, ip),
      ...(ip6Subnet === undefined
        ? []
        : [ipConfiguration('ipv6', `/virtualNetworks/${vnet}/subnets/${ip6Subnet}`, ip6)]),
    ],
  };
  await create(session, `${COLLECTION}/${name}`, properties, options, {
    line: (nic) =>
      `created ${nic.resourceRef}: ${addresses(nic)}, ${macAt(nic, 'properties', 'privateMacAddress')}`,
  });
}

function ipConfiguration(resourceId: string, subnet: string, address: string | undefined): object {
  return {
    resourceId,
    properties: {
      privateIPAllocationMethod: address === undefined ? 'Dynamic' : 'Static',
      ...(address !== undefined && { privateIPAddress: address }),
      subnet: { resourceRef: subnet },
    },
  };
}
