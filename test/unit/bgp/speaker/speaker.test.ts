/** Speakers over a simulated network: routes told, chosen, withdrawn, kept through restarts; neighbours changed without touching others. */
import test from 'ava';
import fc from 'fast-check';
import { defined } from '../../../../base/assert.ts';
import { ManualClock } from '../../../../base/clock.ts';
import { parseIpPrefixWords } from '../../../../base/ip-words.ts';
import { millis, seconds } from '../../../../base/units.ts';
import { Role } from '../../../../bgp/message/capability.ts';
import { WellKnownCommunity } from '../../../../bgp/message/path-attributes.ts';
import type { Policy } from '../../../../bgp/policy/policy.ts';
import type { Speaker, SpeakerOptions } from '../../../../bgp/speaker/contract.ts';
import type { NeighbourOptions } from '../../../../bgp/speaker/options.ts';
import { createSpeaker } from '../../../../bgp/speaker.ts';
import { SimulatedNetwork } from '../session/simulated-network.ts';

const OPEN_POLICIES = { importPolicy: 'accept-all', exportPolicy: 'accept-all' } as const;

class World {
  readonly clock = new ManualClock();
  readonly network = new SimulatedNetwork(this.clock);

  async speaker(
    address: string,
    asn: number,
    more: Partial<SpeakerOptions> = {},
  ): Promise<Speaker> {
    const speaker = createSpeaker({
      clock: this.clock,
      asn,
      routerId: address,
      listen: { addresses: [address] },
      transport: this.network.host(address),
      ...more,
    });
    await speaker.start();
    return speaker;
  }

  settle(sec = 20): void {
    this.clock.advance(seconds(sec));
  }
}

function peer(
  address: string,
  asn: number,
  more: Partial<NeighbourOptions> = {},
): NeighbourOptions {
  return { address, asn, ...OPEN_POLICIES, ...more };
}

async function pair(more: Partial<NeighbourOptions> = {}, otherAsn = 65_002) {
  const world = new World();
  const a = await world.speaker('10.0.0.1', 65_001);
  const b = await world.speaker('10.0.0.2', otherAsn);
  a.setNeighbour(peer('10.0.0.2', otherAsn, more));
  b.setNeighbour(peer('10.0.0.1', 65_001, more));
  world.settle();
  return { world, a, b };
}

function state(speaker: Speaker, address: string) {
  return speaker.neighbours().find((each) => each.address === address);
}

function prefixes(speaker: Speaker): string[] {
  return [...speaker.routes()].map((route) => route.prefix).sort();
}

test('a route is told, with next hop and AS path of its teller, and withdrawn', async (t) => {
  const { world, a, b } = await pair();
  a.announce({ prefix: '203.0.113.0/24', med: 5, communities: [65_001 * 65_536 + 7] });
  world.settle(1);
  const route = b.route('203.0.113.0/24');
  t.deepEqual(route?.nextHops, ['10.0.0.1']);
  t.deepEqual(route?.attributes.asPath, [{ type: 2, asns: [65_001] }]);
  t.is(route?.attributes.multiExitDisc, 5);
  t.deepEqual(route?.attributes.communities, [65_001 * 65_536 + 7]);
  t.is(route?.neighbour, '10.0.0.1');
  t.true(a.withdraw('203.0.113.0/24'));
  world.settle(1);
  t.is(b.route('203.0.113.0/24'), undefined);
  t.deepEqual(b.counts, { prefixes: 0, paths: 0, attributeSets: 0 });
});

test('RFC 8212: an external neighbour without policy gives and gets nothing, an internal one everything', async (t) => {
  for (const [asn, expected] of [
    [65_002, 0],
    [65_001, 1],
  ] as const) {
    const world = new World();
    const a = await world.speaker('10.0.0.1', 65_001);
    const b = await world.speaker('10.0.0.2', asn);
    a.setNeighbour({ address: '10.0.0.2', asn });
    b.setNeighbour({ address: '10.0.0.1', asn: 65_001 });
    a.announce({ prefix: '203.0.113.0/24' });
    world.settle();
    t.is(state(a, '10.0.0.2')?.state, 'Established');
    t.is(prefixes(b).length, expected);
  }
});

