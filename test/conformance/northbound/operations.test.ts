/** MS-NCNBI §1.3.2 and §1.3.3: asynchronous answers, provisioningState, cancellation, conflicts, retries, history. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { millis } from '../../../base/units.ts';
import {
  type Answer,
  expectCreated,
  layGround,
  nicProperties,
  startController,
  vnetProperties,
} from './controller-fixture.ts';

const BLUE = '/virtualNetworks/blue';
const WEB = `${BLUE}/subnets/web`;
const DATA = `${BLUE}/subnets/data`;

function pathOf(url: string | undefined): string {
  return new URL(url ?? '').pathname;
}

function stateOf(answer: Answer): string {
  return answer.textAt('properties.provisioningState');
}

test('PUT answers 201 Updating with Azure-AsyncOperation and no Location, and becomes Succeeded', async (t) => {
  const { client, store, realised } = await startController(t);
  await layGround(client);
  realised.compiledRevision = store.revision;
  const put = await client.put('/networkInterfaces/n1', nicProperties());
  t.is(put.status, 201);
  t.is(stateOf(put), 'Updating');
  t.is(put.headers['location'], undefined);
  const operation = pathOf(put.headers['azure-asyncoperation']);
  t.is(operation, `/networking/v1/operations/${put.headers['x-ms-request-id']}`);
  t.deepEqual((await client.get(operation)).body, { status: 'InProgress' });
  t.is(stateOf(await client.get('/networkInterfaces/n1')), 'Updating');
  realised.compiledRevision = store.revision;
  t.deepEqual((await client.get(operation)).body, { status: 'Succeeded' });
  t.is(stateOf(await client.get('/networkInterfaces/n1')), 'Succeeded');
});

test('DELETE answers 202 with Location and Retry-After; the resource is Deleting, then gone', async (t) => {
  const { client, store, realised } = await startController(t);
  await layGround(client);
  realised.compiledRevision = store.revision;
  const answer = await client.delete(BLUE);
  t.is(answer.status, 202);
  const seconds = Number(answer.headers['retry-after']);
  t.true(seconds >= 15 && seconds <= 900);
  const location = pathOf(answer.headers['location']);
  t.is(location, `/networking/v1/operationResults/${answer.headers['x-ms-request-id']}`);
  const pending = await client.get(location);
  t.is(pending.status, 202);
  t.truthy(pending.headers['retry-after']);
  const deleting = await client.get(BLUE);
  t.is(deleting.status, 200);
  t.is(stateOf(deleting), 'Deleting');
  t.is(stateOf(await client.get(WEB)), 'Deleting');
  realised.compiledRevision = store.revision;
  const done = await client.get(location);
  t.is(done.status, 204);
  t.is(done.text, '');
  t.is((await client.get(BLUE)).status, 404);
});

test('a name the history does not have is 404', async (t) => {
  const { client } = await startController(t);
  for (const type of ['operations', 'operationResults']) {
    t.is((await client.get(`/${type}/00000000-0000-7000-8000-000000000000`)).status, 404);
    t.is((await client.get(`/${type}`)).status, 404);
  }
});

test('PUT of a parent makes every descendant Updating; PUT of a child its ancestors, not its siblings', async (t) => {
  const { client, store, realised } = await startController(t);
  await layGround(client);
  realised.compiledRevision = store.revision;
  await client.put(BLUE, vnetProperties());
  for (const path of [BLUE, WEB, DATA]) t.is(stateOf(await client.get(path)), 'Updating', path);
  realised.compiledRevision = store.revision;
  await client.put(WEB, { addressPrefix: '10.1.1.0/24' });
  t.is(stateOf(await client.get(BLUE)), 'Updating');
  t.is(stateOf(await client.get(WEB)), 'Updating');
  t.is(stateOf(await client.get(DATA)), 'Succeeded');
});

interface Row {
  readonly running: readonly [method: 'PUT' | 'DELETE', path: string];
  readonly asked: readonly [method: 'PUT' | 'DELETE', path: string];
  readonly outcome: 'cancels' | 'conflicts';
}

/** §1.3.3.1, rule by rule. */
const TABLE: readonly Row[] = [
  { running: ['PUT', BLUE], asked: ['PUT', BLUE], outcome: 'cancels' },
  { running: ['PUT', WEB], asked: ['PUT', BLUE], outcome: 'cancels' },
  { running: ['DELETE', WEB], asked: ['PUT', BLUE], outcome: 'cancels' },
  { running: ['PUT', BLUE], asked: ['DELETE', BLUE], outcome: 'cancels' },
  { running: ['PUT', WEB], asked: ['DELETE', BLUE], outcome: 'cancels' },
  { running: ['DELETE', WEB], asked: ['DELETE', BLUE], outcome: 'cancels' },
  { running: ['PUT', BLUE], asked: ['PUT', WEB], outcome: 'cancels' },
  { running: ['PUT', WEB], asked: ['PUT', WEB], outcome: 'cancels' },
  { running: ['PUT', BLUE], asked: ['DELETE', WEB], outcome: 'cancels' },
  { running: ['PUT', WEB], asked: ['DELETE', WEB], outcome: 'cancels' },
  { running: ['PUT', DATA], asked: ['PUT', WEB], outcome: 'conflicts' },
  { running: ['DELETE', DATA], asked: ['PUT', WEB], outcome: 'conflicts' },
  { running: ['PUT', DATA], asked: ['DELETE', WEB], outcome: 'conflicts' },
  { running: ['DELETE', BLUE], asked: ['PUT', BLUE], outcome: 'conflicts' },
  { running: ['DELETE', WEB], asked: ['PUT', WEB], outcome: 'conflicts' },
];

