/** The mux as a whole, over memory: where packets to virtual addresses go, and what is told to whom about those that cannot. */
import test from 'ava';
import { defined } from '../../../../../base/assert.ts';
import { Fragment } from '../../../../../packet/flow-key.ts';
import { IpProtocol } from '../../../../../packet/ip-protocol.ts';
import * as tcp from '../../../../../packet/tcp.ts';
import { LoadDistribution } from '../../../../../schema/southbound/messages.ts';
import { frameOf } from '../../../bgp/edge/router/edge-world.ts';
import {
  ACK,
  backend,
  CLIENT,
  CLIENT6,
  DOWN,
  EDGE_MAC,
  health,
  hostOf,
  LOST,
  lease,
  MUX_ADDRESS,
  MUX_MAC,
  MuxWorld,
  OTHER_VIP,
  only,
  pool,
  ROUTER_MAC,
  rule,
  SYN,
  tcpPacket,
  UNKNOWN,
  UP,
  udpPacket,
  VIP,
  VIP6,
  vip,
} from '../mux-world.ts';

const THREE = [backend(1), backend(2), backend(3)];

async function web(): Promise<MuxWorld> {
  const world = new MuxWorld();
  await world.set([pool(THREE), vip([rule(), rule({ protocol: IpProtocol.UDP, port: 53 })])]);
  return world;
}

test('a packet to a virtual address goes to a backend’s host as it is, one TTL older', async (t) => {
  const world = await web();
  const sent = only(world.send(tcpPacket({ ttl: 17 })));
  const number = Number(sent.backend.split('.')[3]);
  t.true([1, 2, 3].includes(number));
  t.is(sent.host, hostOf(number));
  t.is(sent.vni, 5001);
  t.is(sent.key.ttl, 16);
  t.is(sent.key.dstPort, 80);
  t.is(
    sent.view.getUint16(sent.at + 6) * 0x1_0000_0000 + sent.view.getUint32(sent.at + 8),
    ROUTER_MAC,
  );
  world.core.checkInvariants();
});

test('new connections are spread over all backends, by weight', async (t) => {
  const world = new MuxWorld({ flows: { confirmedMax: 1024, unconfirmedMax: 8192 } });
  await world.set([pool([backend(1), backend(2), backend(3, { weight: 2 })]), vip([rule()])]);
  const counts = new Map<string, number>();
  for (let port = 1; port <= 8000; port += 1) {
    const to = world.backendOf({ srcPort: port });
    counts.set(to, (counts.get(to) ?? 0) + 1);
  }
  t.true(Math.abs((counts.get('10.0.0.1') ?? 0) - 2000) < 150);
  t.true(Math.abs((counts.get('10.0.0.3') ?? 0) - 4000) < 200);
});

test('distribution modes keep a client at one backend', async (t) => {
  const world = new MuxWorld();
  const { LOAD_DISTRIBUTION_SOURCE_IP: byClient } = LoadDistribution;
  const many = Array.from({ length: 20 }, (_, index) => backend(index + 1));
  const both = [
    rule({ distribution: byClient }),
    rule({ protocol: 17, port: 53, distribution: byClient }),
  ];
  await world.set([pool(many), vip(both)]);
  const tcps = new Set([1, 2, 3, 4, 5].map((port) => world.backendOf({ srcPort: port })));
  t.is(tcps.size, 1);
  t.true(tcps.has(only(world.send(udpPacket())).backend));
  const { LOAD_DISTRIBUTION_SOURCE_IP_PROTOCOL: byProtocol } = LoadDistribution;
  await world.set([vip([rule({ distribution: byProtocol })])]);
  t.is(new Set([6, 7, 8, 9].map((port) => world.backendOf({ srcPort: port }))).size, 1);
});

test('HA ports take every port of TCP and UDP, and a rule of its own goes before them', async (t) => {
  const world = new MuxWorld();
  const all = rule({ protocol: 0, port: 0, id: 'all' });
  await world.set([
    pool([backend(1)]),
    pool([backend(2)], 'q'),
    vip([all, rule({ port: 443, poolId: 'q' })]),
  ]);
  t.is(world.backendOf({ dstPort: 9 }), '10.0.0.1');
  t.is(only(world.send(udpPacket({ dstPort: 5000 }))).backend, '10.0.0.1');
  t.is(world.backendOf({ dstPort: 443 }), '10.0.0.2');
});

