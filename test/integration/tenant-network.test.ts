/**
 * The spine, end to end: a tenant network made through the northbound API carries its VMs' packets — on one host, between hosts, between
 * subnets — and no other tenant's, although both use the same addresses.
 */
import { test } from 'tap';
import { eventually } from '../kit/eventually.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';

const SPACE = '10.1.0.0/16';
const SUBNETS = { web: '10.1.1.0/24', data: '10.1.2.0/24' };
const MEBIBYTE = 1024 * 1024;

async function twoTenants(): Promise<RunningTopology> {
  return topology({
    hosts: 2,
    vnets: {
      blue: { space: SPACE, subnets: SUBNETS },
      green: { space: SPACE, subnets: SUBNETS },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.11' },
      c: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.12' },
      d: { vnet: 'blue', subnet: 'data', host: 2, address: '10.1.2.10' },
      a2: { vnet: 'green', subnet: 'web', host: 1, address: '10.1.1.10' },
      c2: { vnet: 'green', subnet: 'web', host: 2, address: '10.1.1.12' },
      lonely: { vnet: 'green', subnet: 'web', host: 2, address: '10.1.1.99' },
    },
  }).start();
}

test('a tenant network', async (t) => {
  const network = await twoTenants();
  t.teardown(() => network.stop());
  const { a, b, c, d, a2, c2, lonely } = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'a2', 'c2', 'lonely'].map((name) => [name, network.vm(name)]),
  );
  if (!a || !b || !c || !d || !a2 || !c2 || !lonely) throw new Error('a VM is missing');

  await t.test('every VM got by DHCP the address, router and MTU it was to have', async (t) => {
    for (const vm of [a, c, d]) {
      const { stdout: address } = await vm.run(['ip', '-4', '-o', 'addr', 'show', 'eth0']);
      t.match(address, `inet ${vm.address}/24`, vm.name);
      const { stdout: link } = await vm.run(['ip', '-o', 'link', 'show', 'eth0']);
      t.match(link, 'mtu 1450', vm.name);
      const { stdout: route } = await vm.run(['ip', 'route', 'show', 'default']);
      const gateway = vm.address.replace(/\.\d+$/, '.1');
      t.match(route, `default via ${gateway}`, vm.name);
    }
  });

  await t.test('VMs of one network reach each other', async (t) => {
    await a.reaches(b);
    await a.reaches(c);
    await a.reaches(d);
    await d.reaches(b);
    await c.reaches(d);
    t.pass('same host, across hosts, across subnets, both ways');
  });

  await t.test('ten pings in a row lose none, on either way', async (t) => {
    t.equal((await a.ping(b.address, { count: 10 })).received, 10);
    t.equal((await a.ping(c.address, { count: 10 })).received, 10);
    t.equal((await c.ping(d.address, { count: 10 })).received, 10);
    t.equal((await a.ping(d.address, { count: 10 })).received, 10);
  });

  await t.test('the gateway answers to ping, in every subnet', async (t) => {
    t.equal((await a.ping('10.1.1.1')).received, 1);
    t.equal((await d.ping('10.1.2.1')).received, 1);
  });

  await t.test('packets of every size arrive, up to the MTU and fragmented beyond', async (t) => {
    for (const payloadBytes of [0, 1, 56, 1421, 1422, 1423, 4000]) {
      t.equal((await a.ping(b.address, { payloadBytes })).received, 1, `${payloadBytes} on a host`);
      t.equal((await a.ping(c.address, { payloadBytes })).received, 1, `${payloadBytes} across`);
    }
  });

  await t.test('TCP streams arrive whole', async (t) => {
    for (const [from, to, how] of [
      [b, a, 'same host'],
      [c, a, 'across hosts'],
      [d, a, 'across hosts and subnets'],
      [a, d, 'and back'],
    ] as const) {
      const { bitsPerSec } = await to.download(from, 32 * MEBIBYTE);
      t.ok(bitsPerSec > 0, `${how}: ${(bitsPerSec / 1e9).toFixed(1)} Gbit/s`);
    }
  });

  await t.test('datagrams are answered, each with its own bytes', async (t) => {
    for (const payloadBytes of [1, 64, 1400, 8000]) {
      const counts = await a.askUdp(c, { count: 20, payloadBytes });
      t.same(counts, { sent: 20, answered: 20 }, `${payloadBytes} bytes`);
    }
  });

  await t.test('the other tenant has the same addresses and is not heard', async (t) => {
    await a2.reaches(c2);
    const { bitsPerSec } = await a2.download(c2, MEBIBYTE);
    t.ok(bitsPerSec > 0, 'the green server answers to green');
    t.equal((await a.ping(lonely.address, { count: 2 })).received, 0, 'blue → only in green');
    t.equal((await a2.ping(b.address, { count: 2 })).received, 0, 'green → only in blue');
    t.equal((await a2.ping(d.address, { count: 2 })).received, 0, 'green → another blue subnet');
  });

  await t.test('nothing of one tenant is seen at a VM of the other', async (t) => {
    const capture = await c2.capture('icmp', { inbound: true });
    await a.ping(c.address, { count: 5 });
    t.same(await capture.stop(), []);
  });

  await t.test('a VM that is removed is not reached; one that is added is', async (t) => {
    await network.removeVm('b');
    await eventually('10.1.1.11 is silent', async () => (await a.ping('10.1.1.11')).received === 0);
    const e = await network.addVm('e', { vnet: 'blue', subnet: 'data', host: 1 });
    await e.reaches(a);
    await e.reaches(c);
    t.pass('reached');
  });
});

test('namespaces are gone after teardown, state and all', async (t) => {
  const network = await topology({ hosts: 1 }).start();
  const { name, state } = network.fabric;
  await network.stop();
  const { fabricNamespaces } = await import('../../fabric/namespaces.ts');
  const { existsSync } = await import('node:fs');
  t.same(await fabricNamespaces(name), []);
  t.notOk(existsSync(state.root));
});
