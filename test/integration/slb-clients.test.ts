/**
 * A public load balancer with everything that a rule can say, and stock clients outside: who is served by whom in each mode of distribution, what
 * idle connections hear, ports of single backends, weights and draining, and backends whose service stops. Minutes are seconds here (`hasten`).
 */
import { type Test, test } from 'tap';
import { systemClock } from '../../base/clock.ts';
import { FLOWS_PAGE_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import type { MuxAddress } from '../../schema/southbound/diagnostics/slb.ts';
import { eventually } from '../kit/eventually.ts';
import type { Machine } from '../kit/machine.ts';
import { type Call, call } from '../kit/quiet-call.ts';
import {
  curl,
  type NamedService,
  serve,
  serversByClient,
  whoServes,
  writeKeyFiles,
} from '../kit/services.ts';
import { hold, visit, visitMeanwhile } from '../kit/tcp-clients.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';
import { weft } from '../kit/weft.ts';
import { isServedBy, leadTo, putBalancer, type RuleSpec, VIP } from './slb-lab.ts';

const HASTEN = 60;
/** Two seconds. */
const PROBE = { intervalInSeconds: 2 * HASTEN, numberOfProbes: 2 };
const NAMES = ['a', 'b', 'c'] as const;
/** With source ports below those that the kernel gives by itself (32,768 …), which others may hold. */
const CLIENTS = Array.from({ length: 24 }, (_, index) => `192.0.2.${101 + index}`);

const [TCP, SOURCE, SOURCE_PROTOCOL, RESET, SILENT, HTTP, HTTPS, IPERF] = [
  8080, 8081, 8082, 8084, 8085, 8090, 8443, 5201,
] as const;
const LONG = { idleTimeoutInMinutes: 30 };
const overUdp = (name: string, port: number, loadDistribution: string): RuleSpec => ({
  ...{ name, port, rule: { protocol: 'Udp', loadDistribution } },
});
const RULES: readonly RuleSpec[] = [
  { name: 'source', port: SOURCE, rule: { loadDistribution: 'SourceIP' } },
  overUdp('source-udp', SOURCE, 'SourceIP'),
  { name: 'protocol', port: SOURCE_PROTOCOL, rule: { loadDistribution: 'SourceIPProtocol' } },
  overUdp('protocol-udp', SOURCE_PROTOCOL, 'SourceIPProtocol'),
  { name: 'reset', port: RESET, rule: { idleTimeoutInMinutes: 4, enableTcpReset: true } },
  { name: 'silent', port: SILENT, rule: { idleTimeoutInMinutes: 4 } },
  { name: 'http', port: HTTP, probe: { ...PROBE, protocol: 'Http', requestPath: '/health' } },
  { name: 'https', port: HTTPS, probe: { ...PROBE, protocol: 'Https', requestPath: '/health' } },
];
const ENDPOINTS = [
  ...[TCP, SOURCE, SOURCE_PROTOCOL, RESET, SILENT].map((port) => `tcp:${port}`),
  ...[SOURCE, SOURCE_PROTOCOL].map((port) => `udp:${port}`),
  ...[`http:${HTTP}`, `https:${HTTPS}`, 'tcp:22'],
];
const at = (port: number) => ({ address: VIP, port });

let network: RunningTopology;
let outside: Machine;
const services = new Map<string, NamedService>();

test('a public load balancer with rules of every kind', async (t) => {
  network = await topology({
    ...{ hosts: 2, muxes: 2, hasten: HASTEN },
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.11' },
      c: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.12' },
    },
  }).start();
  t.teardown(() => network.stop());
  outside = network.outside();
  await outside.run([
    ...(['sh', '-c', 'for i in "$@"; do ip address add $i/24 dev "$0"; done'] as const),
    ...[outside.record.device, ...CLIENTS],
  ]);
  const files = await writeKeyFiles(network.fabric.state.root);
  for (const name of NAMES) {
    services.set(name, await serve(network.vm(name), ENDPOINTS, files));
  }
  await putBalancer(network, 'web', {
    ...{ address: VIP, port: TCP, backends: NAMES, rule: LONG, probe: PROBE, more: RULES },
    inbound: [
      ...NAMES.map((name, index) => ({ name: `ssh-${name}`, port: 2201 + index, backendPort: 22 })),
      { name: 'iperf', port: IPERF },
    ],
  });
  for (const name of NAMES) await leadTo(network.client, 'web', `ssh-${name}`, name);
  await leadTo(network.client, 'web', 'iperf', 'c');
  await eventually('all backends answer', () => isServedBy(outside, at(TCP), ...NAMES));

  const idle = await openIdle();
  await t.test('each mode of distribution, across muxes and without one', persistence);
  await t.test('idle connections, with resets and without', (t) => endOfIdle(t, idle));
  await t.test('ports of single backends, and streams through them', singleBackends);
  await t.test('wrk, with connections that stay open: no request fails', keepAlive);
  await t.test('weights shift the shares', weights);
  await t.test('a backend drains: it keeps what it has', drain);
  await t.test('a service stops: TCP, HTTP and HTTPS probes notice', failover);
});

