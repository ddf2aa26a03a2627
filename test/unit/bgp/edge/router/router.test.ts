/** The edge router over memory: what leaves for what comes in. */
import test from 'ava';
import { defined } from '../../../../../base/assert.ts';
import * as ethernet from '../../../../../packet/ethernet.ts';
import { Fragment } from '../../../../../packet/flow-key.ts';
import * as icmp from '../../../../../packet/icmp.ts';
import { IpProtocol } from '../../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../../packet/ipv4.ts';
import { Flag } from '../../../../../packet/tcp.ts';
import {
  BLUE_VNI,
  EDGE_MAC,
  EdgeWorld,
  frameOf,
  GATEWAY_MAC,
  isSound,
  natPool,
  OUTSIDE_MAC,
  PROVIDER_MAC,
  portForward,
  publicAddress,
  RED_VNI,
  ROUTER_MAC,
  type Seen,
  VMS,
  words,
} from './edge-world.ts';

const CLIENT = '192.0.2.77';
const FAR = '198.18.0.9';
const { TCP, ICMP } = IpProtocol;

function only(seen: readonly Seen[]): Seen {
  if (seen.length !== 1)
    throw new Error(
      `${seen.length} frames: ${seen.map(({ way, src, dst }) => `${way} ${src}>${dst}`)}`,
    );
  return defined(seen[0], 'a frame');
}

function world(): EdgeWorld {
  const edge = new EdgeWorld();
  edge.apply(natPool());
  return edge.resolveGateway();
}

test('the first packet waits for the gateway’s MAC address and goes on when it is known', (t) => {
  const edge = new EdgeWorld();
  edge.apply(natPool());
  const request = only(edge.fromVm('blue4', { dst: FAR }));
  t.is(request.key.etherType, ethernet.EtherType.ARP);
  t.is(request.dstMac, ethernet.BROADCAST);
  const sent = only(edge.says(edge.outside, '192.0.2.1', GATEWAY_MAC));
  t.is(sent.dst, FAR);
  t.is(sent.dstMac, GATEWAY_MAC);
});

test('a neighbour that never answers costs its senders an ICMP host unreachable', (t) => {
  const edge = new EdgeWorld();
  edge.apply(natPool());
  edge.fromVm('blue4', { dst: FAR });
  const later = edge.wait(4).filter(({ way }) => way === 'tunnel');
  const error = only(later);
  t.is(error.key.dstPort, (icmp.Type.DESTINATION_UNREACHABLE << 8) | icmp.Unreachable.HOST);
  t.is(error.dst, '10.0.0.4');
  t.is(edge.drops(0)['NeighborUnresolved'], 1);
});

test('UDP of a tenant leaves with a public address and port, and the answer comes back', (t) => {
  const edge = world();
  const out = only(edge.fromVm('blue4', { dst: FAR, srcPort: 5000, dstPort: 53 }));
  t.is(out.way, 'outside');
  t.is(out.src, '203.0.113.250');
  t.is(out.dst, FAR);
  t.is(out.dstMac, GATEWAY_MAC);
  t.is(out.srcMac, OUTSIDE_MAC);
  t.is(out.key.ttl, 63);
  t.true(out.key.srcPort >= 1024);
  t.true(isSound(out));
  const back = only(
    edge.fromOutside({ src: FAR, dst: '203.0.113.250', srcPort: 53, dstPort: out.key.srcPort }),
  );
  t.is(back.way, 'tunnel');
  t.is(back.vni, BLUE_VNI);
  t.is(back.dst, '10.0.0.4');
  t.is(back.key.dstPort, 5000);
  t.is(back.dstMac, defined(VMS['blue4'], 'blue4').mac);
  t.is(back.srcMac, EDGE_MAC);
  t.true(isSound(back));
});

test('two tenants with the same address do not meet', (t) => {
  const edge = world();
  const blue = only(edge.fromVm('blue4', { dst: FAR, srcPort: 5000 }));
  const red = only(edge.fromVm('red4', { dst: FAR, srcPort: 5000 }));
  t.not(blue.key.srcPort, red.key.srcPort);
  const answer = { src: FAR, dst: '203.0.113.250', srcPort: 2000 };
  t.is(only(edge.fromOutside({ ...answer, dstPort: blue.key.srcPort })).vni, BLUE_VNI);
  t.is(only(edge.fromOutside({ ...answer, dstPort: red.key.srcPort })).vni, RED_VNI);
});

