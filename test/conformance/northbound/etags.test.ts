/** MS-NCNBI §1.3.1.1: the table of If-Match and If-None-Match cell by cell, and which etags a write changes. */
import test from 'ava';
import {
  type Answer,
  expectCreated,
  layGround,
  startController,
  valueAt,
  vnetProperties,
} from './controller-fixture.ts';

const POOL = { startMacAddress: '02-00-00-00-00-00', endMacAddress: '02-00-00-00-00-0F' };

const PUT_ABSENT: readonly (readonly [string, Record<string, string>, number])[] = [
  ['If-Match absent', {}, 201],
  ['If-Match empty', { 'If-Match': '' }, 201],
  ['If-Match *', { 'If-Match': '*' }, 412],
  ['If-Match "xyz"', { 'If-Match': '"xyz"' }, 412],
  ['If-None-Match *', { 'If-None-Match': '*' }, 201],
];

for (const [name, headers, status] of PUT_ABSENT) {
  test(`PUT of a missing resource, ${name} → ${status}`, async (t) => {
    const { client } = await startController(t);
    const answer = await client.put('/macPools/p', POOL, headers);
    t.is(answer.status, status);
    t.is((await client.get('/macPools/p')).status, status === 201 ? 200 : 404);
  });
}

const PUT_PRESENT: readonly (readonly [
  string,
  (etag: string) => Record<string, string>,
  number,
])[] = [
  ['If-Match absent', () => ({}), 200],
  ['If-Match empty', () => ({ 'If-Match': '' }), 200],
  ['If-Match *', () => ({ 'If-Match': '*' }), 200],
  ['If-Match its etag', (etag) => ({ 'If-Match': etag }), 200],
  ['If-Match a list with its etag', (etag) => ({ 'If-Match': `W/"other", ${etag}` }), 200],
  ['If-Match another etag', () => ({ 'If-Match': 'W/"xyz"' }), 412],
  ['If-None-Match *', () => ({ 'If-None-Match': '*' }), 412],
];

for (const [name, headers, status] of PUT_PRESENT) {
  test(`PUT of an existing resource, ${name} → ${status}`, async (t) => {
    const { client } = await startController(t);
    const created = await expectCreated(client, '/macPools/p', POOL);
    const answer = await client.put('/macPools/p', POOL, headers(created.textAt('etag')));
    t.is(answer.status, status);
    const now = (await client.get('/macPools/p')).at('etag');
    t.is(now === created.at('etag'), status === 412);
  });
}

const DELETE_ABSENT = [{}, { 'If-Match': '*' }, { 'If-Match': '"xyz"' }];

for (const headers of DELETE_ABSENT) {
  test(`DELETE of a missing resource, ${JSON.stringify(headers)} → 204`, async (t) => {
    const { client, store } = await startController(t);
    const before = store.revision;
    const answer = await client.delete('/macPools/p', headers);
    t.is(answer.status, 204);
    t.is(answer.text, '');
    t.is(store.revision, before);
  });
}

const DELETE_PRESENT: typeof PUT_PRESENT = [
  ['If-Match absent', () => ({}), 202],
  ['If-Match *', () => ({ 'If-Match': '*' }), 202],
  ['If-Match its etag', (etag) => ({ 'If-Match': etag }), 202],
  ['If-Match another etag', () => ({ 'If-Match': 'W/"xyz"' }), 412],
];

for (const [name, headers, status] of DELETE_PRESENT) {
  test(`DELETE of an existing resource, ${name} → ${status}`, async (t) => {
    const { client } = await startController(t);
    const created = await expectCreated(client, '/macPools/p', POOL);
    const answer = await client.delete('/macPools/p', headers(created.textAt('etag')));
    t.is(answer.status, status);
    t.is((await client.get('/macPools/p')).status, status === 412 ? 200 : 404);
  });
}

test('the ETag header is the etag of the body, on PUT and on GET of one resource', async (t) => {
  const { client } = await startController(t);
  const created = await expectCreated(client, '/macPools/p', POOL);
  const read = await client.get('/macPools/p');
  t.regex(created.headers['etag'] ?? '', /^W\/"[0-9a-f-]{36}"$/);
  t.is(created.headers['etag'], created.textAt('etag'));
  t.is(read.headers['etag'], created.headers['etag']);
  t.is((await client.get('/macPools')).headers['etag'], undefined);
});

/** Etags of a virtual network and of its subnets by name. */
function etagsOf(answer: Answer): Record<string, unknown> {
  const subnets = answer
    .listAt('properties.subnets')
    .map((subnet) => [String(valueAt(subnet, 'resourceId')), valueAt(subnet, 'etag')]);
  return Object.fromEntries([['', answer.at('etag')], ...subnets]);
}

test('PUT of a parent changes its etag and those of all its descendants', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const before = etagsOf(await client.get('/virtualNetworks/blue'));
  await client.put('/virtualNetworks/blue', vnetProperties());
  const after = etagsOf(await client.get('/virtualNetworks/blue'));
  for (const name of ['', 'web', 'data']) t.not(after[name], before[name], name);
});

test('PUT of a child changes its etag and its ancestors’, never its siblings’', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const before = etagsOf(await client.get('/virtualNetworks/blue'));
  await client.put('/virtualNetworks/blue/subnets/web', { addressPrefix: '10.1.1.0/24' });
  const after = etagsOf(await client.get('/virtualNetworks/blue'));
  t.not(after[''], before['']);
  t.not(after['web'], before['web']);
  t.is(after['data'], before['data']);
});

test('DELETE of a child changes its ancestors’ etags, never its siblings’', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const before = etagsOf(await client.get('/virtualNetworks/blue'));
  t.is((await client.delete('/virtualNetworks/blue/subnets/web')).status, 202);
  const after = etagsOf(await client.get('/virtualNetworks/blue'));
  t.not(after[''], before['']);
  t.is(after['web'], undefined);
  t.is(after['data'], before['data']);
});

test('PUT of a grandchild changes its whole line of ancestors', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const line = [
    '/logicalNetworks/provider',
    '/logicalNetworks/provider/subnets/hosts',
    '/logicalNetworks/provider/subnets/hosts/ipPools/pool',
  ];
  const etags = async () =>
    Promise.all(line.map(async (path) => (await client.get(path)).headers['etag']));
  const before = await etags();
  const pool = { startIpAddress: '100.64.0.1', endIpAddress: '100.64.0.20' };
  t.is((await client.put(line[2] ?? '', pool)).status, 200);
  const after = await etags();
  for (const index of [0, 1, 2]) t.not(after[index], before[index]);
});

test('what refers to a resource keeps its etag when the resource changes', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const before = await client.get('/logicalNetworks/provider');
  await client.put('/virtualNetworks/blue', vnetProperties());
  t.is((await client.get('/logicalNetworks/provider')).headers['etag'], before.headers['etag']);
});
