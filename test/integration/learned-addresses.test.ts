/**
 * An address that two VMs share (MS-NCNBI §3.1.5.32), from the northbound API to packets: it is where the VM is that says it has it, for VMs
 * at other hosts and in other subnets, and it moves when another VM announces it.
 */
import { test } from 'tap';
import { eventually } from '../kit/eventually.ts';
import type { Machine } from '../kit/machine.ts';
import { topology } from '../kit/topology.ts';

const FLOATING = '10.1.1.100';
const WEB = '/virtualNetworks/blue/subnets/web';

interface Learned {
  readonly ipAddress: string;
  readonly networkInterface?: string;
  readonly host?: string;
}

test('a learned address', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: {
      blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24', data: '10.1.2.0/24' } },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.11' },
      near: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.12' },
      far: { vnet: 'blue', subnet: 'data', host: 2, address: '10.1.2.10' },
    },
  }).start();
  t.teardown(() => network.stop());
  const { client } = network;
  const [a, b, near, far] = ['a', 'b', 'near', 'far'].map((name) => network.vm(name));
  if (!a || !b || !near || !far) throw new Error('a VM is missing');
  const floating = { resourceRef: '/learnedIpAddresses/floating' };
  await client.put(floating.resourceRef, {
    resourceId: 'floating',
    properties: { ipAddress: FLOATING, virtualSubnet: { resourceRef: WEB } },
  });
  for (const name of ['a', 'b']) {
    await client.put(`/networkInterfaces/${name}/ipConfigurations/shared`, {
      resourceId: 'shared',
      properties: {
        privateIPAllocationMethod: 'Learned',
        subnet: { resourceRef: WEB },
        learnedIp: floating,
      },
    });
  }
  const reaches = async (vm: Machine, to: string) => (await vm.ping(to)).received === 1;
  const holder = async (): Promise<Learned | undefined> => {
    const answer = await client.ask('GET', '/networking/weft/v1/learnedIpAddresses');
    const { value } = answer as { readonly value: readonly Learned[] };
    return value[0];
  };
  const take = (vm: Machine) => vm.run(['ip', 'addr', 'add', `${FLOATING}/24`, 'dev', 'eth0']);
  const drop = (vm: Machine) => vm.run(['ip', 'addr', 'del', `${FLOATING}/24`, 'dev', 'eth0']);
  /** Asks for its router by ARP with the address as sender, which says that the address is its own. */
  const announce = (vm: Machine) =>
    vm.run(['sh', '-c', `ip neigh flush dev eth0; ping -c 1 -W 1 -I ${FLOATING} 10.1.1.1 || true`]);

  await t.test('while no VM has it, it is nowhere', async (t) => {
    t.notOk(await reaches(near, FLOATING));
    t.equal((await holder())?.networkInterface, undefined);
  });

  await t.test(
    'the VM that takes it is reached by it, from its subnet and from another, at another host',
    async (t) => {
      await take(a);
      await announce(a);
      await eventually('the neighbour reaches it', () => reaches(near, FLOATING));
      t.ok(await reaches(far, FLOATING));
      t.equal((await holder())?.networkInterface, '/networkInterfaces/a');
      t.equal((await holder())?.host, 'host1');
      const filter = `icmp and host ${FLOATING}`;
      const capture = await a.capture(filter);
      await near.ping(FLOATING);
      t.equal((await capture.stop()).length, 2, 'it is a that answers');
    },
  );

  await t.test(
    'another VM announces it and has it from then on; who has a stale ARP entry reaches it too',
    async (t) => {
      await take(b);
      await announce(b);
      await eventually(
        'it has moved',
        async () => (await holder())?.networkInterface === '/networkInterfaces/b',
      );
      await drop(a);
      await eventually('the neighbour reaches it', () => reaches(near, FLOATING));
      t.ok(await reaches(far, FLOATING));
      t.ok(await reaches(a, FLOATING));
      t.equal((await holder())?.host, 'host2');
    },
  );

  await t.test('it survives a restart of the controller', async (t) => {
    const controller = network.role('controller');
    await controller.kill();
    await controller.ready();
    t.ok(await reaches(far, FLOATING));
    t.equal((await holder())?.networkInterface, '/networkInterfaces/b');
  });

  await t.test('a VM that does not share it cannot take it', async (t) => {
    const refused = await network.drops('host2', 'SpoofedArp');
    await take(near);
    await announce(near);
    await eventually(
      'the claim is refused',
      async () => (await network.drops('host2', 'SpoofedArp')) > refused,
    );
    t.equal((await holder())?.networkInterface, '/networkInterfaces/b');
    t.ok(await reaches(far, FLOATING));
  });

  await t.test('with the VM that has it, the address goes', async () => {
    await network.removeVm('b');
    await eventually('nobody has it', async () => (await holder())?.networkInterface === undefined);
  });
});
