/** The control socket: every operation, every kind of bad request, over a real unix socket. */
import { statSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../../../base/log.ts';
import { claimControlPath, serveControl } from '../../../../dataplane/host-agent/control-server.ts';
import { hostMetrics } from '../../../../dataplane/host-agent/host-metrics.ts';
import { RULE_SERIES_MAX } from '../../../../dataplane/host-agent/limits.ts';
import { FLOWS_MAX } from '../../../../dataplane/limits.ts';
import { hostControl } from '../../../../fabric/host-control.ts';
import { type Bench, bench, CAPTURE, changeOf, portGoal, temporaryDirectory } from './stand-ins.ts';

interface Served extends Bench {
  readonly path: string;
  ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: unknown; text: string }>;
}

/** More than have a series of their own. */
const RULES = Array.from({ length: RULE_SERIES_MAX + 5 }, (_, index) => ({
  resourceRef: `/accessControlLists/web/aclRules/r${index}`,
  ...{ direction: 'inbound' as const, isDefault: false, action: 'Deny' as const },
  decisions: 5000 - index,
}));

async function served(t: ExecutionContext): Promise<Served> {
  const made = bench();
  const path = join(temporaryDirectory(), 'control.sock');
  const read = () => ({
    counters: made.host.counters(),
    ports: made.host.ports(),
    services: {
      dns: {
        queries: 5,
        answered: 3,
        forwarded: 2,
        failed: 0,
        ignored: 0,
        asked: 2,
        fromCache: 0,
        retried: 0,
        overTcp: 0,
        unanswered: 0,
        refused: 0,
      },
      metadata: { requests: 1, refused: 0 },
    },
    flowLog: {
      written: 4,
      unwritten: 0,
      queueFull: 3,
      unfollowed: 0,
      hoursRemoved: 0,
      bytes: 8192,
    },
    probes: {
      ...{ succeeded: 9, failed: 2, leftOut: 1, discarded: 0, unable: 0 },
      ...{ inFlight: 1, up: 2, down: 1, unknown: 0, changes: 3 },
    },
    appliedRevision: 7,
    goalRevision: 8,
    isConnected: true,
    isWorkerHealthy: true,
  });
  const metrics = hostMetrics('host1', read, ({ limit }) =>
    Promise.resolve({ rules: RULES.slice(0, limit), total: RULES.length }),
  );
  await claimControlPath(path);
  const server = await serveControl({
    path,
    host: made.host,
    status: () => ({ id: 'host1', ports: made.host.portCount }),
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.metrics() }),
    log: silentLogger,
  });
  t.teardown(() => server.close());
  const ask: Served['ask'] = (method, target, body) =>
    new Promise((resolve, reject) => {
      const request = http.request({ socketPath: path, method, path: target }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          const isJson = response.headers['content-type']?.startsWith('application/json');
          resolve({ status: response.statusCode ?? 0, text, body: isJson ? JSON.parse(text) : '' });
        });
      });
      request.on('error', reject);
      request.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
    });
  return { ...made, path, ask };
}

const REQUEST = { portId: 'p1', device: 'tap', name: 'eth0', netns: 'vm1' };

test('a port is attached, listed, counted and detached', async (t) => {
  const { host, handle, ask } = await served(t);
  await host.apply(changeOf([portGoal('p1')]));
  const attached = { portId: 'p1', name: 'eth0', mac: '00:1d:d8:00:00:01' };
  t.like(await ask('POST', '/ports', REQUEST), { status: 201 });
  t.like((await ask('POST', '/ports/', REQUEST)).body, attached);
  t.like((await ask('GET', '/status')).body, { id: 'host1', ports: 1 });
  t.like((await ask('GET', '/ports')).body, {
    ports: [{ ...attached, device: 'tap', netns: 'vm1', state: 'forwarding' }],
  });
  t.like((await ask('GET', '/counters')).body, {
    ports: [{ portId: 'p1', name: 'eth0', rxPackets: 1, drops: { SpoofedMac: 3 } }],
    uplink: { name: 'uplink0', txBytes: 120 },
  });
  t.deepEqual((await ask('GET', '/flows')).body, { flows: [] });
  await ask('GET', '/flows?portId=p1&limit=5');
  t.deepEqual(handle.flowQueries, [{ limit: 100 }, { portId: 'p1', limit: 5 }]);
  t.like(await ask('DELETE', '/ports/p1'), { status: 204, text: '' });
  t.like(await ask('DELETE', '/ports/p1'), { status: 404 });
});

