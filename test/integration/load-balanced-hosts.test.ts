/**
 * Internal virtual addresses with real TCP, over one host and two: connections spread, stay at a backend that goes down, end with a reset at both ends
 * when they are idle, and a backend reaches itself.
 *
 *   weft-F-host1 uplink0 ═══ uplink0 weft-F-host2        a (client), b (backend) on host1; c (backend) on host2        10.1.0.100: b and c
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { systemClock } from '../../base/clock.ts';
import { type Argv, run } from '../../fabric/command.ts';
import { hostControl } from '../../fabric/host-control.ts';
import {
  createNamespace,
  inNamespace,
  namespaceName,
  sweepNamespaces,
} from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { openCertificateAuthority } from '../../identity/certificate-authority.ts';
import {
  BACKEND_DEFAULTS,
  LOAD_BALANCING_RULE_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import { HealthState, type Resource } from '../../schema/southbound/messages.ts';
import { eventually } from '../kit/eventually.ts';
import { type Program, startProgram } from '../kit/program.ts';
import { uniqueFabricName } from '../kit/stale.ts';
import { type GoalVm, goalFor } from './goal-resources.ts';
import { scriptedSouthbound } from './scripted-southbound.ts';

const HOSTS = [
  { id: 'host1', providerAddress: '100.64.7.11' },
  { id: 'host2', providerAddress: '100.64.7.12' },
];
const A = vm('a', 'host1', '10.1.0.4', 0x001d_d800_000a);
const B = vm('b', 'host1', '10.1.0.5', 0x001d_d800_000b);
const C = vm('c', 'host2', '10.1.0.6', 0x001d_d800_000c);
const VMS = [A, B, C];
const VIRTUAL = '10.1.0.100';
const NETWORKS = [{ id: 'blue', subnets: [{ id: 'web', vni: 5001, prefix: '10.1.0' }], vms: VMS }];
const { HEALTH_UP, HEALTH_DOWN } = HealthState;

function vm(name: string, host: string, address: string, mac: number): GoalVm {
  return { portId: `port-${name}`, host, subnet: 'web', address, mac };
}

const octets = (text: string): Uint8Array => Uint8Array.from(text.split('.').map(Number));
const fabric = uniqueFabricName();
const ns = (member: string): string => namespaceName(fabric, member);
const directory = await mkdtemp(join(tmpdir(), 'weft-balanced-'));
const inVm = (machine: GoalVm, argv: Argv): Promise<string> =>
  run(inNamespace(ns(machine.portId), argv));

/** Backends, and what is known of them. Rule 80 leads to their port 8080, rule 81, whose connections are idle after two seconds, to the same. */
function balancing(states: readonly (readonly [GoalVm, HealthState])[]): readonly Resource[] {
  const rule = (port: number, more = {}) => ({
    ...LOAD_BALANCING_RULE_DEFAULTS,
    id: `rule${port}`,
    ...{ protocol: 6, port, backendPort: 8080, poolId: 'pool', healthId: 'probe' },
    ...more,
  });
  const address = octets(VIRTUAL);
  const rules = [rule(80), rule(81, { idleTimeoutSec: 2, tcpReset: true })];
  const place = { vnetId: 'blue', internal: true, subnetId: 'web' };
  const backends = states.map(([own]) => ({
    ...BACKEND_DEFAULTS,
    address: octets(own.address),
    ...{ vni: 5001, mac: own.mac, portId: own.portId },
    providerAddress: octets(HOSTS.find(({ id }) => id === own.host)?.providerAddress ?? ''),
  }));
  const known = states.map(([own, state]) => ({ address: octets(own.address), state }));
  return [
    {
      key: 'vip/v',
      version: 1,
      virtualIp: { id: 'v', resourceRef: '/v', address, rules, ...place },
    },
    {
      key: 'pool/pool',
      version: 1,
      backendPool: { id: 'pool', resourceRef: '/p', vnetId: 'blue', backends },
    },
    {
      key: 'health/probe',
      version: 1,
      backendHealth: { id: 'probe', probeRef: '/q', states: known },
    },
  ];
}

const authority = await openCertificateAuthority({
  directory: join(directory, 'pki'),
  clock: systemClock,
});
const southbound = await scriptedSouthbound(
  join(directory, 'southbound.sock'),
  await authority.ensure({ name: 'controller', kind: 'controller' }),
);
const programs: Program[] = [];

async function start(namespace: string, argv: Argv, ready: string): Promise<Program> {
  const program = await startProgram(ns(namespace), argv, ready);
  programs.push(program);
  return program;
}

async function startHost(id: string): Promise<void> {
  const { ca, cert, key } = await authority.ensure({ name: id, kind: 'host' });
  const argv: Argv = [
    process.execPath,
    programPath('dataplane/main.js'),
    ...['--id', id, '--state', join(directory, id), '--uplink', 'uplink0'],
    ...['--controller', `unix:${join(directory, 'southbound.sock')}`],
    ...['--ca', ca, '--cert', cert, '--key', key],
  ];
  await start(id, argv, '"event":"ready"');
}

