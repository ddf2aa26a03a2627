/** Virtual addresses from end to end: announced when they are in force everywhere, withdrawn before they go, and what probes say on its way. */
import test, { type ExecutionContext } from 'ava';
import { ipBytes, parseIp } from '../../../base/ip.ts';
import { HealthState, TargetKind } from '../../../schema/southbound/messages.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../fixtures/desired-documents.ts';
import { edgeRouterDocument, publicIpAddressDocument } from '../../fixtures/edge-documents.ts';
import {
  type LoadBalancerSample,
  loadBalancerDocument,
  loadBalancerMuxDocument,
} from '../../fixtures/load-balancer-documents.ts';
import { type Fixture, fixture, until } from './fixture.ts';

const VIP = 'vip/lb-web-vip';
const ANNOUNCEMENT = 'announcement/lb-web-vip';

const web = (sample: Partial<LoadBalancerSample> = {}) =>
  loadBalancerDocument({
    id: 'web',
    frontends: [{ id: 'vip', publicAddress: '/publicIPAddresses/a' }],
    pools: ['all'],
    probes: { alive: 80 },
    rules: [{ id: 'http', frontends: ['vip'], pool: 'all', probe: 'alive', port: 80 }],
    ...sample,
  });

/** A backend on host1, a mux, an edge, and no load balancer yet. */
async function started(t: ExecutionContext): Promise<Fixture> {
  const part = await fixture(t, 'unix');
  await part.write({
    'logicalnetworks/hnvpa': logicalNetworkDocument(),
    'servers/host1': serverDocument({ id: 'host1', providerAddress: '192.0.2.11' }),
    'virtualnetworks/blue': virtualNetworkDocument({
      id: 'blue',
      subnets: [{ id: 'web', prefix: '10.0.0.0/24', vni: 5001 }],
    }),
    'networkinterfaces/a': networkInterfaceDocument({
      id: 'a',
      mac: '00-1D-D8-00-00-01',
      addresses: [
        {
          subnet: '/virtualNetworks/blue/subnets/web',
          address: '10.0.0.4',
          pools: ['/loadBalancers/web/backendAddressPools/all'],
        },
      ],
    }),
    'publicipaddresses/a': publicIpAddressDocument('a', '203.0.113.9'),
    'edgerouters/edge': edgeRouterDocument({ id: 'edge', providerAddress: '192.0.2.20' }),
    'loadbalancermuxes/mux1': loadBalancerMuxDocument({
      id: 'mux1',
      providerAddress: '192.0.2.30',
    }),
  });
  return part;
}

const mux = (part: Fixture) =>
  part.host('mux1', { kind: TargetKind.MUX, certificate: { name: 'mux1', kind: 'mux' } });
const edge = (part: Fixture) =>
  part.host('edge', { kind: TargetKind.EDGE, certificate: { name: 'edge', kind: 'edge' } });

test('a virtual address is announced when host, mux and edge have it in force', async (t) => {
  const part = await started(t);
  const [host1, mux1, edge1] = await Promise.all([part.host('host1'), mux(part), edge(part)]);
  host1.attach('nic-a');
  await until('the backend is placed', () => host1.role.resources.has('port/nic-a'));
  let hostHadIt = false;
  host1.role.applyMs = 300;
  await part.write({ 'loadbalancers/web': web() });
  await until('the mux has the address', () => mux1.role.resources.has(VIP));
  t.false(mux1.role.resources.has(ANNOUNCEMENT), 'the host is slow');
  await until('announced', () => {
    hostHadIt ||= host1.role.resources.has(VIP);
    return mux1.role.resources.has(ANNOUNCEMENT);
  });
  t.true(hostHadIt);
  t.true(edge1.role.resources.has(VIP));
  t.false(host1.role.resources.has(ANNOUNCEMENT));
  t.false(edge1.role.resources.has(ANNOUNCEMENT));
});

test('removed, it is withdrawn first, and the mux keeps it until it has answered that', async (t) => {
  const part = await started(t);
  const [host1, mux1] = await Promise.all([part.host('host1'), mux(part), edge(part)]);
  host1.attach('nic-a');
  await part.write({ 'loadbalancers/web': web() });
  await until('announced', () => mux1.role.resources.has(ANNOUNCEMENT));
  const before = mux1.role.changes.length;
  await part.write({ 'loadbalancers/web': undefined });
  await until('the mux has forgotten it', () => !mux1.role.resources.has(VIP));
  const removes = mux1.role.changes.slice(before).map((change) => change.removes);
  const withdrawn = removes.findIndex((keys) => keys.includes(ANNOUNCEMENT));
  const forgotten = removes.findIndex((keys) => keys.includes(VIP));
  t.true(withdrawn !== -1 && withdrawn < forgotten, JSON.stringify(removes));
});