test('RFC 4787 REQ-1, REQ-8: the mapping is the same for everybody, and everybody may use it', (t) => {
  const edge = world();
  const first = only(edge.fromVm('blue4', { dst: FAR, srcPort: 5000 }));
  const second = only(edge.fromVm('blue4', { dst: '198.18.7.7', srcPort: 5000 }));
  t.is(first.key.srcPort, second.key.srcPort);
  const stranger = edge.fromOutside({
    src: '198.18.99.99',
    dst: '203.0.113.250',
    dstPort: first.key.srcPort,
  });
  t.is(only(stranger).key.dstPort, 5000);
});

test('what comes to a pool without a mapping is dropped silently', (t) => {
  const edge = world();
  t.deepEqual(edge.fromOutside({ src: FAR, dst: '203.0.113.250', dstPort: 4444 }), []);
  t.is(edge.drops(2)['NatNoMapping'], 1);
});

test('RFC 5508 REQ-1: a ping goes out under a public identifier and its answer finds the way back', (t) => {
  const edge = world();
  const out = only(edge.fromVm('blue4', { dst: FAR, protocol: ICMP, srcPort: 77 }));
  t.is(out.src, '203.0.113.250');
  t.true(isSound(out));
  const identifier = icmp.identifier(out.view, out.key.l4At);
  const back = only(
    edge.fromOutside({
      src: FAR,
      dst: '203.0.113.250',
      protocol: ICMP,
      type: 0,
      srcPort: identifier,
    }),
  );
  t.is(back.dst, '10.0.0.4');
  t.is(icmp.identifier(back.view, back.key.l4At), 77);
  t.true(isSound(back));
});

test('a public address of its own leads both ways, without ports, for every protocol', (t) => {
  const edge = world();
  edge.apply(publicAddress('web', '203.0.113.7', 'blue5'));
  const into = only(
    edge.fromOutside({
      src: CLIENT,
      dst: '203.0.113.7',
      protocol: TCP,
      srcPort: 4000,
      dstPort: 80,
    }),
  );
  t.deepEqual(
    [into.way, into.vni, into.dst, into.key.dstPort],
    ['tunnel', BLUE_VNI, '10.0.0.5', 80],
  );
  t.true(isSound(into));
  edge.core.state.neighbours.lookup(2, words(CLIENT), false, edge.core.nowSec);
  edge.says(edge.outside, CLIENT, 0x0200_0000_0a77);
  const out = only(
    edge.fromVm('blue5', {
      dst: CLIENT,
      protocol: TCP,
      srcPort: 80,
      dstPort: 4000,
      flags: Flag.SYN | Flag.ACK,
    }),
  );
  t.deepEqual([out.src, out.key.srcPort, out.dstMac], ['203.0.113.7', 80, 0x0200_0000_0a77]);
  const gre = only(edge.fromVm('blue5', { dst: FAR, protocol: 47 }));
  t.is(gre.src, '203.0.113.7');
});

test('a public IPv6 address leads both ways; without one IPv6 is refused with a reason', (t) => {
  const edge = world();
  const refused = only(edge.fromVm('blue6', { dst: '2001:db8:77::1' }));
  t.deepEqual([refused.way, refused.dst, refused.key.dstPort >>> 8], ['tunnel', 'fd00::4', 1]);
  t.true(isSound(refused));
  edge.apply(publicAddress('six', '2001:db8:aaaa::7', 'blue6'));
  edge.core.state.neighbours.lookup(2, words('2001:db8:ffff::1'), true, edge.core.nowSec);
  edge.core.state.neighbours.learn(2, words('2001:db8:ffff::1'), GATEWAY_MAC, edge.core.nowSec);
  edge.run();
  const out = only(edge.fromVm('blue6', { dst: '2001:db8:77::1' }));
  t.deepEqual([out.way, out.src], ['outside', '2001:db8:aaaa::7']);
  t.true(isSound(out));
  const back = only(edge.fromOutside({ src: '2001:db8:77::1', dst: '2001:db8:aaaa::7' }));
  t.deepEqual([back.way, back.dst], ['tunnel', 'fd00::4']);
  t.true(isSound(back));
});