test('every bad request is a JSON error with code, message and remedy', async (t) => {
  const { ask } = await served(t);
  const cases: readonly [string, string, unknown, number, RegExp][] = [
    ['POST', '/ports', '{', 400, /not JSON/],
    ['POST', '/ports', '[]', 400, /not a JSON object/],
    ['POST', '/ports', 'null', 400, /not a JSON object/],
    ['POST', '/ports', { ...REQUEST, extra: 1 }, 400, /unknown property 'extra'/],
    ['POST', '/ports', { ...REQUEST, portId: '' }, 400, /'portId'/],
    ['POST', '/ports', { ...REQUEST, portId: '../x' }, 400, /'portId'/],
    ['POST', '/ports', { ...REQUEST, portId: 'x'.repeat(129) }, 400, /'portId'/],
    ['POST', '/ports', { ...REQUEST, device: 'tun' }, 400, /'device'/],
    ['POST', '/ports', { ...REQUEST, name: 'sixteen-letters-' }, 400, /'name'/],
    ['POST', '/ports', { ...REQUEST, name: 'a/b' }, 400, /'name'/],
    ['POST', '/ports', { ...REQUEST, name: 'tap%d' }, 400, /'name'/],
    ['POST', '/ports', { ...REQUEST, name: '..' }, 400, /'name'/],
    ['POST', '/ports', { ...REQUEST, name: 7 }, 400, /'name'/],
    ['POST', '/ports', { ...REQUEST, netns: '../vm1' }, 400, /'netns'/],
    ['POST', '/ports', { ...REQUEST, netns: '..' }, 400, /'netns'/],
    ['POST', '/ports', { ...REQUEST, netns: '' }, 400, /'netns'/],
    ['GET', '/flows?limit=0', undefined, 400, /'limit'/],
    ['GET', '/flows?limit=10001', undefined, 400, /'limit'/],
    ['GET', '/flows?limit=many', undefined, 400, /'limit'/],
    ['GET', '/flows?portId=a%20b', undefined, 400, /'portId'/],
    ['GET', '/flows?portId=unknown', undefined, 404, /unknown/],
    ['DELETE', '/ports/%ff', undefined, 400, /'portId'/],
    ['DELETE', '/ports', undefined, 405, /no such method/],
    ['PUT', '/ports/p1', undefined, 405, /no such method/],
    ['GET', '/nothing', undefined, 404, /no such path/],
  ];
  for (const [method, path, body, status, message] of cases) {
    const answer = await ask(method, path, body);
    const name = `${method} ${path} ${JSON.stringify(body)}`;
    t.is(answer.status, status, name);
    const { error } = answer.body as { error: { code: string; message: string; remedy?: string } };
    t.regex(error.message, message, name);
    t.regex(error.code, /^SDN_HOST_/, name);
    t.truthy(error.remedy, name);
  }
});

test('a body longer than REQUEST_BYTES_MAX is refused without being read', async (t) => {
  const { ask } = await served(t);
  t.is((await ask('POST', '/ports', 'x'.repeat(70_000))).status, 413);
});

