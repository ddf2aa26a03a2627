/** ICMP in the virtual router's name: echo replies, time exceeded, fragmentation needed, and what gets no error. */
import test from 'ava';
import fc from 'fast-check';
import { VIRTUAL_ROUTER_MAC } from '../../../../base/mac.ts';
import {
  answerEcho,
  emitFragmentationNeeded,
  emitTimeExceeded,
  emitUnreachable,
  mayReport,
} from '../../../../dataplane/service/icmp-responder.ts';
import { Drop } from '../../../../packet/drop.ts';
import { dump } from '../../../../packet/dump.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as icmp from '../../../../packet/icmp.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import {
  ethernetFrame,
  icmpIpv4,
  ipv4Packet,
  NO_BYTES,
  SAMPLES,
  tcpIpv4,
  viewOf,
} from '../../packet/frames.ts';
import { GATEWAY, ringWith } from './requests.ts';

const sample = (name: string) => SAMPLES[name] ?? NO_BYTES;

test('an echo request is answered with its own data and a valid checksum', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), fc.nat(), (data, rest) => {
      const request = { type: icmp.Type.ECHO_REQUEST, code: 0, rest: rest >>> 0, data };
      const ring = ringWith(icmpIpv4(request));
      t.is(answerEcho(ring.view, ring.frame, ring.answer), Drop.None);
      const reply = viewOf(ring.answered());
      t.true(ipv4.hasValidChecksum(reply, 14));
      t.true(icmp.hasValidChecksum(reply, 34, reply.byteLength));
      t.deepEqual(icmp.parse(reply, 34, reply.byteLength), { ...request, type: 0 });
    }),
  );
  const ring = ringWith(sample('echo'));
  answerEcho(ring.view, ring.frame, ring.answer);
  const reply = ring.answered();
  t.is(
    dump(viewOf(reply), 0, reply.length),
    '12:34:56:78:9a:bc > 02:00:00:00:00:0a, IPv4, ttl 64, 10.0.1.5 > 10.0.0.4, ' +
      'ICMP echo reply, id 7, seq 1, length 8',
  );
});

test('a reply of nothing but zeros has the checksum of all ones', (t) => {
  const request = { type: icmp.Type.ECHO_REQUEST, code: 0, rest: 0, data: new Uint8Array(8) };
  const ring = ringWith(icmpIpv4(request));
  answerEcho(ring.view, ring.frame, ring.answer);
  const reply = viewOf(ring.answered());
  t.is(icmp.checksum(reply, 34), 0xffff);
  t.true(icmp.hasValidChecksum(reply, 34, reply.byteLength));
});

test('an echo request that does not fit the answer area is FrameTooBig', (t) => {
  const request = icmpIpv4({ type: 8, code: 0, rest: 1, data: new Uint8Array(100) });
  const ring = ringWith(request, 70_000 + request.length - 1);
  t.is(answerEcho(ring.view, ring.frame, ring.answer), Drop.FrameTooBig);
  t.is(ring.answered().length, 0);
  const roomy = ringWith(request, 70_000 + request.length);
  t.is(answerEcho(roomy.view, roomy.frame, roomy.answer), Drop.None);
});

test('a damaged echo request gets a damaged reply, not a repaired one', (t) => {
  const ring = ringWith(sample('echo'));
  ring.view.setUint16(128 + 36, 0x1234);
  answerEcho(ring.view, ring.frame, ring.answer);
  t.false(icmp.hasValidChecksum(viewOf(ring.answered()), 34, ring.answered().length));
});

test('only whole echo requests over IPv4 are answered', (t) => {
  const fragment = ipv4Packet({ protocol: 1, moreFragments: true }, new Uint8Array(8).fill(8));
  const refused = [
    sample('tcp'),
    sample('fragmentationNeeded'),
    sample('echo6'),
    ethernetFrame(ethernet.EtherType.IPV4, fragment),
  ];
  for (const frame of refused) {
    const ring = ringWith(frame);
    t.is(answerEcho(ring.view, ring.frame, ring.answer), Drop.ServiceUnsupported);
    t.is(ring.answered().length, 0);
  }
});

test('RFC 1812 §4.3.2.3: an error quotes as much of the packet as fits 576 bytes', (t) => {
  for (const payload of [0, 100, 2000]) {
    const request = tcpIpv4({}, new Uint8Array(payload));
    const ring = ringWith(request);
    emitTimeExceeded(ring.view, ring.frame, GATEWAY, ring.answer);
    const error = ring.answered();
    t.is(error.length, 14 + Math.min(576, 28 + request.length - 14));
    t.deepEqual(error.slice(42), request.slice(14, 14 + error.length - 42));
    t.is(ethernet.src(viewOf(error), 0), VIRTUAL_ROUTER_MAC);
    t.true(ipv4.hasValidChecksum(viewOf(error), 14));
    t.true(icmp.hasValidChecksum(viewOf(error), 34, error.length));
    t.like(icmp.parse(viewOf(error), 34, error.length), { type: 11, code: 0, rest: 0 });
  }
});

test("RFC 1191: fragmentation needed names the next hop's MTU", (t) => {
  const ring = ringWith(tcpIpv4({}, new Uint8Array(1500)));
  emitFragmentationNeeded(ring.view, ring.frame, { router: GATEWAY, mtu: 1450 }, ring.answer);
  const error = viewOf(ring.answered());
  t.is(icmp.type(error, 34), 3);
  t.is(icmp.code(error, 34), 4);
  t.is(icmp.nextHopMtu(error, 34), 1450);
  t.is(ipv4.src(error, 14), GATEWAY);
});

test('unreachable carries its code', (t) => {
  const ring = ringWith(sample('udp'));
  const reason = { router: GATEWAY, code: icmp.Unreachable.PORT };
  emitUnreachable(ring.view, ring.frame, reason, ring.answer);
  t.is(icmp.code(viewOf(ring.answered()), 34), 3);
});

test('RFC 1122 §3.2.2: no error about errors, later fragments, groups or addresses of no host', (t) => {
  const from = (src: number, dst: number) =>
    ethernetFrame(0x0800, ipv4Packet({ src, dst, protocol: 99 }, NO_BYTES));
  const later = ethernetFrame(0x0800, ipv4Packet({ fragmentOffset: 8 }, NO_BYTES));
  const toGroup = sample('tcp').slice();
  toGroup[0] = 1;
  const silent = [
    sample('fragmentationNeeded'),
    sample('echo6'),
    later,
    toGroup,
    from(0, 0x0a00_0005),
    from(0x7f00_0001, 0x0a00_0005),
    from(0x0a00_0004, 0xe000_0001),
    from(0x0a00_0004, 0xffff_ffff),
  ];
  for (const frame of silent) {
    const ring = ringWith(frame);
    t.false(mayReport(ring.view, ring.frame));
    emitTimeExceeded(ring.view, ring.frame, GATEWAY, ring.answer);
    t.is(ring.answered().length, 0);
  }
  t.true(mayReport(ringWith(sample('echo')).view, ringWith(sample('echo')).frame));
});
