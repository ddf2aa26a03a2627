/** What there is to see of routes, over a simulated network: received, advertised, and why; and the edge's answers made from it. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { seconds } from '../../../../base/units.ts';
import { type AnsweringSpeaker, answerBgp } from '../../../../bgp/control/bgp-answers.ts';
import { policyOfMap } from '../../../../bgp/policy/policy-map.ts';
import type { Speaker } from '../../../../bgp/speaker/contract.ts';
import type { NeighbourOptions } from '../../../../bgp/speaker/options.ts';
import { createSpeaker } from '../../../../bgp/speaker.ts';
import { BGP_DIAGNOSTICS } from '../../../../schema/southbound/diagnostics/bgp.ts';
import { mismatch } from '../../../../schema/southbound/diagnostics/methods.ts';
import { SimulatedNetwork } from '../session/simulated-network.ts';

const ROUTE = '203.0.113.0/24';
const OTHER = '198.51.100.0/24';

/** Keeps the other route within the AS. */
const KEEPING = policyOfMap('keep', [
  {
    ...{ policyName: 'other-stays', action: 'ModifyAttribute' },
    matchCriteria: [{ property: 'MatchPrefix', value: OTHER }],
    setActions: [{ property: 'Add-Community', value: 'no-export' }],
  },
]);

/** `1` announces two routes to `2`, which tells `3`. */
async function chain(options: {
  readonly into2?: Partial<NeighbourOptions>;
  readonly outOf2?: Partial<NeighbourOptions>;
}) {
  const clock = new ManualClock();
  const network = new SimulatedNetwork(clock);
  const speakers: Speaker[] = [];
  for (const n of [1, 2, 3]) {
    const address = `10.0.0.${n}`;
    const speaker = createSpeaker({
      clock,
      asn: 65_000 + n,
      routerId: address,
      listen: { addresses: [address] },
      transport: network.host(address),
    });
    await speaker.start();
    speakers.push(speaker);
  }
  const open = { importPolicy: 'accept-all', exportPolicy: 'accept-all' } as const;
  const [a, b, c] = speakers;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three speakers');
  a.setNeighbour({ address: '10.0.0.2', asn: 65_002, ...open });
  b.setNeighbour({ address: '10.0.0.1', asn: 65_001, ...open, ...options.into2 });
  b.setNeighbour({ address: '10.0.0.3', asn: 65_003, ...open, ...options.outOf2 });
  c.setNeighbour({ address: '10.0.0.2', asn: 65_002, ...open });
  a.announce({ prefix: ROUTE, communities: [65_001 * 65_536 + 7] });
  a.announce({ prefix: OTHER });
  clock.advance(seconds(20));
  const answering: AnsweringSpeaker = {
    ...{ speaker: b, asNumber: 65_002, routerId: '10.0.0.2', mrt: {} },
    peerAt: (address) => ({ id: `peer-${address}`, resourceRef: `/peers/${address}` }),
  };
  return { a, b, c, answering, clock };
}

test('what a neighbour announced is seen as it came, refused or not', async (t) => {
  const importPolicy = policyOfMap('in', [
    {
      policyName: 'no-other',
      action: 'Deny',
      matchCriteria: [{ property: 'MatchPrefix', value: OTHER }],
    },
    { action: 'ModifyAttribute', setActions: [{ property: 'Local-Pref', value: 200 }] },
  ]);
  const { b } = await chain({ into2: { importPolicy } });
  const received = [...b.received('10.0.0.1')];
  t.deepEqual(
    received.map(({ prefix, isAccepted, isBest }) => [prefix, isAccepted, isBest]),
    [
      [ROUTE, true, true],
      [OTHER, false, false],
    ],
  );
  t.is(received[0]?.attributes.localPref, undefined, 'before the policy');
  t.is(received[1]?.lostBy, 'refused by import policy');
  t.throws(() => b.received('10.0.0.9'), { code: 'SDN_BGP_NEIGHBOUR_UNKNOWN' });
});

test('what a neighbour was told is seen as it went, and gone when it is withdrawn', async (t) => {
  const { a, b, c, clock } = await chain({ into2: { importPolicy: KEEPING } });
  const told = () => [...b.advertised('10.0.0.3')];
  t.deepEqual(
    told().map(({ prefix }) => prefix),
    [ROUTE],
    'no-export stays here',
  );
  t.deepEqual(told()[0]?.attributes, [...c.received('10.0.0.2')][0]?.attributes);
  t.deepEqual([...b.advertised('10.0.0.1')], [], 'nothing of its own goes back');
  a.withdraw(ROUTE);
  clock.advance(seconds(5));
  t.deepEqual(told(), []);
});