const BODIES: Readonly<Record<string, object>> = {
  [BLUE]: vnetProperties(),
  [WEB]: { addressPrefix: '10.1.1.0/24' },
  [DATA]: { addressPrefix: '10.1.2.0/24' },
};

for (const { running, asked, outcome } of TABLE) {
  test(`${asked.join(' ')} during ${running.join(' ')} ${outcome}`, async (t) => {
    const { client, store, realised } = await startController(t);
    await layGround(client);
    realised.compiledRevision = store.revision;
    const write = ([method, path]: Row['running']) =>
      method === 'PUT' ? client.put(path, BODIES[path] ?? {}) : client.delete(path);
    const first = await write(running);
    t.true([200, 202].includes(first.status), first.text);
    const second = await write(asked);
    const operation = await client.get(`/operations/${first.headers['x-ms-request-id']}`);
    if (outcome === 'cancels') {
      t.true([200, 201, 202].includes(second.status), second.text);
      t.is(operation.at('status'), 'Canceled');
      t.is(operation.at('error.code'), 'Canceled');
      const result = await client.get(`/operationResults/${first.headers['x-ms-request-id']}`);
      t.is(result.at('error.code'), 'Canceled');
    } else {
      t.is(second.status, 409);
      t.is(second.at('error.code'), 'AnotherOperationInProgress');
      t.true(second.textAt('error.message').includes(first.headers['x-ms-request-id'] ?? '?'));
      t.is(operation.at('status'), 'InProgress');
    }
  });
}

test('trees do not wait for each other', async (t) => {
  const { client, store, realised } = await startController(t);
  await layGround(client);
  realised.compiledRevision = store.revision;
  t.is((await client.delete('/macPools/default')).status, 202);
  t.is((await client.put(BLUE, vnetProperties())).status, 200);
});

test('a write that would conflict waits a while for the operation in its way', async (t) => {
  const { client, store, realised } = await startController(t, { conflictWait: millis(5_000) });
  await layGround(client);
  realised.compiledRevision = store.revision;
  t.is((await client.put(DATA, { addressPrefix: '10.1.2.0/24' })).status, 200);
  const waiting = client.put(WEB, { addressPrefix: '10.1.1.0/24' });
  await client.get(BLUE);
  realised.compiledRevision = Number.MAX_SAFE_INTEGER;
  t.is((await waiting).status, 200);
});

test('the same x-ms-client-request-id gets the same answer and changes nothing', async (t) => {
  const { client, store } = await startController(t);
  await layGround(client);
  const headers = { 'x-ms-client-request-id': 'retry-1' };
  const first = await client.put('/networkInterfaces/n1', nicProperties(), headers);
  const { revision } = store;
  const second = await client.put('/networkInterfaces/n1', nicProperties(), headers);
  t.is(second.status, 201);
  t.is(second.text, first.text);
  for (const name of ['etag', 'x-ms-request-id', 'azure-asyncoperation']) {
    t.is(second.headers[name], first.headers[name], name);
  }
  t.is(second.headers['x-ms-client-request-id'], 'retry-1');
  t.is(store.revision, revision);
  const deleted = await client.delete('/networkInterfaces/n1', headers);
  const again = await client.delete('/networkInterfaces/n1', headers);
  t.deepEqual([again.status, again.headers['location']], [202, deleted.headers['location']]);
});