test('a public address that nobody has is refused with ICMP host unreachable', (t) => {
  const edge = world();
  edge.apply(publicAddress('spare', '203.0.113.9', undefined));
  const error = only(edge.fromOutside({ src: FAR, dst: '203.0.113.9' }));
  t.is(error.key.dstPort, (icmp.Type.DESTINATION_UNREACHABLE << 8) | icmp.Unreachable.HOST);
  t.is(error.src, '192.0.2.2');
});

test('RFC 4787 REQ-9: tenants reach each other by their public addresses and see the public source', (t) => {
  const edge = world();
  edge.apply(publicAddress('web', '203.0.113.7', 'red4'));
  const hair = only(edge.fromVm('blue4', { dst: '203.0.113.7', srcPort: 5000, dstPort: 80 }));
  t.deepEqual(
    [hair.way, hair.vni, hair.src, hair.dst],
    ['tunnel', RED_VNI, '203.0.113.250', '10.0.0.4'],
  );
  t.true(isSound(hair));
  const back = only(
    edge.fromVm('red4', { dst: '203.0.113.250', srcPort: 80, dstPort: hair.key.srcPort }),
  );
  t.deepEqual(
    [back.way, back.vni, back.src, back.dst, back.key.dstPort],
    ['tunnel', BLUE_VNI, '203.0.113.7', '10.0.0.4', 5000],
  );
});

test('a port forward leads in, and answers leave by the port that was addressed, where two lead to one inside too', (t) => {
  const edge = world();
  edge.apply(portForward({ id: 'a', port: 8080, vm: 'blue4', privatePort: 80 }));
  edge.apply(portForward({ id: 'b', port: 9090, vm: 'blue4', privatePort: 80 }));
  for (const port of [8080, 9090]) {
    const into = only(
      edge.fromOutside({
        src: FAR,
        dst: '203.0.113.251',
        protocol: TCP,
        srcPort: 3000 + port,
        dstPort: port,
      }),
    );
    t.deepEqual([into.dst, into.key.dstPort], ['10.0.0.4', 80]);
    const out = only(
      edge.fromVm('blue4', {
        dst: FAR,
        protocol: TCP,
        srcPort: 80,
        dstPort: 3000 + port,
        flags: Flag.SYN | Flag.ACK,
      }),
    );
    t.deepEqual([out.src, out.key.srcPort], ['203.0.113.251', port]);
  }
});

test('infrastructure leaves by a pool that is for it, and answers as itself who has addressed it as itself', (t) => {
  const edge = world();
  const plain = only(edge.fromProvider({ src: '198.51.100.20', dst: FAR }));
  t.is(plain.src, '198.51.100.20');
  edge.apply(natPool({ infrastructure: true }));
  t.is(only(edge.fromProvider({ src: '198.51.100.20', dst: FAR })).src, '203.0.113.250');
  edge.core.state.neighbours.lookup(1, words('198.51.100.20'), false, edge.core.nowSec);
  edge.says(edge.provider, '198.51.100.20', 0x0200_0000_0b20);
  const into = only(edge.fromOutside({ src: FAR, dst: '198.51.100.20', srcPort: 9, dstPort: 22 }));
  t.deepEqual([into.way, into.dst, into.srcMac], ['provider', '198.51.100.20', PROVIDER_MAC]);
  const back = only(edge.fromProvider({ src: '198.51.100.20', dst: FAR, srcPort: 22, dstPort: 9 }));
  t.is(back.src, '198.51.100.20');
});

test('what is exempt from translation leaves as it is, or not at all', (t) => {
  const edge = world();
  edge.apply(natPool({ infrastructure: true }));
  t.is(only(edge.fromProvider({ src: '198.51.100.20', dst: '198.18.200.1' })).src, '198.51.100.20');
  t.is(only(edge.fromVm('blue4', { dst: '198.18.200.1' })).way, 'tunnel');
});

test('a tenant does not reach the provider network, but what BGP has learned there', (t) => {
  const edge = world();
  const refused = only(edge.fromVm('blue4', { dst: '198.51.100.20' }));
  t.is(
    refused.key.dstPort,
    (icmp.Type.DESTINATION_UNREACHABLE << 8) | icmp.Unreachable.ADMINISTRATIVELY_PROHIBITED,
  );
  t.is(edge.drops(0)['InfrastructureProtected'], 1);
  edge.core.learn([
    { prefix: { words: words('203.0.113.100'), len: 128 }, nextHops: [words('198.51.100.12')] },
  ]);
  edge.core.state.neighbours.lookup(1, words('198.51.100.12'), true, edge.core.nowSec);
  edge.says(edge.provider, '198.51.100.12', 0x0200_0000_0b12);
  t.is(only(edge.fromVm('blue4', { dst: '203.0.113.100' })).way, 'provider');
});

