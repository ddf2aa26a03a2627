/** IPv6 as a guest's kernel meets it: router advertisement, DHCPv6 lease, resolvers, neighbours on the same and another host. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import { eventually } from '../kit/eventually.ts';
import { type Machine, machine } from '../kit/machine.ts';
import { topology } from '../kit/topology.ts';

const ref = (resourceRef: string) => ({ resourceRef });
const subnet = (name: string, addressPrefix: string, pair: string) => ({
  resourceId: name,
  properties: { addressPrefix, dualStackSubnet: ref(`/virtualNetworks/six/subnets/${pair}`) },
});

test('IPv6 in a virtual network', async (t) => {
  const network = await topology({ hosts: 2 }).start();
  t.teardown(() => network.stop());
  const { client, fabric } = network;
  await client.put('/virtualNetworks/six', {
    resourceId: 'six',
    properties: {
      addressSpace: { addressPrefixes: ['10.1.0.0/16', 'fd00:1::/48'] },
      dhcpOptions: { dnsServers: ['10.1.1.53', 'fd00:1::53', 'fd00:1::54'] },
      logicalNetwork: ref(PROVIDER_LOGICAL_NETWORK),
      subnets: [subnet('web', '10.1.1.0/24', 'web6'), subnet('web6', 'fd00:1:0:1::/64', 'web')],
    },
  });
  const guest = async (
    name: string,
    host: number,
    address: string,
    more: object = {},
  ): Promise<Machine> => {
    const at = (text: string) => ref(`/virtualNetworks/six/subnets/${text}`);
    const nic = await client.put(`/networkInterfaces/${name}`, {
      resourceId: name,
      properties: {
        privateMacAllocationMethod: 'Dynamic',
        ...more,
        ipConfigurations: [
          { resourceId: 'v4', properties: { subnet: at('web'), isPrimary: true } },
          {
            resourceId: 'v6',
            properties: {
              subnet: at('web6'),
              privateIPAllocationMethod: 'Static',
              privateIPAddress: address,
            },
          },
        ],
      },
    });
    const made = machine(
      await fabric.createVm({ name, host: `host${host}`, nic: nic as Resource }),
    );
    await made.run(['sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=2']);
    await made.run(['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']);
    await made.run(['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0']);
    return made;
  };
  const a = await guest('a', 1, 'fd00:1:0:1::a');
  const b = await guest('b', 1, 'fd00:1:0:1::b');
  const c = await guest('c', 2, 'fd00:1:0:1::c', { dnsSettings: { dnsServers: ['fd00:1::5c'] } });
  const show = async (vm: Machine, ...args: string[]): Promise<string> =>
    (await vm.run(['ip', '-6', ...args])).stdout;

  await t.test('the kernel takes the router advertisement', async (t) => {
    await eventually('default route', async () =>
      (await show(a, 'route', 'show', 'default')).includes('via fe80::1234:5678:9abc'),
    );
    t.match(await show(a, 'route'), /fd00:1:0:1::\/64 dev eth0 proto kernel/);
    t.notMatch(
      await show(a, 'addr', 'show', 'dev', 'eth0'),
      /inet6 fd00/,
      'managed addresses only',
    );
  });

  await t.test(
    'RFC 8106: the network’s resolvers are advertised, or the interface’s own',
    async (t) => {
      const advertised = (vm: Machine): Promise<string[]> =>
        eventually('an advertisement', async () => {
          // It asks from the interface's link-local address, once that is known to be its alone.
          const { stdout } = await vm.run(['rdisc6', '-1', 'eth0']);
          const servers = [...stdout.matchAll(/Recursive DNS server +: (\S+)/g)];
          return servers.length > 0 && servers.map(([, address]) => address ?? '');
        });
      t.same(await advertised(a), ['fd00:1::53', 'fd00:1::54']);
      t.same(await advertised(c), ['fd00:1::5c']);
    },
  );

  await t.test('DHCPv6 leases the interface’s address and tells the same resolvers', async (t) => {
    for (const vm of [a, b, c]) {
      const directory = await mkdtemp(join(tmpdir(), 'weft-dhclient6-'));
      t.teardown(() => rm(directory, { recursive: true, force: true }));
      const files = ['-lf', join(directory, 'leases'), '-pf', join(directory, 'pid')];
      const script = ['-sf', '/bin/true', 'eth0'];
      await eventually('link-local address', async () =>
        /fe80::\S+ scope link (?!tentative)/.test(await show(vm, 'addr', 'show', 'dev', 'eth0')),
      );
      const lease = await vm.run(['dhclient', '-6', '-1', '-v', ...files, ...script]);
      t.equal(lease.code, 0, lease.stderr);
      const own =
        /IAADDR? .*?(fd00:1:0:1::[abc])|(fd00:1:0:1::[abc])/.exec(lease.stderr)?.[0] ?? '';
      t.match(own, /fd00:1:0:1::[abc]$/);
      const leased = await readFile(join(directory, 'leases'), 'utf8');
      const resolvers = vm === c ? 'fd00:1::5c' : 'fd00:1::53,fd00:1::54';
      t.match(leased, `option dhcp6.name-servers ${resolvers};`);
      await vm.run(['dhclient', '-6', '-x', ...files, ...script]);
    }
    for (const [vm, own] of [
      [a, 'a'],
      [b, 'b'],
      [c, 'c'],
    ] as const) {
      await vm.run(['ip', '-6', 'addr', 'add', `fd00:1:0:1::${own}/128`, 'dev', 'eth0']);
    }
  });

  await t.test('neighbours, the gateway and the other host answer', async (t) => {
    for (const target of ['fd00:1:0:1::1', 'fd00:1:0:1::b', 'fd00:1:0:1::c']) {
      const { code, stdout } = await a.run([
        'ping',
        '-6',
        '-c',
        '3',
        '-i',
        '0.2',
        '-w',
        '8',
        target,
      ]);
      t.equal(code, 0, stdout);
    }
    t.match(await show(a, 'neigh', 'show', 'fd00:1:0:1::1'), /router/);
  });
});
