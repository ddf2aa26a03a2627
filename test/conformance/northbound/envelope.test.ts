/** MS-NCNBI §1.7, §2.2: paths, versions, headers, the envelope, collections, children, round trips and read-only resources. */
import test from 'ava';
import {
  expectCreated,
  layGround,
  nicProperties,
  startController,
  valueAt,
  vnetProperties,
} from './controller-fixture.ts';

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('paths compare without letter case, in every version', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  for (const version of ['v1', 'V2', 'v3.1', 'v7.1']) {
    const answer = await client.get(`/NETWORKING/${version}/VIRTUALNETWORKS/BLUE/Subnets/WEB/`);
    t.is(answer.status, 200, version);
    t.is(answer.at('resourceRef'), '/virtualNetworks/blue/subnets/web');
  }
  t.is((await client.get('/networking/v8/virtualNetworks')).status, 404);
  t.is((await client.get('/networking/v1')).status, 404);
  t.is((await client.get('/networking/v1/nonsense')).status, 404);
});

test('the envelope: identifiers, references and states of a resource and its children', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const answer = await client.get('/virtualNetworks/blue');
  const { headers } = answer;
  t.is(answer.at('resourceId'), 'blue');
  t.is(answer.at('resourceRef'), '/virtualNetworks/blue');
  t.regex(answer.textAt('instanceId'), GUID);
  t.is(headers['server'], 'Microsoft-HTTPAPI/2.0');
  t.regex(headers['content-type'] ?? '', /^application\/json; charset=utf-8$/i);
  t.truthy(headers['date']);
  t.regex(headers['x-ms-request-id'] ?? '', GUID);
  t.is(answer.at('properties.subnets.0.resourceRef'), '/virtualNetworks/blue/subnets/web');
  t.regex(answer.textAt('properties.subnets.0.instanceId'), GUID);
  t.is(answer.at('properties.subnets.0.properties.provisioningState'), 'Succeeded');
  t.is(typeof answer.at('properties.subnets.0.properties.virtualSubnetId'), 'number');
});

test('a child is the same inline and at its own address', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const parent = await client.get('/virtualNetworks/blue');
  const child = await client.get('/virtualNetworks/blue/subnets/web');
  t.deepEqual(child.body, parent.at('properties.subnets.0'));
});

test('tags and resourceMetadata are kept as they were given', async (t) => {
  const { client } = await startController(t);
  const tags = { a: 'b', nested: { list: [1, null, true] } };
  const resourceMetadata = { client: 'Network Resource Provider', tenantId: 't', groupId: 'g' };
  const body = {
    tags,
    resourceMetadata,
    properties: { startMacAddress: '02-00-00-00-00-00', endMacAddress: '02-00-00-00-00-0F' },
  };
  t.is((await client.send('PUT', '/macPools/p', body)).status, 201);
  const read = await client.get('/macPools/p');
  t.deepEqual(read.at('tags'), tags);
  t.deepEqual(read.at('resourceMetadata'), resourceMetadata);
});

test('a collection is {value, nextLink}, empty or not; that of a missing parent is 404', async (t) => {
  const { client } = await startController(t);
  t.deepEqual((await client.get('/virtualNetworks')).body, { value: [], nextLink: '' });
  await layGround(client);
  const subnets = await client.get('/virtualNetworks/blue/subnets');
  t.deepEqual(
    subnets.listAt('value').map((subnet) => valueAt(subnet, 'resourceId')),
    ['web', 'data'],
  );
  t.is(subnets.at('nextLink'), '');
  t.is((await client.get('/virtualNetworks/red/subnets')).status, 404);
});

const ROUND_TRIPS = [
  '/logicalNetworks/provider',
  '/logicalNetworks/provider/subnets/hosts',
  '/logicalNetworks/provider/subnets/hosts/ipPools/pool',
  '/macPools/default',
  '/servers/host1',
  '/virtualNetworks/blue',
  '/virtualNetworks/blue/subnets/web',
  '/networkInterfaces/n1',
  '/networkInterfaces/n1/ipConfigurations/primary',
  '/virtualNetworkManager/configuration',
  '/credentials/admin',
];

test('what GET gives, PUT takes back: nothing changes but the etags', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(client, '/networkInterfaces/n1', nicProperties());
  await expectCreated(client, '/credentials/admin', { type: 'usernamePassword', value: 'secret' });
  for (const path of ROUND_TRIPS) {
    const before = await client.get(path);
    const put = await client.send('PUT', path, before.body, {
      'If-Match': before.headers['etag'] ?? '',
    });
    t.is(put.status, 200, put.text);
    const after = await client.get(path);
    t.deepEqual(withoutEtags(after.body), withoutEtags(before.body), path);
  }
});

function withoutEtags(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body, (name, value) => (name === 'etag' ? undefined : value)));
}

test('PUT of a parent replaces its children: the ones it names keep their instanceId, the others go', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const before = (await client.get('/virtualNetworks/blue/subnets/web')).at('instanceId');
  const subnets = { web: '10.1.1.0/24', extra: '10.1.3.0/24' };
  t.is((await client.put('/virtualNetworks/blue', vnetProperties(subnets))).status, 200);
  t.is((await client.get('/virtualNetworks/blue/subnets/web')).at('instanceId'), before);
  t.is((await client.get('/virtualNetworks/blue/subnets/data')).status, 404);
  t.is((await client.get('/virtualNetworks/blue/subnets/extra')).status, 200);
});

test('a child cannot be put under a parent that does not exist', async (t) => {
  const { client } = await startController(t);
  const answer = await client.put('/virtualNetworks/red/subnets/a', {
    addressPrefix: '10.0.0.0/24',
  });
  t.is(answer.status, 404);
  t.is(answer.at('error.code'), 'NotFound');
});

