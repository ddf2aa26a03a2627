/**
 * IPv6 through edge, mux and host: a public load balancer of IPv6 addresses and its backends, what a client outside sees of routers on the way, ways
 * out, and interfaces that have IPv6 public addresses of their own.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { BgpAnswer } from '../../schema/southbound/diagnostics/bgp.ts';
import { eventually } from '../kit/eventually.ts';
import type { Machine } from '../kit/machine.ts';
import { takeIpv6 } from '../kit/take-ipv6.ts';
import { hold, serveTcp, visit } from '../kit/tcp-clients.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { isServedBy, putBalancer, VIP6 } from './slb-lab.ts';

const PORT = 8080;
const HTTP = 80;
const target = { address: VIP6, port: PORT };
const VIP6_PAGES = '2001:db8:203::101';
const CLIENT = '2001:db8:ffff::1';
const EDGE = '2001:db8:ffff::2';
let network: RunningTopology;

async function dualStack(): Promise<RunningTopology> {
  const space = ['10.1.0.0/16', 'fd00:1::/48'];
  return topology({
    hosts: 2,
    muxes: 2,
    vnets: { blue: { space, subnets: { web: ['10.1.1.0/24', 'fd00:1:0:1::/64'] } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1 },
      b: { vnet: 'blue', subnet: 'web', host: 2 },
      c: { vnet: 'blue', subnet: 'web', host: 2 },
    },
  }).start();
}

/** A page with the machine's name. */
async function serveHttp(t: Test, vm: Machine): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-page-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'index.html'), vm.name);
  await vm.start(['busybox', 'httpd', '-f', '-p', `[::]:${HTTP}`, '-h', folder]);
}

/** What a client outside gets over IPv6. */
async function page(address: string): Promise<string> {
  const options = ['-6', '-g', '-sS', '-m', '20', '--noproxy', '*'] as const;
  const url = `http://[${address}]:${HTTP}/`;
  const { stdout, stderr } = await network.outside().run(['curl', ...options, url]);
  return stdout === '' ? stderr : stdout;
}

test('IPv6 from outside, through edge and muxes, to backends', async (t) => {
  network = await dualStack();
  t.teardown(() => network.stop());
  const outside = network.outside();
  for (const name of ['a', 'b', 'c']) await takeIpv6(network, network.vm(name));
  for (const name of ['a', 'b']) {
    await serveTcp(network.vm(name), PORT);
    await serveHttp(t, network.vm(name));
  }
  await putBalancer(network, 'web', { address: VIP6, port: PORT, backends: ['a', 'b'] });
  const pages = { address: VIP6_PAGES, port: HTTP, backends: ['a', 'b'] };
  await putBalancer(network, 'pages', pages);
  await eventually('both muxes announce', async () => (await nextHops(VIP6)).length === 2);
  await eventually('both backends answer', () => isServedBy(outside, target, 'a', 'b'));

  await t.test('connections are spread, and none fails', async (t) => {
    const options = { connections: 400, firstPort: 20_000 };
    const { byServer, failures } = await visit(outside, target, options);
    t.same(failures, {});
    for (const name of ['a', 'b']) t.ok((byServer[name] ?? 0) > 100, JSON.stringify(byServer));
    t.match(await page(VIP6_PAGES), /^[ab]$/, 'curl -6');
  });

  await t.test('routers on the way say who they are; the address answers a ping', async (t) => {
    const probe = ['traceroute', '-6', '-n', '-T', '-p', `${PORT}`, '-q', '1', '-m', '6'] as const;
    const { stdout } = await outside.run([...probe, VIP6]);
    const hops = [...stdout.matchAll(/^ *\d+ +(\S+)/gm)].map(([, hop]) => hop);
    t.same(hops, [EDGE, VIP6, VIP6], 'the mux has no IPv6 address but the one that it speaks for');
    t.equal((await outside.ping(VIP6)).received, 1);
  });

  await t.test('connections outlive a mux', async (t) => {
    // The one that is left has had no other table than the present one.
    await network.role('mux2').stop();
    await network.role('mux2').start();
    await eventually('it announces', async () => (await nextHops(VIP6)).length === 2);
    const held = await hold(outside, target, { connections: 60, firstPort: 40_000 });
    t.same(held.first.ended, {});
    await network.role('mux1').kill();
    const after = await held.report();
    t.same(after.ended, {});
    t.same(after.answered, held.first.open);
    await held.stop();
  });

  await t.test('an interface with an IPv6 public address: in by it, and out', async (t) => {
    const address = await bindPublic('c');
    await serveTcp(network.vm('c'), PORT);
    await eventually('c answers', () => isServedBy(outside, { address, port: PORT }, 'c'));
    const capture = await outside.capture(`icmp6 and src ${address}`);
    await network.vm('c').reaches(CLIENT);
    const frames = await capture.stop();
    t.ok(frames.length > 0, 'it is seen as its public address');
  });

  await t.test('a backend goes out as its load balancer, but for what has no ports', async (t) => {
    await serveTcp(outside, PORT);
    const capture = await outside.capture(`tcp dst port ${PORT} and src net 2001:db8:203::/64`);
    const toClient = { connections: 4, firstPort: 30_000 };
    const { failures } = await visit(network.vm('a'), { address: CLIENT, port: PORT }, toClient);
    t.same(failures, {});
    t.ok((await capture.stop()).length > 0, 'from a leased port of the virtual address');
    const { stdout } = await network.vm('a').run(['ping', '-6', '-c', '1', '-W', '5', CLIENT]);
    t.match(stdout, /Administratively prohibited/);
  });
});

/** By which the edge reaches the address. */
async function nextHops(address: string): Promise<readonly string[]> {
  const { routes } = (await network.client.ask(
    'GET',
    '/networking/weft/v1/edgeRouters/edge/bgpRoutes?limit=100',
  )) as BgpAnswer<'bgpRoutes'>;
  return routes.find(({ prefix }) => prefix === `${address}/128`)?.nextHops ?? [];
}

/** Gives the machine's IPv6 address a public one of its own; returns that. */
async function bindPublic(name: string): Promise<string> {
  const { client } = network;
  const ref = `/publicIPAddresses/${name}`;
  await client.put(ref, { resourceId: name, properties: { publicIPAddressVersion: 'IPv6' } });
  const path = `/networkInterfaces/${name}/ipConfigurations/ipv6`;
  const { etag, ...found } = await client.get(path);
  const properties = { ...found.properties, publicIPAddress: { resourceRef: ref } };
  await client.put(path, { ...found, properties }, { ifMatch: etag });
  return (await client.get<{ readonly ipAddress: string }>(ref)).properties.ipAddress;
}
