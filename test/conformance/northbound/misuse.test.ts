/** What is not the protocol: wrong content types, broken JSON, huge bodies, strange methods, strangers, and anything a fuzzer thinks of. */
import test from 'ava';
import fc from 'fast-check';
import { ERROR_CODES } from '../../../controller/northbound/error-codes.ts';
import {
  type Answer,
  expectCreated,
  layGround,
  nicProperties,
  startController,
} from './controller-fixture.ts';

const PATH = '/virtualNetworks/blue';

test('a PUT that is not application/json is InternalServerError, by §2.2.1.1', async (t) => {
  const { client } = await startController(t);
  for (const type of ['text/plain', 'application/xml', 'application/jsonp', '']) {
    const answer = await client.send('PUT', PATH, {}, { 'content-type': type });
    t.is(answer.status, 500, type);
    t.is(answer.at('error.code'), 'InternalServerError');
    t.is(answer.at('error.target'), 'Content-Type');
  }
  const fine = await client.send(
    'PUT',
    '/servers/s',
    { properties: {} },
    { 'content-type': 'Application/JSON; charset=UTF-8' },
  );
  t.is(fine.status, 201);
});

const BROKEN = [
  '',
  '{',
  '{"properties":{}',
  '[1,]',
  'null',
  '[]',
  '7',
  '"text"',
  '\u0000',
  '{"properties":7}',
  '{"properties":[]}',
  '{"tags":7}',
];

for (const body of BROKEN) {
  test(`the body ${JSON.stringify(body)} is refused as a request that cannot be read`, async (t) => {
    const { client, store } = await startController(t);
    const { revision } = store;
    const answer = await client.send('PUT', '/servers/s', Buffer.from(body));
    t.is(answer.status, 400, answer.text);
    t.is(answer.at('error.code'), 'InvalidRequestFormat');
    t.is(store.revision, revision);
  });
}

test('bytes that are no UTF-8 are refused', async (t) => {
  const { client } = await startController(t);
  const answer = await client.send('PUT', '/servers/s', Buffer.from([0x22, 0xff, 0xfe, 0x22]));
  t.is(answer.at('error.code'), 'InvalidRequestFormat');
});

test('a body of 10 MB is 413 and the connection serves on', async (t) => {
  const { client } = await startController(t);
  const body = Buffer.from(JSON.stringify({ tags: { a: 'x'.repeat(10_000_000) }, properties: {} }));
  const answer = await client.send('PUT', '/servers/s', body);
  t.is(answer.status, 413);
  t.is(answer.at('error.code'), 'InvalidRequestFormat');
  t.is((await client.get('/servers')).status, 200);
});

test('tags are bounded in bytes and in depth, and may not be called __proto__', async (t) => {
  const { client } = await startController(t);
  const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
  for (const tags of [{ a: 'x'.repeat(70_000) }, deep, JSON.parse('{"__proto__": 1}')]) {
    const answer = await client.send('PUT', '/servers/s', { tags, properties: {} });
    t.is(answer.status, 400, answer.text.slice(0, 200));
    t.is(answer.at('error.code'), 'InvalidParameterValue');
  }
});

for (const method of ['POST', 'PATCH', 'HEAD', 'OPTIONS']) {
  test(`${method} of a resource and of a collection is 405 with Allow`, async (t) => {
    const { client } = await startController(t);
    await expectCreated(client, '/servers/s', {});
    const resource = await client.send(method, '/servers/s');
    t.is(resource.status, 405);
    t.is(resource.headers['allow'], 'GET, PUT, DELETE');
    if (method !== 'HEAD') t.is(resource.at('error.code'), 'OperationNotSupported');
    t.is((await client.send(method, '/servers')).headers['allow'], 'GET');
  });
}

test('PUT and DELETE of a collection are 405', async (t) => {
  const { client } = await startController(t);
  t.is((await client.put('/servers', {})).status, 405);
  t.is((await client.delete('/servers')).status, 405);
});

test('a certificate that is not a client’s opens nothing, none ends the handshake', async (t) => {
  const { as, anonymous } = await startController(t);
  const host = await as('host1', 'host');
  const refused = await host.get('/servers');
  t.is(refused.status, 403);
  t.true(ERROR_CODES.some((code) => code === refused.at('error.code')));
  await t.throwsAsync(anonymous().get('/servers'));
});

test('a bearer token of the file opens the API without a certificate, another does not', async (t) => {
  const { anonymous } = await startController(t, { tokens: '# ops\n0123456789abcdef ops\n' });
  const client = anonymous();
  const get = (token: string) =>
    client.send('GET', '/servers', undefined, { authorization: `Bearer ${token}` });
  t.is((await get('0123456789abcdef')).status, 200);
  t.is((await get('0123456789abcdeX')).status, 401);
  const none = await client.get('/servers');
  t.is(none.status, 401);
  t.truthy(none.headers['www-authenticate']);
  t.is((await client.get('/metrics')).status, 401);
});

test('metrics count requests', async (t) => {
  const { client } = await startController(t);
  await client.get('/servers');
  const { text } = await client.get('/metrics');
  t.regex(text, /weft_northbound_requests_total\{method="GET",status="200"\} 1/);
  t.regex(text, /weft_northbound_writes_queued 0/);
});

