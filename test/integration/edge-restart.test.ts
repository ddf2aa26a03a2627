/**
 * The edge's agent dies (kill -9) and comes back while packets pass: its router process forwards on, by routes that only BGP has told it, and FRR keeps
 * the edge's (RFC 4724, both roles at once). What FRR withdrew meanwhile goes after the edge has decided anew. An edge that is
 * told to end leaves nothing behind, and says so by a Hard Reset (RFC 8538).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { defined } from '../../base/assert.ts';
import { BGP_PEER_DEFAULTS, BGP_ROUTER_DEFAULTS } from '../../schema/southbound/defaults.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { bytesOf } from '../fixtures/addresses.ts';
import { type DaemonPlace, daemonPlace, hasPrograms } from '../interop/bgp-lab.ts';
import { FRR_PROGRAMS, startFrr, vtysh } from '../interop/frr.ts';
import { eventually } from '../kit/eventually.ts';
import type { Program } from '../kit/program.ts';
import { EdgeLab, FAR, labGoal } from './edge-lab.ts';

const EDGE_AS = 64_600;
const FRR_AS = 65_010;
const PUBLIC_POOL = '203.0.113.0/24';
const [FAR_PREFIX, PASSING] = ['198.18.0.0/24', '198.18.7.0/24'] as const;
const FRR = `router bgp ${FRR_AS}
 bgp router-id 192.0.2.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp graceful-restart
 bgp graceful-restart preserve-fw-state
 neighbor 192.0.2.2 remote-as ${EDGE_AS}
 neighbor 192.0.2.2 timers connect 1
 address-family ipv4 unicast
  network ${FAR_PREFIX}
  network ${PASSING}
`;

const BGP: readonly Resource[] = [
  {
    key: 'bgprouter/bgp',
    version: 1,
    bgpRouter: {
      ...BGP_ROUTER_DEFAULTS,
      ...{ id: 'bgp', resourceRef: '/bgpRouters/bgp', asNumber: EDGE_AS },
      routerId: bytesOf('198.51.100.2'),
      networks: [{ address: bytesOf('203.0.113.0'), len: 24 }],
    },
  },
  {
    key: 'bgppeer/frr',
    version: 1,
    bgpPeer: {
      ...BGP_PEER_DEFAULTS,
      ...{ id: 'frr', resourceRef: '/bgpPeers/frr', routerId: 'bgp' },
      ...{ address: bytesOf('192.0.2.1'), asNumber: FRR_AS, holdTimeSec: 30 },
      ...{ acceptAllIn: true, acceptAllOut: true, gracefulRestartSec: 60 },
    },
  },
];

interface Status {
  readonly pid: number;
  readonly routerPid: number;
  readonly bgpEstablished: number;
  readonly bgpRestarting: boolean;
}

/** Outside there is no static way, neither to FRR's networks nor back. */
function goal(): readonly Resource[] {
  return [...labGoal(), ...BGP].map((resource) => {
    const { edge } = resource;
    if (edge === undefined) return resource;
    return {
      ...resource,
      edge: { ...edge, outside: edge.outside.map((link) => ({ ...link, gateways: [] })) },
    };
  });
}

const lab = new EdgeLab();
const programs: Program[] = [];
let directory = '';
let frr: DaemonPlace;

const status = () => lab.ask<Status>('/status');
const routesOfFrr = async () => {
  const table = await vtysh(frr, 'show bgp ipv4 unicast');
  return table.split('\n').filter((line) => line.includes(PUBLIC_POOL));
};
const hasRoute = async (prefix: string) => {
  const { routes } = await lab.ask<{ routes: { prefix: string }[] }>('/routes?limit=100');
  return routes.some((route) => route.prefix === prefix);
};
/** One that has ended and that nobody has asked for is none. */
const isRunning = async (pid: number) => {
  const { stdout } = await lab.attempt('edge', ['cat', `/proc/${pid}/stat`]);
  return stdout !== '' && !stdout.includes(') Z ');
};