test('retries that arrive together with the first request are one write', async (t) => {
  const { client, store } = await startController(t, { store: 'level' });
  await layGround(client);
  const { revision } = store;
  const headers = { 'x-ms-client-request-id': 'storm' };
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => client.put('/networkInterfaces/n1', nicProperties(), headers)),
  );
  t.is(new Set(answers.map(({ text }) => text)).size, 1);
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
  t.is(store.revision, revision + 1);
});

test('a refused request is tried again, and another client or resource is another request', async (t) => {
  const { client, as } = await startController(t);
  const headers = { 'x-ms-client-request-id': 'same' };
  t.is((await client.put('/networkInterfaces/n1', nicProperties(), headers)).status, 400);
  await layGround(client);
  const first = await client.put('/networkInterfaces/n1', nicProperties(), headers);
  t.is(first.status, 201);
  const other = await client.put('/networkInterfaces/n2', nicProperties(), headers);
  t.is(other.at('resourceId'), 'n2');
  const stranger = await as('someone', 'client');
  t.is((await stranger.put('/networkInterfaces/n1', nicProperties(), headers)).status, 200);
});

test('x-ms-client-request-id is echoed unless the client says no', async (t) => {
  const { client } = await startController(t);
  const echo = { 'x-ms-client-request-id': 'abc' };
  const quiet = { ...echo, 'x-ms-return-client-request-id': 'FALSE' };
  t.is(
    (await client.send('GET', '/servers', undefined, echo)).headers['x-ms-client-request-id'],
    'abc',
  );
  t.is(
    (await client.send('GET', '/servers', undefined, quiet)).headers['x-ms-client-request-id'],
    undefined,
  );
});

test('the table of replies and the history are bounded; the oldest are forgotten', async (t) => {
  const { client } = await startController(t, { repliesMax: 3, operationsMax: 5 });
  const pool = { startMacAddress: '02-00-00-00-00-00', endMacAddress: '02-00-00-00-00-0F' };
  const ids: string[] = [];
  for (let index = 0; index < 8; index++) {
    const headers = { 'x-ms-client-request-id': `r${index}` };
    const answer = await client.put('/macPools/p', pool, headers);
    ids.push(answer.headers['x-ms-request-id'] ?? '');
  }
  t.is((await client.get(`/operations/${ids[0]}`)).status, 404);
  t.is((await client.get(`/operations/${ids[7]}`)).status, 200);
  const forgotten = await client.put('/macPools/p', pool, { 'x-ms-client-request-id': 'r0' });
  t.false(ids.includes(forgotten.headers['x-ms-request-id'] ?? ''));
  const kept = await client.put('/macPools/p', pool, { 'x-ms-client-request-id': 'r7' });
  t.is(kept.headers['x-ms-request-id'], ids[7]);
});

test('after a restart operations have ended, replies are remembered and everything is there', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'weft-restart-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const headers = { 'x-ms-client-request-id': 'once' };
  let first: Answer | undefined;
  const run = t.try(async (inner) => {
    const { client, store, realised } = await startController(inner, { store: 'level', directory });
    await layGround(client);
    realised.compiledRevision = store.revision;
    first = await client.put('/networkInterfaces/n1', nicProperties(), headers);
    inner.is(first.status, 201);
  });
  (await run).commit();
  const { client } = await startController(t, { store: 'level', directory });
  const id = first?.headers['x-ms-request-id'];
  t.is((await client.get(`/operations/${id}`)).at('status'), 'Succeeded');
  const again = await client.put('/networkInterfaces/n1', nicProperties(), headers);
  t.is(again.text, first?.text ?? '');
  t.is(stateOf(await client.get('/networkInterfaces/n1')), 'Succeeded');
  const next = await expectCreated(client, '/networkInterfaces/n2', nicProperties());
  t.is(next.at('properties.ipConfigurations.0.properties.privateIPAddress'), '10.1.1.5');
});