async function attach(machine: GoalVm): Promise<void> {
  const netns = ns(machine.portId);
  await createNamespace(netns);
  const control = hostControl(join(directory, machine.host, 'control.sock'));
  await control.attach({ portId: machine.portId, device: 'tap', name: 'eth0', netns });
  await inVm(machine, ['ip', 'address', 'add', `${machine.address}/24`, 'dev', 'eth0']);
  await inVm(machine, ['ip', 'link', 'set', 'eth0', 'mtu', '1450', 'up']);
}

/** Goal state everywhere, in force. */
async function balance(states: readonly (readonly [GoalVm, HealthState])[]): Promise<void> {
  for (const host of HOSTS) {
    const before = southbound.ack(host.id)?.revision;
    southbound.set(host.id, [...goalFor(host, HOSTS, NETWORKS), ...balancing(states)]);
    await eventually(`${host.id} has applied its goal state`, () => {
      const ack = southbound.ack(host.id);
      return ack !== undefined && ack.revision !== before && ack.errors.length === 0;
    });
  }
}

/** Answers every line with its name and who asks, and says how connections end. */
const SERVER = `
require('node:net').createServer((socket) => {
  socket.on('data', () => socket.write(process.argv[1] + ' ' + socket.remoteAddress + '\\n'));
  socket.on('error', ({ code }) => console.log(code));
}).listen(8080, '0.0.0.0', () => console.log('ready'));`;
/** One connection that asks once for each line of its input, and says how it ends. */
const CLIENT = `
const socket = require('node:net').connect(Number(process.argv[2]), process.argv[1], () => console.log('connected'));
socket.on('data', (answer) => process.stdout.write(answer));
socket.on('error', ({ code }) => console.log(code));
process.stdin.on('data', (line) => socket.write(line));`;

/** `b 10.1.0.4`: who has answered, and whom it has seen. */
async function ask(from: GoalVm, port = 80): Promise<string> {
  const once = `${CLIENT} socket.on('data', () => process.exit()); socket.write('?');`;
  const lines = await inVm(from, [process.execPath, '-e', once, VIRTUAL, `${port}`]);
  return lines.trim().split('\n').at(-1) ?? '';
}

const outputOf = (program: Program): string => program.stdout().toString();

test('internal virtual addresses', async (t) => {
  t.teardown(async () => {
    for (const program of programs.reverse()) await program.stop('SIGKILL');
    southbound.close();
    await sweepNamespaces(fabric);
    await rm(directory, { recursive: true, force: true });
  });
  for (const { id } of HOSTS) await createNamespace(ns(id));
  const peer = ['type', 'veth', 'peer', 'name', 'uplink0', 'netns', ns('host2')] as const;
  await run(['ip', '-n', ns('host1'), 'link', 'add', 'uplink0', ...peer]);
  for (const { id } of HOSTS) await run(['ip', '-n', ns(id), 'link', 'set', 'uplink0', 'up']);
  for (const { id } of HOSTS) southbound.set(id, []);
  for (const { id } of HOSTS) await startHost(id);
  await balance([
    [B, HEALTH_UP],
    [C, HEALTH_UP],
  ]);
  for (const machine of VMS) await attach(machine);
  const servers = new Map<GoalVm, Program>();
  for (const machine of [B, C]) {
    const argv: Argv = [process.execPath, '-e', SERVER, machine.portId];
    servers.set(machine, await start(machine.portId, argv, 'ready'));
  }
  await eventually('the address answers', () => ask(A));

  await t.test('connections spread over both hosts, and backends see the client', async (t) => {
    const answers = new Set<string>();
    await eventually('both have answered', async () => {
      answers.add(await ask(A));
      return answers.size === 2;
    });
    t.same([...answers].sort(), ['port-b 10.1.0.4', 'port-c 10.1.0.4']);
  });

  await t.test(
    'a backend that goes down keeps its connection, new ones go elsewhere',
    async (t) => {
      await balance([[C, HEALTH_UP]]);
      const argv: Argv = [process.execPath, '-e', CLIENT, VIRTUAL, '80'];
      const client = await start(A.portId, argv, 'connected');
      const answersOf = () => outputOf(client).split('port-c').length - 1;
      client.write('?\n');
      await eventually('an answer', () => answersOf() === 1);
      await balance([
        [B, HEALTH_UP],
        [C, HEALTH_DOWN],
      ]);
      for (let round = 0; round < 5; round += 1) t.equal(await ask(A), 'port-b 10.1.0.4');
      client.write('?\n');
      await eventually('another answer on the same connection', () => answersOf() === 2);
      t.notMatch(outputOf(client), /ECONN/);
    },
  );

  await t.test('a backend reaches itself, as the virtual address', async (t) => {
    await balance([[B, HEALTH_UP]]);
    t.equal(await ask(B), `port-b ${VIRTUAL}`);
  });

  await t.test('an idle connection ends with a reset at both ends', async (t) => {
    for (const backend of [B, C]) {
      await balance([[backend, HEALTH_UP]]);
      const argv: Argv = [process.execPath, '-e', CLIENT, VIRTUAL, '81'];
      const client = await start(A.portId, argv, 'connected');
      client.write('?\n');
      await eventually('the client is told', () => /ECONNRESET/.test(outputOf(client)));
      const server = servers.get(backend);
      await eventually('the server is told', () => {
        return server !== undefined && /ECONNRESET/.test(outputOf(server));
      });
    }
    t.pass();
  });
});
