/** The metadata server: Azure's document with what goal state says, one's own only, and what is refused. */
import { request } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../../../base/log.ts';
import { MetadataServer } from '../../../../dataplane/platform/metadata-server.ts';
import { BLUE_PORT, directory, RED_PORT } from './askers.ts';

const VERSION = 'api-version=2021-02-01';

interface Answered {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Get = (
  path: string,
  options?: { readonly headers?: Record<string, string>; readonly method?: string },
) => Promise<Answered>;

async function served(t: ExecutionContext, number?: number): Promise<Get> {
  const server = await MetadataServer.listen({
    address: '127.0.0.1',
    port: 0,
    directory: directory(),
    hostId: 'host1',
    log: silentLogger,
    portNumberAt: () => number,
  });
  t.teardown(() => server.close());
  return (path, { headers = { Metadata: 'true' }, method = 'GET' } = {}) =>
    new Promise((resolve, reject) => {
      const asked = request({ port: server.port, path, method, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => {
          const type = response.headers['content-type'] ?? '';
          resolve({ status: response.statusCode ?? 0, type, body });
        });
      });
      asked.on('error', reject);
      asked.end();
    });
}

test('the document is Azure’s, with the interface’s addresses, subnets and MAC address', async (t) => {
  const get = await served(t, BLUE_PORT);
  const { status, type, body } = await get(`/metadata/instance?${VERSION}`);
  t.is(status, 200);
  t.is(type, 'application/json; charset=utf-8');
  t.deepEqual(JSON.parse(body), {
    compute: { azEnvironment: 'Weft', name: 'vm4', provider: 'Weft' },
    network: {
      interface: [
        {
          ipv4: {
            ipAddress: [
              { privateIpAddress: '10.0.0.4', publicIpAddress: '' },
              { privateIpAddress: '10.0.0.44', publicIpAddress: '' },
            ],
            subnet: [{ address: '10.0.0.0', prefix: '24' }],
          },
          ipv6: { ipAddress: [{ privateIpAddress: 'fd00::4' }] },
          macAddress: '000D3A000004',
        },
      ],
    },
    weft: {
      dnsDomain: 'blue.weft.internal',
      host: 'host1',
      networkInterface: '/networkInterfaces/blue-nic',
      networkInterfaceId: 'blue-nic',
      virtualNetwork: '/virtualNetworks/blue',
    },
  });
  const other = await served(t, RED_PORT);
  t.regex((await other(`/metadata/instance?${VERSION}`)).body, /"name":"red-nic"/);
});

test('a path leads to a part of it, as JSON or text', async (t) => {
  const get = await served(t, BLUE_PORT);
  const at = '/metadata/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress';
  t.is((await get(`${at}?${VERSION}&format=text`)).body, '10.0.0.4');
  t.is((await get(`${at}?${VERSION}`)).body, '"10.0.0.4"');
  t.is((await get(`/metadata/instance?${VERSION}&format=text`)).body, 'compute/\nnetwork/\nweft/');
  t.is((await get(`/Metadata/Instance/compute/name?${VERSION}&format=text`)).body, 'vm4');
  const versions = await get('/metadata/versions');
  t.deepEqual(JSON.parse(versions.body), { apiVersions: ['2021-02-01'] });
});

test('wrong requests are 400 with a reason, unknown paths 404, other methods 405', async (t) => {
  const get = await served(t, BLUE_PORT);
  const path = `/metadata/instance?${VERSION}`;
  const statuses = await Promise.all(
    [
      get(path, { headers: {} }),
      get(path, { headers: { Metadata: 'false' } }),
      get(path, { headers: { Metadata: 'true', 'X-Forwarded-For': '192.0.2.1' } }),
      get('/metadata/instance'),
      get('/metadata/instance?api-version=1999-01-01'),
      get(`${path}&format=xml`),
      get(`/metadata/instance/network/interface/1?${VERSION}`),
      get(`/metadata/instance/constructor?${VERSION}`),
      get(`/metadata/instance/network/interface/length?${VERSION}`),
      get('/metadata/identity/oauth2/token'),
      get('/'),
      get(path, { method: 'POST' }),
    ].map(async (answer) => (await answer).status),
  );
  t.deepEqual(statuses, [400, 400, 400, 400, 400, 400, 404, 404, 404, 404, 404, 405]);
  t.deepEqual(JSON.parse((await get('/metadata/instance')).body), {
    error: 'Bad request. api-version was not specified in the request',
    'newest-versions': ['2021-02-01'],
  });
});

test('whoever is no VM gets no connection, an unknown interface nothing', async (t) => {
  const nobody = await served(t, undefined);
  await t.throwsAsync(nobody(`/metadata/instance?${VERSION}`), { code: 'ECONNRESET' });
  const unknown = await served(t, 9);
  t.is((await unknown(`/metadata/instance?${VERSION}`)).status, 404);
});