test('RFC 2545: IPv6 and IPv4 over one session, each with a next hop of its family', async (t) => {
  const families = ['ipv4-unicast', 'ipv6-unicast'] as const;
  const { world, a, b } = await pair({ families, nextHopIpv6: '2001:db8::1' });
  a.announce({ prefix: '203.0.113.0/24' });
  a.announce({ prefix: '2001:db8:1::/48' });
  world.settle(1);
  t.deepEqual(prefixes(b), ['2001:db8:1::/48', '203.0.113.0/24']);
  t.deepEqual(b.route('2001:db8:1::/48')?.nextHops, ['2001:db8::1']);
  a.withdraw('2001:db8:1::/48');
  world.settle(1);
  t.deepEqual(prefixes(b), ['203.0.113.0/24']);
});

test('a transit speaker passes routes on, never back, and heals when the best way goes', async (t) => {
  const world = new World();
  const speakers = await Promise.all(
    [1, 2, 3].map((n) => world.speaker(`10.0.0.${n}`, 65_000 + n)),
  );
  const [a, b, c] = speakers;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three speakers');
  a.setNeighbour(peer('10.0.0.2', 65_002));
  b.setNeighbour(peer('10.0.0.1', 65_001));
  b.setNeighbour(peer('10.0.0.3', 65_003));
  c.setNeighbour(peer('10.0.0.2', 65_002));
  a.setNeighbour(peer('10.0.0.3', 65_003));
  c.setNeighbour(peer('10.0.0.1', 65_001));
  a.announce({ prefix: '203.0.113.0/24' });
  world.settle();
  t.is(c.route('203.0.113.0/24')?.neighbour, '10.0.0.1', 'the shorter path');
  const lostBy = new Map(c.explain('203.0.113.0/24').map((each) => [each.neighbour, each.lostBy]));
  t.is(lostBy.get('10.0.0.1'), undefined);
  t.is(lostBy.get('10.0.0.2'), 'AS path length');
  c.removeNeighbour('10.0.0.1');
  world.settle();
  t.is(c.route('203.0.113.0/24')?.neighbour, '10.0.0.2');
  t.is(a.counts.paths, 1, 'nothing of its own comes back');
});

test('multipath: equal routes are used side by side', async (t) => {
  const world = new World();
  const edge = await world.speaker('10.0.0.1', 65_001, { multipath: { external: 4 } });
  for (const n of [2, 3, 4]) {
    const mux = await world.speaker(`10.0.0.${n}`, 65_002);
    mux.setNeighbour(peer('10.0.0.1', 65_001));
    mux.announce({ prefix: '203.0.113.7/32' });
    edge.setNeighbour(peer(`10.0.0.${n}`, 65_002));
  }
  world.settle();
  t.deepEqual([...(edge.route('203.0.113.7/32')?.nextHops ?? [])].sort(), [
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
  ]);
  edge.removeNeighbour('10.0.0.3');
  world.settle(1);
  t.is(edge.route('203.0.113.7/32')?.nextHops.length, 2);
});

test('dynamic neighbours: whoever connects from the prefix is one, strangers are not', async (t) => {
  const world = new World();
  const edge = await world.speaker('10.0.0.1', 65_001);
  edge.setDynamicNeighbours([{ prefix: '10.0.0.0/29', countMax: 1, ...OPEN_POLICIES }]);
  for (const n of [2, 3, 9]) {
    const mux = await world.speaker(`10.0.0.${n}`, 65_002);
    mux.setNeighbour(peer('10.0.0.1', 65_001));
    mux.announce({ prefix: `203.0.113.${n}/32` });
    world.settle();
  }
  t.deepEqual(prefixes(edge), ['203.0.113.2/32']);
  t.deepEqual(
    edge.neighbours().map(({ address, isDynamic }) => [address, isDynamic]),
    [['10.0.0.2', true]],
  );
  world.network.cut('10.0.0.2');
  world.clock.advance(millis(50));
  t.false(edge.neighbours().some((each) => each.address === '10.0.0.2'));
  t.is(edge.route('203.0.113.2/32'), undefined);
});

