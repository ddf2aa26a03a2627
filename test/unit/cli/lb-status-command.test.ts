/** `weft lb status` against a scripted controller: what people see of muxes, backends and ports, and the exit code. */
import test, { type ExecutionContext } from 'ava';
import { scriptedController } from './scripted-controller.ts';

const VIP = '203.0.113.2';
const ROUTE = `GET /networking/weft/v1/virtualAddresses/${VIP}`;
const BACKEND = '/networkInterfaces/web1/ipConfigurations/primary';
const RULE = '/loadBalancers/web/loadBalancingRules/tcp-80';

function mux(name: string, share: number, change: object = {}) {
  const backend = { address: '10.1.1.4', resourceRef: BACKEND, health: 'up', draining: false };
  return {
    ...{ mux: name, inSync: true, announced: true, state: 'announced', address: VIP },
    ...{
      packets: 10,
      bytes: 900,
      syns: 2,
      returned: 5,
      unclaimed: 1,
      flows: 2,
      drops: { NoLiveBackend: 3 },
    },
    resourceRef: '/loadBalancers/web/frontendIPConfigurations/frontend',
    rules: [{ resourceRef: RULE, probeId: 'p1', backends: [{ ...backend, share, flows: 2 }] }],
    ...change,
  };
}

const PROBE = {
  ...{ host: 'host1', address: '10.1.1.4', probeId: 'p1' },
  ...{ state: 'up', reason: 'HTTP 200', lastTookMs: 1.26 },
};

async function shown(t: ExecutionContext, body: object) {
  const controller = await scriptedController({ [ROUTE]: { body } });
  t.teardown(() => controller.close());
  return controller.weft('lb', 'status', VIP);
}

test('flows are those of all muxes; each backend has what its probe last said', async (t) => {
  const muxes = [mux('mux1', 1), mux('mux2', 1)];
  const body = { address: VIP, muxes, probes: [PROBE], leases: [], missing: [] };
  const { code, out } = await shown(t, body);
  t.is(code, 0);
  t.regex(out, /^mux1 +announced +10 +900 +2 +2 +3 NoLiveBackend$/m);
  t.regex(out, /^mux1 looked for .*: hosts returned 5 packets; 1 connections no backend knew$/m);
  t.regex(out, /^tcp-80 +web1 +10\.1\.1\.4 +up +100\.0 % +4 +HTTP 200 in 1\.3 ms$/m);
});

test('what the last probe contradicts says how often it has to say it again', async (t) => {
  const last = async (probe: object) => {
    const probes = [{ ...PROBE, reason: 'connected', ...probe }];
    const rest = { address: VIP, muxes: [mux('mux1', 1)], leases: [], missing: [] };
    return (await shown(t, { ...rest, probes })).out;
  };
  const down = { state: 'down', streak: 1, streakNeeded: 2, isFlapping: false };
  t.regex(await last(down), /connected in 1\.3 ms; up after 1 more success$/m);
  const flapping = { ...down, streakNeeded: 4, isFlapping: true };
  t.regex(await last(flapping), /; up after 3 more successes, since it flaps$/m);
  const up = { state: 'up', reason: 'HTTP 503', streak: 1, streakNeeded: 3 };
  t.regex(await last(up), /HTTP 503 in 1\.3 ms; down after 2 more failures$/m);
  t.regex(await last({ state: 'up', streak: 0, streakNeeded: 2 }), /connected in 1\.3 ms$/m);
});

test('without a backend that may be chosen, or a mux that announces it, the exit code is 1', async (t) => {
  const rest = { address: VIP, probes: [], leases: [], missing: [] };
  t.is((await shown(t, { ...rest, muxes: [mux('mux1', 0)] })).code, 1);
  const silent = mux('mux1', 1, { announced: false, state: 'not in sync' });
  const { code, out } = await shown(t, { ...rest, muxes: [silent] });
  t.is(code, 1);
  t.regex(out, /^mux1 +not in sync/m);
});