test('back-references list who refers to a resource, and only while they do', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(client, '/networkInterfaces/n1', nicProperties());
  const users = async () =>
    (await client.get('/virtualNetworks/blue/subnets/web')).at('properties.ipConfigurations');
  t.deepEqual(await users(), [{ resourceRef: '/networkInterfaces/n1/ipConfigurations/primary' }]);
  const network = await client.get('/logicalNetworks/provider');
  t.deepEqual(network.at('properties.virtualNetworks'), [{ resourceRef: '/virtualNetworks/blue' }]);
  await client.delete('/networkInterfaces/n1');
  t.deepEqual(await users(), []);
});

test('spellings the specification varies are read; numbers and booleans also as text', async (t) => {
  const { client } = await startController(t);
  const properties = {
    NetworkVirtualizationEnabled: 'TRUE',
    subnets: [{ resourceId: 'a', properties: { AddressPrefix: '192.0.2.0/24', VlanID: '7' } }],
  };
  const made = await expectCreated(client, '/logicalNetworks/x', properties);
  t.is(made.at('properties.networkVirtualizationEnabled'), true);
  t.is(made.at('properties.subnets.0.properties.vlanId'), 7);
});

test('MAC addresses are read in any notation and answered in the specification’s', async (t) => {
  const { client } = await startController(t);
  const pool = { startMacAddress: '02:00:00:00:00:0a', endMacAddress: '02000000000f' };
  const range = await expectCreated(client, '/macPools/p', pool);
  t.is(range.at('properties.startMacAddress'), '02-00-00-00-00-0A');
  t.is(range.at('properties.endMacAddress'), '02-00-00-00-00-0F');
  const nic = { privateMacAllocationMethod: 'static', privateMacAddress: '00-1d-d8-07-00-01' };
  const made = await expectCreated(client, '/networkInterfaces/n', nic);
  t.is(made.at('properties.privateMacAddress'), '001DD8070001');
  t.is(made.at('properties.privateMacAllocationMethod'), 'Static');
});

test('a singleton exists from the first start, can be put and not deleted', async (t) => {
  const { client, store } = await startController(t);
  t.is(store.revision, 2, 'one for each of two singletons');
  const path = '/virtualNetworkManager/configuration';
  t.is((await client.get(path)).at('properties.networkVirtualizationProtocol'), 'VXLAN');
  t.is((await client.put(path, { networkVirtualizationProtocol: 'vxlan' })).status, 200);
  const refused = await client.delete(path);
  t.is(refused.at('error.code'), 'OperationNotSupported');
  const other = await client.put('/virtualNetworkManager/other', {});
  t.is(other.at('error.code'), 'InvalidResourceName');
});

test('a password is never shown, survives a PUT without it, and is nowhere in the properties', async (t) => {
  const { client, store } = await startController(t);
  await expectCreated(client, '/credentials/c', {
    type: 'usernamePassword',
    userName: 'u',
    value: 'p4ss',
  });
  const read = await client.get('/credentials/c');
  t.false(read.text.includes('p4ss'));
  t.is(
    (await client.put('/credentials/c', { type: 'usernamePassword', userName: 'v' })).status,
    200,
  );
  const stored = (await store.get('desired', 'credentials/c'))?.value;
  t.false(JSON.stringify(stored?.['properties']).includes('p4ss'));
  const missing = await client.put('/credentials/d', { type: 'usernamePassword' });
  t.is(missing.at('error.code'), 'RequiredParamMissing');
});

test('discovery, internalResourceInstances and statistics answer what they know', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const discovery = await client.get('/networking/discovery');
  t.is(discovery.at('properties.currentRestVersion'), 'V7.1');
  const web = await client.get('/virtualNetworks/blue/subnets/web');
  const instance = await client.get(`/internalResourceInstances/${web.at('instanceId')}`);
  t.is(instance.at('properties.resourceReference'), '/virtualNetworks/blue/subnets/web');
  t.is((await client.get('/internalResourceInstances/none')).status, 404);
  const all = await client.get('/internalResourceInstances');
  t.true(all.listAt('value').length > 8);
  const statistics = await client.get('/monitoring/networkControllerStatistics');
  t.is(statistics.at('properties.healthStatistics.0.totalResourceCount'), 1);
  t.is((await client.delete('/networking/discovery')).status, 405);
});

test('configurationState and server come from what hosts report', async (t) => {
  const { client, realised } = await startController(t);
  await layGround(client);
  const made = await expectCreated(client, '/networkInterfaces/n1', nicProperties());
  const id = made.textAt('instanceId');
  const detail = { source: 'VirtualSwitch', code: 'HostUnreachable', message: 'host1 is away' };
  realised.servers.set(id, 'host1');
  realised.states.set(id, {
    status: 'Failure',
    detailedInfo: [detail],
    lastUpdatedTime: '2026-01-01T00:00:00.000Z',
  });
  const nic = await client.get('/networkInterfaces/n1');
  t.deepEqual(nic.at('properties.server'), { resourceRef: '/servers/host1' });
  t.deepEqual(nic.at('properties.configurationState'), {
    status: 'Failure',
    detailedInfo: [{ source: detail.source, message: detail.message, code: detail.code }],
    lastUpdatedTime: '2026-01-01T00:00:00.000Z',
    id,
  });
  const server = await client.get('/servers/host1');
  t.deepEqual(server.at('properties.virtualNetworkInterfaces'), [
    { resourceRef: '/networkInterfaces/n1' },
  ]);
  const refused = await client.delete('/servers/host1');
  t.is(refused.at('error.code'), 'InUseServerCannotBeDeleted');
});