test('spoofed and martian sources go no further', (t) => {
  const edge = world();
  edge.apply(publicAddress('web', '203.0.113.7', 'blue5'));
  for (const src of [
    '127.0.0.1',
    '224.0.0.1',
    '0.0.0.1',
    '169.254.1.1',
    '203.0.113.7',
    '198.51.100.20',
    '192.0.2.2',
  ]) {
    t.deepEqual(edge.fromOutside({ src, dst: '203.0.113.7' }), [], src);
  }
  t.is(edge.drops(2)['MartianSource'], 7);
  const frame = frameOf({ src: '10.9.9.9', dst: FAR }, { dst: EDGE_MAC, src: ROUTER_MAC });
  t.deepEqual(edge.fromTunnel(BLUE_VNI, frame), []);
  t.is(edge.drops(0)['InnerSourceImplausible'], 1);
  t.deepEqual(edge.fromTunnel(BLUE_VNI, frame, '198.51.100.66'), []);
  t.is(edge.drops(0)['OuterSourceUnknown'], 1);
  t.deepEqual(edge.fromTunnel(999, frame), []);
  t.is(edge.drops(0)['VniUnknown'], 1);
});

test('RFC 1812 §5.3.1: at the end of its life a packet is answered with time exceeded', (t) => {
  const edge = world();
  const error = only(edge.fromVm('blue4', { dst: FAR, ttl: 1 }));
  t.deepEqual([error.way, error.src, error.dst], ['tunnel', '192.0.2.2', '10.0.0.4']);
  t.is(error.key.dstPort, icmp.Type.TIME_EXCEEDED << 8);
  t.true(isSound(error));
});

test('RFC 1191: what does not fit the tunnel is told its MTU; without DF it is cut', (t) => {
  const edge = world();
  edge.apply(publicAddress('web', '203.0.113.7', 'blue5'));
  const error = only(edge.fromOutside({ src: FAR, dst: '203.0.113.7', size: 1470 }));
  t.is(error.way, 'outside');
  t.is(icmp.nextHopMtu(error.view, error.key.l4At), 1450);
  const pieces = edge.fromOutside({ src: FAR, dst: '203.0.113.7', size: 1470, df: false });
  t.is(pieces.length, 2);
  t.true(
    pieces.every(
      ({ key, view }) => ipv4.hasValidChecksum(view, key.l3At) && key.l3End - key.l3At <= 1450,
    ),
  );
  t.is(ipv4.fragmentOffset(defined(pieces[1], 'a piece').view, 14), 1424);
  t.true(ipv4.moreFragments(defined(pieces[0], 'a piece').view, 14));
});

test('fragments follow their first one through translation', (t) => {
  const edge = world();
  const first = only(
    edge.fromVm('blue4', {
      dst: FAR,
      srcPort: 5000,
      size: 1000,
      fragment: { id: 9, offset: 0, more: true },
    }),
  );
  const later = only(
    edge.fromVm('blue4', { dst: FAR, size: 100, fragment: { id: 9, offset: 1008, more: false } }),
  );
  t.is(first.src, '203.0.113.250');
  t.is(later.src, '203.0.113.250');
});

test('a fragment that comes before its first one waits for it, but not for long', (t) => {
  const edge = world();
  const later = { dst: FAR, size: 100, fragment: { id: 10, offset: 1008, more: false } };
  t.deepEqual(edge.fromVm('blue4', later), []);
  const first = { id: 10, offset: 0, more: true };
  const spec = { dst: FAR, srcPort: 5000, size: 1000, fragment: first };
  const sent = edge.fromVm('blue4', spec);
  t.deepEqual(
    sent.map(({ src, key }) => [src, key.fragment]),
    [
      ['203.0.113.250', Fragment.FIRST],
      ['203.0.113.250', Fragment.LATER],
    ],
  );
  t.is(edge.drops(0)['FragmentWithoutFirst'], undefined);
  t.deepEqual(edge.fromVm('blue4', later).length, 1, 'it is known now');
  t.deepEqual(edge.fromVm('blue4', { ...later, fragment: { id: 11, offset: 8, more: false } }), []);
  edge.wait(3);
  t.is(edge.drops(0)['FragmentWithoutFirst'], 1);
});

