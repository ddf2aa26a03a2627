/**
 * `weft port`: where interfaces meet the switches. `attach` is for hypervisors that Weft does not start itself: it makes a TAP in a
 * namespace (or takes an interface that is there), attaches the switch to it, and prints what the hypervisor must be told.
 */
import type { Command } from 'commander';
import { SdnError } from '../../base/errors.ts';
import type { AttachedPort } from '../../fabric/host-control.ts';
import {
  createNamespace,
  deleteNamespace,
  namespaceName,
  namespacePath,
} from '../../fabric/namespaces.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import { createGuestTap } from '../../fabric/qemu/guest.ts';
import { entrance } from '../../fabric/unprivileged.ts';
import { UsageFault } from '../fault-report.ts';
import { at, type Json, listAt, macAt, textAt } from '../fields.ts';
import { askHosts, chooseHost, fabricHosts, type HostPort, listPorts, portName } from '../hosts.ts';
import { inside, vmFabric } from '../inside.ts';
import type { Session } from '../session.ts';
import { type Column, formatFields, formatTable } from '../table.ts';

const TAP = 'tap0';

export function addPortCommands(program: Command, session: Session): void {
  const port = program.command('port').description('attached interfaces, and attaching others');
  port
    .command('list')
    .description("ports of the hosts' switches")
    .option('--host <name>', "only this host's")
    .action((options: { host?: string }) => list(session, options.host));
  port
    .command('counters')
    .description('packets, bytes and drops of every port, and why they were dropped')
    .option('--host <name>', "only this host's")
    .option('--nic <name>', "only this network interface's")
    .action((options: { host?: string; nic?: string }) => counters(session, options));
  port
    .command('attach <nic>')
    .description('attach a network interface for another hypervisor, and print what that needs')
    .option('--host <name>', 'host to attach it to (default: where it was, else the emptiest)')
    .option('--interface <name>', 'interface that is there already (default: a TAP is made)')
    .option('--netns <name>', 'its network namespace, a name or a path')
    .action((nic: string, options: AttachOptions) =>
      inside(session, () => attach(session, nic, options)),
    );
  port
    .command('detach <nic>')
    .description('detach a network interface, and remove the TAP if attach made it')
    .action((nic: string) => inside(session, () => detach(session, nic)));
}

