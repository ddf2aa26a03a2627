/** What a speaker is told of neighbours when peers of goal state come, go, and change their names. The speaker only notes what it is told. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { silentLogger } from '../../../../base/log.ts';
import { BgpControl } from '../../../../bgp/control/bgp-control.ts';
import type { Speaker } from '../../../../bgp/speaker/contract.ts';
import { BGP_PEER_DEFAULTS, BGP_ROUTER_DEFAULTS } from '../../../../schema/southbound/defaults.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { bytesOf } from '../../../fixtures/addresses.ts';

const ROUTER: Resource = {
  key: 'bgprouter/r',
  version: 1,
  bgpRouter: {
    ...{ ...BGP_ROUTER_DEFAULTS, id: 'r', resourceRef: '/edgeRouters/edge', asNumber: 64_600 },
    ...{ routerId: bytesOf('198.51.100.2'), enabled: true, networks: [] },
  },
};

function peer(id: string, address: string, change: object = {}): Resource {
  const rest = { resourceRef: `/bgpPeers/${id}`, routerId: 'r', asNumber: 64_650 };
  return {
    key: `bgppeer/${id}`,
    version: 1,
    bgpPeer: { ...BGP_PEER_DEFAULTS, ...rest, id, address: bytesOf(address), ...change },
  };
}

async function ground() {
  const log: string[] = [];
  const speaker: Partial<Speaker> = {
    start: async () => undefined,
    setNeighbour: ({ address, description }) => void log.push(`${address} is ${description}`),
    removeNeighbour: (address) => void log.push(`${address} goes`),
    neighbours: () => [],
  };
  const bgp = new BgpControl({
    createSpeaker: () => speaker as Speaker,
    clock: new ManualClock(),
    log: silentLogger,
  });
  await bgp.apply([ROUTER, peer('a', '198.51.100.3'), peer('b', '198.51.100.4')], []);
  log.length = 0;
  return { bgp, log };
}

test('a peer made anew under another name keeps its neighbour', async (t) => {
  const { bgp, log } = await ground();
  await bgp.apply([peer('c', '198.51.100.3')], ['bgppeer/a']);
  t.deepEqual(log, ['198.51.100.3 is /bgpPeers/c']);
  t.is(bgp.peerAt('198.51.100.3')?.id, 'c');
  t.is(bgp.peerAt('198.51.100.4')?.id, 'b');
});

test('peers that change their addresses for one another lose none', async (t) => {
  const { bgp, log } = await ground();
  await bgp.apply([peer('a', '198.51.100.4'), peer('b', '198.51.100.3')], []);
  t.deepEqual(log.sort(), ['198.51.100.3 is /bgpPeers/b', '198.51.100.4 is /bgpPeers/a']);
});

test('an address that nobody wants any more goes before others come', async (t) => {
  const { bgp, log } = await ground();
  await bgp.apply([peer('a', '198.51.100.5')], ['bgppeer/b']);
  t.deepEqual(log, ['198.51.100.3 goes', '198.51.100.4 goes', '198.51.100.5 is /bgpPeers/a']);
});

test('a refused peer stays what it was, and others notice nothing', async (t) => {
  const { bgp, log } = await ground();
  const errors = await bgp.apply([peer('a', '198.51.100.3', { importMapId: 'none' })], []);
  t.deepEqual(
    errors.map(({ key }) => key),
    ['bgppeer/a'],
  );
  t.deepEqual(log, []);
});