async function persistence(t: Test): Promise<void> {
  const ask = (port: number, protocol: 'tcp' | 'udp' = 'tcp') =>
    whoServes(outside, at(port), { clients: CLIENTS, firstPort: 20_000, ports: 3, protocol });
  const everybody = async () => ({
    default: await ask(TCP),
    source: await ask(SOURCE),
    sourceUdp: await ask(SOURCE, 'udp'),
    protocol: await ask(SOURCE_PROTOCOL),
    protocolUdp: await ask(SOURCE_PROTOCOL, 'udp'),
  });
  const before = await everybody();
  const spread = [...serversByClient(before.default).values()];
  t.ok(
    spread.some((servers) => servers.length === NAMES.length),
    'Default: ports of one client are served by all',
  );
  for (const mode of ['source', 'sourceUdp', 'protocol', 'protocolUdp'] as const) {
    const servers = [...serversByClient(before[mode]).values()];
    t.ok(
      servers.every(({ length }) => length === 1),
      `${mode}: a client has one server`,
    );
    t.same([...new Set(servers.flat())].sort(), NAMES, `${mode}: every server has clients`);
  }
  t.same(before.sourceUdp, before.source, 'SourceIP: the protocol makes no difference');
  t.notSame(before.protocolUdp, before.protocol, 'SourceIPProtocol: it does');

  const muxes = await muxAddresses();
  t.equal(muxes.length, 2, 'there are two muxes');
  for (const { syns } of muxes) t.ok(syns > 0, `${syns} of the connections came by this mux`);
  await network.role('mux1').kill();
  t.same(await everybody(), before, 'a mux is killed: every client has the server it had');
  await network.role('mux1').ready();
}

interface Flow {
  readonly srcPort: number;
  readonly dstPort: number;
}

interface Idle {
  readonly port: number;
  readonly call: Call;
}

/** A connection to each of the two rules, which has been used once. */
async function openIdle(): Promise<readonly Idle[]> {
  const open = async (port: number): Promise<Idle> => {
    const opened = await call(outside.start, at(port), /^[abc]$/m);
    await opened.say('hello');
    return { port, call: opened };
  };
  return Promise.all([SILENT, RESET].map(open));
}

async function endOfIdle(t: Test, [silent, reset]: readonly Idle[]): Promise<void> {
  const ended = (port: number): readonly string[] =>
    [...services.values()]
      .flatMap((service) => service.ended())
      .filter((line) => line === `tcp:${port} ECONNRESET`);
  await eventually('the client is told', () => reset?.call.heard().includes('lost: ECONNRESET'));
  await eventually('and so is the backend', () => ended(RESET).length === 1);
  t.pass('enableTcpReset: both ends have a reset');
  const backend = silent?.call.heard().slice(0, 1);
  await eventually('the other connection is forgotten too', async () => {
    const path = `/networking/weft/v1/networkInterfaces/${backend}/flows?limit=${FLOWS_PAGE_MAX}`;
    const { value } = (await network.client.ask('GET', path)) as { value: Flow[] };
    return value.every(({ srcPort, dstPort }) => srcPort !== SILENT && dstPort !== SILENT);
  });
  t.notMatch(silent?.call.heard() ?? '', /lost|ended/, 'without it the client hears nothing');
  t.same(ended(SILENT), [], 'nor does the backend');
  for (const each of [silent, reset]) await each?.call.hangUp();
}

async function singleBackends(t: Test): Promise<void> {
  for (const [index, name] of NAMES.entries()) {
    const found = await visit(outside, at(2201 + index), { connections: 20, firstPort: 21_000 });
    t.same(found.byServer, { [name]: 20 }, `port ${2201 + index} is ${name}’s`);
  }
  for (const direction of [[], ['-R']]) {
    const options = { address: VIP, durationSec: 1, args: direction };
    const { bitsPerSec } = await outside.iperf3(network.vm('c'), options);
    t.ok(bitsPerSec > 0, `iperf3 ${direction.join()} has a rate`);
    t.comment(`iperf3 ${direction.join()}: ${Math.round(bitsPerSec / 1e6)} Mbit/s`);
  }
}

async function keepAlive(t: Test): Promise<void> {
  const { stdout } = await outside.run([
    ...(['wrk', '-t1', '-c30', '-d1s', '--timeout', '10s'] as const),
    `http://${VIP}:${HTTP}/`,
  ]);
  t.match(stdout, /[1-9]\d* requests in/, 'requests are answered');
  t.notMatch(stdout, /Socket errors|Non-2xx/, 'and none fails');
  t.comment(/Requests\/sec.*/.exec(stdout)?.[0] ?? '');
}

/** What a has of the new connections then. */
const WEIGHTED = 0.6;

async function weights(t: Test): Promise<void> {
  await says('lb', 'weight', 'web', 'a', '30'); // the others have 10
  await share('a', WEIGHTED);
  const options = { connections: 500, firstPort: 22_000 };
  const { byServer, failures } = await visit(outside, at(TCP), options);
  t.same(failures, {});
  t.ok(Math.abs((byServer['a'] ?? 0) - 300) < 45, `a has ${byServer['a']} of 500`);
}

