/**
 * A public load balancer as its clients see it, through edge, mux and host to real VMs: who gets how many connections, and what requests notice of
 * muxes that are restarted.
 */
import { test } from 'tap';
import { eventually } from '../kit/eventually.ts';
import { serveTcp, visit, visitMeanwhile } from '../kit/tcp-clients.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { isServedBy, putBalancer, VIP } from './slb-lab.ts';

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
    for (const mux of ['mux1', 'mux2']) {
      await network.role(mux).stop();
      await network.role(mux).start();
      await eventually(`${mux} announces`, () => isServedBy(network.outside(), target, 'a', 'b'));
    }
    const { failures, byServer, longestGapMs } = await done();
    t.same(failures, {}, `${count(byServer)} requests, the longest pause ${longestGapMs} ms`);
  });
});

function count(byServer: Readonly<Record<string, number>>): number {
  return Object.values(byServer).reduce((sum, each) => sum + each, 0);
}
