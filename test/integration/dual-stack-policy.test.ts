/**
 * IPv6 policy before real kernels, by the northbound: a list on an IPv6 subnet, a Linux machine as the appliance of an IPv6 route with
 * replies past it, and a peering of IPv6 address spaces, over two hosts.
 */
import { test } from 'tap';
import { PROVIDER_LOGICAL_NETWORK } from '../../fabric/deploy.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import { eventually } from '../kit/eventually.ts';
import { type Machine, machine } from '../kit/machine.ts';
import { topology } from '../kit/topology.ts';

const ref = (resourceRef: string) => ({ resourceRef });

interface SubnetPolicy {
  readonly accessControlList?: { readonly resourceRef: string };
  readonly routeTable?: { readonly resourceRef: string };
}

/** A network with an IPv4 and an IPv6 prefix for each of its subnets. */
function networkOf(
  id: string,
  number: number,
  subnets: readonly string[],
  policy: Readonly<Record<string, SubnetPolicy>> = {},
  peerings: readonly object[] = [],
): object {
  const pair = (name: string, index: number) => [
    {
      resourceId: name,
      properties: {
        addressPrefix: `10.${number}.${index + 1}.0/24`,
        dualStackSubnet: ref(`/virtualNetworks/${id}/subnets/${name}6`),
      },
    },
    {
      resourceId: `${name}6`,
      properties: {
        addressPrefix: `fd00:${number}:0:${index + 1}::/64`,
        dualStackSubnet: ref(`/virtualNetworks/${id}/subnets/${name}`),
        ...policy[`${name}6`],
      },
    },
  ];
  return {
    resourceId: id,
    properties: {
      addressSpace: { addressPrefixes: [`10.${number}.0.0/16`, `fd00:${number}::/48`] },
      logicalNetwork: ref(PROVIDER_LOGICAL_NETWORK),
      subnets: subnets.flatMap(pair),
      virtualNetworkPeerings: peerings,
    },
  };
}

const BLUE = ['web', 'db', 'dmz'];
const [A, B, C, D] = ['fd00:1:0:1::a', 'fd00:1:0:3::b', 'fd00:1:0:2::c', 'fd00:2:0:1::d'] as const;

test('IPv6 policy', async (t) => {
  const network = await topology({ hosts: 2 }).start();
  t.teardown(() => network.stop());
  const { client, fabric } = network;
  const blue = (policy: Readonly<Record<string, SubnetPolicy>> = {}, peerings: object[] = []) =>
    client.put('/virtualNetworks/blue', networkOf('blue', 1, BLUE, policy, peerings));
  await blue();
  await client.put('/virtualNetworks/green', networkOf('green', 2, ['web']));
  const guest = async (subnet: string, host: number, address: string): Promise<Machine> => {
    const name = `vm-${address.slice(-1)}`;
    const configuration = (resourceId: string, of: string, more: object) => ({
      resourceId,
      properties: { subnet: ref(`/virtualNetworks/${of}`), ...more },
    });
    const nic = await client.put(`/networkInterfaces/${name}`, {
      resourceId: name,
      properties: {
        privateMacAllocationMethod: 'Dynamic',
        ipConfigurations: [
          configuration('v4', subnet, { isPrimary: true }),
          configuration('v6', `${subnet}6`, {
            privateIPAllocationMethod: 'Static',
            privateIPAddress: address,
          }),
        ],
      },
    });
    const made = machine(
      await fabric.createVm({ name, host: `host${host}`, nic: nic as Resource }),
    );
    for (const setting of ['accept_ra=2', 'disable_ipv6=1', 'disable_ipv6=0']) {
      await made.run(['sysctl', '-qw', `net.ipv6.conf.eth0.${setting}`]);
    }
    await made.run(['ip', '-6', 'addr', 'add', `${address}/128`, 'dev', 'eth0', 'nodad']);
    await eventually('a default route', async () => {
      const { stdout } = await made.run(['ip', '-6', 'route', 'show', 'default']);
      return stdout.includes('via fe80::');
    });
    return made;
  };
  const a = await guest('blue/subnets/web', 1, A);
  const b = await guest('blue/subnets/dmz', 1, B);
  await guest('blue/subnets/db', 2, C);
  await guest('green/subnets/web', 2, D);
  const reaches = async (from: Machine, to: string): Promise<boolean> =>
    (await from.run(['ping', '-6', '-c', '1', '-W', '1', to])).code === 0;

  await t.test('a list on an IPv6 subnet stops what it denies, and nothing else', async (t) => {
    await eventually('an answer', () => reaches(a, C));
    const rule = {
      action: 'Deny',
      type: 'Inbound',
      protocol: 'ICMPv6',
      priority: '200',
      sourceAddressPrefix: `${B}/128`,
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: '*',
      logging: 'Disabled',
    };
    await client.put('/accessControlLists/guard', {
      resourceId: 'guard',
      properties: { aclRules: [{ resourceId: 'no-b', properties: rule }] },
    });
    t.ok(await reaches(b, C), 'not applied yet');
    await blue({ db6: { accessControlList: ref('/accessControlLists/guard') } });
    await eventually('the list', async () => !(await reaches(b, C)));
    t.ok(await reaches(a, C), 'another source');
    await blue();
    await eventually('no list', () => reaches(b, C));
  });

  await t.test('an IPv6 route leads through an appliance; replies come past it', async (t) => {
    await client.put('/routeTables/through-b', {
      resourceId: 'through-b',
      properties: {
        routes: [
          {
            resourceId: 'db',
            properties: {
              addressPrefix: 'fd00:1:0:2::/64',
              nextHopType: 'VirtualAppliance',
              nextHopIpAddress: B,
            },
          },
        ],
      },
    });
    await blue({ web6: { routeTable: ref('/routeTables/through-b') } });
    await eventually('the route', async () => !(await reaches(a, C)));
    const forwarding = (isOn: 0 | 1) =>
      b.run(['sysctl', '-qw', `net.ipv6.conf.all.forwarding=${isOn}`]);
    await forwarding(1);
    await eventually('the way through the appliance', () => reaches(a, C));
    await forwarding(0);
    t.notOk(await reaches(a, C), 'there is no way around it');
    await blue();
    await eventually('the direct way', () => reaches(a, C));
  });

  await t.test('a peering opens the way between IPv6 address spaces, and closes it', async (t) => {
    t.notOk(await reaches(a, D), 'not peered');
    const to = (remote: string) => ({
      resourceId: `to-${remote}`,
      properties: { remoteVirtualNetwork: ref(`/virtualNetworks/${remote}`) },
    });
    await blue({}, [to('green')]);
    t.notOk(await reaches(a, D), 'one side alone');
    await client.put('/virtualNetworks/green', networkOf('green', 2, ['web'], {}, [to('blue')]));
    await eventually('the peering', () => reaches(a, D));
    await blue();
    await eventually('no peering', async () => !(await reaches(a, D)));
  });
});
