/**
 * Internal load balancers through the northbound API, over two hosts: clients of the same subnet and of another, at the backend's host and elsewhere,
 * a backend that calls itself, floating addresses, every port (HA ports), a backend that leaves, and what people see of it. No mux takes part.
 *
 *   web: a, b, x on hosts 1, 2, 1      app: y on host 2      10.1.1.100: a and b      .101: every port of x and y      .102, floating: a and b
 */
import { type Test, test } from 'tap';
import type { MuxStatus, VirtualAddressesAnswer } from '../../schema/southbound/diagnostics/slb.ts';
import { eventually } from '../kit/eventually.ts';
import { curl, serve, serversByClient, whoServes, writeKeyFiles } from '../kit/services.ts';
import { hold } from '../kit/tcp-clients.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { weft } from '../kit/weft.ts';
import { leave, putBalancer } from './slb-lab.ts';

const HASTEN = 60;
const PROBE = { intervalInSeconds: 2 * HASTEN, numberOfProbes: 2 };
const SUBNET = '/virtualNetworks/blue/subnets/web';
const [DB, EVERYTHING, FLOATING] = ['10.1.1.100', '10.1.1.101', '10.1.1.102'] as const;
const [TCP, FLOATING_TCP, HTTP] = [8080, 8081, 8090] as const;
const BACKENDS = ['a', 'b'];
/** An interface that serves every port serves nothing else. */
const OTHERS = ['x', 'y'];
const ADDRESSES = { a: '10.1.1.10', b: '10.1.1.11', x: '10.1.1.20', y: '10.1.2.20' } as const;
type Name = keyof typeof ADDRESSES;

let network: RunningTopology;

test('internal load balancers', async (t) => {
  const vm = (name: Name, host: number) => ({
    ...{ vnet: 'blue', subnet: name === 'y' ? 'app' : 'web', host, address: ADDRESSES[name] },
  });
  network = await topology({
    ...{ hosts: 2, muxes: 1, hasten: HASTEN },
    vnets: {
      blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24', app: '10.1.2.0/24' } },
    },
    vms: { a: vm('a', 1), b: vm('b', 2), x: vm('x', 1), y: vm('y', 2) },
  }).start();
  t.teardown(() => network.stop());
  const files = await writeKeyFiles(network.fabric.state.root);
  for (const name of BACKENDS) {
    const machine = network.vm(name);
    // A backend of a floating address has it.
    await machine.run(['ip', 'address', 'add', `${FLOATING}/32`, 'dev', 'lo']);
    await machine.run(['ip', 'link', 'set', 'lo', 'up']);
    await serve(machine, [`tcp:${TCP}`, `tcp:${FLOATING_TCP}`, `http:${HTTP}`], files);
  }
  for (const name of OTHERS) await serve(network.vm(name), ['tcp:7001', 'udp:7002'], files);
  await putBalancer(network, 'db', {
    ...{ address: DB, subnet: SUBNET, port: TCP, backends: BACKENDS, probe: PROBE },
    rule: { idleTimeoutInMinutes: 30 },
    more: [{ name: 'http', port: HTTP }],
  });
  await putBalancer(network, 'floating', {
    ...{ address: FLOATING, subnet: SUBNET, port: FLOATING_TCP, backends: BACKENDS },
    ...{ rule: { enableFloatingIP: true }, probe: PROBE },
  });
  await putBalancer(network, 'everything', {
    ...{ address: EVERYTHING, subnet: SUBNET, port: 0, backends: OTHERS },
    rule: { protocol: 'All' },
    probe: { ...PROBE, port: 7001 },
  });
  for (const name of ['x', 'y'] as const) {
    await eventually(`${name} is served by both`, () => isServedByBoth(name));
  }

  await t.test('clients of both subnets and hosts; backends see them as they are', clients);
  await t.test('a backend calls the address that it serves', hairpin);
  await t.test('a floating address arrives as it is', floating);
  await t.test('HA ports: TCP and UDP, whatever the port', everyPort);
  await t.test('weft lb status: hosts, backends, health and flows', status);
  await t.test('a backend leaves: new connections go to the other', leaving);
  await t.test('no mux has seen any of it', noMux);
});

/** From many ports of its address. */
async function serversOf(name: Name, address: string, port: number): Promise<string[]> {
  nextPort += 40;
  const clients = [ADDRESSES[name]];
  const options = { clients, firstPort: nextPort, ports: 40 };
  const served = await whoServes(network.vm(name), { address, port }, options);
  return [...(serversByClient(served).get(ADDRESSES[name]) ?? [])];
}
let nextPort = 20_000;

async function isServedByBoth(name: Name): Promise<boolean> {
  const lines = await curl(network.vm(name), `http://${DB}:${HTTP}/`, 20);
  return BACKENDS.every((backend) => lines.some((line) => line.startsWith(`${backend} `)));
}

