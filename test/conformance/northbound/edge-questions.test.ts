/** Questions to edge routers, and the state of BGP sessions on bgpPeers as MS-NCNBI §3.1.5.17.2.2 reports it. */
import test from 'ava';
import type { AskEdge } from '../../../controller/southbound/ask-target.ts';
import { QuestionFault } from '../../../controller/southbound/questions.ts';
import type { BgpPeerRow } from '../../../schema/southbound/diagnostics/bgp.ts';
import { type Client, expectCreated, layGround, startController } from './controller-fixture.ts';

const WEFT = '/networking/weft/v1/edgeRouters';
const PEER = '/edgeRouters/edge/bgpRouters/bgp/bgpPeers/tor';

const counts = { sentCount: 1, receivedCount: 2 };
const routes = {
  ...{ updateSentCount: 0, updateReceivedCount: 3 },
  ...{ withdrawlSentCount: 0, withdrawlReceivedCount: 1 },
};

function row(peerId: string, state: string, more: Partial<BgpPeerRow> = {}): BgpPeerRow {
  return {
    ...{
      peerId,
      resourceRef: PEER,
      address: '192.0.2.1',
      asNumber: 64_601,
      isDynamic: false,
      state,
    },
    ...{ families: [], malformedUpdateCount: 0, complaints: [] },
    statistics: {
      ...{
        openMessageStats: counts,
        notificationMessageStats: counts,
        keepAliveMessageStats: counts,
      },
      ...{ routeRefreshMessageStats: counts, updateMessageStats: counts },
      ...{ ipv4Route: routes, ipv6Route: routes, lastUpdated: '2026-01-01T00:00:00.000Z' },
    },
    ...more,
  };
}

/** An edge that answers about peers as `peers` says, and writes down what it is asked. */
function edges(peers: () => readonly BgpPeerRow[], asked: unknown[]): AskEdge {
  return async (edge, method, question) => {
    asked.push([edge, method, question]);
    if (method !== 'bgpPeers')
      throw new QuestionFault(edge, 'SDN_BGP_NEIGHBOUR_UNKNOWN', 'no such peer');
    const answer = {
      asNumber: 64_600,
      routerId: '192.0.2.2',
      peers: peers(),
      routes: { prefixes: 0, paths: 0 },
    };
    return answer as never;
  };
}

async function layEdge(client: Client): Promise<void> {
  await layGround(client);
  const bgpPeers = [
    { resourceId: 'tor', properties: { peerIpAddress: '192.0.2.1', extAsNumber: '0.64601' } },
  ];
  await expectCreated(client, '/edgeRouters/edge', {
    bgpRouters: [{ resourceId: 'bgp', properties: { extAsNumber: '64600', bgpPeers } }],
  });
}

test('§3.1.5.17.2.2: a peer shows its session, wherever it is shown, and why it is not up', async (t) => {
  let peers: readonly BgpPeerRow[] = [];
  const { client, realised } = await startController(t, { askEdge: edges(() => peers, []) });
  await layEdge(client);
  const id = (await client.get(PEER)).textAt('instanceId');
  t.is((await client.get(PEER)).at('properties.connectionState'), undefined, 'no edge is there');
  realised.known.push({
    ...{ kind: 'edge', id: 'edge', connected: true, appliedRevision: 1, softwareVersion: '1' },
    ...{ since: 0, resourceCount: 0, faults: [] },
  });
  const failure = { message: 'wrong AS', remedy: 'Correct it.', at: '2026-01-01T00:00:00.000Z' };
  peers = [row(id, 'Active', { failure })];
  const down = await client.get(PEER);
  t.is(down.at('properties.connectionState'), 'Disconnected');
  t.deepEqual(down.at('properties.connectionFailure'), failure);
  t.deepEqual(down.at('properties.statistics.ipv4Route'), routes);
  const bfd = {
    ...{ state: 'Up', peerState: 'Up', diagnostic: 'no diagnostic' },
    ...{ peerDiagnostic: 'no diagnostic', sendIntervalInMilliseconds: 300 },
    ...{ detectionTimeInMilliseconds: 900, sentCount: 5, receivedCount: 6 },
  };
  peers = [row(id, 'Established', { failure, bfd })];
  t.deepEqual((await client.get(PEER)).at('properties.bfd'), bfd);
  for (const path of [PEER.slice(0, -4), '/edgeRouters']) {
    const shown = await client.get(path);
    t.regex(shown.text, /"connectionState":"Connected"/, path);
    t.notRegex(shown.text, /wrong AS/);
  }
  const back = await client.send('PUT', PEER, (await client.get(PEER)).body);
  t.is(back.status, 200, 'what is shown may be sent back');
});