test('leased ports lead to who has the lease, by any mux, and are nobody’s when it ends', async (t) => {
  const world = await web();
  await world.set([lease(7, 1024, 1031), lease(8, 1032, 1039, IpProtocol.UDP)]);
  t.is(world.backendOf({ dstPort: 1031, flags: ACK }), '10.0.0.7');
  t.is(only(world.send(udpPacket({ dstPort: 1032 }))).backend, '10.0.0.8');
  t.is(world.backendOf({ dstPort: 1032 }), '');
  t.is(world.drops()['VirtualPortUnknown'], 1);
  // The block changes hands in one change.
  await world.set([lease(9, 1024, 1031)], ['snat/web/10.0.0.7']);
  t.is(world.backendOf({ dstPort: 1024, flags: ACK }), '10.0.0.9');
  await world.set([], ['snat/web/10.0.0.9']);
  t.is(world.backendOf({ dstPort: 1024, flags: ACK }), '');
});

test('what no rule is for, and what is for nobody here, is counted and goes nowhere', async (t) => {
  const world = await web();
  t.deepEqual(world.send(tcpPacket({ dstPort: 81 }), tcpPacket({ dst: OTHER_VIP })), []);
  t.is(world.drops()['VirtualPortUnknown'], 1);
  t.is(world.linkDrops()['NotForUs'], 1);
  t.deepEqual(world.send(tcpPacket({ protocol: 47 })), []);
  t.is(world.drops()['VirtualPortUnknown'], 2);
  t.deepEqual(world.send(tcpPacket({ src: '127.0.0.1' })), []);
  t.is(world.drops()['MartianSource'], 1);
  world.deliver(frameOf(tcpPacket(), { dst: 0x0200_0000_9999, src: EDGE_MAC }));
  t.is(world.linkDrops()['NotForUs'], 2);
});

test('nobody tunnels to a mux but hosts, and they only what they have been asked about', async (t) => {
  const world = await web();
  t.deepEqual(world.deliverTunnelled(new Uint8Array(80)), []);
  t.is(world.linkDrops(1)['VxlanBadFlags'], 1);
  const sent = only(world.send(tcpPacket()));
  t.deepEqual(world.giveBack({ ...sent, host: '198.51.100.99' }), []);
  t.is(world.linkDrops(1)['OuterSourceUnknown'], 1);
  t.deepEqual(world.giveBack(sent), []);
  t.is(world.linkDrops(1)['NotForUs'], 1);
});

test('probe down: new connections go elsewhere, established ones go on, datagrams move', async (t) => {
  const world = new MuxWorld();
  const rules = [rule({ healthId: 'h' }), rule({ protocol: 17, port: 53, healthId: 'h' })];
  await world.set([pool([backend(1)]), health({ 1: UP }), vip(rules)]);
  t.is(world.backendOf(), '10.0.0.1');
  t.is(only(world.send(udpPacket())).backend, '10.0.0.1');
  await world.set([pool([backend(1), backend(2)]), health({ 1: DOWN, 2: UP })]);
  t.is(world.backendOf({ flags: ACK }), '10.0.0.1');
  t.is(only(world.send(udpPacket())).backend, '10.0.0.2');
  t.is(world.backendOf({ srcPort: 40_001 }), '10.0.0.2');
  // The same client port begins anew.
  t.is(world.backendOf({ flags: SYN }), '10.0.0.2');
  t.is(world.backendOf({ flags: ACK }), '10.0.0.2');
});

test('no live backend: new connections are refused and counted, established ones go on', async (t) => {
  const world = new MuxWorld();
  await world.set([pool([backend(1)]), health({ 1: UP }), vip([rule({ healthId: 'h' })])]);
  t.is(world.backendOf(), '10.0.0.1');
  await world.set([health({ 1: DOWN })]);
  t.is(world.backendOf({ flags: ACK }), '10.0.0.1');
  t.is(world.backendOf({ srcPort: 5 }), '');
  t.is(world.drops()['NoLiveBackend'], 1);
});

test('UNKNOWN changes nothing that was known, and never known is not chosen', async (t) => {
  const world = new MuxWorld();
  await world.set([
    pool([backend(1), backend(2)]),
    health({ 1: UNKNOWN }),
    vip([rule({ healthId: 'h' })]),
  ]);
  t.is(world.backendOf(), '');
  await world.set([health({ 1: UP, 2: DOWN })]);
  t.is(world.backendOf({ srcPort: 2 }), '10.0.0.1');
  await world.set([health({ 1: UNKNOWN, 2: UNKNOWN })]);
  t.is(world.backendOf({ srcPort: 3 }), '10.0.0.1');
});

