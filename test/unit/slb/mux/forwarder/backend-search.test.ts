/** Second chance, the mux's part: whose is a connection that it has not seen begin? Hosts that do not know it return its packets. */
import test from 'ava';
import { IpProtocol } from '../../../../../packet/ip-protocol.ts';
import * as tcp from '../../../../../packet/tcp.ts';
import type { Backend } from '../../../../../schema/southbound/messages.ts';
import { SEARCH_SETTLE_SEC, SEARCHES_PER_ADDRESS_PER_SEC_MAX } from '../../../../../slb/limits.ts';
import { frameOf } from '../../../bgp/edge/router/edge-world.ts';
import {
  ACK,
  backend,
  CLIENT,
  CLIENT6,
  DOWN,
  health,
  MuxWorld,
  only,
  pool,
  rule,
  SYN,
  tcpPacket,
  UP,
  udpPacket,
  VIP,
  VIP6,
  vip,
} from '../mux-world.ts';

const FOUR = [1, 2, 3, 4].map((number) => backend(number));
const NAMES = FOUR.map((_, index) => `10.0.0.${index + 1}`);

/** Nothing has changed for a while. */
async function settled(backends: readonly Backend[] = FOUR): Promise<MuxWorld> {
  const world = new MuxWorld();
  await world.set([pool(backends), vip([rule(), rule({ protocol: 17, port: 53 })])]);
  world.advance(SEARCH_SETTLE_SEC);
  return world;
}

function readings(world: MuxWorld) {
  const { returned, unclaimed } = world.core.addressCounters.read(0);
  return { returned, unclaimed };
}

test('a connection that the mux has seen begin is its backend’s without a question', async (t) => {
  const world = await settled();
  for (const flags of [SYN, ACK, ACK]) {
    t.is(only(world.send(tcpPacket({ flags }))).step, undefined);
  }
});

test('one that it has not is asked about, first where the table says', async (t) => {
  const world = await settled();
  for (let srcPort = 1; srcPort <= 20; srcPort += 1) {
    const byTable = world.backendOf({ srcPort, flags: SYN });
    const other = await settled();
    const asked = only(other.send(tcpPacket({ srcPort, flags: ACK })));
    t.is(asked.backend, byTable);
    t.is(asked.step, 0);
  }
});

test('hosts that do not know it return it, and every member is asked once until one keeps it', async (t) => {
  for (const keeper of NAMES) {
    const world = await settled();
    const asked = world.askedAbout({ flags: ACK }, keeper);
    t.is(asked.at(-1) ?? '', keeper);
    t.is(new Set(asked).size, asked.length);
    t.deepEqual(readings(world), { returned: asked.length - 1, unclaimed: 0 });
    // What comes behind goes straight there.
    t.deepEqual(world.askedAbout({ flags: ACK }, keeper), [keeper]);
    world.advance(1);
    t.deepEqual(world.askedAbout({ flags: ACK }, keeper), [keeper]);
    world.core.checkInvariants();
  }
});

test('what nobody knows goes to the table’s backend in the end, to be kept, and is not looked for again', async (t) => {
  const world = await settled();
  const asked = world.askedAbout({ flags: ACK }, 'nobody');
  t.is(asked.length, 5);
  t.deepEqual(asked.slice(0, 4).toSorted(), NAMES);
  t.is(asked[4], asked[0]);
  t.deepEqual(readings(world), { returned: 4, unclaimed: 1 });
  const again = only(world.send(tcpPacket({ flags: ACK })));
  t.deepEqual([again.backend], asked.slice(0, 1));
  t.is(again.step, undefined);
});

test('the backend of the table before is asked second', async (t) => {
  const world = await settled([backend(1)]);
  await world.set([pool([...FOUR.slice(1), backend(1, { draining: true })])]);
  for (let srcPort = 1; srcPort <= 10; srcPort += 1) {
    const asked = world.askedAbout({ srcPort, flags: ACK }, '10.0.0.1');
    t.is(asked.length, 2);
  }
});