const PORT_COLUMNS: readonly Column<HostPort>[] = [
  { heading: 'HOST', value: ({ host }) => host },
  { heading: 'NIC', value: ({ port }) => portName(port) },
  { heading: 'STATE', value: ({ port }) => textAt(port, 'state') },
  { heading: 'ADDRESS', value: ({ port }) => textAt(port, 'address') },
  { heading: 'MAC', value: ({ port }) => macAt(port, 'mac') },
  { heading: 'DEVICE', value: ({ port }) => textAt(port, 'device') },
  { heading: 'INTERFACE', value: ({ port }) => textAt(port, 'name') },
  {
    heading: 'NAMESPACE',
    value: ({ port }) => textAt(port, 'netns').replace(/^\/run\/netns\//, ''),
  },
];

async function list(session: Session, host: string | undefined): Promise<void> {
  const ports = await listPorts(session, host);
  const reasons = ports.filter(({ port }) => textAt(port, 'reason') !== '');
  session.print(
    ports.map(({ host: name, port }) => ({ host: name, ...port })),
    () =>
      ports.length === 0
        ? 'No ports. Start a VM: weft vm run NAME --nic NIC\n'
        : formatTable(PORT_COLUMNS, ports) +
          reasons.map(({ port }) => `\n${portName(port)}: ${textAt(port, 'reason')}\n`).join(''),
  );
}

interface Counted {
  readonly host: string;
  readonly name: string;
  readonly counters: Json;
}

const COUNTER_COLUMNS: readonly Column<Counted>[] = [
  { heading: 'HOST', value: ({ host }) => host },
  { heading: 'PORT', value: ({ name }) => name },
  ...(['rxPackets', 'rxBytes', 'txPackets', 'txBytes'] as const).map(
    (counter): Column<Counted> => ({
      heading: counter.replace(/[A-Z]/, (letter) => ` ${letter}`).toUpperCase(),
      align: 'right',
      value: ({ counters: values }) => textAt(values, counter),
    }),
  ),
  {
    heading: 'DROPS',
    align: 'right',
    value: (row) => String(dropsOf(row).reduce((sum, [, count]) => sum + count, 0)),
  },
];

function dropsOf({ counters: values }: Counted): [reason: string, count: number][] {
  const drops = at(values, 'drops');
  return Object.entries(typeof drops === 'object' && drops !== null ? drops : {}).map(
    ([reason, count]) => [reason, Number(count)],
  );
}

async function counters(session: Session, options: { host?: string; nic?: string }): Promise<void> {
  const names = new Map(
    (await listPorts(session, options.host)).map(({ port }) => [
      textAt(port, 'portId'),
      portName(port),
    ]),
  );
  const all = await askHosts(session, fabricHosts(session, options.host), async (host) =>
    countedPorts(host.name, await host.control.counters(), names),
  );
  const wanted = options.nic?.toLowerCase();
  const rows = wanted === undefined ? all : all.filter((row) => row.name.toLowerCase() === wanted);
  if (wanted !== undefined && rows.length === 0) throw notAttached(options.nic ?? '');
  const drops = rows.flatMap((row) =>
    dropsOf(row).map(([reason, count]) => ({ row, reason, count })),
  );
  session.print(
    rows.map(({ host, name, counters: values }) => ({ host, name, ...values })),
    () =>
      formatTable(COUNTER_COLUMNS, rows) +
      (drops.length === 0
        ? ''
        : `\n${formatTable(
            [
              { heading: 'HOST', value: ({ row }) => row.host },
              { heading: 'PORT', value: ({ row }) => row.name },
              { heading: 'DROP', value: ({ reason }) => reason },
              { heading: 'COUNT', align: 'right', value: ({ count }) => String(count) },
            ],
            drops,
          )}`),
  );
}

function countedPorts(
  host: string,
  body: unknown,
  names: ReadonlyMap<string, string>,
): readonly Counted[] {
  const ports = listAt(body, 'ports').map((each) => ({
    host,
    name: names.get(textAt(each, 'portId')) ?? textAt(each, 'portId'),
    counters: each as Json,
  }));
  const uplink = at(body, 'uplink');
  return uplink === undefined
    ? ports
    : [...ports, { host, name: `uplink ${textAt(uplink, 'name')}`, counters: uplink as Json }];
}

interface AttachOptions {
  readonly host?: string;
  readonly interface?: string;
  readonly netns?: string;
}

async function attach(session: Session, name: string, options: AttachOptions): Promise<void> {
  if (options.netns !== undefined && options.interface === undefined) {
    throw new UsageFault('--netns needs --interface', 'Name the interface in that namespace.');
  }
  const nic = await session.northbound().get(`/networkInterfaces/${name}`);
  const holder = (await listPorts(session)).find(
    ({ port }) => textAt(port, 'portId') === nic.instanceId,
  );
  if (holder !== undefined) {
    throw new SdnError('SDN_PORT_ATTACHED', `${nic.resourceRef} is attached to ${holder.host}`, {
      remedy: `Detach it first: weft port detach ${name}, or weft vm stop.`,
    });
  }
  const host = chooseHost(session, nic, options.host);
  const [control] = fabricHosts(session, host).map((each) => each.control);
  if (control === undefined) return;
  const made = options.interface === undefined ? await makeTap(session, nic) : undefined;
  const device = options.interface ?? TAP;
  const netns = made === undefined ? options.netns : namespacePath(made);
  try {
    const port = await session.waiting(
      `attaching ${name} to ${host}`,
      control.attach({
        portId: nic.instanceId,
        device: 'netdev',
        name: device,
        ...(netns !== undefined && { netns }),
      }),
    );
    reportAttached(session, { host, device, netns: made ?? netns ?? '', port });
  } catch (thrown) {
    if (made !== undefined) await deleteNamespace(made);
    throw thrown;
  }
}

function reportAttached(
  session: Session,
  attached: { host: string; device: string; netns: string; port: AttachedPort },
): void {
  const { host, device, netns, port } = attached;
  const { mtu, address } = port;
  const mac = macAt(port, 'mac');
  // From outside: this process may be inside already.
  const way = entrance(session.fabric(), {});
  const qemu = [
    `-netdev tap,id=weft0,ifname=${device},script=no,downscript=no`,
    `-device virtio-net-pci,netdev=weft0,mac=${mac},host_mtu=${mtu},romfile=`,
  ];
  session.print(
    { host, interface: device, netns, mac, mtu, address, qemu: qemu.join(' ').split(' ') },
    () =>
      formatFields([
        ['host', host],
        ['interface', device],
        ['namespace', netns],
        ['mac', mac],
        ['mtu', String(mtu)],
        ['address', `${address} (by DHCP)`],
        [
          'run it in',
          netns === '' || netns.startsWith('/')
            ? ''
            : `${[...way, 'ip netns exec', netns].join(' ')} …`,
        ],
        ['qemu', qemu[0] ?? ''],
        ['', qemu[1] ?? ''],
      ]),
  );
}

async function detach(session: Session, name: string): Promise<void> {
  const nic = await session.northbound().get(`/networkInterfaces/${name}`);
  const holder = (await listPorts(session)).find(
    ({ port }) => textAt(port, 'portId') === nic.instanceId,
  );
  if (holder === undefined) throw notAttached(name);
  const [host] = fabricHosts(session, holder.host);
  await host?.control.detach(nic.instanceId);
  await deleteNamespace(portNamespace(session, nic));
  session.print(
    { detached: nic.resourceRef, host: holder.host },
    () => `detached ${nic.resourceRef} from ${holder.host}\n`,
  );
}

/** A namespace with a TAP that another hypervisor may open; its name. */
async function makeTap(session: Session, nic: Resource): Promise<string> {
  const namespace = portNamespace(session, nic);
  await deleteNamespace(namespace); // one that a crash left
  await createNamespace(namespace);
  await createGuestTap(namespace, TAP);
  return namespace;
}

/** By the interface's name where that can name a namespace. */
function portNamespace(session: Session, nic: Resource): string {
  const isPlain = /^[a-z0-9][a-z0-9.-]{0,31}$/i.test(nic.resourceId);
  return namespaceName(vmFabric(session).name, `port-${isPlain ? nic.resourceId : nic.instanceId}`);
}

function notAttached(nic: string): SdnError {
  return new SdnError('SDN_PORT_UNKNOWN', `${nic} is attached to no host`, {
    remedy: 'See: weft port list',
  });
}