test('RFC 4486: too many prefixes end the session with 6/1; it comes back after the pause', async (t) => {
  const { world, a, b } = await pair({ prefixesMax: 3, prefixRestartSec: 60 });
  for (let n = 0; n < 4; n++) a.announce({ prefix: `203.0.113.${n}/32` });
  world.settle(1);
  t.is(state(b, '10.0.0.1')?.state, 'Idle');
  t.regex(state(b, '10.0.0.1')?.failure?.message ?? '', /Maximum Number of Prefixes/);
  t.is(b.counts.paths, 0);
  a.withdraw('203.0.113.3/32');
  world.settle(120);
  t.is(state(b, '10.0.0.1')?.state, 'Established');
  t.is(prefixes(b).length, 3);
});

test('RFC 4724: routes of a neighbour that lost its session stay until it is back or its time is over', async (t) => {
  const { world, a, b } = await pair({ gracefulRestartSec: 30 });
  a.announce({ prefix: '203.0.113.0/24' });
  a.announce({ prefix: '203.0.114.0/24' });
  world.settle(1);
  a.restarted();
  world.network.cut('10.0.0.1');
  world.clock.advance(millis(100));
  t.is(prefixes(b).length, 2, 'stale, but used');
  t.true(b.explain('203.0.113.0/24')[0]?.isStale);
  a.withdraw('203.0.114.0/24');
  world.settle(20);
  t.is(state(b, '10.0.0.1')?.state, 'Established');
  t.deepEqual(prefixes(b), ['203.0.113.0/24'], 'End-of-RIB swept what was not told again');
  await a.stop();
  world.settle(1);
  t.deepEqual(prefixes(b), [], 'a shutdown on purpose is no restart');
});

test('RFC 4724 §4.1: after an own restart nothing is decided or told before everybody has told everything', async (t) => {
  const world = new World();
  const [a, b] = [await world.speaker('10.0.0.1', 65_001), await world.speaker('10.0.0.2', 65_002)];
  const told: string[] = [];
  let restartedCount = 0;
  const graceful = { gracefulRestartSec: 60 };
  a.announce({ prefix: '203.0.113.0/24' });
  b.announce({ prefix: '198.51.100.0/24' });
  a.setNeighbour(peer('10.0.0.9', 65_009, graceful));
  const c = await world.speaker('10.0.0.9', 65_009, {
    isRestarting: true,
    selectionDeferralSec: 100,
    onRoutes: (prefixes) => told.push(...prefixes),
    onRestarted: () => {
      restartedCount += 1;
    },
  });
  c.setNeighbour(peer('10.0.0.1', 65_001, graceful));
  c.setNeighbour(peer('10.0.0.2', 65_002, graceful));
  world.settle(20);
  t.is(state(c, '10.0.0.1')?.state, 'Established');
  t.is(state(c, '10.0.0.1')?.families[0]?.received, 1, 'it has been heard');
  t.deepEqual(told, []);
  t.deepEqual(prefixes(a), ['203.0.113.0/24'], 'and nothing has been told');
  b.setNeighbour(peer('10.0.0.9', 65_009, graceful));
  world.settle(20);
  t.deepEqual([...new Set(told)].sort(), ['198.51.100.0/24', '203.0.113.0/24']);
  t.deepEqual(prefixes(a), ['198.51.100.0/24', '203.0.113.0/24']);
  t.is(restartedCount, 1);
});