test('where everybody is down or drains, those who are members still are asked', async (t) => {
  const world = new MuxWorld();
  const drained = backend(2, { draining: true });
  await world.set([pool([backend(1), drained]), vip([rule({ healthId: 'h' })])]);
  await world.set([health({ 1: DOWN, 2: UP })]);
  world.advance(SEARCH_SETTLE_SEC);
  t.deepEqual(world.askedAbout({ flags: ACK }, '10.0.0.2'), ['10.0.0.1', '10.0.0.2']);
  t.deepEqual(world.askedAbout({ srcPort: 2, flags: ACK }, ''), ['10.0.0.1', '10.0.0.2']);
  t.is(world.drops()['NoLiveBackend'], 1);
});

test('several packets on their way at once: the search goes on once', async (t) => {
  const world = await settled();
  const burst = world.send(tcpPacket({ flags: ACK }), tcpPacket({ flags: ACK }));
  t.deepEqual(
    burst.map(({ step }) => step),
    [0, 0],
  );
  const next = burst.flatMap((sent) => world.giveBack(sent));
  t.is(next[0]?.backend, next[1]?.backend);
  t.not(next[0]?.backend, burst[0]?.backend);
  const late = next.flatMap((sent) => world.giveBack(sent));
  t.is(late[0]?.backend, late[1]?.backend);
});

test('a way that has led nowhere costs no TTL, in IPv4 and in IPv6', async (t) => {
  for (const [ends, address] of [
    [{}, VIP],
    [{ src: CLIENT6, dst: VIP6 }, VIP6],
  ] as const) {
    const world = new MuxWorld();
    await world.set([pool(FOUR), vip([rule()], address)]);
    const first = only(world.send(tcpPacket({ ...ends, flags: ACK, ttl: 9 })));
    const second = only(world.giveBack(first));
    t.is(second.key.ttl, 8);
    const bytes = ({ view, at }: typeof first) =>
      Buffer.from(view.buffer, view.byteOffset + at + 12, view.byteLength - at - 12);
    t.deepEqual(bytes(second), bytes(first));
  }
});

test('a pool of one is not asked, and no datagram is', async (t) => {
  const one = await settled([backend(1)]);
  t.is(only(one.send(tcpPacket({ flags: ACK }))).step, undefined);
  const world = await settled();
  t.is(only(world.send(udpPacket())).step, undefined);
});

test('a connection that begins anew goes by the table, whoever is being asked', async (t) => {
  const world = await settled();
  const byTable = world.backendOf({ flags: SYN });
  const other = await settled();
  const keeper = NAMES.find((name) => name !== byTable) ?? '';
  other.askedAbout({ flags: ACK }, keeper);
  const anew = only(other.send(tcpPacket({ flags: SYN })));
  t.is(anew.backend, byTable);
  t.is(anew.step, undefined);
});

test('right after a change nobody is taken for the last: the packet is dropped, and the next one asks anew', async (t) => {
  const world = new MuxWorld();
  await world.set([pool(FOUR), vip([rule()])]);
  t.is(world.askedAbout({ flags: ACK }, 'nobody').length, 4);
  t.deepEqual(world.drops(), { BackendSearchDeferred: 1 });
  world.advance(SEARCH_SETTLE_SEC);
  t.is(world.askedAbout({ flags: ACK }, 'nobody').length, 5);
});

test('a rule that leads to another pool: its connections are looked for there; a backend that leaves the pool loses them without a question', async (t) => {
  const world = await settled([backend(1), backend(2)]);
  const to = world.backendOf({ flags: SYN });
  world.send(tcpPacket({ flags: ACK }));
  await world.set([pool(FOUR, 'q'), vip([rule({ poolId: 'q' })])]);
  t.is(world.askedAbout({ flags: ACK }, to).at(-1), to);
  const left = await settled([backend(1), backend(2)]);
  left.send(tcpPacket({ flags: SYN }), tcpPacket({ flags: ACK }));
  await left.set([pool([backend(3), backend(4)])]);
  t.is(only(left.send(tcpPacket({ flags: ACK }))).step, undefined);
});

