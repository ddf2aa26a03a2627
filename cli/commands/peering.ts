/**
 * `weft peering`: connections of two virtual networks (MS-NCNBI §3.1.5.18.3). Each side is a peering of its own and traffic passes once both
 * are there: `Initiated` waits for the other side, `Disconnected` has lost it.
 */
import type { Command } from 'commander';
import { type Json, lastName, nameIn, textAt } from '../fields.ts';
import { inline, provisioning } from '../resources.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';
import { create, remove, WHAT_IF, type WriteOptions } from '../writes.ts';

const vnetPath = (vnet: string): string => `/virtualNetworks/${vnet}`;
const path = (vnet: string, name: string): string =>
  `${vnetPath(vnet)}/virtualNetworkPeerings/${name}`;

export function addPeeringCommands(program: Command, session: Session): void {
  const peering = program.command('peering').description('connections of virtual networks');
  peering
    .command('list')
    .description('peerings of one virtual network, or of all, and whether they are connected')
    .option('--vnet <name>', 'virtual network')
    .action((options: { vnet?: string }) => list(session, options.vnet));
  peering
    .command('create <vnet> <name>')
    .description('make one side of a connection; the other network needs its own')
    .requiredOption('--remote <vnet>', 'the other virtual network')
    .option('--allow-forwarded', 'accept packets that did not originate in the other network')
    .option('--no-access', 'no traffic between the two networks, whatever the other side says')
    .option(...WHAT_IF)
    .action((vnet: string, name: string, options: CreateOptions) =>
      createPeering(session, vnet, name, options),
    );
  peering
    .command('delete <vnet> <name>')
    .description('delete one side of a connection, which ends it')
    .option(...WHAT_IF)
    .action((vnet: string, name: string, options: WriteOptions) =>
      remove(session, path(vnet, name), options),
    );
}

async function list(session: Session, vnet: string | undefined): Promise<void> {
  const client = session.northbound();
  const vnets =
    vnet === undefined ? await client.list('/virtualNetworks') : [await client.get(vnetPath(vnet))];
  const peerings = vnets.flatMap((each) => inline(each, 'virtualNetworkPeerings'));
  session.print(peerings, () =>
    peerings.length === 0
      ? 'No peerings. Make both sides: weft peering create VNET NAME --remote VNET\n'
      : formatTable(COLUMNS, peerings),
  );
}

const COLUMNS: readonly Column<Json>[] = [
  { heading: 'VNET', value: (each) => nameIn(textAt(each, 'resourceRef'), 'virtualNetworks') },
  { heading: 'PEERING', value: (each) => textAt(each, 'resourceId') },
  { heading: 'REMOTE', value: remote },
  { heading: 'STATE', value: (each) => textAt(each, 'properties', 'peeringState') },
  { heading: 'ACCESS', value: (each) => yesNo(each, 'allowVirtualNetworkAccess') },
  { heading: 'FORWARDED', value: (each) => yesNo(each, 'allowForwardedTraffic') },
  { heading: 'PROVISIONING', value: provisioning },
];

/** Empty once the other network is gone. */
function remote(peering: unknown): string {
  return lastName(textAt(peering, 'properties', 'remoteVirtualNetwork', 'resourceRef'));
}

function yesNo(peering: unknown, property: string): string {
  const value = textAt(peering, 'properties', property);
  return value === '' ? '' : value === 'true' ? 'yes' : 'no';
}

interface CreateOptions extends WriteOptions {
  readonly remote: string;
  readonly allowForwarded?: boolean;
  /** False with --no-access. */
  readonly access: boolean;
}

async function createPeering(
  session: Session,
  vnet: string,
  name: string,
  options: CreateOptions,
): Promise<void> {
  await create(
    session,
    path(vnet, name),
    {
      remoteVirtualNetwork: { resourceRef: vnetPath(options.remote) },
      allowVirtualNetworkAccess: options.access,
      allowForwardedTraffic: options.allowForwarded === true,
    },
    options,
    {
      after(made) {
        if (textAt(made, 'properties', 'peeringState') !== 'Initiated') return;
        const other = `weft peering create ${options.remote} NAME --remote ${vnet}`;
        session.note(`It waits for the other side: ${other}`);
      },
    },
  );
}
