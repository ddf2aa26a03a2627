/** traceroute through the virtual router, between subnets and hosts, over IPv4 and IPv6: the gateway is one hop, the VM the next. */
import { test } from 'tap';
import { topology } from '../kit/topology.ts';

test('traceroute', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: {
      blue: {
        space: ['10.1.0.0/16', 'fd00:1::/48'],
        subnets: {
          web: ['10.1.1.0/24', 'fd00:1:0:1::/64'],
          db: ['10.1.2.0/24', 'fd00:1:0:2::/64'],
        },
      },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.4' },
      b: { vnet: 'blue', subnet: 'db', host: 2, address: '10.1.2.4' },
    },
  }).start();
  t.teardown(() => network.stop());
  const [a, b] = [network.vm('a'), network.vm('b')];
  await a.reaches(b);
  const hops = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await a.run(['traceroute', '-n', '-q', '1', '-w', '2', '-m', '4', ...args]);
    return stdout
      .split('\n')
      .slice(1)
      .flatMap((line) => /^ *\d+ +(\S+)/.exec(line)?.[1] ?? []);
  };

  await t.test('IPv4: UDP, ICMP and TCP', async (t) => {
    for (const kind of [[], ['-I'], ['-T', '-p', '80']]) {
      t.same(await hops(...kind, '10.1.2.4'), ['10.1.1.1', '10.1.2.4'], kind.join(' '));
    }
  });

  await t.test('IPv6: UDP and ICMP', async (t) => {
    // The kit's VMs take IPv4 addresses only.
    for (const [vm, prefix] of [
      [a, 'fd00:1:0:1::'],
      [b, 'fd00:1:0:2::'],
    ] as const) {
      for (const line of [
        `address add ${prefix}4/64 dev eth0 nodad`,
        `route replace default via ${prefix}1 dev eth0`,
      ]) {
        await vm.run(['ip', '-6', ...line.split(' ')]);
      }
    }
    for (const kind of [[], ['-I']]) {
      const found = await hops('-6', ...kind, 'fd00:1:0:2::4');
      t.same(found, ['fd00:1:0:1::1', 'fd00:1:0:2::4'], kind.join(' '));
    }
  });
});
