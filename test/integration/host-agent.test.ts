/**
 * The host role as a process, against a scripted controller: stock DHCP clients get their leases, VMs reach their gateway and each other
 * on one host and across two, and the host's death, the controller's death and a VM's end are survived.
 *
 *   weft-F-host1 uplink0 ═══ uplink0 weft-F-host2        a, b (10.1.0), d (10.2.0) on host1; c (10.1.0) on host2;
 *                                                        x: another network with the same addresses, on host1
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { type Argv, attempt, run } from '../../fabric/command.ts';
import { hostControl } from '../../fabric/host-control.ts';
import { exchangeJson } from '../../fabric/json-http.ts';
import {
  createNamespace,
  inNamespace,
  namespaceName,
  sweepNamespaces,
} from '../../fabric/namespaces.ts';
import { programPath, sourcePath } from '../../fabric/roles.ts';
import {
  type Credentials,
  openCertificateAuthority,
} from '../../identity/certificate-authority.ts';
import { eventually } from '../kit/eventually.ts';
import { type Program, startProgram } from '../kit/program.ts';
import { uniqueFabricName } from '../kit/stale.ts';
import { type GoalNetwork, type GoalVm, goalFor } from './goal-resources.ts';
import { type ScriptedSouthbound, scriptedSouthbound } from './scripted-southbound.ts';

const HOSTS = [
  { id: 'host1', providerAddress: '100.64.7.11' },
  { id: 'host2', providerAddress: '100.64.7.12' },
];
const A = vm('a', 'host1', 'web', '10.1.0.4', 0x001d_d800_000a);
const B = vm('b', 'host1', 'web', '10.1.0.5', 0x001d_d800_000b);
const C = vm('c', 'host2', 'web', '10.1.0.6', 0x001d_d800_000c);
const D = vm('d', 'host1', 'data', '10.2.0.4', 0x001d_d800_000d);
const X = vm('x', 'host1', 'other', '10.1.0.7', 0x001d_d800_0010);
const NETWORKS: readonly GoalNetwork[] = [
  {
    id: 'blue',
    subnets: [
      { id: 'web', vni: 5001, prefix: '10.1.0' },
      { id: 'data', vni: 5002, prefix: '10.2.0' },
    ],
    vms: [A, B, C, D],
  },
  { id: 'red', subnets: [{ id: 'other', vni: 5003, prefix: '10.1.0' }], vms: [X] },
];

function vm(name: string, host: string, subnet: string, address: string, mac: number): GoalVm {
  return { portId: `port-${name}`, host, subnet, address, mac };
}

const fabric = uniqueFabricName();
const ns = (member: string): string => namespaceName(fabric, member);
const vmNamespace = (machine: GoalVm): string => ns(`vm-${machine.portId}`);

interface Running {
  readonly directory: string;
  readonly socket: string;
  readonly credentials: ReadonlyMap<string, Credentials>;
  readonly hosts: Map<string, Program>;
  southbound: ScriptedSouthbound;
}

async function setUp(): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-host-'));
  for (const { id } of HOSTS) await createNamespace(ns(id));
  const [host1, host2] = [ns('host1'), ns('host2')];
  await run([
    'ip',
    '-n',
    host1,
    'link',
    'add',
    'uplink0',
    'type',
    'veth',
    'peer',
    'name',
    'uplink0',
    'netns',
    host2,
  ]);
  for (const { id } of HOSTS) await run(['ip', '-n', ns(id), 'link', 'set', 'uplink0', 'up']);
  const authority = await openCertificateAuthority({
    directory: join(directory, 'pki'),
    clock: systemClock,
  });
  const credentials = new Map<string, Credentials>();
  for (const [name, kind] of [
    ['controller', 'controller'],
    ['host1', 'host'],
    ['host2', 'host'],
  ] as const) {
    credentials.set(name, await authority.ensure({ name, kind }));
  }
  const socket = join(directory, 'southbound.sock');
  const running = { directory, socket, credentials, hosts: new Map<string, Program>() };
  return { ...running, southbound: await startController(running) };
}

async function startController(running: Omit<Running, 'southbound'>): Promise<ScriptedSouthbound> {
  const credentials = running.credentials.get('controller');
  if (credentials === undefined) throw new Error('no credentials');
  const southbound = await scriptedSouthbound(running.socket, credentials);
  for (const host of HOSTS) southbound.set(host.id, goalFor(host, HOSTS, NETWORKS));
  return southbound;
}

async function startHost(running: Running, id: string): Promise<void> {
  const credentials = running.credentials.get(id);
  if (credentials === undefined) throw new Error('no credentials');
  const state = join(running.directory, id);
  const argv: Argv = [
    process.execPath,
    programPath('dataplane/main.js'),
    ...['--id', id, '--state', state, '--controller', `unix:${running.socket}`],
    ...['--ca', credentials.ca, '--cert', credentials.cert, '--key', credentials.key],
    ...['--uplink', 'uplink0'],
  ];
  running.hosts.set(id, await startProgram(ns(id), argv, '"event":"ready"'));
}

const controlPath = (running: Running, id: string): string =>
  join(running.directory, id, 'control.sock');
const control = (running: Running, id: string) => hostControl(controlPath(running, id));

async function attach(running: Running, machine: GoalVm): Promise<void> {
  await createNamespace(vmNamespace(machine));
  const netns = vmNamespace(machine);
  await control(running, machine.host).attach({
    portId: machine.portId,
    device: 'tap',
    name: 'eth0',
    netns,
  });
  await inVm(machine, ['ip', 'link', 'set', 'eth0', 'up']);
}

const inVm = (machine: GoalVm, argv: Argv): Promise<string> =>
  run(inNamespace(vmNamespace(machine), argv));

const udhcpc = (machine: GoalVm): Promise<string> =>
  inVm(machine, [
    ...['busybox', 'udhcpc', '-i', 'eth0', '-s', sourcePath('fabric/dhcp-client.sh')],
    ...['-O', 'mtu', '-O', 'staticroutes', '-t', '5', '-T', '1', '-n', '-q', '-f'],
  ] as unknown as Argv);

/** One echo, tried until it is answered. */
const ping = (from: GoalVm, to: string, ...options: string[]): Promise<true> =>
  eventually(`${from.portId} reaches ${to}`, async () => {
    await inVm(from, ['ping', '-n', '-c', '1', '-W', '0.3', ...options, to]);
    return true as const;
  });