/** Every answer is one the specification has: a status of §3.1.5 (405, 413 of HTTP itself), and its error body. */
function isSpecified(answer: Answer): boolean {
  if ([200, 201, 202, 204].includes(answer.status)) return true;
  const code = answer.textAt('error.code');
  const isListed = ERROR_CODES.some((known) => known === code);
  const statuses = code === 'InternalServerError' ? [500] : [400, 404, 405, 409, 412];
  return isListed && statuses.includes(answer.status) && answer.textAt('error.message') !== '';
}

const WORDS = [
  'properties',
  'subnets',
  'addressPrefix',
  'ipConfigurations',
  'subnet',
  'resourceRef',
  'resourceId',
  'privateIPAddress',
  'privateMacAllocationMethod',
  'portSettings',
  'ipPools',
  'vlanId',
  'tags',
  'addressSpace',
  'addressPrefixes',
  'virtualSubnetIdRange',
  'startId',
  'networkInterfaces',
  'connections',
  'credential',
];
const VALUES = fc.oneof(
  fc.constantFrom(
    '',
    '10.1.1.0/24',
    '10.1.0.0/16',
    '0.0.0.0/0',
    'Static',
    'Dynamic',
    '/virtualNetworks/blue/subnets/web',
    '/',
    'a/b',
    '10.1.1.9',
    '::1',
    '99999999999999999999',
  ),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.string(),
);
const SHAPE = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 6 }, VALUES, tie('object'), fc.array(tie('value'), { maxLength: 4 })),
  object: fc.dictionary(
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...WORDS) },
      { weight: 1, arbitrary: fc.string() },
    ),
    tie('value'),
    { maxKeys: 6 },
  ),
})).object;
const TARGETS = fc.constantFrom(
  '/virtualNetworks/blue',
  '/virtualNetworks/new',
  '/virtualNetworks/blue/subnets/web',
  '/virtualNetworks/blue/subnets/new',
  '/networkInterfaces/n1',
  '/networkInterfaces/n1/ipConfigurations/primary',
  '/logicalNetworks/provider',
  '/logicalNetworks/provider/subnets/hosts',
  '/logicalNetworks/provider/subnets/hosts/ipPools/pool',
  '/logicalNetworks/provider/subnets/hosts/routes/r',
  '/macPools/default',
  '/servers/host1',
  '/servers/host1/networkInterfaces/x',
  '/credentials/c',
  '/virtualNetworkManager/configuration',
);

test('whatever a PUT says, the answer is a specified one, and what is refused changes nothing', async (t) => {
  const { client, store } = await startController(t);
  await layGround(client);
  await expectCreated(client, '/networkInterfaces/n1', nicProperties());
  await fc.assert(
    fc.asyncProperty(TARGETS, SHAPE, fc.boolean(), async (path, shape, wrapped) => {
      const { revision } = store;
      const answer = await client.send('PUT', path, wrapped ? { properties: shape } : shape);
      t.true(
        isSpecified(answer),
        `PUT ${path} ${JSON.stringify(shape)}: ${answer.status} ${answer.text}`,
      );
      t.is(store.revision > revision, answer.status < 300);
      if (answer.status < 300) t.is((await client.get(path)).status, 200);
    }),
    { numRuns: 400 },
  );
});

test('one changed value of a good request never makes it half-written or unspecified', async (t) => {
  const { client, store } = await startController(t);
  await layGround(client);
  await expectCreated(client, '/networkInterfaces/n1', nicProperties());
  await fc.assert(
    fc.asyncProperty(TARGETS, fc.nat(), VALUES, async (path, index, value) => {
      const { revision } = store;
      const before = await client.get(path);
      const body = before.status === 200 ? mutated(before.body, index, value) : { properties: {} };
      const answer = await client.send('PUT', path, body);
      t.true(
        isSpecified(answer),
        `PUT ${path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`,
      );
      if (answer.status >= 300) {
        t.is(store.revision, revision);
        t.is((await client.get(path)).text, before.text);
      }
    }),
    { numRuns: 400 },
  );
});

/** `body` with its `index`-th leaf replaced. */
function mutated(body: unknown, index: number, value: unknown): unknown {
  const count = leaves(body);
  let left = count === 0 ? 0 : index % count;
  const walk = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node === 'object' && node !== null) {
      return Object.fromEntries(Object.entries(node).map(([name, inner]) => [name, walk(inner)]));
    }
    return left-- === 0 ? value : node;
  };
  return walk(body);
}

function leaves(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 1;
  return Object.values(node).reduce<number>((sum, inner) => sum + leaves(inner), 0);
}

test('whatever the URL says, the answer is a specified one', async (t) => {
  const { client } = await startController(t);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'PUT', 'DELETE', 'POST'),
      fc.array(
        fc.oneof(
          fc.constantFrom(
            'virtualNetworks',
            'blue',
            'weft',
            'v1',
            'revisions',
            'operations',
            'discovery',
            'diff',
            'restore',
            'status',
            '..',
            '%',
            '%2F',
            '%00',
            '',
          ),
          fc.webSegment(),
        ),
        { maxLength: 6 },
      ),
      async (method, segments) => {
        const answer = await client.send(method, `/networking/${segments.join('/')}`);
        t.true(
          isSpecified(answer),
          `${method} ${segments.join('/')}: ${answer.status} ${answer.text}`,
        );
      },
    ),
    { numRuns: 500 },
  );
});