test('LOST backends are chosen only where none is UP', async (t) => {
  const world = new MuxWorld();
  await world.set([
    pool(THREE),
    health({ 1: LOST, 2: UP, 3: DOWN }),
    vip([rule({ healthId: 'h' })]),
  ]);
  t.is(world.backendOf({ srcPort: 1 }), '10.0.0.2');
  await world.set([health({ 1: LOST, 2: DOWN, 3: DOWN })]);
  t.is(world.backendOf({ srcPort: 2 }), '10.0.0.1');
});

test('draining: no new connection, and those there are go on', async (t) => {
  const world = new MuxWorld();
  await world.set([pool([backend(1)]), vip([rule()])]);
  t.is(world.backendOf(), '10.0.0.1');
  await world.set([pool([backend(1, { draining: true }), backend(2)])]);
  t.is(world.backendOf({ flags: ACK }), '10.0.0.1');
  t.is(world.backendOf({ srcPort: 9 }), '10.0.0.2');
});

test('a backend that moves to another host takes its flows along', async (t) => {
  const world = new MuxWorld();
  await world.set([pool([backend(1)]), vip([rule()])]);
  t.is(only(world.send(tcpPacket())).host, hostOf(1));
  const { providerAddress } = backend(2);
  await world.set([pool([backend(1, { providerAddress })])]);
  const moved = only(world.send(tcpPacket({ flags: ACK })));
  t.is(moved.host, hostOf(2));
  t.is(moved.backend, '10.0.0.1');
  await world.set([pool([backend(1, { providerAddress: new Uint8Array() })])]);
  t.deepEqual(world.send(tcpPacket({ flags: ACK })), []);
  t.is(world.drops()['BackendUnattached'], 1);
  world.core.checkInvariants();
});

test('a flow is forgotten when it has been idle for its rule’s time', async (t) => {
  const world = new MuxWorld();
  await world.set([pool([backend(1)]), vip([rule({ idleTimeoutSec: 600 })])]);
  world.send(tcpPacket(), tcpPacket({ flags: ACK }));
  t.is(world.core.memory.confirmed, 1);
  world.advance(599);
  t.is(world.core.memory.confirmed, 1);
  world.advance(31);
  t.is(world.core.memory.confirmed, 0);
  t.is(world.core.tables.flowsOf(0), 0);
});

test('RST and FIN shorten what is remembered', async (t) => {
  const world = new MuxWorld();
  await world.set([pool([backend(1)]), vip([rule({ idleTimeoutSec: 1800 })])]);
  for (const [srcPort, flags] of [
    [1, tcp.Flag.RST],
    [2, tcp.Flag.FIN | ACK],
  ] as const) {
    world.send(
      tcpPacket({ srcPort }),
      tcpPacket({ srcPort, flags: ACK }),
      tcpPacket({ srcPort, flags }),
    );
  }
  t.is(world.core.memory.confirmed, 2);
  world.advance(45);
  t.is(world.core.memory.confirmed, 1);
  world.advance(240);
  t.is(world.core.memory.confirmed, 0);
});

test('a repeated SYN goes where it went; one after the end of a connection goes where new ones go', async (t) => {
  const both = [pool([backend(1), backend(2)]), vip([rule()])];
  const later = new MuxWorld();
  await later.set(both);
  const ports = Array.from({ length: 40 }, (_, index) => 40_100 + index);
  const moving = ports.filter((srcPort) => later.backendOf({ srcPort }) === '10.0.0.2');
  for (const flags of [tcp.Flag.RST, tcp.Flag.RST | ACK, tcp.Flag.FIN | ACK]) {
    const srcPort = defined(moving.pop(), 'a port that moves');
    const world = new MuxWorld();
    await world.set([pool([backend(1)]), vip([rule()])]);
    const goesTo = (segment: number) => world.backendOf({ flags: segment, srcPort });
    t.deepEqual([goesTo(SYN), goesTo(ACK)], ['10.0.0.1', '10.0.0.1']);
    await world.set(both);
    t.deepEqual([goesTo(SYN), goesTo(ACK), goesTo(flags)], Array(3).fill('10.0.0.1'));
    t.deepEqual([goesTo(SYN), goesTo(ACK)], ['10.0.0.2', '10.0.0.2']);
  }
});