test('graceful restart of an edge', async (t) => {
  if (!(await hasPrograms(t, FRR_PROGRAMS, 'frr'))) return;
  t.teardown(async () => {
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    await lab.close();
    await rm(directory, { recursive: true, force: true });
  });
  await lab.build();
  await lab.run('outside', ['ip', 'route', 'del', PUBLIC_POOL]);
  directory = await mkdtemp(join(tmpdir(), 'weft-frr-'));
  frr = await daemonPlace(lab.ns('outside'), directory, (program) => programs.push(program));
  await startFrr(frr, FRR);
  await lab.serve(goal());
  await eventually('BGP brings both ways', async () => {
    const installed = await vtysh(frr, `show ip route ${PUBLIC_POOL}`);
    return installed.includes('192.0.2.2') && (await hasRoute(FAR_PREFIX)) && hasRoute(PASSING);
  });
  await eventually('packets pass', async () => {
    return (await lab.attempt('vm1', ['ping', '-c', '1', '-W', '1', FAR])).code === 0;
  });

  await t.test('the agent dies and comes back: no packet is lost', async (t) => {
    const before = await status();
    const server = await lab.start('far', ['iperf3', '-s', '-1', '--forceflush'], 'listening');
    programs.push(server);
    const ping = await lab.start('vm1', ['ping', '-n', '-i', '0.01', FAR], 'bytes from');
    const transfer = lab.attempt('vm1', ['iperf3', '-c', FAR, '-t', '4', '-b', '20M', '-J']);
    await lab.role.stop('SIGKILL');
    t.notOk(await isRunning(before.pid));
    t.ok(await isRunning(before.routerPid), 'the router is another process');
    await eventually('FRR knows that the edge is gone, and keeps its routes', async () => {
      return (await routesOfFrr()).some((line) => line.startsWith('S'));
    });
    await vtysh(
      frr,
      'configure',
      `router bgp ${FRR_AS}`,
      'address-family ipv4',
      `no network ${PASSING}`,
    );
    await lab.startRole();
    await eventually('the session is up again', async () => (await status()).bgpEstablished === 1);
    await eventually('it has decided anew', async () => !(await status()).bgpRestarting);
    await eventually('FRR has heard everything again', async () => {
      const routes = await routesOfFrr();
      return routes.length > 0 && !routes.some((line) => line.startsWith('S'));
    });
    const { code, stdout } = await transfer;
    t.equal(code, 0, `a TCP connection lasts: ${stdout}`);
    await ping.stop('SIGINT');
    const [, sent, received] = defined(
      /(\d+) packets transmitted, (\d+) received/.exec(ping.stdout().toString()),
      'a summary of ping',
    );
    t.ok(Number(sent) > 100, `${sent} packets, one every 10 ms`);
    t.ok(Number(sent) - Number(received) <= 1, `${received} of ${sent} came back`);
    t.equal((await status()).routerPid, before.routerPid, 'the same router');
    t.ok(await hasRoute(FAR_PREFIX));
    t.notOk(await hasRoute(PASSING), 'what was withdrawn meanwhile has gone');
  });

  await t.test('goal state that changed while nobody was there is in force after', async (t) => {
    await lab.role.stop('SIGKILL');
    lab.southbound.set(
      'edge1',
      goal().filter(({ key }) => key !== 'natpool/p'),
    );
    await lab.startRole();
    await eventually('there is no pool any more', async () => {
      const { nat } = await lab.ask<{ nat: { blocksTotal: number } }>('/counters');
      return nat.blocksTotal === 0;
    });
    await lab.set(goal());
    t.equal((await lab.attempt('vm1', ['ping', '-c', '1', '-W', '2', FAR])).code, 0);
  });

  await t.test('a router that dies ends its agent; the next one starts anew', async (t) => {
    const { routerPid } = await status();
    await lab.attempt('edge', ['kill', '-9', String(routerPid)]);
    t.not(await lab.role.end(), 0, 'it has ended by itself');
    await lab.startRole();
    t.not((await status()).routerPid, routerPid);
    await eventually('packets pass', async () => {
      return (await lab.attempt('vm1', ['ping', '-c', '1', '-W', '1', FAR])).code === 0;
    });
  });

  await t.test('told to end, it leaves no router behind, and no routes', async () => {
    const { routerPid } = await status();
    await lab.role.stop();
    await eventually('the router ends', async () => !(await isRunning(routerPid)));
    await eventually('FRR uses its routes no more', async () => (await routesOfFrr()).length === 0);
  });
});