function forgetFlows({ core: { flows } }: EdgeWorld): void {
  for (const { flow } of [...flows.views()].filter(({ isReply }) => !isReply)) flows.remove(flow);
}

/** What the wire had after the Ethernet header, as an ICMP error quotes it. */
function quoteOf({ bytes }: Seen): Uint8Array {
  return bytes.slice(ethernet.HEADER_LEN, ethernet.HEADER_LEN + 28);
}

test('RFC 5508 §4: an error from a router outside reaches the inside, its quotation as it was sent', (t) => {
  for (const isRemembered of [true, false]) {
    const edge = world();
    const out = only(edge.fromVm('blue4', { dst: FAR, srcPort: 5000, dstPort: 53 }));
    if (!isRemembered) forgetFlows(edge);
    const error = only(
      edge.fromOutside({
        src: '198.18.5.5',
        dst: '203.0.113.250',
        protocol: ICMP,
        type: 11,
        rest: 0,
        body: quoteOf(out),
      }),
    );
    t.deepEqual([error.way, error.src, error.dst], ['tunnel', '198.18.5.5', '10.0.0.4']);
    t.true(isSound(error));
    const quotedAt = error.key.l4At + icmp.HEADER_LEN;
    t.is(ipv4.src(error.view, quotedAt), words('10.0.0.4')[3]);
    t.is(error.view.getUint16(quotedAt + ipv4.HEADER_LEN), 5000);
  }
});

test('RFC 5508 §4: an error of a VM about what it was sent leaves with its public address', (t) => {
  const edge = world();
  edge.apply(publicAddress('web', '203.0.113.7', 'blue5'));
  const into = only(edge.fromOutside({ src: FAR, dst: '203.0.113.7', srcPort: 9, dstPort: 99 }));
  const error = only(
    edge.fromVm('blue5', {
      dst: FAR,
      protocol: ICMP,
      type: 3,
      code: 3,
      rest: 0,
      body: quoteOf(into),
    }),
  );
  t.deepEqual([error.way, error.src, error.dst], ['outside', '203.0.113.7', FAR]);
  t.is(ipv4.dst(error.view, error.key.l4At + icmp.HEADER_LEN), words('203.0.113.7')[3]);
  t.true(isSound(error));
});

test('an error about nothing that was sent makes no mapping', (t) => {
  const edge = world();
  const before = edge.core.state.nat.table.count;
  const quoted = frameOf({ src: FAR, dst: '10.0.0.4' }, { dst: 0, src: 0 }).slice(14, 42);
  t.deepEqual(
    edge.fromVm('blue4', { dst: FAR, protocol: ICMP, type: 3, code: 3, rest: 0, body: quoted }),
    [],
  );
  t.is(edge.core.state.nat.table.count, before);
});

test('when its ports are spent an inside address is told that it is prohibited', (t) => {
  const edge = world();
  edge.apply(natPool({ ports: 4, blocks: 1 }));
  const kinds = Array.from(
    { length: 6 },
    (_, index) => only(edge.fromVm('blue5', { dst: FAR, srcPort: 5000 + index })).way,
  );
  t.deepEqual(kinds, ['outside', 'outside', 'outside', 'outside', 'tunnel', 'tunnel']);
  t.is(edge.drops(0)['NatBlocksSpent'], 2);
});

test('a mapping that has gone takes its remembered flows along', (t) => {
  const edge = world();
  const out = only(edge.fromVm('blue4', { dst: FAR, srcPort: 5000 }));
  const answer = { src: FAR, dst: '203.0.113.250', srcPort: 2000, dstPort: out.key.srcPort };
  t.is(edge.fromOutside(answer).length, 1);
  edge.wait(299);
  edge.says(edge.outside, '192.0.2.1', GATEWAY_MAC);
  t.is(edge.fromOutside(answer).length, 1, 'the last second of its life');
  edge.wait(2);
  t.deepEqual(edge.fromOutside(answer), []);
  edge.core.checkInvariants();
});

test('a flow without a place in the flow table is forwarded all the same', (t) => {
  const edge = new EdgeWorld({ flowsMax: 4 });
  edge.apply(natPool());
  edge.resolveGateway();
  for (let port = 1; port <= 40; port += 1) {
    const out = only(edge.fromVm('blue4', { dst: FAR, srcPort: port, dstPort: 53 }));
    const back = only(
      edge.fromOutside({ src: FAR, dst: '203.0.113.250', srcPort: 53, dstPort: out.key.srcPort }),
    );
    t.is(back.key.dstPort, port);
  }
  edge.core.checkInvariants();
});

