/** What Weft adds under /networking/weft/v1: revisions, their difference, restoring one, status, the OpenAPI document. */
import test from 'ava';
import {
  expectCreated,
  layGround,
  nicProperties,
  startController,
  valueAt,
  vnetProperties,
} from './controller-fixture.ts';

const REVISIONS = '/networking/weft/v1/revisions';

for (const kind of ['memory', 'level'] as const) {
  test(`${kind}: every write is a revision, with who asked for it and what it changed`, async (t) => {
    const { client, store } = await startController(t, { store: kind });
    await layGround(client);
    const page = await client.get(`${REVISIONS}?limit=2`);
    t.is(page.at('value.0.revision'), store.revision);
    t.is(page.at('value.0.cause.client'), 'admin');
    t.is(page.at('value.0.cause.summary'), 'PUT /virtualNetworks/blue');
    t.is(page.at('value.0.trees.0.kind'), 'created');
    t.is(page.listAt('value').length, 2);
    const next = await client.get(page.textAt('nextLink'));
    t.is(next.at('value.0.revision'), store.revision - 2);
    const one = await client.get(`${REVISIONS}/${store.revision}`);
    t.is(one.at('trees.0.after.resourceId'), 'blue');
  });

  test(`${kind}: restoring brings back resources and their addresses, and frees the others’`, async (t) => {
    const { client, store } = await startController(t, { store: kind });
    await layGround(client);
    await expectCreated(client, '/networkInterfaces/a', nicProperties());
    const good = store.revision;
    const before = (await client.get('/networkInterfaces/a')).text;
    await client.delete('/networkInterfaces/a');
    await expectCreated(client, '/networkInterfaces/b', nicProperties());
    const diff = await client.get(`${REVISIONS}/diff?from=${good}`);
    t.deepEqual(
      diff.listAt('trees').map((tree) => valueAt(tree, 'kind')),
      ['deleted', 'created'],
    );
    const restored = await client.send('POST', `${REVISIONS}/${good}/restore`);
    t.is(restored.status, 200, restored.text);
    t.is(restored.at('revision'), store.revision);
    t.is((await client.get('/networkInterfaces/a')).text, before);
    t.is((await client.get('/networkInterfaces/b')).status, 404);
    const next = await expectCreated(client, '/networkInterfaces/c', nicProperties());
    t.is(next.at('properties.ipConfigurations.0.properties.privateIPAddress'), '10.1.1.5');
  });
}

test('writes around a restore are planned on what it left', async (t) => {
  const { client, store } = await startController(t);
  await layGround(client);
  const empty = store.revision;
  const made = Array.from({ length: 50 }, (_, n) =>
    client.put(`/networkInterfaces/n${n}`, nicProperties()),
  );
  const restores = [0, 1].map(() => client.send('POST', `${REVISIONS}/${empty}/restore`));
  const more = Array.from({ length: 50 }, (_, n) =>
    client.put(`/networkInterfaces/m${n}`, nicProperties()),
  );
  const answers = await Promise.all([...made, ...restores, ...more]);
  t.deepEqual([...new Set(answers.map(({ status }) => status))].sort(), [200, 201]);
  const nics = (await client.get('/networkInterfaces')).listAt('value');
  const addresses = nics.map((nic) =>
    valueAt(nic, 'properties.ipConfigurations.0.properties.privateIPAddress'),
  );
  t.is(new Set(addresses).size, nics.length);
});

test('a revision that is not there is 404, a number that is none 400, another method 405', async (t) => {
  const { client } = await startController(t);
  t.is((await client.get(`${REVISIONS}/99999`)).status, 404);
  t.is((await client.send('POST', `${REVISIONS}/99999/restore`)).status, 404);
  t.is((await client.get(`${REVISIONS}/x`)).status, 400);
  t.is((await client.get(`${REVISIONS}?limit=-1`)).status, 400);
  t.is((await client.get(`${REVISIONS}/1/restore`)).status, 405);
  t.is((await client.put(REVISIONS, {})).status, 405);
  t.is((await client.get('/networking/weft/v1/nothing')).status, 404);
});

test('no secret is in the history', async (t) => {
  const { client, store } = await startController(t);
  await expectCreated(client, '/credentials/c', { type: 'usernamePassword', value: 'p4ssw0rd' });
  await client.put('/credentials/c', { type: 'usernamePassword', value: 'n3w' });
  for (const path of [`${REVISIONS}/${store.revision}`, `${REVISIONS}/diff?from=0`]) {
    t.notRegex((await client.get(path)).text, /p4ssw0rd|n3w/);
  }
});

test('status tells revisions and targets, openapi.json describes every resource', async (t) => {
  const { client, store } = await startController(t);
  await client.put('/virtualNetworks/none', vnetProperties());
  const status = await client.get('/networking/weft/v1/status');
  t.is(status.at('revision'), store.revision);
  t.deepEqual(status.at('timeToProgrammed'), { count: 0, p50Ms: null, p99Ms: null });
  t.deepEqual(status.at('targets'), []);
  const document = await client.get('/networking/weft/v1/openapi.json');
  t.is(document.at('openapi'), '3.1.0');
  t.truthy(document.at('components.schemas')?.valueOf());
});