const running = await setUp();

async function tearDown(): Promise<void> {
  for (const host of running.hosts.values()) await host.stop('SIGKILL');
  running.southbound.close();
  await sweepNamespaces(fabric);
  await rm(running.directory, { recursive: true, force: true });
}

test('hosts start, take their goal state and answer on their control sockets', async (t) => {
  for (const { id } of HOSTS) await startHost(running, id);
  for (const { id, providerAddress } of HOSTS) {
    await eventually(
      `${id} has applied its goal state`,
      () => running.southbound.ack(id) !== undefined,
    );
    t.same(running.southbound.ack(id)?.errors, [], `${id} has refused nothing`);
    const status = await control(running, id).status();
    t.match(status, { id, ports: 0, workerHealthy: true, controller: { connected: true } });
    const addresses = await run(['ip', '-n', ns(id), '-4', 'addr', 'show', 'dev', 'uplink0']);
    t.match(addresses, `${providerAddress}/24`, 'the provider address is on the uplink');
  }
});

test('an uplink that cannot carry the provider network is a fault with a remedy, and recovers by itself', async (t) => {
  await running.hosts.get('host2')?.stop();
  const link = ['ip', '-n', ns('host2'), 'link', 'set', 'uplink0', 'mtu'] as const;
  await run(['ip', '-n', ns('host2'), 'addr', 'flush', 'dev', 'uplink0']);
  await run([...link, '1400']);
  await startHost(running, 'host2');
  const socketPath = controlPath(running, 'host2');
  const faults = async (): Promise<unknown> => {
    const answer = await exchangeJson(
      { kind: 'unix', socketPath },
      { method: 'GET', path: '/status' },
    );
    return (answer.body as { faults: unknown }).faults;
  };
  t.match(await faults(), [
    { key: 'host', message: /uplink0 has MTU 1400, the provider network 1500/ },
  ]);
  await run([...link, '1500']);
  await eventually('the fault is gone', async () => JSON.stringify(await faults()) === '[]');
  await eventually(
    'the controller knows',
    () => running.southbound.report('host2')?.health.length === 0,
  );
});