test('RFC 4724 §4.1: a neighbour that never comes is waited for no longer than the timer; one without graceful restart not at all', async (t) => {
  const world = new World();
  const a = await world.speaker('10.0.0.1', 65_001);
  a.announce({ prefix: '203.0.113.0/24' });
  a.setNeighbour(peer('10.0.0.9', 65_009));
  const options = { isRestarting: true, selectionDeferralSec: 60 };
  const c = await world.speaker('10.0.0.9', 65_009, options);
  c.setNeighbour(peer('10.0.0.1', 65_001, { gracefulRestartSec: 60 }));
  c.setNeighbour(peer('10.0.0.2', 65_002, { gracefulRestartSec: 60 }));
  world.settle(50);
  t.deepEqual(prefixes(c), []);
  world.settle(15);
  t.deepEqual(prefixes(c), ['203.0.113.0/24']);
});

test('RFC 8538 §3: a NOTIFICATION that is no hard reset leaves routes in use until the session is back', async (t) => {
  const { world, a, b } = await pair({ gracefulRestartSec: 30 });
  a.announce({ prefix: '203.0.113.0/24' });
  world.settle(1);
  a.resetNeighbour('10.0.0.2');
  world.clock.advance(millis(10));
  t.not(state(b, '10.0.0.1')?.state, 'Established');
  t.true(b.explain('203.0.113.0/24')[0]?.isStale);
  t.deepEqual(prefixes(b), ['203.0.113.0/24']);
  world.settle(20);
  t.false(b.explain('203.0.113.0/24')[0]?.isStale);
  a.removeNeighbour('10.0.0.2');
  world.clock.advance(millis(10));
  t.deepEqual(prefixes(b), [], 'peer de-configured is meant for good');
  const { message, remedy } = defined(state(b, '10.0.0.1')?.failure, 'a reason');
  t.regex(message, /Hard Reset \(6\/9\): Cease \/ Peer De-configured \(6\/3\)/);
  t.regex(remedy, /removed from the configuration/);
});

test('RFC 8538 §3.1, RFC 9003: a shutdown is told as a hard reset, with its words, to whom keeps routes through a NOTIFICATION', async (t) => {
  const { world, a, b } = await pair({ gracefulRestartSec: 30 });
  a.announce({ prefix: '203.0.113.0/24' });
  world.settle(1);
  await a.stop('maintenance');
  world.clock.advance(millis(10));
  t.deepEqual(prefixes(b), []);
  const told = /Hard Reset \(6\/9\): .*Shutdown \(6\/2\): "maintenance"/;
  t.regex(state(b, '10.0.0.1')?.failure?.message ?? '', told);
});

test('End-of-RIB is seen: a neighbour has told everything, until its session is over', async (t) => {
  const { world, a, b } = await pair();
  t.true(state(b, '10.0.0.1')?.families[0]?.isComplete);
  await a.stop();
  world.clock.advance(millis(10));
  t.false(state(b, '10.0.0.1')?.families[0]?.isComplete);
});

test('RFC 9234 §5: what a provider told goes to customers, not to peers', async (t) => {
  const world = new World();
  const [provider, middle] = [
    await world.speaker('10.0.0.1', 1),
    await world.speaker('10.0.0.2', 2),
  ];
  const [beside, customer] = [
    await world.speaker('10.0.0.3', 3),
    await world.speaker('10.0.0.4', 4),
  ];
  const connect = (
    a: Speaker,
    b: Speaker,
    at: readonly [number, number],
    role: number,
    other: number,
  ) => {
    a.setNeighbour(peer(`10.0.0.${at[1]}`, at[1], { role }));
    b.setNeighbour(peer(`10.0.0.${at[0]}`, at[0], { role: other }));
  };
  connect(provider, middle, [1, 2], Role.Provider, Role.Customer);
  connect(middle, beside, [2, 3], Role.Peer, Role.Peer);
  connect(middle, customer, [2, 4], Role.Provider, Role.Customer);
  provider.announce({ prefix: '203.0.113.0/24' });
  world.settle();
  t.is(middle.route('203.0.113.0/24')?.attributes.onlyToCustomer, 1);
  t.is(customer.route('203.0.113.0/24')?.attributes.onlyToCustomer, 1);
  t.is(beside.route('203.0.113.0/24'), undefined);
});

