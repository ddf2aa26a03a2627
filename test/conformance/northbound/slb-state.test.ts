/** diagnostics/SlbState (MS-NCNBI §3.1.5.22.3, .4), and what is asked of muxes when a frontend or a mux is read. */
import test from 'ava';
import { sleep, systemClock } from '../../../base/clock.ts';
import { millis } from '../../../base/units.ts';
import type { AskMux } from '../../../controller/southbound/ask-target.ts';
import { QuestionFault } from '../../../controller/southbound/questions.ts';
import { type Client, expectCreated, startController } from './controller-fixture.ts';
import { balancer, LB, layBalancingGround, VIP } from './load-balancers-fixture.ts';

const MUX = '/loadBalancerMuxes/mux1';

const ADDRESS = {
  ...{ address: '203.0.113.2', resourceRef: VIP, announced: true, state: 'announced' },
  ...{
    packets: 100,
    bytes: 6_400,
    syns: 7,
    returned: 0,
    unclaimed: 0,
    flows: 5,
    leases: 0,
    rules: [],
  },
  drops: { NoLiveBackend: 2, VirtualPortUnknown: 1 },
};

/** A mux with one address; `isPeered`: and a router that knows it. */
function mux(isPeered: boolean): AskMux {
  const failure = { message: 'connection refused', remedy: '', at: '' };
  const peer = isPeered ? { state: 'Established' } : { state: 'Active', failure };
  return (async (_mux: string, method: string) =>
    method === 'muxStatus'
      ? { inSync: true, addresses: [ADDRESS] }
      : { peers: [{ peerId: 'x', address: '100.64.0.2', ...peer }] }) as unknown as AskMux;
}

async function layMux(client: Client): Promise<void> {
  await layBalancingGround(client);
  await client.put(LB, balancer());
  await expectCreated(client, '/virtualServers/mux1', {});
  await expectCreated(client, MUX, {
    virtualServer: { resourceRef: '/virtualServers/mux1' },
    routerConfiguration: {
      localASN4: 64650,
      peerRouterConfigurations: [
        { routerName: 'edge', routerIPAddress: '100.64.0.2', peerASN4: 64600 },
      ],
    },
  });
}

async function collected(client: Client) {
  const begun = await client.send('PUT', '/diagnostics/SlbState', {});
  const ref = begun.textAt('properties.slbStateResult.resourceRef');
  let found = await client.get(ref);
  while (found.textAt('properties.status') === 'InProgress') {
    await sleep(systemClock, millis(5));
    found = await client.get(ref);
  }
  return { begun, found };
}

const sections = 'properties.output.dataGroups.0.dataSections';

test('§3.1.5.22.3: addresses, muxes, routers and the state of each address', async (t) => {
  const { client } = await startController(t, { askMux: mux(true) });
  await layMux(client);
  const { begun, found } = await collected(client);
  t.is(begun.status, 202, begun.text);
  t.is(begun.textAt('resourceRef'), '/diagnostics/slbState/Action');
  t.is(found.textAt('properties.status'), 'Success', found.text);
  t.deepEqual(found.at(`${sections}.0.dataUnits.0.value`), ['203.0.113.2']);
  t.is(found.at(`${sections}.1.dataRetrievalFailed`), false);
  t.regex(found.textAt(`${sections}.1.dataUnits.1.value.0`), /"inSync":true/);
  t.regex(found.textAt(`${sections}.2.dataUnits.0.value.0`), /"routerIP":"100.64.0.2"/);
  const vip = 'properties.output.dataGroups.1.dataSections.0.dataUnits.0';
  t.is(found.textAt(`${vip}.name`), '203.0.113.2');
  const operation = begun.textAt('properties.operationId');
  t.is((await client.get(`/operations/${operation}`)).textAt('status'), 'Succeeded');
  t.is((await client.get('/diagnostics/SlbStateResults')).listAt('value').length, 1);
  t.is((await client.get('/diagnostics/SlbStateResults/none')).status, 404);
});

test('a mux that does not answer leaves a gap that can be seen', async (t) => {
  const away: AskMux = () =>
    Promise.reject(new QuestionFault('mux/mux1', 'SDN_TARGET_AWAY', 'it is away', ''));
  const { client } = await startController(t, { askMux: away });
  await layMux(client);
  const { found } = await collected(client);
  t.is(found.at(`${sections}.1.dataRetrievalFailed`), true);
});

test('§3.1.5.5.3, §3.1.5.7: counters of a frontend and of a mux, from v2 on', async (t) => {
  const { client } = await startController(t, { askMux: mux(true) });
  await layMux(client);
  t.is((await client.get(VIP)).at('properties.counters'), undefined);
  const values = async (path: string) =>
    Object.fromEntries(
      (await client.send('GET', `/networking/v2${path}`))
        .listAt('properties.counters')
        .map((each) => [
          (each as { name: string }).name,
          (each as { currentValue: number }).currentValue,
        ]),
    );
  t.deepEqual(await values(VIP), {
    ...{ TotalPackets: 100, DroppedPackets: 3, FlowEntries: 5, SynPackets: 7 },
  });
  t.like(await values(MUX), { TotalPacketsIPv4: 100, TotalPacketsIPv6: 0 });
});

test('§3.1.5.7: a mux that no router knows says so', async (t) => {
  const { client, realised } = await startController(t, { askMux: mux(false) });
  await layMux(client);
  const instanceId = (await client.get(MUX)).textAt('instanceId');
  const lastUpdatedTime = new Date(0).toISOString();
  realised.states.set(instanceId, { status: 'Success', detailedInfo: [], lastUpdatedTime });
  const found = await client.get(MUX);
  const at = 'properties.configurationState.detailedInfo.0';
  t.is(found.textAt(`${at}.code`), 'RoutePublicationFailure');
  t.regex(found.textAt(`${at}.message`), /100\.64\.0\.2: connection refused/);
  t.is(found.textAt('properties.activityState'), 'Standby');
  const list = await client.get('/loadBalancerMuxes');
  t.deepEqual(list.at('value.0.properties'), found.at('properties'), 'the list says the same');
});
