/** `weft mux` against a scripted controller: which muxes there are, whether routers know them, and what one does. */
import test, { type ExecutionContext } from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const MUX = '/loadBalancerMuxes/mux1';
const ANSWERS = '/networking/weft/v1/loadBalancerMuxes/mux1';
const mux = (state: object, change: object = {}) =>
  resource(MUX, {
    providerAddress: '198.51.100.3',
    routerConfiguration: {
      localASN: 64_650,
      peerRouterConfigurations: [{ routerName: 'tor', routerIPAddress: '198.51.100.2' }],
    },
    ...{ activityState: 'Active', provisioningState: 'Succeeded', configurationState: state },
    ...change,
  });
const HEALTHY = { status: 'Success', detailedInfo: [{ source: 's', code: 'Success' }] };

const backend = (weight: number, share: number) => ({
  ...{ address: '10.1.1.4', resourceRef: '/networkInterfaces/a/ipConfigurations/primary' },
  ...{ weight, share, health: 'up', draining: false, flows: 1, packets: 2, bytes: 3 },
});
const ADDRESS = {
  ...{ address: '203.0.113.2', announced: true, state: 'announced', packets: 10, bytes: 900 },
  resourceRef: '/loadBalancers/shop/frontendIPConfigurations/frontend',
  ...{ syns: 2, returned: 0, unclaimed: 0, flows: 2, drops: { NoLiveBackend: 3 }, leases: 0 },
  rules: [{ backends: [backend(10, 0.24), backend(30, 0.76), backend(50, 0)] }],
};
const COUNTERS = {
  links: [
    {
      ...{ name: 'uplink', rxFrames: 11, rxBytes: 990, txFrames: 0, txBytes: 0 },
      drops: { VirtualAddressUnknown: 1 },
    },
  ],
  memory: {
    ...{ confirmed: 2, confirmedMax: 100, unconfirmed: 1, unconfirmedMax: 10 },
    ...{ displaced: 4, unplaced: 5 },
  },
  ...{ addresses: 1, targets: 2, hosts: 2 },
};
const peer = (change: object) => ({
  ...{ resourceRef: MUX, address: '198.51.100.2', asNumber: 64_600, state: 'Established' },
  families: [{ family: 'IPv4', received: 0, advertised: 1, isComplete: true }],
  statistics: { tcpConnectionEstablished: '2026-01-01T00:00:00.000Z' },
  ...change,
});

async function shown(t: ExecutionContext, status: object, peers: readonly object[]) {
  const controller = await scriptedController({
    [`GET ${MUX}`]: { body: mux(HEALTHY) },
    [`GET ${ANSWERS}/status`]: { body: status },
    [`GET ${ANSWERS}/counters`]: { body: COUNTERS },
    [`GET ${ANSWERS}/bgpPeers`]: {
      body: { asNumber: 64_650, routerId: '198.51.100.3', peers, routes: {} },
    },
  });
  t.teardown(() => controller.close());
  return controller.weft('mux', 'status', 'mux1');
}

test('mux list: a mux that no router knows says why', async (t) => {
  const failure = {
    status: 'Failure',
    detailedInfo: [
      {
        ...{ source: 'SoftwareLoadBalancerManager', code: 'RoutePublicationFailure' },
        message: 'the mux is not connected to a BGP router',
      },
    ],
  };
  const routerConfiguration = { localASN: 23_456, localASN4: 4_200_000_000 };
  const standby = mux(failure, { activityState: 'Standby', routerConfiguration });
  const controller = await scriptedController({
    'GET /loadBalancerMuxes': { body: { value: [mux(HEALTHY), standby], nextLink: '' } },
  });
  const { out } = await controller.weft('mux', 'list');
  t.regex(out, /^mux1 +198\.51\.100\.3 +64650 +tor +Active +Succeeded +Success$/m);
  t.regex(out, /^mux1 +198\.51\.100\.3 +4200000000 +- +Standby +Succeeded +Failure$/m);
  t.regex(out, /\n\nmux1: RoutePublicationFailure: the mux is not connected to a BGP router\n$/);
  await controller.close();
});

test('mux status: sessions, addresses, counters and memory', async (t) => {
  const { out, code } = await shown(t, { inSync: true, addresses: [ADDRESS] }, [peer({})]);
  t.is(code, 0);
  t.regex(out, /^tor +198\.51\.100\.2 +64600 +Established .* +0 +1$/m);
  // 0.24 instead of a fair 0.25; who gets nothing new does not count.
  t.regex(out, /^203\.0\.113\.2 +shop +announced +4\.0 % +10 +900 +2 +2 +3 NoLiveBackend$/m);
  t.regex(out, /^NoLiveBackend: a new connection .*\n {2}Look at the backends/m);
  t.regex(out, /^uplink +11 +990 +0 +0 +1$/m);
  t.regex(out, /^uplink +VirtualAddressUnknown +1 +\S/m);
  t.regex(out, /^connections remembered +2 of at most 100$/m);
});

test('mux status: without a session, or not in sync, the exit code is 1', async (t) => {
  const why = { message: 'connection refused', remedy: 'Start it.', at: '2026-01-01' };
  const idle = peer({ state: 'Idle', failure: why });
  const alone = await shown(t, { inSync: true, addresses: [] }, [idle]);
  t.is(alone.code, 1);
  t.regex(alone.out, /198\.51\.100\.2: connection refused .*\n {2}Start it\.\n/);
  t.regex(alone.out, /^No addresses\.$/m);
  const behind = await shown(t, { inSync: false, addresses: [] }, [peer({})]);
  t.is(behind.code, 1);
  t.regex(behind.out, /in sync with the controller +no: it announces nothing/);
});
