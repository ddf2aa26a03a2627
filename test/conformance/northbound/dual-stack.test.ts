/** IPv6 beside IPv4 northbound — MS-NCNBI §3.1.5.18.2, §3.1.5.11.2: prefixes, paired subnets, addresses, and a provider network of IPv6. */
import test, { type ExecutionContext } from 'ava';
import { DYNAMIC_IPV6_ADDRESSES_MAX } from '../../../controller/northbound/limits.ts';
import {
  type Client,
  expectCreated,
  layGround,
  nicProperties,
  startController,
  vnetProperties,
} from './controller-fixture.ts';

const GREEN = '/virtualNetworks/green';
const WEB = `${GREEN}/subnets/web`;
const WEB6 = `${GREEN}/subnets/web6`;
const ref = (resourceRef: string) => ({ resourceRef });

interface SubnetText {
  readonly prefix: string;
  readonly pair?: string;
}

function green(
  subnets: Readonly<Record<string, SubnetText>> = {
    web: { prefix: '10.1.1.0/24', pair: WEB6 },
    web6: { prefix: 'fd00:1:0:1::/64', pair: WEB },
  },
  space: readonly string[] = ['10.1.0.0/16', 'fd00:1::/48'],
): object {
  return {
    ...vnetProperties({}),
    addressSpace: { addressPrefixes: space },
    subnets: Object.entries(subnets).map(([resourceId, { prefix, pair }]) => ({
      resourceId,
      properties: {
        addressPrefix: prefix,
        ...(pair === undefined ? {} : { dualStackSubnet: ref(pair) }),
      },
    })),
  };
}

function dualNic(ipv6: object = {}, ipv4: object = {}): object {
  return {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      { resourceId: 'v4', properties: { subnet: ref(WEB), isPrimary: true, ...ipv4 } },
      { resourceId: 'v6', properties: { subnet: ref(WEB6), ...ipv6 } },
    ],
  };
}

async function withGreen(t: ExecutionContext): Promise<Client> {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(client, GREEN, green());
  return client;
}

async function refused(
  t: ExecutionContext,
  client: Client,
  path: string,
  properties: object,
  code: string,
): Promise<void> {
  const answer = await client.put(path, properties);
  t.is(answer.textAt('error.code'), code, answer.text);
}

test('an interface has an address of each family in paired subnets, dynamic ones the lowest free', async (t) => {
  const client = await withGreen(t);
  const made = await expectCreated(client, '/networkInterfaces/a', dualNic());
  t.is(made.at('properties.ipConfigurations.0.properties.privateIPAddress'), '10.1.1.4');
  t.is(made.at('properties.ipConfigurations.1.properties.privateIPAddress'), 'fd00:1:0:1::4');
  await expectCreated(client, '/networkInterfaces/b', dualNic());
  await client.delete('/networkInterfaces/a');
  const reused = await expectCreated(client, '/networkInterfaces/c', dualNic());
  t.is(reused.at('properties.ipConfigurations.1.properties.privateIPAddress'), 'fd00:1:0:1::4');
});

test('an IPv6 address anywhere in a /64 may be stated, has one spelling, and one owner', async (t) => {
  const client = await withGreen(t);
  const at = (privateIPAddress: string) => dualNic({ privateIPAddress });
  const made = await expectCreated(client, '/networkInterfaces/a', at('FD00:1:0:1:FFFF:0:0:FFFF'));
  t.is(
    made.at('properties.ipConfigurations.1.properties.privateIPAddress'),
    'fd00:1:0:1:ffff::ffff',
  );
  t.is(made.at('properties.ipConfigurations.1.properties.privateIPAllocationMethod'), 'Static');
  await refused(
    t,
    client,
    '/networkInterfaces/b',
    at('fd00:1:0:1:ffff::ffff'),
    'PrivateIPAddressInUse',
  );
  await refused(
    t,
    client,
    '/networkInterfaces/b',
    at('fd00:1:0:2::9'),
    'PrivateIPAddressNotInSubnet',
  );
  await refused(t, client, '/networkInterfaces/b', at('10.1.1.9'), 'PrivateIPAddressNotInSubnet');
  await refused(
    t,
    client,
    '/networkInterfaces/b',
    at('fd00:1:0:1::1'),
    'PrivateIPAddressInReservedRange',
  );
  await refused(
    t,
    client,
    '/networkInterfaces/b',
    at('fd00:1:0:1::'),
    'PrivateIPAddressInReservedRange',
  );
  await refused(
    t,
    client,
    '/networkInterfaces/b',
    at('::ffff:10.1.1.9'),
    'InvalidPrivateIPAddressFormat',
  );
  await expectCreated(client, '/networkInterfaces/b', at('fd00:1:0:1:ffff:ffff:ffff:ffff'));
});

test('a small IPv6 subnet fills up', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(client, GREEN, green({ web6: { prefix: 'fd00:1::/125' } }));
  for (const id of ['a', 'b', 'c', 'd']) {
    await expectCreated(client, `/networkInterfaces/${id}`, nicProperties(undefined, WEB6));
  }
  await refused(t, client, '/networkInterfaces/e', nicProperties(undefined, WEB6), 'SubnetIsFull');
  t.true(DYNAMIC_IPV6_ADDRESSES_MAX >= 65_536);
});