test('questions go to the edge that is named', async (t) => {
  const asked: unknown[] = [];
  const { client } = await startController(t, { askEdge: edges(() => [], asked) });
  await layEdge(client);
  t.is((await client.get(`${WEFT}/EDGE/bgpPeers`)).at('asNumber'), 64_600);
  await client.get(`${WEFT}/edge/bgpRoutes?limit=7`);
  await client.get(`${WEFT}/edge/bgpReceived?peer=192.0.2.1`);
  await client.get(`${WEFT}/edge/bgpAdvertised?peer=192.0.2.1&limit=2`);
  await client.get(`${WEFT}/edge/bgpTrace?prefix=203.0.113.0/24`);
  await client.get(`${WEFT}/edge/bgpExports`);
  await client.get(`${WEFT}/edge/natMappings?inside=10.1.1.4&limit=2000`);
  await client.get(`${WEFT}/edge/natMappings`);
  await client.get(`${WEFT}/edge/routes?destination=2001:DB8:0::1`);
  await client.get(`${WEFT}/edge/neighbours`);
  await client.get(`${WEFT}/edge/counters`);
  t.deepEqual(asked, [
    ['edge', 'bgpPeers', {}],
    ['edge', 'bgpRoutes', { limit: 7 }],
    ['edge', 'bgpReceived', { address: '192.0.2.1', limit: 100 }],
    ['edge', 'bgpAdvertised', { address: '192.0.2.1', limit: 2 }],
    ['edge', 'bgpTrace', { prefix: '203.0.113.0/24' }],
    ['edge', 'bgpExports', {}],
    ['edge', 'natMappings', { inside: '10.1.1.4', limit: 2000 }],
    ['edge', 'natMappings', { limit: 100 }],
    ['edge', 'edgeRoutes', { destination: '2001:db8::1', limit: 100 }],
    ['edge', 'edgeNeighbours', {}],
    ['edge', 'edgeCounters', {}],
  ]);
});

test('a question that cannot be answered says why', async (t) => {
  const { client } = await startController(t, { askEdge: edges(() => [], []) });
  await layEdge(client);
  for (const [path, status, code] of [
    ['none/bgpPeers', 404, 'NotFound'],
    ['edge/bgpTrace', 400, 'InvalidParameterValue'],
    ['edge/bgpRoutes?limit=0', 400, 'InvalidParameterValue'],
    ['none/counters', 404, 'NotFound'],
    ['edge/natMappings?limit=2001', 400, 'InvalidParameterValue'],
    ['edge/natMappings?inside=web', 400, 'InvalidParameterValue'],
    ['edge/routes?destination=10.0.0.0/8', 400, 'InvalidParameterValue'],
    ['edge/bgpReceived?peer=192.0.2.9', 400, 'InvalidParameterValue'],
  ] as const) {
    const answer = await client.get(`${WEFT}/${path}`);
    t.is(answer.status, status, path);
    t.is(answer.textAt('error.code'), code, path);
  }
  const away = await startController(t);
  await layEdge(away.client);
  t.is((await away.client.get(`${WEFT}/edge/bgpPeers`)).textAt('error.code'), 'ServiceUnavailable');
});