test('GET /metrics: counters of ports and uplink, drops by reason, revisions', async (t) => {
  const { host, ask } = await served(t);
  await host.apply(changeOf([portGoal('p1')]));
  await ask('POST', '/ports', REQUEST);
  await ask('GET', '/metrics');
  const { text } = await ask('GET', '/metrics');
  const expected = [
    'weft_port_received_packets_total{port="p1",device="eth0",host="host1"} 1',
    'weft_port_delivered_bytes_total{port="uplink",device="uplink0",host="host1"} 120',
    'weft_port_drops_total{port="p1",device="eth0",reason="SpoofedMac",host="host1"} 3',
    'weft_returned_packets_total{host="host1"} 4',
    'weft_port_info{port="p1",device="eth0",nic="/networkInterfaces/nic1",host="host1"} 1',
    'weft_flows{port="p1",host="host1"} 2',
    'weft_flows_half_open{port="p1",host="host1"} 1',
    'weft_flows_created_total{port="p1",host="host1"} 5',
    'weft_flows_expired_total{port="p1",host="host1"} 2',
    'weft_flows_evicted_total{port="p1",host="host1"} 1',
    'weft_flows_refused_total{port="p1",host="host1"} 0',
    `weft_flows_max{host="host1"} ${FLOWS_MAX}`,
    'weft_ports{host="host1"} 1',
    'weft_applied_revision{host="host1"} 7',
    'weft_goal_revision{host="host1"} 8',
    'weft_controller_connected{host="host1"} 1',
    'weft_worker_healthy{host="host1"} 1',
  ];
  for (const line of expected) t.true(text.includes(line), line);
});

test('GET /metrics: so many rules have a series, and how many have none is counted', async (t) => {
  const { ask } = await served(t);
  for (const time of ['first', 'second']) {
    const { text } = await ask('GET', '/metrics');
    const rule = 'rule="/accessControlLists/web/aclRules/r0",direction="inbound",action="Deny"';
    t.true(text.includes(`weft_rule_decisions_total{${rule},host="host1"} 5000`), time);
    t.is(text.match(/^weft_rule_decisions_total/gm)?.length, RULE_SERIES_MAX, time);
    t.true(text.includes('weft_rule_series_left_out{host="host1"} 5\n'), time);
  }
});

test("the socket is the owner's alone, and one process serves it", async (t) => {
  const { path } = await served(t);
  t.is(statSync(path).mode & 0o777, 0o600);
  await t.throwsAsync(claimControlPath(path), { code: 'SDN_HOST_RUNNING' });
  const long = join(temporaryDirectory(), 'x'.repeat(120));
  await t.throwsAsync(claimControlPath(long), { code: 'SDN_HOST_CONTROL_PATH' });
});

test('a capture is begun, read in pieces with its state, listed and stopped', async (t) => {
  const { ask, handle, path } = await served(t);
  const request = { filter: { protocol: 6, dropped: true }, packetsMax: 5 };
  t.like(await ask('POST', '/captures', request), { status: 201, body: CAPTURE });
  t.deepEqual(handle.captureRequests, [request]);
  t.like(await ask('GET', '/captures'), { status: 200, body: { captures: [CAPTURE] } });
  const { bytes, status } = await hostControl(path).readCapture(CAPTURE.id);
  t.deepEqual([...bytes], [0, 255, 128]);
  t.deepEqual(status, CAPTURE);
  t.like(await ask('DELETE', '/captures/3'), { status: 200, body: { ended: 'stopped' } });
  t.is((await ask('GET', '/captures/4')).status, 404);
  await t.throwsAsync(hostControl(path).readCapture(4), { code: 'SDN_HOST_CONTROL' });
});

test('a capture without sense is refused before the switch hears of it', async (t) => {
  const { ask, handle } = await served(t);
  for (const body of [[], { filter: 'tcp' }, { filter: {}, snaplen: 9 }, { packetsMax: 0 }]) {
    t.is((await ask('POST', '/captures', body)).status, 400, JSON.stringify(body));
  }
  t.is((await ask('PUT', '/captures')).status, 405);
  t.is((await ask('GET', '/captures/x')).status, 404);
  t.deepEqual(handle.captureRequests, []);
});
