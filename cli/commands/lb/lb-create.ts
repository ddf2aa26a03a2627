/**
 * `weft lb create` and `delete`: a load balancer with everything that belongs to it, in one line. The API has it in pieces (a public address, the
 * load balancer, a reference on each backend's interface); they are written in the order that leaves the least behind where one is refused, and
 * removed in the reverse order.
 */
import { type Command, Option } from 'commander';
import { messageOf, SdnError } from '../../../base/errors.ts';
import type { Resource } from '../../../fabric/northbound-client.ts';
import { countOption, listOption } from '../../arguments.ts';
import { UsageFault } from '../../fault-report.ts';
import { textAt } from '../../fields.ts';
import { createResource } from '../../resources.ts';
import type { Session } from '../../session.ts';
import { type BalancerOptions, balancerProperties, DISTRIBUTIONS, POOL } from './lb-body.ts';
import { isSettingOf, joinPool, leavePool, SETTINGS } from './lb-members.ts';
import {
  type BackendName,
  backendName,
  backendRefs,
  balancerPath,
  frontends,
  same,
} from './lb-resources.ts';

interface CreateOptions extends BalancerOptions {
  readonly backend?: readonly string[];
  readonly publicIp?: string;
  readonly ip?: string;
  readonly vnet?: string;
  readonly subnet?: string;
}

export function addCreateCommand(lb: Command, session: Session): void {
  lb.command('create <name>')
    .description(
      'an address whose traffic goes to several interfaces; public unless it names a subnet',
    )
    .requiredOption(
      '--port <port>',
      '80, 80:8080 for another port of the backends, or all (repeatable)',
      listOption,
    )
    .addOption(
      new Option('--protocol <name>', 'of the ports').choices(['tcp', 'udp']).default('tcp'),
    )
    .option('--backend <nic>', 'network interface that serves (repeatable)', listOption)
    .option(
      '--public-ip <name>',
      'public address that exists (default: one is made, of the same name)',
    )
    .option('--vnet <name>', 'internal: the virtual network that has the address')
    .option('--subnet <name>', 'internal: the subnet')
    .option('--ip <address>', 'this address (default: the next free one)')
    .option(
      '--probe <what>',
      'tcp, tcp:PORT, http:PORT/PATH, https:PORT/PATH or none (default: tcp at the backend port)',
    )
    .option(
      '--probe-interval <seconds>',
      'between two probes, at least 5 (default: 5)',
      countOption,
    )
    .option(
      '--probe-count <n>',
      'so many in a row change what is believed (default: 2)',
      countOption,
    )
    .addOption(
      new Option('--distribution <mode>', 'what keeps a client at one backend').choices(
        Object.keys(DISTRIBUTIONS),
      ),
    )
    .option('--idle-timeout <minutes>', 'of TCP connections without traffic, 4 to 30', countOption)
    .option('--tcp-reset', 'tell both ends when a connection idles out')
    .option('--floating-ip', 'backends see the address of the load balancer')
    .option('--outbound', 'backends go out by this address too')
    .action((name: string, options: CreateOptions) => create(session, name, options));
}

async function create(session: Session, name: string, options: CreateOptions): Promise<void> {
  const path = balancerPath(name);
  const isInternal = options.subnet !== undefined || options.vnet !== undefined;
  checkFrontend(options, isInternal);
  if ((await session.northbound().find(path)) !== undefined)
    throw new SdnError('SDN_CLI_EXISTS', `${path} exists already`, {
      remedy: `Look at it: weft lb show ${name}; give it backends: weft lb add ${name} --backend NIC`,
    });
  // What is misspelt is found before anything is written.
  const members: BackendName[] = [];
  for (const each of options.backend ?? []) members.push(await backendName(session, each));
  const body = (frontend: Readonly<Record<string, unknown>>) => ({
    resourceId: name,
    properties: balancerProperties(path, frontend, options),
  });
  if (isInternal) {
    await createResource(session, path, body(internalFrontend(options)));
  } else {
    await createPublic(session, name, options, (resourceRef) =>
      createResource(session, path, body({ publicIPAddress: { resourceRef } })),
    );
  }
  for (const [index, member] of members.entries()) {
    try {
      await joinPool(session, `${path}/backendAddressPools/${POOL}`, member);
    } catch (cause) {
      throw unfinished(name, members.slice(index), cause);
    }
  }
  await tell(session, path);
}

