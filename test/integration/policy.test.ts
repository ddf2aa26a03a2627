/**
 * Policy before real kernels: access control lists against TCP, UDP and ICMP, connections cut in the middle, a Linux machine as the appliance
 * of a route with replies past it, and a peering that comes and goes. One switch on real devices, told its goal state directly.
 */
import { type Test, test } from 'tap';
import { silentLogger } from '../../base/log.ts';
import { formatMac } from '../../base/mac.ts';
import { millis } from '../../base/units.ts';
import { startSwitch } from '../../dataplane/switch/start-switch.ts';
import type { SwitchHandle } from '../../dataplane/switch/switch-handle.ts';
import { type Argv, attempt, run } from '../../fabric/command.ts';
import { createNamespace, deleteNamespace, inNamespace } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { eventually } from '../kit/eventually.ts';
import { type Program, startProgram } from '../kit/program.ts';
import {
  aclResource,
  asAppliance,
  peeredWith,
  type RuleWords,
  routeTableResource,
  withList,
  withRoutes,
} from '../unit/dataplane/switch/policies.ts';
import { type GoalVm, goalFor } from './goal-resources.ts';

/** The provider address is one that every namespace has: this test has no second host. */
const HOST = { id: 'host', providerAddress: '127.0.0.1' };
const [CLIENT, SERVER, ROUTER, PEER]: readonly [GoalVm, GoalVm, GoalVm, GoalVm] = [
  vm('client', 'web', '10.7.1.4', 4),
  vm('server', 'db', '10.7.2.4', 5),
  vm('router', 'dmz', '10.7.3.4', 6),
  vm('peer', 'green', '10.8.1.4', 7),
];
const NETWORKS = [
  {
    id: 'blue',
    space: '10.7',
    subnets: [
      { id: 'web', vni: 5001, prefix: '10.7.1' },
      { id: 'db', vni: 5002, prefix: '10.7.2' },
      { id: 'dmz', vni: 5003, prefix: '10.7.3' },
    ],
    vms: [CLIENT, SERVER, ROUTER],
  },
  {
    id: 'green',
    space: '10.8',
    subnets: [{ id: 'green', vni: 6001, prefix: '10.8.1' }],
    vms: [PEER],
  },
];
const GOAL = goalFor(HOST, [HOST], NETWORKS);
const TCP_PORT = 7000;
const UDP_PORT = 7002;

function vm(portId: string, subnet: string, address: string, last: number): GoalVm {
  return { portId, host: 'host', subnet, address, mac: 0x0200_0000_0000 + last };
}

function resource(key: string): Resource {
  const found = GOAL.find((candidate) => candidate.key === key);
  if (found === undefined) throw new TypeError(key);
  return found;
}

function namespaceOf({ portId }: GoalVm): string {
  return `wt-policy-${process.pid}-${portId}`;
}

function inVm(machine: GoalVm, argv: Argv): ReturnType<typeof attempt> {
  return attempt(inNamespace(namespaceOf(machine), argv));
}

async function pings(from: GoalVm, to: GoalVm): Promise<boolean> {
  return (await inVm(from, ['ping', '-c', '1', '-W', '1', to.address])).code === 0;
}

/** One line there and back over a new connection. */
async function tcpAnswers(from: GoalVm, to: GoalVm): Promise<boolean> {
  const script = `exec 3<>/dev/tcp/${to.address}/${TCP_PORT} && echo hello >&3 && head -n 1 <&3`;
  const { stdout } = await inVm(from, ['timeout', '2', 'bash', '-c', script]);
  return stdout.trim() === 'hello';
}

async function udpAnswers(from: GoalVm, to: GoalVm): Promise<boolean> {
  const probe = programPath('test/kit/udp-probe.js');
  const { stdout } = await inVm(from, ['node', probe, 'ask', to.address, `${UDP_PORT}`, '2', '64']);
  return stdout.includes('"answered":2');
}

interface Bench {
  readonly handle: SwitchHandle;
  /** Brings these resources into force; rejects unless all of them are. */
  apply(...upserts: Resource[]): Promise<void>;
}

async function bench(t: Test): Promise<Bench> {
  const handle = await startSwitch({
    hasOffload: true,
    log: silentLogger,
    onDeviceGone: () => undefined,
    onLearned: () => undefined,
    onFailed: (reason) => t.fail(reason.message),
  });
  t.teardown(() => handle.close());
  for (const machine of [CLIENT, SERVER, ROUTER, PEER]) {
    const namespace = namespaceOf(machine);
    await createNamespace(namespace);
    t.teardown(() => deleteNamespace(namespace));
    await handle.attach(machine.portId, { kind: 'tap', name: 'eth0', namespace, mustExist: false });
    for (const line of [
      `link set eth0 address ${formatMac(machine.mac)} mtu 1450 up`,
      `addr add ${machine.address}/24 dev eth0`,
      `route add default via ${machine.address.replace(/\d+$/, '1')}`,
    ]) {
      await run(['ip', '-n', namespace, ...line.split(' ')]);
    }
  }
  // Replies do not pass the router: it must neither expect them nor tell the client of a shorter way.
  for (const setting of ['ip_forward=1', 'conf.all.rp_filter=0', 'conf.eth0.send_redirects=0']) {
    const argv = ['sysctl', '-q', '-w', `net.ipv4.${setting}`] as const;
    await run(inNamespace(namespaceOf(ROUTER), argv));
  }
  const echo: Argv = ['busybox', 'nc', '-ll', '-p', `${TCP_PORT}`, '-e', 'cat'];
  const probe: Argv = ['node', programPath('test/kit/udp-probe.js'), 'serve', `${UDP_PORT}`];
  const servers = [
    await startProgram(namespaceOf(SERVER), echo),
    await startProgram(namespaceOf(SERVER), probe, 'ready'),
  ];
  t.teardown(() => Promise.all(servers.map((server) => server.stop())));
  return {
    handle,
    async apply(...upserts) {
      const errors = await handle.applyGoal({ revision: 1, upserts, removes: [] });
      t.same(errors, []);
    },
  };
}

