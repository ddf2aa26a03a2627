/** `weft public-ip`, `weft nic set --public-ip`, `weft bgp` and `weft edge`: what is asked of the controller, and what people are shown. */
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
    families: [{ family: 'IPv4', received: 2, advertised: 1, isComplete: true }],
    bfd: {
      ...{ state: 'Down', peerState: 'Init', diagnostic: 'control detection time expired' },
      ...{ peerDiagnostic: 'no diagnostic', sendIntervalInMilliseconds: 1000 },
      ...{ detectionTimeInMilliseconds: 900, sentCount: 9, receivedCount: 4 },
    },
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
  t.regex(out, /tor +192\.0\.2\.1 +64601 +Active +- +Down +2 +1\n/);
  t.regex(out, /192\.0\.2\.1: wrong AS .*\n {2}Correct it\.\n/);
  t.regex(
    out,
    /192\.0\.2\.1: BFD is Down \(control detection time expired\), the peer says Init .*; 4 packets heard\n$/,
  );
  t.is(code, 1);
  await controller.close();
});

test('bgp exports: stations with their state, files with their records; what is not well is no success', async (t) => {
  const station = {
    ...{ address: '192.0.2.1', port: 11_019, messagesSentCount: 7, bytesSent: 900 },
    ...{ pendingBytes: 0, connectedCount: 1, overflowCount: 0 },
  };
  const files = { latest: '/run/edge/mrt/updates.1.mrt', recordCount: 12, lostCount: 2 };
  for (const [body, expected, status] of [
    [{ stations: [] }, /^Nothing is exported/, 0],
    [
      { stations: [{ ...station, state: 'up' }], updates: files },
      /192\.0\.2\.1 port 11019 +up +7 +900 +0 +1 +-?\n\nupdates: .*updates\.1\.mrt, 12 records, 2 lost\n$/,
      0,
    ],
    [
      { stations: [{ ...station, state: 'waiting', failure: 'connection refused' }] },
      /waiting .* connection refused\n$/,
      1,
    ],
  ] as const) {
    const answers = { ...edges, [`GET ${ANSWERS}/bgpExports`]: { body } };
    const controller = await scriptedController(answers);
    const { out, code } = await controller.weft('bgp', 'exports');
    t.regex(out, expected);
    t.is(code, status);
    await controller.close();
  }
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

const EDGE_ROUTER = resource('/edgeRouters/edge', {
  providerAddress: '198.51.100.2',
  isProviderGateway: true,
  outsideInterfaces: [
    { name: 'outside0', addresses: ['192.0.2.2/24'], gateways: ['192.0.2.1', '2001:db8::1'] },
  ],
  bgpRouters: [resource('/edgeRouters/edge/bgpRouters/bgp', { extAsNumber: '64600' })],
  natPools: [
    resource('/edgeRouters/edge/natPools/shared', {
      startIpAddress: '203.0.113.240',
      endIpAddress: '203.0.113.247',
    }),
  ],
});

test('edge list and show: where it stands, what it shares', async (t) => {
  const controller = await scriptedController({
    'GET /edgeRouters': list(EDGE_ROUTER),
    'GET /edgeRouters/edge': { body: EDGE_ROUTER },
  });
  t.regex(
    (await controller.weft('edge', 'list')).out,
    /NAME +PROVIDER +OUTSIDE .*\nedge +198\.51\.100\.2 +192\.0\.2\.2\/24 /,
  );
  const { out } = await controller.weft('edge', 'show');
  t.regex(out, /BGP +AS 64600\nshared addresses +203\.0\.113\.240 - 203\.0\.113\.247\n/);
  t.regex(out, /outside0 +192\.0\.2\.2\/24 +192\.0\.2\.1, 2001:db8::1\n$/);
  await controller.close();
});

test('edge nat: whose a shared address is; a full page says that there may be more', async (t) => {
  const mapping = {
    ...{ network: '/virtualNetworks/green', inside: '10.1.1.4', insidePort: 40_000 },
    ...{ outside: '203.0.113.240', outsidePort: 1024, protocol: 'tcp' },
  };
  const mappings = [
    { ...mapping, state: 'ESTABLISHED', expiresSec: 7439.6 },
    { ...mapping, network: '', protocol: 'udp', outsidePort: 53 },
  ];
  const controller = await scriptedController({
    ...edges,
    [`GET ${ANSWERS}/natMappings`]: { body: { mappings } },
    [`GET ${ANSWERS}/natMappings?inside=10.1.1.4&limit=2`]: { body: { mappings } },
  });
  const all = await controller.weft('edge', 'nat');
  t.is(
    all.out,
    [
      'PROTOCOL  NETWORK   INSIDE          OUTSIDE             STATE        EXPIRES',
      'tcp       green     10.1.1.4:40000  203.0.113.240:1024  ESTABLISHED   7440 s',
      'udp       provider  10.1.1.4:40000  203.0.113.240:53    -              never',
      '',
    ].join('\n'),
  );
  const page = await controller.weft('edge', 'nat', '--inside', '10.1.1.4', '--limit', '2');
  t.regex(page.out, /Perhaps there are more: --limit 4\n$/);
  t.deepEqual(JSON.parse((await controller.weft('edge', 'nat', '--json')).out), { mappings });
  await controller.close();
});

test('edge routes and neighbours: where it sends, and who is there', async (t) => {
  const routes = [
    {
      prefix: '0.0.0.0/0',
      source: 'static',
      nextHops: [{ link: 'outside0', gateway: '192.0.2.1' }],
    },
    { prefix: '192.0.2.0/24', source: 'connected', nextHops: [{ link: 'outside0' }] },
  ];
  const neighbour = { link: 'outside0', mac: '02:00:00:00:00:01', forSec: 12 };
  const neighbours = [
    { ...neighbour, address: '192.0.2.1', state: 'reachable' },
    { ...neighbour, address: '192.0.2.7', mac: '00:00:00:00:00:00', state: 'incomplete' },
  ];
  const controller = await scriptedController({
    ...edges,
    [`GET ${ANSWERS}/routes?destination=192.0.2.9`]: { body: { routes } },
    [`GET ${ANSWERS}/neighbours`]: { body: { neighbours } },
  });
  const shown = await controller.weft('edge', 'routes', '--destination', '192.0.2.9');
  t.regex(shown.out, /0\.0\.0\.0\/0 +static +192\.0\.2\.1 by outside0\n.*connected +outside0\n$/);
  const { out } = await controller.weft('edge', 'neighbours');
  t.regex(out, /192\.0\.2\.1 +02:00:00:00:00:01 +reachable +12 s\n.*192\.0\.2\.7 +- +incomplete/);
  await controller.close();
});

test('edge counters: of each link, why packets were dropped, how full the tables are', async (t) => {
  const link = { rxFrames: 7, rxBytes: 700, txFrames: 5, txBytes: 500 };
  const body = {
    links: [
      { name: 'overlay', ...link, drops: {} },
      { name: 'outside0', ...link, drops: { NoRoute: 2, OfTomorrow: 3 } },
    ],
    nat: {
      ...{ mappings: 4, mappingsMax: 1000, created: 6, removed: 2 },
      ...{ subscribers: 1, blocksLeased: 1, blocksTotal: 64 },
    },
    ...{ flows: 9, slowPackets: 12, routes: 3, neighbours: 2 },
    ...{ networks: 2, mappings: 8, public: 1, hosts: 2 },
  };
  const controller = await scriptedController({ ...edges, [`GET ${ANSWERS}/counters`]: { body } });
  const { out } = await controller.weft('edge', 'counters');
  t.regex(out, /overlay +7 +700 +5 +500 +0\noutside0 +7 +700 +5 +500 +5\n/);
  t.regex(out, /outside0 +OfTomorrow +3 +-\noutside0 +NoRoute +2 +\S/);
  t.regex(out, /mappings of shared addresses +4 of at most 1000\n/);
  await controller.close();
});