function checkFrontend({ vnet, subnet, publicIp, ip }: CreateOptions, isInternal: boolean): void {
  if (isInternal && (vnet === undefined || subnet === undefined))
    throw new UsageFault(
      'an internal address is in a subnet',
      'Name both: --vnet VNET --subnet SUBNET',
    );
  if (isInternal && publicIp !== undefined)
    throw new UsageFault(
      'a load balancer is internal or public',
      'Leave out --public-ip, or --vnet and --subnet.',
    );
  if (publicIp !== undefined && ip !== undefined)
    throw new UsageFault(
      'the public address has its address already',
      'Leave out --ip or --public-ip.',
    );
}

function internalFrontend({ vnet, subnet, ip }: CreateOptions): Readonly<Record<string, unknown>> {
  return {
    subnet: { resourceRef: `/virtualNetworks/${vnet}/subnets/${subnet}` },
    privateIPAllocationMethod: ip === undefined ? 'Dynamic' : 'Static',
    ...(ip !== undefined && { privateIPAddress: ip }),
  };
}

/** With the public address it names, or one of its own, which goes again where the load balancer is refused. */
async function createPublic(
  session: Session,
  name: string,
  { publicIp, ip }: CreateOptions,
  createBalancer: (publicIpRef: string) => Promise<Resource>,
): Promise<void> {
  if (publicIp !== undefined) {
    await createBalancer(`/publicIPAddresses/${publicIp}`);
    return;
  }
  const path = `/publicIPAddresses/${name}`;
  const properties = {
    publicIPAllocationMethod: ip === undefined ? 'Dynamic' : 'Static',
    ...(ip !== undefined && { ipAddress: ip }),
    publicIPAddressVersion: ip?.includes(':') === true ? 'IPv6' : 'IPv4',
  };
  if ((await session.northbound().find(path)) !== undefined)
    throw new SdnError('SDN_CLI_EXISTS', `${path} exists already`, {
      remedy: `If it is meant: --public-ip ${name}; else choose another name.`,
    });
  await createResource(session, path, { resourceId: name, properties });
  try {
    await createBalancer(path);
  } catch (thrown) {
    await session
      .northbound()
      .delete(path)
      .catch(() => undefined); // the refusal is what matters
    throw thrown;
  }
}

function unfinished(name: string, left: readonly BackendName[], cause: unknown): SdnError {
  const [first] = left;
  const rest = left.map(({ nic, configuration }) => `--backend ${nic}/${configuration}`).join(' ');
  return new SdnError(
    'SDN_CLI_UNFINISHED',
    `the load balancer is there, but ${first?.nic} is no backend of it: ${messageOf(cause)}`,
    { cause, remedy: `Once that is mended: weft lb add ${name} ${rest}` },
  );
}

async function tell(session: Session, path: string): Promise<void> {
  const made = await session.northbound().get(path);
  const addresses = await session.northbound().list('/publicIPAddresses');
  const served = frontends(made, addresses).map(({ address }) => address);
  session.print(made, () => `created ${made.resourceRef}, ${served.join(', ')}\n`);
  session.note(`Look at it: weft lb status ${made.resourceId}`);
}

export function addDeleteCommand(lb: Command, session: Session): void {
  lb.command('delete <name>')
    .description('a load balancer, and its public address if that was made with it')
    .option('--keep-public-ip', 'the public address stays')
    .action((name: string, options: { readonly keepPublicIp?: boolean }) =>
      remove(session, name, options.keepPublicIp === true),
    );
}

async function remove(session: Session, name: string, keepsPublicIp: boolean): Promise<void> {
  const client = session.northbound();
  const found = await client.get(balancerPath(name));
  const own = frontends(found, []).find(({ publicIp }) => same(publicIp, name));
  for (const each of await client.list(SETTINGS))
    if (isSettingOf(each, found)) await client.delete(each.resourceRef);
  for (const ref of backendRefs(found)) await leavePool(session, found.resourceRef, ref);
  await session.waiting(`deleting ${found.resourceRef}`, client.delete(balancerPath(name)));
  const deleted = [found.resourceRef];
  if (own !== undefined && !keepsPublicIp) {
    const address = await client.find(`/publicIPAddresses/${own.publicIp}`);
    if (
      address !== undefined &&
      textAt(address, 'properties', 'ipConfiguration', 'resourceRef') === ''
    ) {
      await client.delete(`/publicIPAddresses/${own.publicIp}`);
      deleted.push(address.resourceRef);
    }
  }
  session.print({ deleted }, () => `deleted ${deleted.join(' and ')}\n`);
}