test('goal state that changes is in force with the next packet', (t) => {
  const edge = world();
  t.is(only(edge.fromVm('blue5', { dst: FAR })).src, '203.0.113.250');
  edge.apply(publicAddress('web', '203.0.113.7', 'blue5'));
  t.is(only(edge.fromVm('blue5', { dst: FAR })).src, '203.0.113.7');
  edge.remove('publicip/web');
  t.is(only(edge.fromVm('blue5', { dst: FAR })).src, '203.0.113.250');
  edge.remove('natpool/p');
  t.is(only(edge.fromVm('blue5', { dst: FAR })).way, 'tunnel');
  t.is(edge.drops(0)['NatNoPool'], 1);
  edge.core.checkInvariants();
});

test('goal state that cannot be is refused with its reason', (t) => {
  const edge = world();
  const reasonOf = (...resources: Parameters<EdgeWorld['apply']>) =>
    edge.apply(...resources)[0]?.message ?? '';
  t.regex(reasonOf(publicAddress('x', '203.0.113.250', 'blue4')), /NAT pool/);
  t.regex(reasonOf(publicAddress('x', '192.0.2.2', 'blue4')), /own/);
  t.regex(reasonOf(natPool({ addresses: ['192.0.2.2'] })), /own/);
  t.regex(reasonOf(natPool({ ports: 0 })), /block/);
  t.regex(reasonOf(portForward({ port: 0, vm: 'blue4', privatePort: 1 })), /port/);
  t.is(reasonOf(publicAddress('a', '203.0.113.7', 'blue4')), '');
  t.regex(reasonOf(publicAddress('b', '203.0.113.7', 'blue5')), /already/);
});

test('ECMP: flows spread over next hops, and when one dies only its own flows move', (t) => {
  const edge = world();
  edge.core.learn([
    {
      prefix: { words: words('198.19.0.0'), len: 112 },
      nextHops: [words('192.0.2.1'), words('192.0.3.1')],
    },
  ]);
  edge.core.state.neighbours.lookup(3, words('192.0.3.1'), true, edge.core.nowSec);
  edge.says(edge.outside2, '192.0.3.1', 0x0200_0000_0c01);
  const ways = (first = 100) =>
    Array.from(
      { length: 40 },
      (_, index) => only(edge.fromVm('blue4', { dst: '198.19.0.9', srcPort: first + index })).way,
    );
  const before = ways();
  t.true(before.filter((way) => way === 'outside').length > 8);
  t.true(before.filter((way) => way === 'outside2').length > 8);
  for (let second = 0; second < 8; second += 1) {
    edge.wait(1);
    edge.says(edge.outside, '192.0.2.1', GATEWAY_MAC);
  }
  t.deepEqual(new Set(ways()), new Set(['outside'] as const));
  edge.says(edge.outside2, '192.0.3.1', 0x0200_0000_0c01);
  t.deepEqual(new Set(ways()), new Set(['outside'] as const), 'flows that have moved stay');
  t.is(new Set(ways(500)).size, 2, 'new ones spread');
});

test('the router answers ARP for public addresses on a link, and for no others', (t) => {
  const edge = world();
  edge.apply(publicAddress('near', '192.0.2.200', 'blue4'));
  const ask = (address: string) => {
    const frame = new Uint8Array(42);
    const view = new DataView(frame.buffer);
    ethernet.emit(
      { dst: ethernet.BROADCAST, src: GATEWAY_MAC, etherType: ethernet.EtherType.ARP },
      view,
      0,
    );
    view.setUint32(14, 0x0001_0800);
    view.setUint32(18, 0x0604_0001);
    view.setUint16(22, 0x0200);
    view.setUint32(24, 0x0000_0a01);
    view.setUint32(28, words('192.0.2.1')[3]);
    view.setUint32(38, words(address)[3]);
    return edge.fromLink(edge.outside, frame);
  };
  t.is(only(ask('192.0.2.200')).dstMac, GATEWAY_MAC);
  t.deepEqual(ask('192.0.2.201'), []);
  t.deepEqual(ask('203.0.113.250'), []);
});