/** The server's interface with this list of inbound rules. */
function guarded(rules: Readonly<Record<string, RuleWords>>): Resource[] {
  return [aclResource('guard', rules), withList(resource('port/server'), 'guard')];
}

/** A connection that stays open; lines written to it come back. */
function connection(): Promise<Program> {
  const argv: Argv = ['busybox', 'nc', SERVER.address, `${TCP_PORT}`];
  return startProgram(namespaceOf(CLIENT), argv);
}

function comesBack(open: Program, word: string): Promise<boolean> {
  open.write(`${word}\n`);
  const isBack = (): boolean => open.stdout().toString().includes(word);
  return eventually(word, isBack, millis(1500)).catch(() => false);
}

test('policy', async (t) => {
  const { handle, apply } = await bench(t);
  await apply(...GOAL);
  await eventually('an answer', () => pings(CLIENT, SERVER));
  await eventually('a connection', () => tcpAnswers(CLIENT, SERVER));

  await t.test('a list stops exactly what it denies', async (t) => {
    const reaches = async () => ({
      tcp: await tcpAnswers(CLIENT, SERVER),
      udp: await udpAnswers(CLIENT, SERVER),
      ping: await pings(CLIENT, SERVER),
    });
    const all = { tcp: true, udp: true, ping: true };
    t.same(await reaches(), all, 'no list');
    await apply(...guarded({ tcp: { deny: true, protocol: 6, ports: [[TCP_PORT, TCP_PORT]] } }));
    t.same(await reaches(), { ...all, tcp: false });
    await apply(...guarded({ udp: { deny: true, protocol: 17, from: ['VIRTUALNETWORK'] } }));
    t.same(await reaches(), { ...all, udp: false });
    await apply(...guarded({ ping: { deny: true, protocol: 1 } }));
    t.same(await reaches(), { ...all, ping: false });
    t.ok(await pings(SERVER, CLIENT), 'what the server asks for is answered');
    t.ok((handle.counters(SERVER.portId)?.drops['AclDenied'] ?? 0) >= 3);
  });

  await t.test(
    'a connection that is open ends with a new rule and goes on without it',
    async (t) => {
      await apply(...guarded({}));
      const open = await connection();
      t.teardown(() => open.stop());
      t.ok(await comesBack(open, 'before'));
      await apply(...guarded({ tcp: { deny: true, protocol: 6 } }));
      t.notOk(await comesBack(open, 'during'));
      await apply(...guarded({}));
      await eventually('what was lost is repeated', () =>
        open.stdout().toString().includes('during'),
      );
      t.ok(await comesBack(open, 'after'));
    },
  );

  await t.test('a route sends packets to an appliance; replies come past it', async (t) => {
    await apply(
      asAppliance(resource('port/router')),
      routeTableResource('udr', { '10.7.2.0/24': ROUTER.address }),
      withRoutes(resource('subnet/web'), 'udr'),
    );
    const sentBefore = handle.counters(ROUTER.portId)?.rxPackets ?? 0;
    const { stdout } = await inVm(CLIENT, ['ping', '-c', '5', '-i', '0.2', SERVER.address]);
    t.match(stdout, '5 received');
    const forwarded = (handle.counters(ROUTER.portId)?.rxPackets ?? 0) - sentBefore;
    t.ok(forwarded >= 5 && forwarded < 10, `${forwarded} forwarded: requests, no replies`);
    t.ok(await tcpAnswers(CLIENT, SERVER));
    t.ok(await udpAnswers(CLIENT, SERVER));
    await run(inNamespace(namespaceOf(ROUTER), ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=0']));
    t.notOk(await pings(CLIENT, SERVER), 'there is no way around it');
    await apply(withRoutes(resource('subnet/web'), ''));
    t.ok(await pings(CLIENT, SERVER));
  });

  await t.test('a peering opens the way to another network, and closes it', async (t) => {
    t.notOk(await pings(CLIENT, PEER));
    await apply(
      peeredWith(resource('vnet/blue'), 'green', ['10.8.0.0/16']),
      peeredWith(resource('vnet/green'), 'blue', ['10.7.0.0/16']),
    );
    t.ok(await pings(CLIENT, PEER));
    t.ok(await pings(PEER, SERVER));
    await apply(resource('vnet/blue'), resource('vnet/green'));
    t.notOk(await pings(CLIENT, PEER));
    t.notOk(await pings(PEER, SERVER));
  });
});
