/**
 * The edge router between real kernels (edge-lab.ts): tenants reach the outside through shared ports and are reached by public addresses and port
 * forwards; errors find their way through translation; paths with a smaller MTU work; infrastructure goes out; BGP with another speaker
 * brings routes, and a next hop that dies costs little.
 */
import { test } from 'tap';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import type { NatMapping } from '../../schema/southbound/diagnostics/edge.ts';
import { eventually } from '../kit/eventually.ts';
import {
  EdgeLab,
  FAR,
  FORWARDED,
  labGoal,
  POOL,
  portForwardTo,
  publicAddressOf,
  VM1,
  VM2,
} from './edge-lab.ts';

const PUBLIC = '203.0.113.7';
const lab = new EdgeLab();
const GOAL = labGoal(publicAddressOf(VM2, PUBLIC), portForwardTo(VM1, 8080, 80));

const ping = (from: string, to: string, ...options: string[]) =>
  lab.attempt(from, ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', ...options, to]);

test('an edge starts and takes its goal state', async (t) => {
  await lab.build();
  await lab.serve(GOAL);
  t.same(lab.southbound.ack('edge1')?.errors, [], 'everything is in force');
  const links = await lab.run('edge', ['ip', '-4', 'address', 'show', 'uplink0']);
  t.match(links, '198.51.100.1/24', 'it has the provider gateway’s address too');
});

test('a tenant pings the outside under a shared address', async (t) => {
  t.match((await ping('vm1', FAR)).stdout, '3 received');
  const { mappings } = await lab.ask<{ mappings: NatMapping[] }>('/nat?inside=10.0.0.4');
  t.ok(mappings.some(({ protocol, outside }) => protocol === 'icmp' && outside === POOL));
});

test('TCP through shared ports: 8 MB go out', async (t) => {
  const server = await lab.start('far', ['iperf3', '-s', '-1', '--forceflush'], 'listening');
  const { stdout, code } = await lab.attempt('vm1', ['iperf3', '-c', FAR, '-n', '8M', '-J']);
  t.equal(code, 0);
  const { end } = JSON.parse(stdout) as { end: { sum_sent: { bytes: number } } };
  t.ok(end.sum_sent.bytes >= 8 * 1024 * 1024);
  await server.stop();
});

test('… and the other way, with super-frames into the tunnel', async (t) => {
  const server = await lab.start('far', ['iperf3', '-s', '-1', '--forceflush'], 'listening');
  const { code } = await lab.attempt('vm1', ['iperf3', '-c', FAR, '-n', '8M', '-R', '-J']);
  t.equal(code, 0);
  await server.stop();
});

test('a public address leads both ways', async (t) => {
  t.match((await ping('far', PUBLIC)).stdout, '3 received');
  const server = await lab.start('vm2', ['iperf3', '-s', '-1', '--forceflush'], 'listening');
  const { code, stdout } = await lab.attempt('far', ['iperf3', '-c', PUBLIC, '-n', '1M', '-J']);
  t.equal(code, 0, stdout);
  await server.stop();
  t.match((await ping('vm2', FAR)).stdout, '3 received');
});

test('a port forward leads to its server, whose log has the client’s own address', async (t) => {
  const server = await lab.start('vm1', ['python3', '-u', '-m', 'http.server', '80'], 'Serving');
  const { stdout } = await lab.attempt('far', [
    ...(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-m', '5'] as const),
    `http://${FORWARDED}:8080/`,
  ]);
  t.equal(stdout, '200');
  t.match(server.stderr(), FAR);
  await server.stop('SIGKILL');
});

test('hairpin: a tenant reaches another by its public address', async (t) => {
  t.match((await ping('vm1', PUBLIC)).stdout, '3 received');
});

test('traceroute shows the edge, then the router outside', async (t) => {
  const { stdout } = await lab.attempt('vm1', ['traceroute', '-n', '-q', '1', '-w', '2', FAR]);
  t.match(stdout, / 1 {2}192\.0\.2\.2 /);
  t.match(stdout, / 2 {2}192\.0\.2\.1 /);
  t.match(stdout, / 3 {2}198\.18\.0\.9 /);
});

test('a closed port outside answers a tenant at once', async (t) => {
  const { stderr, code } = await lab.attempt('vm1', ['curl', '-sS', '-m', '5', `http://${FAR}:9/`]);
  t.equal(code, 7, stderr);
  const { stdout } = await lab.attempt('vm1', ['traceroute', '-n', '-T', '-q', '1', FAR]);
  t.match(stdout, FAR);
});

test('a smaller MTU on the way outside is found out through translation', async (t) => {
  await lab.run('outside', ['ip', 'link', 'set', 'far0', 'mtu', '1300']);
  const tooBig = await ping('vm1', FAR, '-M', 'do', '-s', '1350');
  t.match(tooBig.stdout + tooBig.stderr, /mtu ?= ?1300/i);
  const server = await lab.start('far', ['iperf3', '-s', '-1', '--forceflush'], 'listening');
  const { code } = await lab.attempt('vm1', ['iperf3', '-c', FAR, '-n', '1M', '-J']);
  t.equal(code, 0);
  await server.stop();
  await lab.run('outside', ['ip', 'link', 'set', 'far0', 'mtu', '1500']);
  await lab.run('vm1', ['ip', 'route', 'flush', 'cache']);
});

test('what does not fit the tunnel is told so, or is cut', async (t) => {
  const tooBig = await ping('far', PUBLIC, '-M', 'do', '-s', '1472');
  t.match(tooBig.stdout + tooBig.stderr, /mtu ?= ?1450/i);
  await lab.run('far', ['ip', 'route', 'flush', 'cache']);
  t.match((await ping('far', PUBLIC, '-M', 'dont', '-s', '1472')).stdout, '3 received');
  t.match((await ping('vm1', FAR, '-s', '4000')).stdout, '3 received', 'fragments of a tenant');
});

test('infrastructure goes out by the pool, and is reached as itself', async (t) => {
  t.match((await ping('host1', FAR)).stdout, '3 received');
  const { mappings } = await lab.ask<{ mappings: NatMapping[] }>('/nat?inside=198.51.100.11');
  t.ok(mappings.length > 0);
  t.match((await ping('far', '198.51.100.11')).stdout, '3 received');
});

test('a tenant does not reach the provider network', async (t) => {
  const { stdout } = await ping('vm1', '198.51.100.11');
  t.match(stdout, /filtered|prohibited/i);
});

test('what would happen to a packet: the edge says so', async (t) => {
  const trace = await lab.ask<{ verdict: string; leaves?: { source: string } }>(
    `/trace?vni=${VM2.vni}&source=${VM2.address}&destination=${FAR}&protocol=6&destinationPort=80`,
  );
  t.equal(trace.verdict, 'forwarded');
  t.equal(trace.leaves?.source, PUBLIC);
  const counters = await lab.ask<{ nat: { mappings: number } }>('/counters');
  t.ok(counters.nat.mappings > 0);
});

test('without a controller a restarted edge forwards by its saved goal state', async (t) => {
  await lab.role.stop('SIGKILL');
  await lab.startRole();
  await eventually('it forwards', async () => (await ping('far', PUBLIC)).code === 0);
  t.pass();
});

test('goal state that changes is in force at once', async (t) => {
  await lab.set(labGoal());
  t.notMatch((await ping('far', PUBLIC)).stdout, '3 received');
  await lab.set(GOAL);
  t.match((await ping('far', PUBLIC)).stdout, '3 received');
});

test('an idle edge uses next to no processor time', async (t) => {
  await sleep(systemClock, millis(1500));
  const before = await processorTicks();
  await sleep(systemClock, millis(2000));
  const ticks = (await processorTicks()) - before;
  t.ok(ticks <= 20, `${ticks * 10} ms of processor time in 2 s`);
});

/** utime + stime of /proc/PID/stat, in hundredths of a second. */
async function processorTicks(): Promise<number> {
  const { pid } = await lab.ask<{ pid: number }>('/status');
  const stat = await lab.run('edge', ['cat', `/proc/${pid}/stat`]);
  const fields = stat.split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

test('everything is removed', async () => {
  await lab.close();
});