test('a controller that starts again announces what it announced, and a mux hears nothing of it', async (t) => {
  const part = await started(t);
  const [host1, mux1] = await Promise.all([part.host('host1'), mux(part), edge(part)]);
  host1.attach('nic-a');
  await part.write({ 'loadbalancers/web': web() });
  await until('announced', () => mux1.role.resources.has(ANNOUNCEMENT));
  await until(
    'remembered',
    async () => (await part.store.get('observed', 'announced/lb-web-vip')) !== undefined,
  );
  await part.stopController();
  const before = mux1.role.changes.length;
  await part.startController();
  await until('all are back', () =>
    part
      .southbound()
      .realised.targets()
      .every(({ connected }) => connected),
  );
  const said = mux1.role.changes.slice(before).flatMap(({ removes }) => removes);
  t.deepEqual(said, []);
  t.true(mux1.role.resources.has(ANNOUNCEMENT));
});

test('a mux announces nothing before hosts take packets from it', async (t) => {
  const part = await started(t);
  const [host1, mux1] = await Promise.all([part.host('host1'), mux(part), edge(part)]);
  host1.attach('nic-a');
  await part.write({ 'loadbalancers/web': web() });
  await until('announced', () => mux1.role.resources.has(ANNOUNCEMENT));
  host1.role.applyMs = 300;
  await part.write({
    'loadbalancermuxes/mux2': loadBalancerMuxDocument({
      id: 'mux2',
      providerAddress: '192.0.2.31',
    }),
  });
  const mux2 = await part.host('mux2', {
    kind: TargetKind.MUX,
    certificate: { name: 'mux2', kind: 'mux' },
  });
  await until('the second mux has the address', () => mux2.role.resources.has(VIP));
  await until('and announces it', () => mux2.role.resources.has(ANNOUNCEMENT));
  t.is(host1.role.resources.get('host')?.host?.muxes.length, 2, 'which the host knew before');
});

test('what a probe says is on the mux, and what it said last at the frontend’s state', async (t) => {
  const part = await started(t);
  const [host1, mux1] = await Promise.all([part.host('host1'), mux(part), edge(part)]);
  await part.write({ 'loadbalancers/web': web() });
  const port = { portId: 'nic-a', linkUp: true, learnedAddresses: [], device: 'tap' };
  const say = (up: boolean) =>
    host1.agent.observe({
      ports: [port],
      health: [],
      probeResults: [
        {
          ...{ probeId: 'lb-web-alive', portId: 'nic-a', up, sinceSec: 1 },
          address: ipBytes(parseIp('10.0.0.4') ?? 0n),
          reason: 'connection refused',
        },
      ],
    });
  const state = () =>
    mux1.role.resources.get('health/lb-web-alive')?.backendHealth?.states[0]?.state;
  say(true);
  await until('up', () => state() === HealthState.HEALTH_UP);
  say(false);
  await until('down', () => state() === HealthState.HEALTH_DOWN);
  const told = part.southbound().realised.configurationState('lb-web-vip');
  t.is(told?.status, 'Failure', 'no backend is up');
  const [endpoint] = told?.vipEndpointStates ?? [];
  t.is(endpoint?.vipEndpoint, 'Tcp:203.0.113.9:80');
  const [dip] = endpoint?.dipEndpointStates ?? [];
  t.like(dip, { status: 'Failure', dipEndpoint: '10.0.0.4:80', hostIPAddress: '192.0.2.11' });
  t.regex(dip?.detailedInfo[0]?.message ?? '', /^connection refused; down since 1970/);
  say(true);
  const status = (id: string) => part.southbound().realised.configurationState(id)?.status;
  await until('all is well', () => status('lb-web-vip') === 'Success');
  t.is(status('public-a'), 'Success', 'the public address is the frontend’s');
  t.is(status('mux-mux1'), 'Failure', 'it has no router');
});

test('backends that lack ports for outbound connections are a warning of the frontend, with the rule', async (t) => {
  const part = await started(t);
  const [host1, mux1] = await Promise.all([part.host('host1'), mux(part), edge(part)]);
  host1.attach('nic-a');
  const outbound = [{ id: 'out', frontends: ['vip'], pool: 'all' }];
  await part.write({ 'loadbalancers/web': web({ rules: [], outbound }) });
  await until('announced', () => mux1.role.resources.has(ANNOUNCEMENT));
  const state = () => part.southbound().realised.configurationState('lb-web-vip');
  await until('all is well', () => state()?.status === 'Success');
  const rules = [{ id: 'all', frontends: ['vip'], pool: 'all', protocol: 'All', port: 0 }];
  await part.write({ 'loadbalancers/web': web({ rules, outbound }) });
  await until('warned', () => state()?.status === 'Warning');
  t.deepEqual(state()?.detailedInfo, [
    {
      source: 'SoftwareLoadBalancerManager',
      code: 'SnatPortsLacking',
      message:
        'backends of /loadBalancers/web/outboundNatRules/out lack ports to open connections by: 1 of them, 1024 ports together',
    },
  ]);
});