test('an address that no mux has, and a mux that does not answer', async (t) => {
  const missing = [{ host: 'mux2', reason: 'not connected' }];
  const body = {
    address: VIP,
    muxes: [{ mux: 'mux1', inSync: true }],
    probes: [],
    leases: [],
    missing,
  };
  const { code, out } = await shown(t, body);
  t.is(code, 1);
  t.regex(out, /no mux has this address, and no host serves it/);
  t.regex(out, /mux2 did not answer: not connected/);
});

test('packets that found no port, and ports that are lacking, are told in words with a remedy', async (t) => {
  const lease = { host: 'host1', address: '10.1.1.4', portCount: 1024, tcpPortsInUse: 1024 };
  const body = {
    ...{ address: VIP, muxes: [mux('mux1', 1)], probes: [], missing: [] },
    leases: [{ ...lease, udpPortsInUse: 0, exhausted: 7 }],
    details: [{ source: 'x', code: 'SnatPortsLacking', message: '2 of the backends lack 64' }],
  };
  const { code, out } = await shown(t, body);
  t.is(code, 0, 'what comes in is served');
  t.regex(out, /^10\.1\.1\.4 +host1 +1024 +1024 +0 +7$/m);
  t.regex(out, /^SnatPortsExhausted: to the Internet, .* More ports for each backend: /m);
  t.regex(out, /^SnatPortsLacking: 2 of the backends lack 64$/m);
});

test('an internal address: its hosts, and flows of them all', async (t) => {
  const frontend = '/loadBalancers/db/frontendIPConfigurations/frontend';
  const host = (name: string, flows: number) => ({
    ...{ host: name, resourceRef: frontend, address: VIP, flows, opened: 9, unserved: 1 },
    rules: mux('', 1).rules.map((rule) => ({
      ...rule,
      backends: rule.backends.map((each) => ({ ...each, flows })),
    })),
  });
  const elsewhere = {
    ...host('host1', 7),
    resourceRef: '/loadBalancers/red/frontendIPConfigurations/f',
  };
  const rest = { address: VIP, muxes: [{ mux: 'mux1', inSync: true }], leases: [], missing: [] };
  const hosts = [host('host1', 1), elsewhere, host('host2', 2)];
  const { code, out } = await shown(t, { ...rest, probes: [PROBE], hosts });
  t.is(code, 0);
  t.regex(out, /^frontend +\/loadBalancers\/db\//m);
  t.regex(out, /^host2 +2 +9 +1$/m);
  t.regex(out, /^tcp-80 +web1 +10\.1\.1\.4 +up +100\.0 % +3 +HTTP 200 in 1\.3 ms$/m);
  t.regex(out, /^frontend +\/loadBalancers\/red\//m);
});

test('a load balancer of several addresses shows the first, and says how to see the others', async (t) => {
  const frontend = (name: string, privateIPAddress: string) => ({
    ...{ resourceId: name, properties: { privateIPAddress } },
  });
  const all = [frontend('one', VIP), frontend('two', '203.0.113.9'), frontend('same', VIP)];
  const balancer = {
    ...{ resourceId: 'web', resourceRef: '/loadBalancers/web' },
    properties: { frontendIPConfigurations: all },
  };
  const rest = { address: VIP, probes: [], leases: [], missing: [] };
  const controller = await scriptedController({
    'GET /loadBalancers/web': { body: balancer },
    'GET /publicIPAddresses': { body: { value: [] } },
    [ROUTE]: { body: { ...rest, muxes: [mux('mux1', 1)] } },
  });
  t.teardown(() => controller.close());
  const { code, out, err } = await controller.weft('lb', 'status', 'web');
  t.is(code, 0, err);
  t.regex(out, /^frontend +\/loadBalancers\/web\//m);
  t.is(err, 'web has 203.0.113.9 too: weft lb status 203.0.113.9\n');
});