async function clients(t: Test): Promise<void> {
  for (const name of ['x', 'y'] as const) {
    t.same(await serversOf(name, DB, TCP), BACKENDS, `${name} is served by both, by TCP`);
    const lines = await curl(network.vm(name), `http://${DB}:${HTTP}/`, 20);
    const seen = [...new Set(lines)].sort();
    t.same(
      seen,
      BACKENDS.map((backend) => `${backend} ${ADDRESSES[name]}`),
      'and by HTTP',
    );
  }
}

async function hairpin(t: Test): Promise<void> {
  const lines = await curl(network.vm('a'), `http://${DB}:${HTTP}/`, 30);
  const seen = [...new Set(lines)].sort();
  t.same(seen, [`a ${DB}`, `b ${ADDRESSES.a}`], 'it hears itself as the virtual address');
}

async function floating(t: Test): Promise<void> {
  const captures = await Promise.all(
    BACKENDS.map((name) =>
      network.vm(name).capture(`dst host ${FLOATING} and tcp`, { inbound: true }),
    ),
  );
  t.same(await serversOf('y', FLOATING, FLOATING_TCP), BACKENDS, 'both serve it');
  for (const [index, capture] of captures.entries()) {
    const frames = await capture.stop();
    t.ok(frames.length > 0, `${BACKENDS[index]} has seen ${frames.length} for the address itself`);
  }
}

async function everyPort(t: Test): Promise<void> {
  t.same(await serversOf('a', EVERYTHING, 7001), OTHERS, 'TCP');
  const options = {
    clients: [ADDRESSES.b],
    firstPort: 30_000,
    ports: 20,
    protocol: 'udp',
  } as const;
  const target = { address: EVERYTHING, port: 7002 };
  const served = await whoServes(network.vm('b'), target, options);
  t.same([...new Set(Object.values(served))].sort(), OTHERS, 'UDP');
}

async function status(t: Test): Promise<void> {
  const target = { address: DB, port: TCP };
  const held = await hold(network.vm('x'), target, { connections: 20, firstPort: 15_000 });
  const { code, stdout } = await weft(network, 'lb', 'status', 'db');
  t.equal(code, 0, 'it is served');
  t.match(stdout, /10\.1\.1\.100 \(internal/, 'by hosts');
  for (const host of ['host1', 'host2']) {
    t.match(stdout, new RegExp(`^${host} +\\d+ +[1-9]`, 'm'), `VMs of ${host} have called`);
  }
  for (const name of BACKENDS) {
    const row = new RegExp(
      `^rule +${name} +${ADDRESSES[name as Name]} +up +50\\.0 % +[1-9].*conn`,
      'm',
    );
    t.match(stdout, row, `${name}: up, half, with flows, and what its probe last said`);
  }
  const path = `/networking/weft/v1/virtualAddresses/${DB}`;
  const { hosts } = (await network.client.ask('GET', path)) as Hosts;
  const own = hosts.find(({ host }) => host === 'host1')?.rules[0];
  const flows = BACKENDS.map((name) => own?.backends.find(isOf(name))?.flows ?? 0);
  const wanted = BACKENDS.map((name) => held.first.open[name] ?? 0);
  t.ok(
    flows.every((count, index) => count >= (wanted[index] ?? 0)),
    `the client’s host knows ${flows} flows; ${wanted} are held`,
  );
  await held.stop();
}

interface Hosts {
  readonly hosts: readonly (VirtualAddressesAnswer['addresses'][number] & {
    readonly host: string;
  })[];
}

const isOf =
  (name: string) =>
  ({ resourceRef }: { readonly resourceRef: string }): boolean =>
    resourceRef.startsWith(`/networkInterfaces/${name}/`);

async function leaving(t: Test): Promise<void> {
  const target = { address: DB, port: TCP };
  const held = await hold(network.vm('y'), target, { connections: 20, firstPort: 16_000 });
  await leave(network.client, 'db', 'a');
  await eventually('all go to b', async () => {
    const found = await Promise.all([serversOf('x', DB, TCP), serversOf('y', DB, TCP)]);
    return found.every((servers) => servers.join() === 'b');
  });
  const after = await held.report();
  t.equal(after.open['b'], held.first.open['b'], 'connections to b have not ended');
  t.equal(after.answered['b'], held.first.open['b'], 'and are answered');
  await held.stop();
}

async function noMux(t: Test): Promise<void> {
  const path = '/networking/weft/v1/loadBalancerMuxes/mux1/status';
  const { addresses } = (await network.client.ask('GET', path)) as MuxStatus;
  t.same(addresses, [], 'it has no virtual address');
  const counters = '/networking/weft/v1/loadBalancerMuxes/mux1/counters';
  const { links } = (await network.client.ask('GET', counters)) as {
    links: { name: string; txFrames: number }[];
  };
  t.same(
    links.filter(({ name, txFrames }) => name === 'overlay' && txFrames > 0),
    [],
    'and has sent nothing to hosts',
  );
}