test('RFC 9494: after that they are a last resort, told only to who knows what that is', async (t) => {
  const longLived = { gracefulRestartSec: 5, longLivedStaleSec: 60 };
  const { world, a, b } = await pair(longLived);
  const [knows, simple] = await Promise.all(
    [3, 4].map(async (n) => {
      const options = n === 3 ? longLived : {};
      const speaker = await world.speaker(`10.0.0.${n}`, 65_000 + n);
      speaker.setNeighbour(peer('10.0.0.2', 65_002, options));
      b.setNeighbour(peer(`10.0.0.${n}`, 65_000 + n, options));
      return speaker;
    }),
  );
  a.announce({ prefix: '203.0.113.0/24' });
  a.announce({ prefix: '203.0.114.0/24', communities: [WellKnownCommunity.NoLongLivedStale] });
  world.settle(2);
  t.is(simple && prefixes(simple).length, 2);
  a.restarted();
  world.network.frozen.add('10.0.0.1');
  world.network.cut('10.0.0.1');
  world.settle(4);
  t.is(simple && prefixes(simple).length, 2, 'within the restart time nothing has happened');
  world.settle(4);
  t.deepEqual(prefixes(b), ['203.0.113.0/24'], 'what must not live on has gone');
  t.deepEqual(b.route('203.0.113.0/24')?.attributes.communities, [
    WellKnownCommunity.LongLivedStale,
  ]);
  t.deepEqual(knows && prefixes(knows), ['203.0.113.0/24']);
  t.deepEqual(simple && prefixes(simple), []);
  b.announce({ prefix: '203.0.113.0/24', med: 9 });
  world.settle(1);
  t.is(b.route('203.0.113.0/24')?.neighbour, undefined, 'anything else is better');
  b.withdraw('203.0.113.0/24');
  world.settle(60);
  t.deepEqual(prefixes(b), [], 'its time is over');
});

test('changing a policy changes routes without a flap, on both sides', async (t) => {
  const { world, a, b } = await pair();
  a.announce({ prefix: '203.0.113.0/24' });
  a.announce({ prefix: '198.51.100.0/24' });
  world.settle(1);
  const deny: Policy = {
    name: 'no 203',
    rules: [
      {
        match: [
          { kind: 'prefix', entries: [{ prefix: parseIpPrefixWords('203.0.113.0/24') ?? fail() }] },
        ],
        action: 'reject',
      },
    ],
    otherwise: 'accept',
  };
  b.setNeighbour(peer('10.0.0.1', 65_001, { importPolicy: deny }));
  world.settle(1);
  t.deepEqual(prefixes(b), ['198.51.100.0/24']);
  b.setNeighbour(peer('10.0.0.1', 65_001));
  world.settle(1);
  t.is(prefixes(b).length, 2);
  a.setNeighbour(peer('10.0.0.2', 65_002, { exportPolicy: deny }));
  world.settle(1);
  t.deepEqual(prefixes(b), ['198.51.100.0/24']);
  a.setNeighbour(peer('10.0.0.2', 65_002));
  world.settle(1);
  t.is(prefixes(b).length, 2);
  t.is(state(b, '10.0.0.1')?.statistics.openMessageStats.receivedCount, 1);
});

function fail(): never {
  throw new Error('a prefix of this test is malformed');
}