test('a trace names each rule that was asked, and agrees with what was decided', async (t) => {
  const importPolicy = policyOfMap('in', [
    {
      policyName: 'no-other',
      action: 'Deny',
      matchCriteria: [{ property: 'MatchPrefix', value: OTHER }],
    },
  ]);
  const exportPolicy = policyOfMap('out', [
    {
      policyName: 'ours',
      action: 'Allow',
      matchCriteria: [{ property: 'Community', value: '65001:9' }],
    },
  ]);
  const { answering } = await chain({ into2: { importPolicy }, outOf2: { exportPolicy } });
  const trace = answerBgp(answering, 'bgpTrace', { prefix: ROUTE });
  t.is(mismatch(BGP_DIAGNOSTICS.bgpTrace.answer, JSON.parse(JSON.stringify(trace))), undefined);
  t.deepEqual(trace.paths[0]?.steps, [
    'in rule no-other does not match: the prefix is none of its list',
    'no rule decided: accepted',
  ]);
  t.true(trace.paths[0]?.isBest);
  t.is(trace.paths[0]?.received.asPath, '65001');
  t.deepEqual(trace.paths[0]?.received.communities, ['65001:7']);
  const [back, on] = trace.exports;
  t.deepEqual(back?.steps, ['kept back: it is the one that announced it']);
  t.deepEqual(on?.steps, [
    'out rule ours does not match: it has none of the communities',
    'no rule decided: refused',
  ]);
  t.false(on?.isTold);
  t.is(on?.result, undefined);
  const refused = answerBgp(answering, 'bgpTrace', { prefix: OTHER });
  t.deepEqual(refused.paths[0]?.steps, ['in rule no-other matches: refused']);
  t.is(refused.paths[0]?.lostBy, 'refused by import policy');
  t.deepEqual(refused.exports, [], 'no path is used');
  t.deepEqual(answerBgp(answering, 'bgpTrace', { prefix: '192.0.2.0/24' }).paths, []);
});

test('a trace says what the protocol itself keeps back', async (t) => {
  const { answering } = await chain({ into2: { importPolicy: KEEPING } });
  const trace = answerBgp(answering, 'bgpTrace', { prefix: OTHER });
  t.deepEqual(trace.paths[0]?.steps, ['keep rule other-stays matches: accepted']);
  const open = answerBgp((await chain({})).answering, 'bgpTrace', { prefix: OTHER });
  t.deepEqual(open.paths[0]?.steps, ['no policy: accepted']);
  t.deepEqual(trace.exports[1]?.steps, ['kept back: its community no-export']);
  const { b } = await chain({});
  b.setNeighbour({ address: '10.0.0.3', asn: 65_003 });
  const silent = b.trace(ROUTE).exports.find(({ neighbour }) => neighbour === '10.0.0.3');
  t.regex(silent?.refusal ?? '', /RFC 8212/);
  b.setNeighbour({ address: '10.0.0.1', asn: 65_001 });
  t.regex(b.trace(ROUTE).paths[0]?.refusal ?? '', /RFC 8212/);
});

test('answers have their schema: peers, routes, received, advertised; and pages are cut', async (t) => {
  const { answering, b, clock } = await chain({});
  b.announce({ prefix: '192.0.2.0/24' });
  clock.advance(seconds(2));
  const check = (method: keyof typeof BGP_DIAGNOSTICS, question: object) => {
    const answer: unknown = JSON.parse(JSON.stringify(answerBgp(answering, method, question)));
    t.is(mismatch(BGP_DIAGNOSTICS[method].answer, answer), undefined, method);
  };
  check('bgpPeers', {});
  check('bgpRoutes', { limit: 10 });
  check('bgpReceived', { address: '10.0.0.1', limit: 10 });
  check('bgpAdvertised', { address: '10.0.0.3', limit: 10 });
  const { peers, asNumber } = answerBgp(answering, 'bgpPeers', {});
  t.is(asNumber, 65_002);
  t.deepEqual(
    peers.map(({ state, peerId, families }) => [state, peerId, families]),
    [
      [
        'Established',
        'peer-10.0.0.1',
        [{ family: 'IPv4', received: 2, advertised: 1, isComplete: true }],
      ],
      [
        'Established',
        'peer-10.0.0.3',
        [{ family: 'IPv4', received: 0, advertised: 3, isComplete: true }],
      ],
    ],
  );
  const { routes, total } = answerBgp(answering, 'bgpRoutes', { limit: 1 });
  t.deepEqual([routes.length, total], [1, 3]);
  const own = answerBgp(answering, 'bgpTrace', { prefix: '192.0.2.0/24' });
  t.deepEqual(own.paths[0]?.steps, ['originated here']);
  t.throws(() => answerBgp(answering, 'bgpRoutes', { limit: 0 }), { code: 'SDN_QUESTION_INVALID' });
});

test('an edge without BGP has no peers and no routes, and says so when asked for more', (t) => {
  t.deepEqual(answerBgp(undefined, 'bgpPeers', {}).peers, []);
  t.deepEqual(answerBgp(undefined, 'bgpRoutes', { limit: 1 }), { routes: [], total: 0 });
  t.throws(() => answerBgp(undefined, 'bgpTrace', { prefix: ROUTE }), {
    code: 'SDN_BGP_NOT_RUNNING',
  });
});
