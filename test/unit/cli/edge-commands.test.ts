/** `weft public-ip`, `weft nic set --public-ip` and `weft bgp`: what is asked of the controller, and what people are shown. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const WEB = '/publicIPAddresses/web';
const ANSWERS = '/networking/weft/v1/edgeRouters/edge';
const list = (...value: readonly unknown[]) => ({ body: { value, nextLink: '' } });
const edges = { 'GET /edgeRouters': list(resource('/edgeRouters/edge', {})) };
const attributes = {
  asPath: '64601 64700',
  origin: 'IGP',
  nextHop: '192.0.2.1',
  communities: ['64601:7'],
};

test('public-ip create: the next free address, or the one named, in its family', async (t) => {
  const made = resource(WEB, { ipAddress: '203.0.113.1' });
  const controller = await scriptedController({ [`PUT ${WEB}`]: { status: 201, body: made } });
  const answer = await controller.weft('public-ip', 'create', 'web');
  t.is(answer.out, `created ${WEB}\n`);
  await controller.weft('public-ip', 'create', 'web', '--ip', '2001:db8::9', '--idle-timeout', '9');
  t.deepEqual(
    controller.received.map(({ body }) => (body as { properties: object }).properties),
    [
      { publicIPAllocationMethod: 'Dynamic', publicIPAddressVersion: 'IPv4' },
      {
        ...{ publicIPAllocationMethod: 'Static', ipAddress: '2001:db8::9' },
        ...{ publicIPAddressVersion: 'IPv6', idleTimeoutInMinutes: 9 },
      },
    ],
  );
  await controller.close();
});

test('bgp peers: a session that is not up says why and what to do, and is no success', async (t) => {
  const counts = { sentCount: 0, receivedCount: 0 };
  const routes = {
    ...{ updateSentCount: 0, updateReceivedCount: 0 },
    ...{ withdrawlSentCount: 0, withdrawlReceivedCount: 0 },
  };
  const peer = {
    ...{ peerId: 'p', resourceRef: '/edgeRouters/edge/bgpRouters/bgp/bgpPeers/tor' },
    ...{ address: '192.0.2.1', asNumber: 64_601, isDynamic: false, state: 'Active' },
    failure: { message: 'wrong AS', remedy: 'Correct it.', at: '2026-01-01T00:00:00.000Z' },
    families: [{ family: 'IPv4', received: 2, advertised: 1 }],
    ...{ malformedUpdateCount: 0, complaints: [] },
    statistics: {
      ...{
        openMessageStats: counts,
        notificationMessageStats: counts,
        keepAliveMessageStats: counts,
      },
      ...{ routeRefreshMessageStats: counts, updateMessageStats: counts },
      ...{ ipv4Route: routes, ipv6Route: routes, lastUpdated: '2026-01-01T00:00:00.000Z' },
    },
  };
  const body = {
    asNumber: 64_600,
    routerId: '192.0.2.2',
    peers: [peer],
    routes: { prefixes: 3, paths: 4 },
  };
  const controller = await scriptedController({ ...edges, [`GET ${ANSWERS}/bgpPeers`]: { body } });
  const { out, code } = await controller.weft('bgp', 'peers');
  t.regex(out, /^AS 64600, router 192\.0\.2\.2: 3 prefixes, 4 paths\n/);
  t.regex(out, /tor +192\.0\.2\.1 +64601 +Active +- +2 +1\n/);
  t.regex(out, /192\.0\.2\.1: wrong AS .*\n {2}Correct it\.\n$/);
  t.is(code, 1);
  await controller.close();
});

test('bgp trace: each path and each neighbour with the steps that decided', async (t) => {
  const seen = { isMultipath: false, isStale: false };
  const body = {
    prefix: '10.9.0.0/16',
    paths: [
      {
        neighbour: '192.0.2.1',
        received: attributes,
        steps: ['in rule 1 matches: accepted'],
        result: attributes,
        isBest: true,
        ...seen,
      },
      {
        neighbour: '192.0.2.9',
        received: attributes,
        steps: [],
        isBest: false,
        ...seen,
        lostBy: 'AS path length',
      },
    ],
    exports: [
      { neighbour: '192.0.2.9', isTold: false, steps: ['kept back: its community no-export'] },
    ],
  };
  const controller = await scriptedController({
    ...edges,
    [`GET ${ANSWERS}/bgpTrace?prefix=10.9.0.0%2F16`]: { body },
  });
  const { out } = await controller.weft('bgp', 'trace', '10.9.0.0/16');
  t.is(
    out,
    [
      '10.9.0.0/16',
      '  from 192.0.2.1: best',
      '    as announced: path 64601 64700, next hop 192.0.2.1, communities 64601:7',
      '    in rule 1 matches: accepted',
      '    as used: path 64601 64700, next hop 192.0.2.1, communities 64601:7',
      '  from 192.0.2.9: not used: AS path length',
      '    as announced: path 64601 64700, next hop 192.0.2.1, communities 64601:7',
      '  to 192.0.2.9: not told',
      '    kept back: its community no-export',
      '',
    ].join('\n'),
  );
  await controller.close();
});