test('fragments go where their first one went; one that comes before it waits, but not for long', async (t) => {
  const world = await web();
  const first = { id: 77, offset: 0, more: true };
  const spec = udpPacket({ size: 64, fragment: first });
  const to = only(world.send(spec)).backend;
  const last = udpPacket({ size: 64, fragment: { id: 77, offset: 72, more: false } });
  t.is(only(world.send(last)).backend, to);
  const stray = udpPacket({ size: 64, fragment: { id: 78, offset: 72, more: false } });
  t.deepEqual(world.send(stray), []);
  t.is(world.drops()['FragmentWithoutFirst'], undefined);
  const itsFirst = udpPacket({ size: 64, fragment: { id: 78, offset: 0, more: true } });
  const both = world.send(itsFirst);
  t.deepEqual(
    both.map(({ backend: each, key }) => [each, key.fragment]),
    [
      [to, Fragment.FIRST],
      [to, Fragment.LATER],
    ],
  );
  const lost = udpPacket({ size: 64, fragment: { id: 79, offset: 72, more: false } });
  t.deepEqual(world.send(lost), []);
  world.advance(3);
  world.send();
  t.is(world.drops()['FragmentWithoutFirst'], 1);
});

test('an ICMP error goes to the backend whose packet it quotes', async (t) => {
  const world = await web();
  const to = only(world.send(tcpPacket({ srcPort: 777 }))).backend;
  const quoted = frameOf(
    { src: VIP, dst: CLIENT, protocol: IpProtocol.TCP, srcPort: 80, dstPort: 777, flags: ACK },
    { dst: 1, src: 2 },
  ).subarray(14, 14 + 28);
  const error = {
    src: '192.0.2.1',
    dst: VIP,
    protocol: IpProtocol.ICMP,
    type: 3,
    code: 4,
    body: quoted,
  };
  const sent = only(world.send(error));
  t.is(sent.backend, to);
  t.is(sent.key.protocol, IpProtocol.ICMP);
  const unrelated = { ...error, body: quoted.subarray(0, 10) };
  t.deepEqual(world.send(unrelated), []);
  t.is(world.drops()['IcmpBadQuote'], 1);
});

test('an echo request to a live virtual address is answered in its name, one to a dead one is not', async (t) => {
  const world = await web();
  const ping = { src: CLIENT, dst: VIP, protocol: IpProtocol.ICMP, type: 8, srcPort: 9 };
  const answer = only(world.send(ping));
  t.is(answer.backend, '');
  t.is(answer.key.dstPort >>> 8, 0);
  t.is(answer.key.src3, 0xcb00_710a);
  t.is(answer.key.srcPort, 9);
  t.is(answer.view.getUint16(4) * 0 + answer.view.getUint32(2), EDGE_MAC % 0x1_0000_0000);
  await world.set([pool([])]);
  t.deepEqual(world.send(ping), []);
  t.is(world.drops()['NoLiveBackend'], 1);
});

test('at most a thousand echo requests a second are answered', async (t) => {
  const world = await web();
  const ping = { src: CLIENT, dst: VIP, protocol: IpProtocol.ICMP, type: 8, srcPort: 9 };
  let answered = 0;
  for (let index = 0; index < 1200; index += 1) answered += world.send(ping).length;
  t.is(answered, 1000);
  t.is(world.drops()['RateLimited'], 200);
});

test('IPv6: balanced, pinged, and told what is too big in the address’ own name', async (t) => {
  const world = new MuxWorld();
  await world.set([pool(THREE), vip([rule()], VIP6)]);
  const v6 = { src: CLIENT6, dst: VIP6 };
  t.regex(world.backendOf(v6), /^10\.0\.0\.[123]$/);
  const pong = only(world.send({ ...v6, protocol: IpProtocol.ICMPV6, type: 128, srcPort: 3 }));
  t.is(pong.key.dstPort >>> 8, 129);
  const told = only(world.send(tcpPacket({ ...v6, flags: ACK, size: 1400 })));
  t.is(told.key.protocol, IpProtocol.ICMPV6);
  t.is(told.key.dstPort >>> 8, 2);
  t.is(told.view.getUint32(told.key.l4At + 4), 1450);
  t.is(told.key.src3, 0x10);
  t.is(world.drops()['FrameTooBig'], 1);
});

