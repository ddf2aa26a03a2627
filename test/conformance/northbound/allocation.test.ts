/** What the controller chooses: addresses, MAC addresses, identifiers and provider addresses, stable once chosen. */
import test from 'ava';
import {
  type Answer,
  expectCreated,
  layGround,
  nicProperties,
  startController,
  valueAt,
  vnetProperties,
} from './controller-fixture.ts';

function addressOf(answer: Answer): unknown {
  return answer.at('properties.ipConfigurations.0.properties.privateIPAddress');
}

test('dynamic addresses are the lowest free ones after the platform’s, and stay', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const first = await expectCreated(client, '/networkInterfaces/a', nicProperties());
  const second = await expectCreated(client, '/networkInterfaces/b', nicProperties());
  t.deepEqual([addressOf(first), addressOf(second)], ['10.1.1.4', '10.1.1.5']);
  await client.delete('/networkInterfaces/a');
  const again = await client.put('/networkInterfaces/b', nicProperties());
  t.is(addressOf(again), '10.1.1.5');
  const reused = await expectCreated(client, '/networkInterfaces/c', nicProperties());
  t.is(addressOf(reused), '10.1.1.4');
});

test('an address moves between the configurations of one interface in one write', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const pair = (a: string, b: string) => ({
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      ['a', a],
      ['b', b],
    ].map(([resourceId, privateIPAddress]) => ({
      resourceId,
      properties: {
        subnet: { resourceRef: '/virtualNetworks/blue/subnets/web' },
        privateIPAllocationMethod: 'Static',
        privateIPAddress,
      },
    })),
  });
  await expectCreated(client, '/networkInterfaces/n', pair('10.1.1.10', '10.1.1.11'));
  const swapped = await client.put('/networkInterfaces/n', pair('10.1.1.11', '10.1.1.10'));
  t.is(swapped.status, 200, swapped.text);
  const read = await client.get('/networkInterfaces/n/ipConfigurations/a');
  t.is(read.at('properties.privateIPAddress'), '10.1.1.11');
});

test('two virtual networks have the same addresses and different identifiers', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(client, '/virtualNetworks/green', vnetProperties());
  const inGreen = nicProperties({}, '/virtualNetworks/green/subnets/web');
  const blue = await expectCreated(client, '/networkInterfaces/a', nicProperties());
  const green = await expectCreated(client, '/networkInterfaces/b', inGreen);
  t.is(addressOf(blue), addressOf(green));
  t.not(blue.at('properties.privateMacAddress'), green.at('properties.privateMacAddress'));
  const ids = await Promise.all(
    ['blue', 'green'].map(async (name) =>
      (await client.get(`/virtualNetworks/${name}/subnets`))
        .listAt('value')
        .map((subnet) => valueAt(subnet, 'properties.virtualSubnetId')),
    ),
  );
  t.deepEqual(ids.flat(), [4096, 4097, 4098, 4099]);
});

test('identifiers and MAC addresses that come free are given out last', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const macOf = (answer: Answer) => answer.at('properties.privateMacAddress');
  const first = await expectCreated(client, '/networkInterfaces/a', nicProperties());
  await client.delete('/networkInterfaces/a');
  const second = await expectCreated(client, '/networkInterfaces/a', nicProperties());
  t.deepEqual([macOf(first), macOf(second)], ['001DD8000000', '001DD8000001']);
});

test('identifiers come from the configured range', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const range = { virtualSubnetIdRange: { startId: '70000', endId: '70001' } };
  t.is((await client.put('/virtualNetworkManager/configuration', range)).status, 200);
  const path = '/virtualNetworks/blue/subnets';
  const a = await expectCreated(client, `${path}/a`, { addressPrefix: '10.1.11.0/24' });
  const b = await expectCreated(client, `${path}/b`, { addressPrefix: '10.1.12.0/24' });
  t.deepEqual(
    [a.at('properties.virtualSubnetId'), b.at('properties.virtualSubnetId')],
    [70000, 70001],
  );
  const none = await client.put(`${path}/c`, { addressPrefix: '10.1.13.0/24' });
  t.is(none.textAt('error.code'), 'InvalidVsidRangeValues');
});

test('a server gets a provider address from the pools, never the gateway’s, and keeps it', async (t) => {
  const { client, store } = await startController(t);
  await layGround(client);
  const provider = async (host: string) =>
    valueAt((await store.get('desired', `servers/${host}`))?.value, 'internal.providerAddress');
  t.deepEqual([await provider('host1'), await provider('host2')], ['100.64.0.2', '100.64.0.3']);
  await client.put('/servers/host1', { model: 'x' });
  t.is(await provider('host1'), '100.64.0.2');
  const pool = await client.get('/logicalNetworks/provider/subnets/hosts/ipPools/pool');
  t.is(pool.at('properties.usage.numberOfIPAddressesAllocated'), 2);
  t.is(pool.at('properties.usage.numberOfIPAddresses'), 9);
});

test('a server that came before there was a pool gets its provider address when one comes', async (t) => {
  const { client, store } = await startController(t);
  await expectCreated(client, '/servers/early', {});
  const etag = (await client.get('/servers/early')).headers['etag'];
  await layGround(client);
  const stored = (await store.get('desired', 'servers/early'))?.value;
  t.is(valueAt(stored, 'internal.providerAddress'), '100.64.0.2');
  t.is((await client.get('/servers/early')).headers['etag'], etag);
});

test('an interface in a logical network gets an address of its pools', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const inProvider = nicProperties({}, '/logicalNetworks/provider/subnets/hosts');
  const made = await expectCreated(client, '/networkInterfaces/h', inProvider);
  t.is(addressOf(made), '100.64.0.4');
});

test('usage of a MAC pool counts what is given', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(client, '/networkInterfaces/a', nicProperties());
  const pool = await client.get('/macPools/default');
  t.is(pool.at('properties.usage.numberOfMacAddressesAllocated'), 1);
  t.is(pool.at('properties.usage.numberOfMacAddresses'), 65_536);
});