async function drain(t: Test): Promise<void> {
  const held = await hold(outside, at(TCP), { connections: 60, firstPort: 23_000 });
  t.same(held.first.ended, {}, 'all are open');
  t.ok((held.first.open['a'] ?? 0) > 0, 'a has connections');
  await says('lb', 'drain', 'web', 'a');
  await share('a', 0);
  const { byServer } = await visit(outside, at(TCP), { connections: 100, firstPort: 23_100 });
  t.same(Object.keys(byServer).sort(), ['b', 'c'], 'new connections go elsewhere');
  const after = await held.report();
  t.same(after.ended, {}, 'no connection has ended');
  t.same(after.answered, held.first.open, 'all are answered by whom they had');
  await says('lb', 'drain', 'web', 'a', '--undo');
  await share('a', WEIGHTED);
  await held.stop();
}

async function failover(t: Test): Promise<void> {
  const held = await hold(outside, at(TCP), { connections: 60, firstPort: 24_000 });
  const meanwhile = await visitMeanwhile(outside, at(TCP));
  const service = services.get('a');
  const started = systemClock.now();
  const endpoints = [`tcp:${TCP}`, `http:${HTTP}`, `https:${HTTPS}`];
  for (const endpoint of endpoints) service?.fail(endpoint);
  const since = () => `${((systemClock.now() - started) / 1000).toFixed(1)} s after the service`;
  const waitFor = async (what: string, isElsewhere: () => Promise<boolean>): Promise<void> => {
    await eventually(`${what}: nobody goes to a`, isElsewhere);
    t.comment(`${what}: all go elsewhere ${since()} has stopped`);
  };
  let nextPort = 25_000;
  const viaCurl = async (url: string, ...names: readonly string[]): Promise<boolean> => {
    const lines = await curl(outside, url, 30);
    return lines.every((line) => names.includes(line.split(' ')[0] ?? ''));
  };
  const urls = { HTTP: `http://${VIP}:${HTTP}/`, HTTPS: `https://${VIP}:${HTTPS}/` };
  await Promise.all([
    waitFor('TCP', async () => {
      const options = { connections: 60, firstPort: nextPort };
      nextPort += options.connections;
      const { byServer, failures } = await visit(outside, at(TCP), options);
      return byServer['a'] === undefined && Object.keys(failures).length === 0;
    }),
    waitFor('HTTP', () => viaCurl(urls.HTTP, 'b', 'c')),
    waitFor('HTTPS', () => viaCurl(urls.HTTPS, 'b', 'c')),
  ]);
  for (const { rules } of await muxAddresses()) {
    const known = rules.filter(({ resourceRef }) => /\/(rule|https?)$/.test(resourceRef));
    const ofA = known.flatMap(({ backends }) => backends.filter(isA));
    t.same(
      ofA.map(({ health, share }) => [health, share]),
      [1, 2, 3].map(() => ['down', 0]),
      'this mux knows',
    );
  }
  const during = await held.report();
  t.same(during.ended, {}, 'no connection has ended');
  t.same(during.answered, held.first.open, 'all are answered by whom they had');
  const { failures, byServer } = await meanwhile();
  t.comment(`meanwhile: ${JSON.stringify(byServer)}, failed: ${JSON.stringify(failures)}`);

  for (const endpoint of endpoints) service?.recover(endpoint);
  for (const rule of ['rule', 'http', 'https']) await share('a', WEIGHTED, rule);
  t.comment(`up again ${since()} has stopped`);
  const again = await visit(outside, at(TCP), { connections: 60, firstPort: 24_100 });
  t.ok((again.byServer['a'] ?? 0) > 0, 'it has new connections again');
  for (const url of Object.values(urls)) t.notOk(await viaCurl(url, 'b', 'c'), `also of ${url}`);
  await held.stop();
}

const isA = ({ resourceRef }: { readonly resourceRef: string }): boolean =>
  resourceRef.startsWith('/networkInterfaces/a/');

/** A command that must succeed. */
async function says(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await weft(network, ...args);
  if (code !== 0) throw new Error(`weft ${args.join(' ')}: ${stderr}`);
}

/** As each mux has it. */
async function muxAddresses(): Promise<readonly MuxAddress[]> {
  const path = `/networking/weft/v1/virtualAddresses/${VIP}`;
  const { muxes } = (await network.client.ask('GET', path)) as { muxes: readonly MuxAddress[] };
  return muxes;
}

/** Waits until every mux gives the backend this part of a rule's new connections. */
async function share(name: string, wanted: number, rule = 'rule'): Promise<void> {
  const isOwn = ({ resourceRef }: { readonly resourceRef: string }): boolean =>
    resourceRef.startsWith(`/networkInterfaces/${name}/`);
  await eventually(`${name} has ${wanted} of ${rule}`, async () => {
    const muxes = await muxAddresses();
    return muxes.every(({ rules }) => {
      const backends = rules.find(({ resourceRef }) => resourceRef.endsWith(`/${rule}`))?.backends;
      return Math.abs((backends?.find(isOwn)?.share ?? -1) - wanted) < 0.01;
    });
  });
}