test('an attached port answers with its MAC, address and MTU, and is reported', async (t) => {
  for (const machine of [A, B, C, D, X]) await attach(running, machine);
  const [first] = await control(running, 'host1').ports();
  t.match(first, { portId: 'port-a', mac: '00:1d:d8:00:00:0a', address: '10.1.0.4', mtu: 1450 });
  t.match(await inVm(A, ['ip', 'link', 'show', 'eth0']), '00:1d:d8:00:00:0a');
  await eventually(
    'host1 reports its ports',
    () => running.southbound.report('host1')?.ports.length === 4,
  );
});

test('busybox udhcpc gets its lease: address, MTU, routes', async (t) => {
  for (const machine of [A, C, D, X]) {
    await udhcpc(machine);
    const shown = await inVm(machine, ['ip', 'addr', 'show', 'eth0']);
    t.match(shown, `inet ${machine.address}/24`, machine.portId);
    t.match(shown, 'mtu 1450', machine.portId);
  }
  t.match(await inVm(A, ['ip', 'route']), 'default via 10.1.0.1');
});

test('ISC dhclient gets its lease, renews it, and lets it go', async (t) => {
  const files = join(running.directory, 'dhclient');
  await writeFile(
    `${files}.conf`,
    'request subnet-mask, routers, domain-name-servers, interface-mtu, host-name;\n',
  );
  const client = (...options: string[]): Promise<string> =>
    inVm(B, [
      'dhclient',
      '-v',
      '-sf',
      '/bin/true',
      '-cf',
      `${files}.conf`,
      '-lf',
      `${files}.leases`,
      '-pf',
      `${files}.pid`,
      ...options,
      'eth0',
    ]);
  await client('-1');
  const lease = await readFile(`${files}.leases`, 'utf8');
  for (const line of [
    'fixed-address 10.1.0.5',
    'option routers 10.1.0.1',
    'interface-mtu 1450',
    'host-name "port-b"',
    'dhcp-server-identifier 168.63.129.16',
    'domain-name-servers 168.63.129.16',
  ]) {
    t.match(lease, line);
  }
  await client('-r');
  await udhcpc(B);
  t.match(
    await inVm(B, ['ip', 'addr', 'show', 'eth0']),
    'inet 10.1.0.5/24',
    'the address is there again',
  );
});

test('VMs reach their gateway, each other on one host, across subnets and across hosts', async (t) => {
  await ping(A, '10.1.0.1');
  await ping(A, '10.1.0.1', '-s', '1400');
  await ping(A, B.address);
  await ping(A, D.address);
  await ping(A, C.address);
  await ping(D, C.address);
  await ping(C, A.address, '-s', '1400', '-M', 'do');
  const neighbour = await inVm(A, ['ip', 'neigh', 'show', B.address]);
  t.match(neighbour, '00:1d:d8:00:00:0b', 'a neighbour has its own MAC');
  t.match(await inVm(A, ['ip', 'neigh', 'show', '10.1.0.1']), '12:34:56:78:9a:bc');
});

test('another network with the same addresses is another world', async (t) => {
  const { code } = await attempt(
    inNamespace(vmNamespace(X), ['ping', '-n', '-c', '2', '-W', '1', A.address]),
  );
  t.not(code, 0);
  await ping(X, '10.1.0.1');
});

