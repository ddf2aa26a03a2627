/**
 * A VM with two network interfaces, in two subnets of one network and in two networks: each is reached by its own address, answers go out
 * where the question came in, and nothing passes from one network to the other through the switch.
 */
import { test } from 'tap';
import { topology } from '../kit/topology.ts';

test('VMs with two interfaces', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: {
      blue: {
        space: '10.1.0.0/16',
        subnets: { web: '10.1.1.0/24', data: '10.1.2.0/24', ops: '10.1.3.0/24' },
      },
      green: { space: '10.2.0.0/16', subnets: { web: '10.2.1.0/24' } },
    },
    vms: {
      both: {
        ...{ vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
        further: [
          { vnet: 'blue', subnet: 'data', address: '10.1.2.10' },
          { vnet: 'green', subnet: 'web', address: '10.2.1.10' },
        ],
      },
      web: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.20' },
      data: { vnet: 'blue', subnet: 'data', host: 1, address: '10.1.2.20' },
      ops: { vnet: 'blue', subnet: 'ops', host: 2, address: '10.1.3.20' },
      green: { vnet: 'green', subnet: 'web', host: 2, address: '10.2.1.20' },
    },
  }).start();
  t.teardown(() => network.stop());

  await t.test('each interface is reached by its address, from near and far', async (t) => {
    await network.vm('web').reaches('10.1.1.10');
    await network.vm('data').reaches('10.1.2.10');
    await network.vm('green').reaches('10.2.1.10');
    // Routed: the answer must leave by the interface that has the address, or the switch would take it for spoofed.
    await network.vm('ops').reaches('10.1.2.10');
    await network.vm('ops').reaches('10.1.1.10');
    await network.vm('data').reaches('10.1.1.10');
    t.equal(await network.drops('host1', 'SpoofedIpv4'), 0);
  });

  await t.test('the VM chooses the interface by the source address', async (t) => {
    const both = network.vm('both');
    const ping = (source: string, to: string) =>
      both.run(['ping', '-c', '1', '-W', '2', '-I', source, to]);
    t.equal((await ping('10.1.2.10', '10.1.3.20')).code, 0);
    t.equal((await ping('10.2.1.10', '10.2.1.20')).code, 0);
    t.not((await ping('10.2.1.10', '10.1.3.20')).code, 0, 'networks stay apart');
  });

  await t.test('all interfaces go with the VM', async (t) => {
    await network.removeVm('both');
    const ports = await network.host('host1').ports();
    t.same(
      ports.map(({ address }) => address),
      ['10.1.2.20'],
    );
  });
});