test('RFC 2918: after a refresh everything is told again', async (t) => {
  const { world, a, b } = await pair();
  a.announce({ prefix: '203.0.113.0/24' });
  world.settle(1);
  const before = state(b, '10.0.0.1')?.statistics.ipv4Route.updateReceivedCount ?? 0;
  t.true(b.refreshNeighbour('10.0.0.1'));
  world.settle(1);
  t.is(state(b, '10.0.0.1')?.statistics.ipv4Route.updateReceivedCount, before + 1);
  t.is(prefixes(b).length, 1);
});

test('RFC 4456: a reflector passes internal routes on to clients, and loops end', async (t) => {
  const world = new World();
  const reflector = await world.speaker('10.0.0.1', 65_001);
  const clients = [];
  for (const n of [2, 3]) {
    const client = await world.speaker(`10.0.0.${n}`, 65_001);
    client.setNeighbour(peer('10.0.0.1', 65_001));
    reflector.setNeighbour(peer(`10.0.0.${n}`, 65_001, { isReflectorClient: true }));
    clients.push(client);
  }
  clients[0]?.announce({ prefix: '203.0.113.0/24' });
  world.settle();
  const { attributes, nextHops } = clients[1]?.route('203.0.113.0/24') ?? {};
  t.deepEqual(nextHops, ['10.0.0.2']);
  t.is(attributes?.originatorId, 0x0a00_0002);
  t.deepEqual(attributes?.clusterList, [0x0a00_0001]);
});

test('a peer that reads nothing costs no more than its socket; the others hear everything', async (t) => {
  const world = new World();
  const a = await world.speaker('10.0.0.1', 65_001);
  const slow = await world.speaker('10.0.0.2', 65_002);
  const quick = await world.speaker('10.0.0.3', 65_003);
  a.setNeighbour(peer('10.0.0.2', 65_002));
  a.setNeighbour(peer('10.0.0.3', 65_003));
  slow.setNeighbour(peer('10.0.0.1', 65_001));
  quick.setNeighbour(peer('10.0.0.1', 65_001));
  world.settle();
  world.network.frozen.add('10.0.0.2');
  for (let round = 0; round < 40; round++) {
    for (let n = 0; n < 250; n++) a.announce({ prefix: `203.0.${n}.0/24`, med: round });
    world.clock.advance(millis(100));
  }
  t.is(quick.route('203.0.249.0/24')?.attributes.multiExitDisc, 39);
  t.true(world.network.ends.every((end) => end.pendingBytes < 600_000));
  world.network.frozen.clear();
  for (const end of world.network.ends) end.read();
  world.settle(10);
  t.is(slow.route('203.0.249.0/24')?.attributes.multiExitDisc, 39);
  t.is(prefixes(slow).length, 250);
});

test('wrong configuration is refused with a remedy', async (t) => {
  const world = new World();
  const a = await world.speaker('10.0.0.1', 65_001);
  for (const wrong of [
    { address: 'router', asn: 1 },
    { address: '10.0.0.2', asn: 0 },
    { address: '10.0.0.2', asn: 23_456 },
    { address: '10.0.0.2', asn: 1, holdTimeSec: 2 },
    { address: '10.0.0.2', asn: 1, gracefulRestartSec: 5_000 },
    { address: '10.0.0.2', asn: 1, families: [] },
    { address: '10.0.0.2', asn: 1, longLivedStaleSec: 60 },
    { address: '10.0.0.2', asn: 1, addPathSend: 1 },
    { address: '10.0.0.2', asn: 1, md5Key: '' },
    { address: '10.0.0.2', asn: 1, md5Key: 'without a transport that can' },
    { address: '10.0.0.2', asn: 1, ttlSecurityHops: 255 },
  ]) {
    const error = t.throws(() => a.setNeighbour(wrong));
    t.is((error as { code?: string }).code, 'SDN_BGP_CONFIG');
  }
  t.throws(() => a.announce({ prefix: '10.0.0.1/8' }));
  t.throws(() => a.removeNeighbour('10.9.9.9'));
});

