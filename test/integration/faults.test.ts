/**
 * What dies and what goes on: traffic without a controller, a host restarted without one, a host killed under a TCP stream, a
 * controller killed between writes. How soon things are back is measured: `npm run bench -- recovery`.
 */
import { test } from 'tap';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';

/** One for all the tests, which leave it whole. */
function pair(): Promise<RunningTopology> {
  return topology({
    hosts: 2,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1 },
      b: { vnet: 'blue', subnet: 'web', host: 2 },
    },
  }).start();
}

test('faults', async (t) => {
  const network = await pair();
  t.teardown(() => network.stop());

  await t.test(
    'controller down: traffic goes on, and a host restarted meanwhile forwards from its saved goal state',
    async (t) => {
      const [a, b] = [network.vm('a'), network.vm('b')];
      await a.reaches(b);
      // What came in the last moments is saved a little later; a host killed before that needs its controller.
      await eventually('host2 has saved its goal state', async () => {
        const status = await network.host('host2').status();
        return status.goalSaved;
      });
      await network.role('controller').stop();
      t.equal((await a.ping(b.address, { count: 10 })).received, 10, 'without a controller');

      const host2 = network.role('host2');
      await host2.kill();
      await host2.ready();
      await a.reaches(b);
      await b.reaches(a);
      const { controller, ports } = await network.host('host2').status();
      t.notOk(controller.connected, 'host2 has no controller');
      t.equal(ports, 1, 'and has its port');

      await network.role('controller').start();
      await eventually('host2 is connected again', async () => {
        const status = await network.host('host2').status();
        return status.controller.connected;
      });
      t.equal((await a.ping(b.address, { count: 5 })).received, 5, 'with the controller back');
    },
  );

  await t.test('a TCP stream survives a killed host', async (t) => {
    const [a, b] = [network.vm('a'), network.vm('b')];
    await a.reaches(b);
    const size = 1024 * 1024 * 1024;
    const download = a.download(b, size);
    await network.role('host2').kill();
    const { bitsPerSec } = await download;
    t.ok(bitsPerSec > 0, 'every byte arrived');

    // The sender's host too: the interface in the VM outlives it.
    await network.role('host1').kill();
    await network.role('host1').ready();
    await a.reaches(b);
    const { stdout } = await a.run(['ip', '-o', 'link', 'show', 'eth0']);
    t.match(stdout, 'LOWER_UP');
  });

  await t.test(
    'kill -9 of the controller: what it acknowledged is there when it is back',
    async (t) => {
      const { client } = network;
      for (let round = 0; round < 3; round++) {
        const name = `round${round}`;
        await client.put(`/virtualNetworks/${name}`, {
          resourceId: name,
          properties: {
            addressSpace: { addressPrefixes: [`10.${20 + round}.0.0/16`] },
            logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
          },
        });
        await network.role('controller').kill();
        await network.role('controller').ready();
        const names = (await client.list('/virtualNetworks')).map(({ resourceId }) => resourceId);
        t.ok(names.includes(name), `${name} survived`);
      }
      const [a, b] = [network.vm('a'), network.vm('b')];
      t.equal((await a.ping(b.address, { count: 5 })).received, 5, 'and traffic goes on');
    },
  );

  await t.test('a change made while a host is down reaches it when it is back', async (t) => {
    const a = network.vm('a');
    await network.role('host1').stop();
    const c = await network.addVm('c', { vnet: 'blue', subnet: 'web', host: 2 });
    await network.role('host1').start();
    await a.reaches(c);
    await c.reaches(a);
    t.pass('both ways');
  });
});
