/**
 * Packets that load balancers have to take care with, of both families, through edge, mux and host: fragments in any order, paths that are narrower
 * than they look, super-frames, hops that run out. And virtual addresses that are asked for from inside: of a peered network, of another tenant's, of the own.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Argv } from '../../fabric/command.ts';
import { setKernelForwarding } from '../../fabric/edge-network.ts';
import { exchangeJson } from '../../fabric/json-http.ts';
import { createNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { Fragment, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import type { MuxStatus } from '../../schema/southbound/diagnostics/slb.ts';
import { eventually } from '../kit/eventually.ts';
import { fragmentsOf } from '../kit/fragments.ts';
import { type Machine, machine } from '../kit/machine.ts';
import { takeIpv6 } from '../kit/take-ipv6.ts';
import { serveTcp, visit } from '../kit/tcp-clients.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { isServedBy, putBalancer, VIP, VIP6 } from './slb-lab.ts';

const PORT = 8080;
const HTTP = 80;
const UDP = 7072;
const IPERF = 5201;
const INTERNAL = '10.1.1.100';
const LARGE_BYTES = 2 * 1024 * 1024;
const VIPS = [VIP, VIP6];
const BACKENDS = ['a', 'b'];
let network: RunningTopology;

const udpProbe = (...args: readonly string[]): Argv => [
  process.execPath,
  programPath('test/kit/udp-probe.js'),
  ...args,
];

/** Serves everything that the load balancers lead to. */
async function serve(t: Test, vm: Machine): Promise<void> {
  await serveTcp(vm, PORT);
  await vm.start(udpProbe('serve', String(UDP)), 'ready');
  const folder = await mkdtemp(join(tmpdir(), 'weft-page-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'large'), Buffer.alloc(LARGE_BYTES, vm.name));
  await vm.start(['busybox', 'httpd', '-f', '-p', `[::]:${HTTP}`, '-h', folder]);
  await vm.start(['iperf3', '-s', '--forceflush'], 'Server listening');
}

async function build(t: Test): Promise<void> {
  const peer = (name: string) => ({ [name]: { vnet: name, subnet: 'web', host: 2 } });
  network = await topology({
    hosts: 2,
    muxes: 2,
    vnets: {
      blue: {
        space: ['10.1.0.0/16', 'fd00:1::/48'],
        subnets: { web: ['10.1.1.0/24', 'fd00:1:0:1::/64'] },
      },
      green: { space: '10.2.0.0/16', subnets: { web: '10.2.1.0/24' } },
      red: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1 },
      b: { vnet: 'blue', subnet: 'web', host: 2 },
      ...peer('green'),
      ...peer('red'),
    },
  }).start();
  t.teardown(() => network.stop());
  for (const name of BACKENDS) {
    await takeIpv6(network, network.vm(name));
    await serve(t, network.vm(name));
  }
  const rules = [
    { name: 'http', port: HTTP },
    { name: 'iperf', port: IPERF, rule: { loadDistribution: 'SourceIP' } },
    { name: 'udp', port: UDP, rule: { protocol: 'Udp' } },
  ];
  const common = { port: PORT, backends: BACKENDS, more: rules };
  await putBalancer(network, 'web', { address: VIP, ...common });
  await putBalancer(network, 'web6', { address: VIP6, ...common });
  const subnet = '/virtualNetworks/blue/subnets/web';
  await putBalancer(network, 'inside', { address: INTERNAL, subnet, ...common, more: [] });
  for (const address of VIPS) {
    await eventually(`${address} is served by both`, () =>
      isServedBy(network.outside(), { address, port: PORT }, ...BACKENDS),
    );
  }
}

test('what load balancers have to take care with', async (t) => {
  await build(t);
  const outside = network.outside();

  await t.test(
    'datagrams in fragments come to one backend whole, and so do the answers',
    async (t) => {
      const ask = (address: string, count: number) =>
        outside.run(udpProbe('ask', address, `${UDP}`, `${count}`, '4000'));
      // The first one over IPv6 learns how much fits (RFC 8201): routers do not cut it.
      await ask(VIP6, 1);
      for (const address of VIPS) {
        await eventually(`${address}: eight of eight are answered`, async () => {
          return JSON.parse((await ask(address, 8)).stdout).answered === 8;
        });
        t.pass(address);
      }
    },
  );

  await t.test('also those whose fragments come last one first', async (t) => {
    const ports = [31_001, 31_002, 31_003, 31_004, 31_005, 31_006];
    for (const address of VIPS) {
      const capture = await outside.capture(`src host ${address}`);
      const datagrams = await Promise.all(ports.map((port) => fragmentedTo(address, port)));
      await outside.inject(datagrams.flatMap((fragments) => fragments.reverse()));
      // Each in two fragments again.
      const answers = () => capture.frames().filter(isFragment).length;
      await eventually('all are answered', () => answers() >= 2 * ports.length);
      t.equal((await capture.stop()).filter(isFragment).length, 2 * ports.length, address);
    }
  });

  await t.test(
    'a mux says who it is: by its own address, or by the one it speaks for',
    async (t) => {
      const probe = ['traceroute', '-n', '-T', '-p', `${PORT}`, '-q', '1', '-m', '6'] as const;
      const hopsTo = async (address: string) => {
        const { stdout } = await outside.run([...probe, address]);
        return [...stdout.matchAll(/^ *\d+ +(\S+)/gm)].map(([, hop]) => hop);
      };
      t.match(await hopsTo(VIP), ['192.0.2.2', /^198\.51\.100\.[34]$/, VIP]);
      t.same(await hopsTo(VIP6), ['2001:db8:ffff::2', VIP6, VIP6]);
    },
  );

  await t.test('streams of a client cross edge and mux in super-frames', async (t) => {
    for (const address of VIPS) {
      const { stdout } = await outside.run(['iperf3', '-c', address, '-n', '32M', '-J']);
      const { end, error } = JSON.parse(stdout);
      t.equal(error, undefined);
      t.ok(end.sum_sent.bytes >= 32 * 1024 * 1024);
      const { packets, bytes } = await forwardedByMuxes(address, IPERF);
      t.ok(bytes / packets > 3000, `${address}: ${packets} packets, ${bytes} bytes`);
    }
  });

  await t.test(
    'a path with a narrow part: its errors find the backend they are about',
    async (t) => {
      const far = await narrowPath(1300);
      for (const address of VIPS) {
        const url = `http://${address.includes(':') ? `[${address}]` : address}/large`;
        const curl = ['curl', '-g', '-sS', '-m', '20', '--noproxy', '*', url] as const;
        const { stdout, stderr } = await far.run(curl);
        t.equal(stdout.length, LARGE_BYTES, stderr);
      }
    },
  );

  await t.test('from inside: of a peered network, of a stranger’s, of the own', async (t) => {
    await peer('blue', 'green');
    const internal = { address: INTERNAL, port: PORT };
    await eventually('it is served', () => isServedBy(network.vm('green'), internal, ...BACKENDS));
    const askers = [
      ['green', INTERNAL],
      ['green', VIP],
      ['red', VIP],
      ['a', VIP],
      ['a', VIP6],
    ] as const;
    for (const [name, address] of askers) {
      const options = { connections: 40, firstPort: 20_000 };
      const asked = await visit(network.vm(name), { address, port: PORT }, options);
      t.same(asked.failures, {}, `${name} to ${address}`);
      t.same(Object.keys(asked.byServer).sort(), BACKENDS);
    }
  });
});

async function peer(...names: readonly [string, string]): Promise<void> {
  for (const [from, to] of [names, [...names].reverse()]) {
    const properties = {
      remoteVirtualNetwork: { resourceRef: `/virtualNetworks/${to}` },
      allowVirtualNetworkAccess: true,
    };
    const path = `/virtualNetworks/${from}/virtualNetworkPeerings/${to}`;
    await network.client.put(path, { resourceId: to ?? '', properties });
  }
}

/** What both muxes together have sent to backends by the rule of a port. */
async function forwardedByMuxes(
  address: string,
  port: number,
): Promise<{ readonly packets: number; readonly bytes: number }> {
  let [packets, bytes] = [0, 0];
  for (const mux of ['mux1', 'mux2']) {
    const socketPath = network.fabric.state.role(mux).controlSocket;
    const target = { kind: 'unix', socketPath } as const;
    const answer = await exchangeJson(target, { method: 'GET', path: '/addresses' });
    const { addresses } = answer.body as MuxStatus;
    const rules = addresses.find((each) => each.address === address)?.rules ?? [];
    for (const backend of rules.find((rule) => rule.port === port)?.backends ?? []) {
      packets += backend.packets;
      bytes += backend.bytes;
    }
  }
  return { packets, bytes };
}

function isFragment({ bytes }: { readonly bytes: Uint8Array }): boolean {
  const key = newFlowKey();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return parseFlow(view, 0, bytes.length, key) === 0 && key.fragment !== Fragment.NONE;
}

const FAR = 'far';

/** Behind the outside's router, by a link that is narrower than either end's own. */
async function narrowPath(mtu: number): Promise<Machine> {
  const fabric = network.fabric.name;
  const outside = network.outside();
  const far = namespaceName(fabric, FAR);
  await createNamespace(far);
  await setKernelForwarding(namespaceName(fabric, 'outside'), true);
  const lines = [
    ['link', 'add', 'far0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far],
    ['address', 'add', '198.18.0.1/24', 'dev', 'far0'],
    ['address', 'add', '2001:db8:fa::1/64', 'dev', 'far0', 'nodad'],
    ['link', 'set', 'far0', 'mtu', String(mtu), 'up'],
  ];
  for (const line of lines) await outside.run(['ip', ...line]);
  const inFar = farMachine(outside);
  for (const line of [
    ['address', 'add', '198.18.0.2/24', 'dev', 'eth0'],
    ['address', 'add', '2001:db8:fa::2/64', 'dev', 'eth0', 'nodad'],
    ['link', 'set', 'eth0', 'up'],
    ['route', 'add', 'default', 'via', '198.18.0.1'],
    ['-6', 'route', 'add', 'default', 'via', '2001:db8:fa::1'],
  ])
    await inFar.run(['ip', ...line]);
  return inFar;
}

function farMachine(outside: Machine): Machine {
  return machine({
    ...outside.record,
    name: FAR,
    namespace: namespaceName(network.fabric.name, FAR),
  });
}

/** A datagram of the client's to the address, in three fragments. */
async function fragmentedTo(address: string, srcPort: number): Promise<Uint8Array[]> {
  const outside = network.outside();
  const [edge, src] = address.includes(':')
    ? ['2001:db8:ffff::2', '2001:db8:ffff::1']
    : ['192.0.2.2', '192.0.2.1'];
  const { stdout } = await outside.run(['ip', '-json', 'neigh', 'show', edge]);
  const [{ lladdr }] = JSON.parse(stdout);
  const link = await outside.run(['cat', `/sys/class/net/${outside.record.device}/address`]);
  return fragmentsOf(
    {
      ...{ srcMac: link.stdout.trim(), dstMac: lladdr, src, dst: address },
      ...{
        srcPort,
        dstPort: UDP,
        payload: new Uint8Array(1800).fill(srcPort & 0xff),
        identification: srcPort,
      },
    },
    800,
  );
}
