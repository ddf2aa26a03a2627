/** dump: the line for each kind of frame; any bytes give a line. */
import test from 'ava';
import fc from 'fast-check';
import { dump, dumpIpPacket } from '../../../packet/dump.ts';
import {
  ethernetFrame,
  icmpIpv4,
  ipv4Packet,
  NO_BYTES,
  SAMPLES,
  viewOf,
  vxlanFrame,
} from './frames.ts';

const line = (bytes: Uint8Array) => dump(viewOf(bytes), 0, bytes.length);
const sample = (name: string) => line(SAMPLES[name] ?? NO_BYTES);

const MACS = '02:00:00:00:00:0a > 02:00:00:00:00:0b';
const HOSTS = 'IPv4, ttl 64, 10.0.0.4';

test('each kind of frame has its line', (t) => {
  t.is(sample('arpRequest'), `${MACS}, ARP, who-has 10.0.1.5 tell 10.0.0.4`);
  t.is(sample('arpReply'), `${MACS}, ARP, 10.0.0.4 is-at 02:00:00:00:00:0a`);
  const tcpLine = `${HOSTS}:41000 > 10.0.1.5:80, TCP [S], seq 4294901761, win 64240, length`;
  t.is(sample('tcp'), `${MACS}, ${tcpLine} 3`);
  t.is(sample('vlan'), `${MACS}, vlan 42, ${tcpLine} 0`);
  t.is(sample('udp'), `${MACS}, ${HOSTS}:5000 > 10.0.1.5:53, UDP, length 5`);
  t.is(sample('echo'), `${MACS}, ${HOSTS} > 10.0.1.5, ICMP echo request, id 7, seq 1, length 8`);
  t.is(
    sample('fragmentationNeeded'),
    `${MACS}, ${HOSTS} > 10.0.1.5, ICMP fragmentation needed, mtu 1450`,
  );
  const exceeded = icmpIpv4({ type: 11, code: 0, rest: 0, data: NO_BYTES });
  t.is(line(exceeded), `${MACS}, ${HOSTS} > 10.0.1.5, ICMP type 11 code 0, length 8`);
  t.is(sample('dhcp'), `${MACS}, ${HOSTS}:68 > 10.0.1.5:67, DHCP DISCOVER, xid 0xdeadbeef`);
  t.is(
    sample('vxlan'),
    `${MACS}, ${HOSTS}:50000 > 10.0.1.5:4789, VXLAN, vni 1193046: ${MACS}, ${tcpLine} 0`,
  );
  t.is(
    sample('neighborSolicitation'),
    `${MACS}, IPv6, hlim 255, fd00::4 > fd00::105, ICMPv6 neighbor solicitation, who-has fd00::105`,
  );
  t.true(sample('neighborAdvertisement').endsWith('advertisement, target fd00::105'));
  t.true(sample('echo6').endsWith('ICMPv6 echo request, id 9, seq 2, length 8'));
  t.true(sample('tooBig6').endsWith('ICMPv6 type 2 code 0, length 8'));
  t.is(sample('unknownType'), `${MACS}, ethertype 0x88cc, length 3`);
});

test('malformed frames name their Drop', (t) => {
  t.is(line(NO_BYTES), '[EthernetTruncated], length 0');
  t.true(line(ethernetFrame(0x0800, Uint8Array.of(0x45))).endsWith('[Ipv4Truncated], length 15'));
  t.true(line(ethernetFrame(0x0806, NO_BYTES)).endsWith('ARP, [ArpTruncated], length 0'));
});

test('fragments say so', (t) => {
  const later = ipv4Packet({ fragmentOffset: 8 }, Uint8Array.of(1));
  t.is(
    dumpIpPacket(viewOf(later), 0, later.length),
    'IPv4, ttl 64, 10.0.0.4 > 10.0.1.5, fragment of protocol 17, length 1',
  );
  t.is(dumpIpPacket(viewOf(later), 0, 3), '[Ipv4Truncated], length 3');
});

test('VXLAN in VXLAN is followed DUMP_DEPTH_MAX deep and no deeper', (t) => {
  let frame = SAMPLES['udp'] ?? NO_BYTES;
  for (let depth = 0; depth < 6; depth += 1) frame = vxlanFrame(depth, frame);
  const text = line(frame);
  t.is(text.split('VXLAN').length - 1, 4);
  t.regex(text, /vni 2, length \d+$/);
});

test('any bytes give one line and no exception', (t) => {
  const isLine = (bytes: Uint8Array) => {
    const text = line(bytes);
    return text.length > 0 && !text.includes('\n') && !text.includes('undefined');
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400, size: 'max' }), isLine), { numRuns: 2000 });
  const frames = Object.values(SAMPLES);
  const change = fc.record({
    frame: fc.nat({ max: frames.length - 1 }),
    at: fc.nat({ max: 400 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8, size: 'max' }),
    cut: fc.nat({ max: 420 }),
  });
  fc.assert(
    fc.property(change, ({ frame, at, bytes, cut }) => {
      const base = frames[frame] ?? NO_BYTES;
      const mutated = base.slice(0, Math.max(14, base.length - cut));
      mutated.set(bytes.slice(0, Math.max(0, mutated.length - at)), Math.min(at, mutated.length));
      return isLine(mutated);
    }),
    { numRuns: 20_000 },
  );
  t.pass();
});