test('addresses of both families without a pair are refused, whichever subnet of a pair says it', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(
    client,
    GREEN,
    green({ web: { prefix: '10.1.1.0/24' }, web6: { prefix: 'fd00:1::/64' } }),
  );
  await refused(t, client, '/networkInterfaces/a', dualNic(), 'InvalidSubnet');
  const one = { addressPrefix: 'fd00:1::/64', dualStackSubnet: ref(WEB) };
  t.is((await client.put(WEB6, one)).status, 200);
  await expectCreated(client, '/networkInterfaces/a', dualNic());
  const read = await client.get(WEB6);
  t.is(read.at('properties.dualStackSubnet.resourceRef'), WEB);
  // The pair stays while an interface is in both, and each of the two stays while the other names it.
  await refused(t, client, WEB6, { addressPrefix: 'fd00:1::/64' }, 'InUseSubnetCannotBeUpdated');
  await client.delete('/networkInterfaces/a');
  t.is((await client.delete(WEB)).textAt('error.code'), 'InUseSubnetCannotBeDeleted');
  t.is((await client.put(WEB6, { addressPrefix: 'fd00:1::/64' })).status, 200);
  t.true((await client.delete(WEB)).status < 300);
});

test('a pair is one to one, of two families, in one network', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const pairs = (web: string | undefined, more: Record<string, SubnetText>) =>
    green({ web: { prefix: '10.1.1.0/24', ...(web && { pair: web }) }, ...more });
  await refused(
    t,
    client,
    GREEN,
    pairs(undefined, {
      a: { prefix: 'fd00:1:0:1::/64', pair: WEB },
      b: { prefix: 'fd00:1:0:2::/64', pair: WEB },
    }),
    'InvalidSubnet',
  );
  await refused(
    t,
    client,
    GREEN,
    pairs(`${GREEN}/subnets/b`, { b: { prefix: '10.1.2.0/24' } }),
    'InvalidSubnet',
  );
  await refused(
    t,
    client,
    GREEN,
    pairs('/virtualNetworks/blue/subnets/web', {}),
    'VirtualNetworkMismatch',
  );
  await refused(t, client, GREEN, pairs(`${GREEN}/subnets/none`, {}), 'InvalidResourceReference');
});

test('prefixes are checked within their family', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const space = (...prefixes: string[]) => green({}, prefixes);
  for (const [properties, code] of [
    [space('fd00:1::/48', 'fd00:1:0:8000::/49'), 'InvalidParameterValue'],
    [space('fe80::/64'), 'AddressPrefixInRestrictedAddressSpace'],
    [space('ff02::/16'), 'AddressPrefixInRestrictedAddressSpace'],
    [space('::/0'), 'AddressPrefixInRestrictedAddressSpace'],
    [space('fd00:1::1/48'), 'InvalidIPPrefix'],
    [space('fd00:1::/129'), 'InvalidIPPrefix'],
    [green({ web6: { prefix: 'fd00:2::/64' } }), 'InvalidSubnet'],
    [green({ web6: { prefix: 'fd00:1::/126' } }), 'InvalidSubnet'],
    [green({ a: { prefix: 'fd00:1::/64' }, b: { prefix: 'fd00:1::/65' } }), 'InvalidSubnet'],
    [{ ...green(), dhcpOptions: { dnsServers: ['fd00::g'] } }, 'InvalidIPAddress'],
  ] as const) {
    await refused(t, client, GREEN, properties, code);
  }
  const both = { ...green(), dhcpOptions: { dnsServers: ['10.1.1.53', 'FD00:1::0:35'] } };
  const made = await expectCreated(client, GREEN, both);
  t.deepEqual(made.at('properties.dhcpOptions.dnsServers'), ['10.1.1.53', 'fd00:1::35']);
});

test('a provider network of IPv6 gives each server its provider address', async (t) => {
  const { client } = await startController(t);
  const provider = (start: string, end: string) => ({
    networkVirtualizationEnabled: true,
    subnets: [
      {
        resourceId: 'hosts',
        properties: {
          addressPrefix: '2001:db8:f::/64',
          vlanId: 0,
          defaultGateways: ['2001:DB8:F::1'],
          ipPools: [
            { resourceId: 'pool', properties: { startIpAddress: start, endIpAddress: end } },
          ],
        },
      },
    ],
  });
  const path = '/logicalNetworks/provider';
  const whole = provider('2001:db8:f::1', '2001:db8:f:0:ffff:ffff:ffff:ffff');
  await refused(t, client, path, provider('2001:db8:f::9', '2001:db8:f::1'), 'InvalidIPAddress');
  await refused(t, client, path, provider('10.0.0.1', '2001:db8:f::1'), 'InvalidIPAddress');
  await expectCreated(client, path, whole);
  const server = await expectCreated(client, '/servers/host1', {});
  t.is(server.at('properties.providerAddress'), '2001:db8:f::2');
  const pool = await client.get(`${path}/subnets/hosts/ipPools/pool`);
  t.is(pool.at('properties.usage.numberOfIPAddresses'), Number.MAX_SAFE_INTEGER);
  t.is(pool.at('properties.usage.numberOfIPAddressesAllocated'), 1);
  await refused(
    t,
    client,
    path,
    provider('2001:db8:f::3', '2001:db8:f::9'),
    'InUseIpPoolCannotBeDeleted',
  );
});