test('a remembered connection that has been silent is asked about, at its own backend first', async (t) => {
  const world = await settled();
  const to = world.backendOf({ flags: SYN });
  world.send(tcpPacket({ flags: ACK }));
  world.advance(9);
  t.is(only(world.send(tcpPacket({ flags: ACK }))).step, undefined);
  world.advance(10);
  const asked = only(world.send(tcpPacket({ flags: ACK })));
  t.is(asked.backend, to);
  t.is(asked.step, 0);
  // A host that has started anew knows none: in the end it is its backend’s, whatever the table says.
  await world.set([pool(FOUR.map((own) => ({ ...own, draining: own.address[3] !== 4 })))]);
  world.advance(SEARCH_SETTLE_SEC);
  const all = world.askedAbout({ flags: ACK }, 'nobody');
  t.is(all.at(-1), to);
  t.is(new Set(all).size, 4);
});

test('an ICMP error is asked about as the connection that it tells of', async (t) => {
  const world = await settled();
  const quoted = frameOf(
    { src: VIP, dst: CLIENT, protocol: IpProtocol.TCP, srcPort: 80, dstPort: 777, flags: ACK },
    { dst: 1, src: 2 },
  ).subarray(14, 14 + 28);
  const error = { src: '192.0.2.1', protocol: IpProtocol.ICMP, type: 3, code: 4, body: quoted };
  const asked = world.askedAbout(error, 'nobody');
  t.deepEqual(asked.toSorted(), NAMES);
  t.is(world.drops()['IcmpErrorUnrelated'], 1);
  t.is(world.core.memory.unconfirmed, 0);
  const keeper = asked[2] ?? '';
  t.deepEqual(world.askedAbout(error, keeper), asked.slice(0, 3));
  // Once the connection itself is found, the errors are at home at once.
  world.askedAbout({ srcPort: 777, flags: ACK }, keeper);
  t.deepEqual(world.askedAbout(error, keeper), [keeper]);
});

test('fragments of a segment go the same way, and come back the same way', async (t) => {
  const world = await settled();
  const spec = { flags: ACK, size: 64 };
  const first = tcpPacket({ ...spec, fragment: { id: 7, offset: 0, more: true } });
  const last = tcpPacket({ ...spec, fragment: { id: 7, offset: 88, more: false } });
  const sent = world.send(first, last);
  t.deepEqual(
    sent.map(({ step }) => step),
    [0, 0],
  );
  const next = sent.flatMap((each) => world.giveBack(each));
  t.is(next.length, 2);
  t.is(next[0]?.backend, next[1]?.backend);
  t.not(next[0]?.backend, sent[0]?.backend);
});

test('what has been forgotten meanwhile goes on where its mark says', async (t) => {
  const world = await settled();
  const asked: string[] = [];
  let [sent] = world.send(tcpPacket({ flags: ACK | tcp.Flag.PSH }));
  while (sent?.step !== undefined) {
    asked.push(sent.backend);
    world.core.memory.forgetAddresses(Uint8Array.of(1));
    [sent] = world.giveBack(sent);
  }
  t.deepEqual(asked.toSorted(), NAMES);
  t.is(sent?.backend, asked[0]);
});

test('backends that no table names are asked so many times a second for one address; then packets wait for their next try', async (t) => {
  const all = Array.from({ length: 200 }, (_, index) => backend(index + 1));
  const world = await settled(all);
  const searches = Math.ceil(SEARCHES_PER_ADDRESS_PER_SEC_MAX / (all.length - 1)) + 1;
  for (let srcPort = 1; srcPort <= searches; srcPort += 1) {
    world.askedAbout({ srcPort, flags: ACK }, 'nobody');
  }
  t.true((world.drops()['BackendSearchDeferred'] ?? 0) > 0);
  t.is(readings(world).unclaimed, Math.floor(SEARCHES_PER_ADDRESS_PER_SEC_MAX / 199));
  world.advance(1);
  t.is(world.askedAbout({ srcPort: searches, flags: ACK }, 'nobody').length, 201);
});
