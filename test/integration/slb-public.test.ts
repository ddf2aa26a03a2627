/**
 * A public load balancer as its clients see it, through edge, mux and host to real VMs: who gets how many connections, what requests notice of
 * muxes that are restarted, and what connections do of muxes and backends that come and go, whatever the pool was a second ago.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import type { Resource } from '../../fabric/northbound-client.ts';
import type { BgpAnswer } from '../../schema/southbound/diagnostics/bgp.ts';
import { eventually } from '../kit/eventually.ts';
import { type HeldConnections, hold, serveTcp, visit, visitMeanwhile } from '../kit/tcp-clients.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import {
  balancerPath,
  isServedBy,
  join as joinPool,
  leave,
  POOL,
  putBalancer,
  VIP,
} from './slb-lab.ts';

const PORT = 8080;
const SPEC = { address: VIP, port: PORT, backends: ['a', 'b'] };
const target = { address: VIP, port: PORT };
let network: RunningTopology;

test('a VIP with two backends on two hosts answers outside clients', async (t) => {
  network = await topology({
    hosts: 2,
    muxes: 3,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.11' },
      c: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.12' },
    },
  }).start();
  t.teardown(() => network.stop());
  const addMux3 = await takeOff('mux3');
  for (const name of ['a', 'b', 'c']) await serveTcp(network.vm(name), PORT);
  await putBalancer(network, 'web', SPEC);
  await eventually('both backends answer', () => isServedBy(network.outside(), target, 'a', 'b'));
  await isReachedBy(2);

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
    'a pool that has just changed: 1,000 connections outlive muxes and backends',
    async (t) => {
      // Half of them begin before the change, and half right after it: of each some are on rows that have changed.
      const before = await holdHalf(40_000);
      await joinPool(network.client, 'web', 'c');
      await eventually('c answers too', () => answersNewPorts('c'));
      const all = [before, await holdHalf(45_000)];
      const opened = (name: string) => sum(all.map(({ first }) => first.open[name]));
      t.equal(sum(['a', 'b', 'c'].map(opened)), 1_000);
      /** All connections of these go on, and answer. */
      const liveOn = async (names: readonly string[], what: string): Promise<void> => {
        const reports = await Promise.all(all.map((held) => held.report()));
        const ended = reports.flatMap((report) => Object.keys(report.ended));
        const lost = ended.filter((key) => names.includes(key.split(' ')[0] ?? ''));
        t.same(lost, [], `${what}: none has ended`);
        for (const name of names) {
          const answered = sum(reports.map((report) => report.answered[name]));
          t.equal(answered, opened(name), `${what}: ${name} answers`);
        }
      };

      await network.role('mux1').kill();
      await liveOn(['a', 'b', 'c'], 'a mux of two is killed');
      t.ok((await returned()) > 0, 'hosts have returned what was not theirs');

      await network.role('mux1').ready();
      await isReachedBy(2);
      await liveOn(['a', 'b', 'c'], 'it is back');

      await addMux3();
      await isReachedBy(3);
      await liveOn(['a', 'b', 'c'], 'a third mux is added');

      await Promise.all([leave(network.client, 'web', 'b'), network.role('mux2').kill()]);
      await liveOn(['a', 'c'], 'a backend is taken out, and a mux killed, at once');

      await network.role('mux2').ready();
      await joinPool(network.client, 'web', 'b');
      await eventually('b answers again', () => answersNewPorts('b'));
      for (const mux of ['mux1', 'mux3']) await network.role(mux).kill();
      await liveOn(['a', 'c'], 'it is put back, and all other muxes are killed');
      for (const held of all) await held.stop();
    },
  );

  await t.test('its address is given back and taken again at once, several times', async (t) => {
    for (let time = 0; time < 3; time += 1) {
      for (const name of await members()) await leave(network.client, 'web', name);
      await network.client.delete('/loadBalancers/web');
      await network.client.delete('/publicIPAddresses/web');
      await putBalancer(network, 'web', SPEC);
      await eventually('both backends answer', () =>
        isServedBy(network.outside(), target, 'a', 'b'),
      );
    }
    t.pass('each time it is served again');
  });
});

/** Machines in the pool. */
async function members(): Promise<readonly string[]> {
  const { properties } = await network.client.get<{
    readonly backendIPConfigurations?: readonly { readonly resourceRef: string }[];
  }>(`${balancerPath('web')}/backendAddressPools/${POOL}`);
  const references = properties.backendIPConfigurations ?? [];
  return references.map(({ resourceRef }) => resourceRef.split('/')[2] ?? '');
}

/** Takes a mux from edge and controller; it is added again, as a new one, by the function that is returned. */
async function takeOff(mux: string): Promise<() => Promise<void>> {
  const { client } = network;
  await network.role(mux).stop();
  // Nor does a new one know what an earlier one of its name has been told.
  await rm(join(network.fabric.state.role(mux).directory, 'goal-state.bin'), { force: true });
  const paths = [
    `/edgeRouters/edge/bgpRouters/bgp/bgpPeers/${mux}`,
    `/loadBalancerMuxes/${mux}`,
    `/virtualServers/${mux}`,
  ];
  const resources: Resource[] = [];
  for (const path of paths) {
    resources.unshift(await client.get(path));
    await client.delete(path);
  }
  return async () => {
    for (const { resourceRef, resourceId, properties } of resources) {
      await client.put(resourceRef, { resourceId, properties });
    }
    await network.role(mux).start();
  };
}

/** Resolves when the edge uses both muxes again. */
async function restart(mux: string): Promise<void> {
  await network.role(mux).stop();
  await network.role(mux).start();
  await isReachedBy(2);
}

let nextPort = 50_000;

/** Of connections that no mux can know. */
async function answersNewPorts(name: string): Promise<boolean> {
  const options = { connections: 40, firstPort: nextPort };
  nextPort += options.connections;
  const { byServer } = await visit(network.outside(), target, options);
  return (byServer[name] ?? 0) > 0;
}

/** Resolves when the edge reaches the VIP by so many muxes. */
async function isReachedBy(muxes: number): Promise<void> {
  await eventually(`${muxes} muxes announce`, async () => (await nextHops()).length === muxes);
}

/** By which the edge reaches the VIP. */
async function nextHops(): Promise<readonly string[]> {
  const { routes } = (await network.client.ask(
    'GET',
    '/networking/weft/v1/edgeRouters/edge/bgpRoutes?limit=100',
  )) as BgpAnswer<'bgpRoutes'>;
  return routes.find(({ prefix }) => prefix === `${VIP}/32`)?.nextHops ?? [];
}

function holdHalf(firstPort: number): Promise<HeldConnections> {
  return hold(network.outside(), target, { connections: 500, firstPort });
}

/** Packets that hosts have returned to the muxes that are there now. */
async function returned(): Promise<number> {
  const { muxes } = (await network.client.ask(
    'GET',
    `/networking/weft/v1/virtualAddresses/${VIP}`,
  )) as { readonly muxes: readonly { readonly returned?: number }[] };
  return sum(muxes.map((mux) => mux.returned));
}

function count(byServer: Readonly<Record<string, number>>): number {
  return sum(Object.values(byServer));
}

function sum(counts: readonly (number | undefined)[]): number {
  return counts.reduce<number>((all, each) => all + (each ?? 0), 0);
}