test('counters, flows and metrics tell what happened', async (t) => {
  const target = { kind: 'unix', socketPath: controlPath(running, 'host1') } as const;
  const { body } = await exchangeJson(target, { method: 'GET', path: '/counters' });
  const { ports } = body as {
    ports: { portId: string; rxPackets: number; drops: Record<string, number> }[];
  };
  const byId = new Map(ports.map((port) => [port.portId, port]));
  t.ok((byId.get('port-a')?.rxPackets ?? 0) > 5, 'port a has sent packets');
  t.ok(
    (byId.get('port-x')?.drops['ArpUnanswered'] ?? 0) > 0,
    'an unanswered ARP is a counted drop',
  );
  const flows = (await control(running, 'host1').flows({ portId: 'port-a', limit: 50 })) as {
    flows: object[];
  };
  t.ok(flows.flows.length > 0, 'port a has flows');
  const metrics = await exchangeJson(target, { method: 'GET', path: '/metrics' });
  t.match(
    metrics.body,
    /weft_port_received_packets_total\{port="port-a",device="eth0",host="host1"\} \d/,
  );
});

test('a bad request is answered with a code and a remedy', async (t) => {
  const target = { kind: 'unix', socketPath: controlPath(running, 'host1') } as const;
  const netns = 'weft-no-such-namespace';
  const body = { portId: 'port-z', device: 'tap', name: 'eth0', netns };
  const refused = await exchangeJson(target, { method: 'POST', path: '/ports', body });
  t.equal(refused.status, 422);
  t.match(refused.body, { error: { code: 'SDN_HOST_DEVICE', message: /weft-no-such-namespace/ } });
  const taken = { portId: 'port-z', device: 'tap', name: 'eth0', netns: vmNamespace(A) };
  t.equal(
    (await exchangeJson(target, { method: 'POST', path: '/ports', body: taken })).status,
    409,
  );
});

test('kill -9 of a host: its VMs keep their NICs and traffic is back', async (t) => {
  await running.hosts.get('host1')?.stop('SIGKILL');
  t.match(
    await inVm(A, ['ip', 'addr', 'show', 'eth0']),
    'inet 10.1.0.4/24',
    'the NIC is still there',
  );
  const startedAt = systemClock.now();
  await startHost(running, 'host1');
  await ping(A, B.address);
  await ping(A, C.address);
  const tookMs = systemClock.now() - startedAt;
  t.comment(`traffic back after ${Math.round(tookMs)} ms`);
});

test('without a controller a restarted host forwards by its saved goal state', async (t) => {
  running.southbound.close();
  await running.hosts.get('host1')?.stop('SIGKILL');
  await startHost(running, 'host1');
  t.match(await control(running, 'host1').status(), { controller: { connected: false }, ports: 4 });
  await ping(A, C.address);
  running.southbound = await startController(running);
  await eventually(
    'host1 finds the controller again',
    async () => (await control(running, 'host1').status()).controller.connected,
  );
  await eventually(
    'and reports its ports',
    () => running.southbound.report('host1')?.ports.length === 4,
  );
});

test('an orderly stop leaves the NICs, too', async (t) => {
  const host = running.hosts.get('host1');
  await host?.stop('SIGTERM');
  t.match(await inVm(A, ['ip', 'addr', 'show', 'eth0']), 'inet 10.1.0.4/24');
  await startHost(running, 'host1');
  await ping(A, B.address);
});

test('a detached port loses its TAP, a VM that ends takes its port along', async (t) => {
  await control(running, 'host1').detach('port-d');
  const { code } = await attempt(inNamespace(vmNamespace(D), ['ip', 'link', 'show', 'eth0']));
  t.not(code, 0, 'the TAP is gone');
  await run(['ip', 'netns', 'del', vmNamespace(X)]);
  await eventually(
    'host1 forgets the port of x',
    async () => (await control(running, 'host1').ports()).length === 2,
  );
  await eventually('and reports so', () => running.southbound.report('host1')?.ports.length === 2);
});

test('a quiet host uses next to no processor time', async (t) => {
  const pid = (await control(running, 'host2').status()).pid;
  const before = await processorTicks(pid);
  await sleep(systemClock, millis(2000));
  const ticks = (await processorTicks(pid)) - before;
  t.ok(ticks <= 10, `${ticks * 10} ms of processor time in 2 s`);
});

/** utime + stime of /proc/PID/stat, in hundredths of a second. */
async function processorTicks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

test('everything is removed', async () => {
  await tearDown();
});
