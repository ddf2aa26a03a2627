/**
 * A public load balancer as its clients see it, through edge, mux and host to real VMs: who gets how many connections, and what requests notice of
 * muxes that are restarted.
 */
import { test } from 'tap';
import type { BgpAnswer } from '../../schema/southbound/diagnostics/bgp.ts';
import { eventually } from '../kit/eventually.ts';
import { type HoldReport, hold, serveTcp, visit, visitMeanwhile } from '../kit/tcp-clients.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { isServedBy, leave, putBalancer, VIP } from './slb-lab.ts';

const PORT = 8080;
const SPEC = { address: VIP, port: PORT, backends: ['a', 'b'] };
const target = { address: VIP, port: PORT };
let network: RunningTopology;

test('a VIP with two backends on two hosts answers outside clients', async (t) => {
  network = await topology({
    hosts: 2,
    muxes: 2,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.11' },
    },
  }).start();
  t.teardown(() => network.stop());
  for (const name of ['a', 'b']) await serveTcp(network.vm(name), PORT);
  await putBalancer(network, 'web', SPEC);
  await eventually('both backends answer', () => isServedBy(network.outside(), target, 'a', 'b'));
  // A mux that has just started has no table of before: what a connection survives that begins within a minute of a change is another claim.
  for (const mux of ['mux1', 'mux2']) await restart(mux);

  await t.test('10,000 connections: each backend has its half within 3 %', async (t) => {
    const options = { connections: 10_000, firstPort: 20_000 };
    const { byServer, failures } = await visit(network.outside(), target, options);
    t.same(failures, {});
    for (const name of ['a', 'b']) {
      const share = byServer[name] ?? 0;
      t.ok(Math.abs(share - 5_000) <= 150, `${name} has ${share} of 10,000`);
    }
  });

  await t.test('muxes are restarted one after another: no request fails', async (t) => {
    const done = await visitMeanwhile(network.outside(), target);
    for (const mux of ['mux1', 'mux2']) await restart(mux);
    const { failures, byServer, longestGapMs } = await done();
    t.same(failures, {}, `${count(byServer)} requests, the longest pause ${longestGapMs} ms`);
  });

  await t.test(
    '1,000 established connections outlive a mux, a backend that is not theirs, and another mux',
    async (t) => {
      const options = { connections: 1_000, firstPort: 40_000 };
      const held = await hold(network.outside(), target, options);
      t.same(held.first.ended, {});
      await network.role('mux1').kill();
      const withoutMux = await held.report();
      t.same(withoutMux.ended, {}, 'one mux of two is killed: none has ended');
      t.equal(count(withoutMux.answered), 1_000, 'all are answered');

      await network.role('mux1').ready();
      await leave(network.client, 'web', 'b');
      const ofA = (report: HoldReport) =>
        Object.entries(report.ended).filter(([name]) => name.startsWith('a '));
      const withoutB = await held.report();
      t.same(ofA(withoutB), [], 'a backend is taken out: those of the other go on');
      t.equal(withoutB.answered['a'], held.first.open['a']);

      await network.role('mux2').kill();
      const withoutBoth = await held.report();
      t.same(ofA(withoutBoth), [], 'and the other mux is killed');
      t.equal(withoutBoth.answered['a'], held.first.open['a']);
      await held.stop();
    },
  );
});

/** Resolves when the edge uses both muxes again. */
async function restart(mux: string): Promise<void> {
  await network.role(mux).stop();
  await network.role(mux).start();
  await eventually(`${mux} announces`, async () => (await nextHops()).length === 2);
}

/** By which the edge reaches the VIP. */
async function nextHops(): Promise<readonly string[]> {
  const { routes } = (await network.client.ask(
    'GET',
    '/networking/weft/v1/edgeRouters/edge/bgpRoutes?limit=100',
  )) as BgpAnswer<'bgpRoutes'>;
  return routes.find(({ prefix }) => prefix === `${VIP}/32`)?.nextHops ?? [];
}

function count(byServer: Readonly<Record<string, number>>): number {
  return Object.values(byServer).reduce((sum, each) => sum + each, 0);
}