test('RFC 7911: a neighbour that takes several paths hears them all, best first, and each of their ends', async (t) => {
  const world = new World();
  const addPath = { addPathSend: 3, addPathReceive: true };
  const hub = await world.speaker('10.0.0.1', 65_001);
  const [a, b, listener] = await Promise.all(
    [2, 3, 4].map(async (n) => {
      const speaker = await world.speaker(`10.0.0.${n}`, 65_000 + n);
      speaker.setNeighbour(peer('10.0.0.1', 65_001, n === 4 ? addPath : {}));
      hub.setNeighbour(peer(`10.0.0.${n}`, 65_000 + n, n === 4 ? addPath : {}));
      return speaker;
    }),
  );
  const prefix = '203.0.113.0/24';
  const heard = () =>
    listener?.explain(prefix).map(({ attributes }) => attributes?.asPath[0]?.asns.at(-1));
  a?.announce({ prefix });
  b?.announce({ prefix });
  world.settle();
  t.deepEqual(heard()?.sort(), [65_002, 65_003]);
  a?.withdraw(prefix);
  world.settle();
  t.deepEqual(heard(), [65_003]);
  b?.withdraw(prefix);
  world.settle();
  t.deepEqual(heard(), []);
});

for (const [how, addPath] of [
  ['', {}],
  [', several paths told', { addPathSend: 3, addPathReceive: true }],
] as const) {
  test(`whatever is announced, withdrawn, cut and reconfigured${how}: in the end everybody knows what is announced, and nothing else`, async (t) => {
    const operation = fc.record({
      what: fc.constantFrom(
        'announce',
        'announce',
        'withdraw',
        'cut',
        'policy',
        'refresh',
        'freeze',
      ),
      who: fc.integer({ min: 0, max: 2 }),
      prefix: fc.integer({ min: 0, max: 12 }),
      afterMs: fc.integer({ min: 0, max: 400 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        const world = new World();
        const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
        const speakers = await Promise.all(hosts.map((host, n) => world.speaker(host, 65_001 + n)));
        const restart = { gracefulRestartSec: 5, ...addPath };
        for (const [n, speaker] of speakers.entries()) {
          for (const [m, host] of hosts.entries())
            if (m !== n) speaker.setNeighbour(peer(host, 65_001 + m, restart));
        }
        const announced = new Map<string, Set<number>>();
        for (const { what, who, prefix, afterMs } of operations) {
          const speaker = speakers[who];
          const host = hosts[who] ?? '';
          const text = `203.0.113.${prefix}/32`;
          const owners = announced.get(text) ?? new Set<number>();
          announced.set(text, owners);
          if (what === 'announce') {
            speaker?.announce({ prefix: text, med: afterMs % 3 });
            owners.add(who);
          } else if (what === 'withdraw') {
            speaker?.withdraw(text);
            owners.delete(who);
          } else if (what === 'cut') world.network.cut(host);
          else if (what === 'refresh') {
            for (const each of speaker?.neighbours() ?? []) speaker?.refreshNeighbour(each.address);
          } else if (what === 'freeze') world.network.frozen.add(host);
          else {
            const other = (who + 1) % 3;
            const policy = { name: 'x', rules: [], otherwise: 'accept' } as const;
            speaker?.setNeighbour(
              peer(hosts[other] ?? '', 65_001 + other, { ...restart, exportPolicy: policy }),
            );
          }
          world.clock.advance(millis(afterMs));
        }
        world.network.frozen.clear();
        for (const end of world.network.ends) end.read();
        world.settle(400);
        const expected = [...announced]
          .filter(([, owners]) => owners.size > 0)
          .map(([text]) => text);
        for (const speaker of speakers) {
          t.deepEqual(prefixes(speaker), expected.sort());
          t.is(speaker.counts.prefixes, expected.length, 'identifiers are let go');
        }
      }),
      { numRuns: 20 },
    );
  });
}