test('too big for the tunnel: told with DF, cut without', async (t) => {
  const world = await web();
  const told = only(world.send(tcpPacket({ flags: ACK, size: 1450, df: true })));
  t.is(told.key.protocol, IpProtocol.ICMP);
  t.is(told.key.dstPort, (3 << 8) | 4);
  t.is(told.view.getUint16(told.key.l4At + 6), 1450);
  t.is(told.key.src3, 0xc633_6403);
  t.is(MUX_ADDRESS, '198.51.100.3');
  const cut = world.send(udpPacket({ size: 1460, df: false }));
  t.is(cut.length, 2);
  t.is(new Set(cut.map(({ backend: to }) => to)).size, 1);
});

test('too old: the sender is told', async (t) => {
  const world = await web();
  const told = only(world.send(tcpPacket({ ttl: 1 })));
  t.is(told.key.dstPort >>> 8, 11);
  t.is(world.drops()['TtlExpired'], 1);
});

test('a super-frame stays whole', async (t) => {
  const world = await web();
  const bytes = frameOf(tcpPacket({ flags: ACK, size: 20_000, df: true }), {
    dst: MUX_MAC,
    src: EDGE_MAC,
  });
  const vnet = { flags: 1, gsoType: 1, hdrLen: 54, gsoSize: 1400, csumStart: 34, csumOffset: 16 };
  const sent = only(world.deliver(bytes, { vnet }));
  t.is(sent.frame.vnet.gsoSize, 1400);
  t.is(sent.key.l3End - sent.key.l3At, 20_040);
  const tooBig = only(world.deliver(bytes, { vnet: { ...vnet, gsoSize: 1440 } }));
  t.is(tooBig.key.protocol, IpProtocol.ICMP);
});

test('a rule that leads to another pool takes its flows there', async (t) => {
  const world = new MuxWorld();
  await world.set([pool([backend(1)]), pool([backend(2)], 'q'), vip([rule()])]);
  world.send(tcpPacket(), tcpPacket({ flags: ACK }));
  await world.set([vip([rule({ poolId: 'q' })])]);
  t.is(world.backendOf({ flags: ACK }), '10.0.0.2');
  world.core.checkInvariants();
});

test('a virtual address that goes takes its flows along, and its number may be another’s', async (t) => {
  const world = await web();
  world.send(tcpPacket(), tcpPacket({ flags: ACK }));
  await world.set([], ['vip/web']);
  t.is(world.core.memory.confirmed, 0);
  t.is(world.backendOf({ flags: ACK }), '');
  await world.set([vip([rule()], OTHER_VIP, 'other')]);
  t.is(world.core.tables.flowsOf(0), 0);
  t.is(world.core.addressCounters.read(0).rxFrames, 0);
  t.not(world.backendOf({ dst: OTHER_VIP }), '');
  await world.set([], ['vip/other', 'pool/p']);
  t.is(world.core.tables.targets.count, 0);
  t.is(world.core.tables.hosts.count, 0);
  world.core.checkInvariants();
});

test('what finds no room is named, and the rest is in force', async (t) => {
  const world = new MuxWorld({ limits: { addressesMax: 1, targetsMax: 2 } });
  const faults = await world.set([pool(THREE), vip([rule()]), vip([rule()], OTHER_VIP, 'other')]);
  t.deepEqual(faults, ['p ', 'vip/other']);
  t.not(world.backendOf(), undefined);
  const again = await world.set([vip([rule()], VIP, 'twin')]);
  t.deepEqual(again, ['vip/twin']);
});

test('a lease that comes before its virtual address is in force when that comes', async (t) => {
  const world = new MuxWorld();
  await world.set([lease(7, 1024, 1031)]);
  t.is(world.core.tables.targets.count, 0);
  await world.set([vip([rule()])]);
  t.is(world.backendOf({ dstPort: 1024, flags: ACK }), '10.0.0.7');
  await world.set([], ['vip/web']);
  await world.set([vip([rule()])]);
  t.is(world.backendOf({ dstPort: 1024, flags: ACK }), '10.0.0.7');
  await world.set([], ['snat/web/10.0.0.7', 'vip/web']);
  t.is(world.core.tables.targets.count, 0);
});

test('an address whose last holder has not gone yet is refused; tried again after that, it has the leases of its ports', async (t) => {
  const world = new MuxWorld();
  await world.set([vip([rule()], VIP, 'old')]);
  t.deepEqual(await world.set([vip([rule()]), lease(7, 1024, 1031)]), ['vip/web']);
  t.deepEqual(await world.set([], ['vip/old']), []);
  t.is(world.backendOf({ dstPort: 1024, flags: ACK }), '');
  t.deepEqual(await world.set([vip([rule()])]), []);
  t.is(world.backendOf({ dstPort: 1024, flags: ACK }), '10.0.0.7');
});
