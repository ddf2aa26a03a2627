/** Every header: known bytes deconstruct, Repr and bytes round-trip, truncations and impossible lengths are Drops. */
import test from 'ava';
import fc from 'fast-check';
import * as arp from '../../../packet/arp.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../../packet/checksum.ts';
import { Drop } from '../../../packet/drop.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import * as icmp from '../../../packet/icmp.ts';
import * as icmpv6 from '../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../packet/ipv4.ts';
import * as ipv6 from '../../../packet/ipv6.ts';
import * as ndp from '../../../packet/ndp.ts';
import * as tcp from '../../../packet/tcp.ts';
import * as udp from '../../../packet/udp.ts';
import * as vlan from '../../../packet/vlan.ts';
import * as vnet from '../../../packet/vnet-header.ts';
import * as vxlan from '../../../packet/vxlan.ts';
import { bytesOf, dirtyView, IPV4_REPR, IPV6_REPR, SAMPLES, TCP_REPR, viewOf } from './frames.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const mac = fc.integer({ min: 0, max: 0xffff_ffff_ffff });
const words = (max: number) =>
  fc
    .integer({ min: 0, max })
    .chain((count) => fc.uint8Array({ minLength: count * 4, maxLength: count * 4 }));

/** RFC 1071's worked addresses in a plain header: 10.0.0.4 > 10.0.1.5, UDP, 40 bytes. */
const IPV4_BYTES = Uint8Array.from([
  0x45, 0x00, 0x00, 0x28, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x13, 0x89, 10, 0, 0, 4, 10, 0, 1, 5,
]);

interface Format<Repr> {
  readonly reprLen: (repr: Repr) => number;
  readonly emit: (repr: Repr, view: DataView, at: number) => void;
  readonly parse: (view: DataView, at: number, end: number) => Repr;
  readonly check: (view: DataView, at: number, end: number) => Drop;
}

/** emit writes every byte it claims and no other; parse gives back what was emitted; a missing byte is a Drop. */
function roundTrips<Repr>(
  format: Format<Repr>,
  arbitrary: fc.Arbitrary<Repr>,
  payloadLen: (repr: Repr) => number = () => 0,
): void {
  fc.assert(
    fc.property(arbitrary, (repr) => {
      const end = 3 + format.reprLen(repr) + payloadLen(repr);
      const view = dirtyView(end + 5);
      format.emit(repr, view, 3);
      const other = new DataView(new ArrayBuffer(end + 5));
      format.emit(repr, other, 3);
      const header = 3 + format.reprLen(repr);
      const isWhole =
        Buffer.compare(bytesOf(view, 3, header), bytesOf(other, 3, header)) === 0 &&
        bytesOf(view, 0, 3).every((byte) => byte === 0xa5) &&
        bytesOf(view, header, end + 5).every((byte) => byte === 0xa5);
      const isSame = JSON.stringify(format.parse(view, 3, end)) === JSON.stringify(repr);
      const isTruncationCaught = [...Array(end - 3).keys()].every(
        (bytes) => format.check(view, 3, 3 + bytes) !== Drop.None,
      );
      return isWhole && isSame && isTruncationCaught && format.check(view, 3, end) === Drop.None;
    }),
  );
}

test('Ethernet round-trips', (t) => {
  t.notThrows(() => roundTrips(ethernet, fc.record({ dst: mac, src: mac, etherType: u16 })));
});

test('802.1Q tag round-trips', (t) => {
  const repr = fc.record({
    priority: fc.integer({ min: 0, max: 7 }),
    dropEligible: fc.boolean(),
    vid: fc.integer({ min: 0, max: 4095 }),
    etherType: u16,
  });
  t.notThrows(() => roundTrips(vlan, repr));
});

test('ARP round-trips', (t) => {
  const repr = fc.record({
    opcode: fc.constantFrom(1, 2),
    senderMac: mac,
    senderAddress: u32,
    targetMac: mac,
    targetAddress: u32,
  });
  t.notThrows(() => roundTrips(arp, repr));
});

test('IPv4 round-trips, options included', (t) => {
  const repr = fc.record({
    tos: u8,
    payloadLen: fc.integer({ min: 0, max: 64 }),
    identification: u16,
    reservedFlag: fc.boolean(),
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.integer({ min: 0, max: 0x1fff }).map((units) => units * 8),
    ttl: u8,
    protocol: u8,
    src: u32,
    dst: u32,
    options: words(10),
  });
  t.notThrows(() => roundTrips(ipv4, repr, (value) => value.payloadLen));
});

test('IPv6 round-trips', (t) => {
  const address = fc.uint8Array({ minLength: 16, maxLength: 16, size: 'max' });
  const repr = fc.record({
    trafficClass: u8,
    flowLabel: fc.integer({ min: 0, max: 0xf_ffff }),
    payloadLen: fc.integer({ min: 0, max: 64 }),
    nextHeader: u8,
    hopLimit: u8,
    src: address,
    dst: address,
  });
  t.notThrows(() => roundTrips(ipv6, repr, (value) => value.payloadLen));
});

test('UDP round-trips', (t) => {
  const payloadLen = fc.integer({ min: 0, max: 64 });
  const repr = fc.record({ srcPort: u16, dstPort: u16, payloadLen, checksum: u16 });
  t.notThrows(() => roundTrips(udp, repr, (value) => value.payloadLen));
});

test('TCP round-trips, options included', (t) => {
  const repr = fc.record({
    srcPort: u16,
    dstPort: u16,
    sequence: u32,
    acknowledgment: u32,
    reserved: fc.integer({ min: 0, max: 15 }),
    flags: u8,
    window: u16,
    checksum: u16,
    urgentPointer: u16,
    options: words(10),
  });
  t.notThrows(() => roundTrips(tcp, repr));
});

test('VXLAN round-trips', (t) => {
  const repr = fc.record({ vni: fc.integer({ min: 0, max: vxlan.VNI_MAX }) });
  t.notThrows(() => roundTrips(vxlan, repr));
});

test('ICMP and ICMPv6 round-trip with their data', (t) => {
  const data = fc.uint8Array({ maxLength: 40, size: 'max' });
  const v4 = fc.record({ type: u8, code: u8, rest: u32, data });
  const v6 = fc.record({ type: u8, code: u8, checksum: u16, rest: u32, body: data });
  const always = (check: Format<unknown>['check']) => (view: DataView, at: number, end: number) =>
    end - at >= 8 ? Drop.None : check(view, at, end);
  for (const truncated of [icmp, icmpv6]) {
    t.is(always(truncated.check)(dirtyView(8), 0, 7), Drop.IcmpTruncated);
  }
  fc.assert(
    fc.property(v4, (repr) => {
      const view = dirtyView(icmp.reprLen(repr));
      icmp.emit(repr, view, 0);
      t.deepEqual(icmp.parse(view, 0, view.byteLength), repr);
      t.true(icmp.hasValidChecksum(view, 0, view.byteLength));
    }),
  );
  fc.assert(
    fc.property(v6, (repr) => {
      const view = dirtyView(icmpv6.reprLen(repr));
      icmpv6.emit(repr, view, 0);
      t.deepEqual(icmpv6.parse(view, 0, view.byteLength), repr);
    }),
  );
});

test('an IPv4 header deconstructs, and setTtl keeps its checksum valid', (t) => {
  const view = viewOf(Uint8Array.of(...IPV4_BYTES, ...new Uint8Array(20)));
  t.is(ipv4.check(view, 0, 40), Drop.None);
  t.like(ipv4.parse(view, 0), { ...IPV4_REPR, payloadLen: 20 });
  t.is(ipv4.headerChecksum(view, 0), 0x1389);
  t.true(ipv4.hasValidChecksum(view, 0));
  for (const ttl of [63, 1, 0, 255]) {
    ipv4.setTtl(view, 0, ttl);
    t.true(ipv4.hasValidChecksum(view, 0), `ttl ${ttl}`);
  }
});

test('RFC 791: impossible versions and lengths are named', (t) => {
  const cases: readonly [number, number, Drop][] = [
    [0, 0x55, Drop.Ipv4BadVersion],
    [0, 0x44, Drop.Ipv4BadHeaderLength],
    [0, 0x4f, Drop.Ipv4BadHeaderLength],
    [3, 0x13, Drop.Ipv4BadTotalLength],
    [3, 0x29, Drop.Ipv4BadTotalLength],
    [3, 0, Drop.Ipv4BadTotalLength],
  ];
  for (const [offset, value, drop] of cases) {
    const view = viewOf(Uint8Array.of(...IPV4_BYTES, ...new Uint8Array(20)));
    view.setUint8(offset, value);
    t.is(ipv4.check(view, 0, 40), drop, `byte ${offset} = ${value}`);
  }
});

test('a super-frame of more than 64 KiB may carry IPv4 total length 0, IPv6 payload length 0', (t) => {
  const view = dirtyView(66_000);
  ipv4.emit(IPV4_REPR, view, 0);
  ipv4.setTotalLength(view, 0, 0);
  t.is(ipv4.check(view, 0, 65_535), Drop.Ipv4BadTotalLength);
  t.is(ipv4.check(view, 0, 65_536), Drop.None);
  t.is(ipv4.packetEnd(view, 0, 66_000), 66_000);
  ipv6.emit(IPV6_REPR, view, 0);
  t.is(ipv6.packetEnd(view, 0, 66_000), 66_000);
  t.is(ipv6.packetEnd(view, 0, 1000), 40);
});

test('RFC 793: a data offset below five words or past the packet is a Drop', (t) => {
  const view = dirtyView(28);
  tcp.emit(TCP_REPR, view, 0);
  t.is(tcp.check(view, 0, 28), Drop.None);
  view.setUint8(12, 0x40);
  t.is(tcp.check(view, 0, 28), Drop.TcpBadDataOffset);
  view.setUint8(12, 0x80);
  t.is(tcp.check(view, 0, 28), Drop.TcpBadDataOffset);
});

test('the MSS option is found, and malformed options end the search', (t) => {
  const withOptions = (...options: number[]) => {
    const view = dirtyView(60);
    tcp.emit({ ...TCP_REPR, options: Uint8Array.from(options) }, view, 0);
    return tcp.mssOption(view, 0);
  };
  t.is(withOptions(2, 4, 5, 0x8c), 22);
  t.is(withOptions(1, 1, 2, 4, 5, 0x8c, 0, 0), 24);
  t.is(withOptions(0, 0, 2, 4, 5, 0x8c, 0, 0), -1);
  t.is(withOptions(3, 0, 2, 4), -1);
  t.is(withOptions(3, 9, 2, 4), -1);
  t.is(withOptions(1, 1, 1, 2), -1);
  t.is(withOptions(2, 3, 1, 0), -1);
  t.is(withOptions(1, 1, 3, 3, 7, 1, 1, 1), -1, 'options without one');
});

test('RFC 768: a length below 8 or past the packet is a Drop; a computed 0 is sent as 0xffff', (t) => {
  const view = dirtyView(12);
  udp.emit({ srcPort: 1, dstPort: 2, payloadLen: 4, checksum: 0 }, view, 0);
  t.is(udp.check(view, 0, 12), Drop.None);
  for (const length of [0, 7, 13, 0xffff]) {
    udp.setLength(view, 0, length);
    t.is(udp.check(view, 0, 12), Drop.UdpBadLength);
  }
  udp.emit({ srcPort: 0xffff, dstPort: 0, payloadLen: 4, checksum: 0 }, view, 0);
  view.setUint32(8, 0xfff3_0000);
  udp.fillChecksum(view, 0, 0);
  t.is(udp.checksum(view, 0), 0xffff);
  t.true(udp.hasValidChecksum(view, 0, 0));
  view.setUint8(11, 1);
  t.false(udp.hasValidChecksum(view, 0, 0));
  udp.setChecksum(view, 0, 0);
  t.true(udp.hasValidChecksum(view, 0, 0), 'zero says: none computed');
});

test('RFC 7348: without flag I the frame is refused, reserved bits are ignored', (t) => {
  const view = dirtyView(8);
  vxlan.emit({ vni: 0xff_ffff }, view, 0);
  view.setUint32(0, 0xf7ff_ffff);
  t.is(vxlan.check(view, 0, 8), Drop.VxlanBadFlags);
  view.setUint32(0, 0xffff_ffff);
  view.setUint8(7, 0xff);
  t.is(vxlan.check(view, 0, 8), Drop.None);
  t.is(vxlan.vni(view, 0), 0xff_ffff);
});

test('RFC 826: other hardware, protocols, lengths and opcodes are unsupported', (t) => {
  for (const [offset, value] of [
    [1, 6],
    [2, 0x86],
    [4, 8],
    [5, 16],
    [7, 3],
    [7, 0],
  ] as const) {
    const frame = viewOf(SAMPLES['arpRequest']?.slice(14) ?? new Uint8Array());
    frame.setUint8(offset, value);
    t.is(arp.check(frame, 0, 28), Drop.ArpUnsupported, `byte ${offset} = ${value}`);
  }
});

test('RFC 8200: the extension header walk stops at the upper layer or at a later fragment', (t) => {
  const walk = (nextHeader: number, ...extensions: number[]) => {
    const view = viewOf(Uint8Array.of(...new Uint8Array(40), ...extensions));
    const payloadLen = extensions.length;
    ipv6.emit({ ...IPV6_REPR, nextHeader, payloadLen }, view, 0);
    const found = ipv6.newUpperLayer();
    const drop = ipv6.findUpperLayer(view, 0, view.byteLength, found);
    return { drop, ...found };
  };
  const hop = [IpProtocol.FRAGMENT, 0, 1, 4, 0, 0, 0, 0];
  const first = [IpProtocol.UDP, 0, 0, 1, 0, 0, 0, 7];
  const later = [IpProtocol.ROUTING, 0, 0, 8, 0, 0, 0, 7];
  const auth = [IpProtocol.TCP, 4, ...new Array<number>(22).fill(0)];
  t.like(walk(0, ...hop, ...first), { drop: 0, protocol: 17, at: 56, fragmentAt: 48 });
  t.like(walk(0, ...hop, ...later), { drop: 0, protocol: IpProtocol.ROUTING, at: 56 });
  t.like(walk(IpProtocol.AUTHENTICATION, ...auth), { drop: 0, protocol: 6, at: 64 });
  t.like(walk(IpProtocol.ESP), { drop: 0, protocol: IpProtocol.ESP, at: 40 });
  t.is(walk(0, ...hop.slice(0, 7)).drop, Drop.Ipv6BadExtension);
  t.is(walk(0, 6, 1, 0, 0, 0, 0, 0, 0).drop, Drop.Ipv6BadExtension);
  const chain = new Array(9).fill([60, 0, 1, 4, 0, 0, 0, 0]).flat();
  t.is(walk(60, ...chain).drop, Drop.Ipv6BadExtension, 'more than EXTENSION_HEADERS_MAX');
});

test('RFC 4861: neighbor options are walked, length 0 is malformed', (t) => {
  const view = viewOf(SAMPLES['neighborSolicitation']?.slice(54) ?? new Uint8Array());
  const end = view.byteLength;
  t.is(ndp.check(view, 0, end), Drop.None);
  const option = ndp.OptionType.SOURCE_LINK_LAYER;
  t.is(ndp.linkLayerAddress(view, 0, end, option), 0x0200_0000_000a);
  t.is(ndp.linkLayerAddress(view, 0, end, ndp.OptionType.TARGET_LINK_LAYER), undefined);
  view.setUint8(25, 0);
  t.is(ndp.check(view, 0, end), Drop.NdpBadOption);
  view.setUint8(25, 2);
  t.is(ndp.check(view, 0, end), Drop.NdpBadOption);
  t.is(ndp.check(view, 0, 23), Drop.IcmpTruncated);
});

test('virtio_net_hdr: offload fields that leave the frame or contradict each other are OffloadInvalid', (t) => {
  const base = { flags: 1, gsoType: 1, hdrLen: 0, gsoSize: 1448, csumStart: 34, csumOffset: 16 };
  const checked = (change: Partial<vnet.VnetHeader>) => {
    const view = dirtyView(10);
    vnet.emit({ ...base, ...change }, view, 0);
    return vnet.check(view, 0, 100);
  };
  t.is(checked({}), Drop.None);
  t.is(checked({ gsoType: 1 | vnet.GSO_ECN }), Drop.None);
  t.is(checked({ flags: 0, gsoType: 0, csumStart: 9999 }), Drop.None);
  t.is(checked({ gsoType: 0, csumStart: 82 }), Drop.None);
  t.is(checked({ gsoType: 0, csumStart: 83 }), Drop.OffloadInvalid);
  t.is(checked({ csumStart: 0xffff, csumOffset: 0xffff }), Drop.OffloadInvalid);
  t.is(checked({ flags: 0 }), Drop.OffloadInvalid);
  t.is(checked({ gsoSize: 0 }), Drop.OffloadInvalid);
  t.is(checked({ gsoType: 2 }), Drop.OffloadInvalid);
});

test('accessors of fields that only some packets have', (t) => {
  const view = dirtyView(128);
  ipv4.emit(IPV4_REPR, view, 0);
  ipv4.setHeaderChecksum(view, 0, 0xbeef);
  t.is(ipv4.headerChecksum(view, 0), 0xbeef);
  t.true(ipv4.isMulticast(0xe000_0001));
  t.true(ipv4.isMulticast(0xefff_ffff));
  t.false(ipv4.isMulticast(0xdfff_ffff));
  t.false(ipv4.isMulticast(0xf000_0000));
  ipv6.emit({ ...IPV6_REPR, dst: Uint8Array.of(0xff, ...IPV6_REPR.src.slice(1)) }, view, 0);
  t.true(ipv6.isToMulticast(view, 0));
  view.setUint32(64, 0x0000_0019);
  view.setUint32(68, 0xcafe_f00d);
  t.is(ipv6.fragmentOffset(view, 64), 24);
  t.true(ipv6.moreFragments(view, 64));
  t.is(ipv6.fragmentIdentification(view, 64), 0xcafe_f00d);
  const error = { type: icmpv6.Type.PACKET_TOO_BIG, code: 3, checksum: 0, rest: 1280 };
  icmpv6.emit({ ...error, body: new Uint8Array() }, view, 0);
  t.is(icmpv6.code(view, 0), 3);
  t.is(icmpv6.mtu(view, 0), 1280);
  t.true(icmpv6.isError(icmpv6.type(view, 0)));
  icmp.emit({ type: 3, code: 4, rest: 1450, data: new Uint8Array() }, view, 0);
  t.is(icmp.nextHopMtu(view, 0), 1450);
  t.is(icmp.checksum(view, 0), view.getUint16(2));
  t.false(icmpv6.isError(icmpv6.Type.ECHO_REQUEST));
});

test('ICMPv6 verifies under its pseudo-header', (t) => {
  const frame = viewOf(SAMPLES['echo6'] ?? new Uint8Array());
  const pseudo = pseudoIpv6(frame, 14, IpProtocol.ICMPV6, 8);
  t.true(icmpv6.hasValidChecksum(frame, 54, 62, pseudo));
  t.is(icmpv6.sequence(frame, 54), 2);
  frame.setUint8(61, 0xff);
  t.false(icmpv6.hasValidChecksum(frame, 54, 62, pseudo));
});

test('virtio_net_hdr: fields read back, and a cleared header asks for nothing', (t) => {
  const header = {
    flags: 3,
    gsoType: 0x81,
    hdrLen: 54,
    gsoSize: 1448,
    csumStart: 34,
    csumOffset: 16,
  };
  const view = dirtyView(16);
  vnet.emit(header, view, 3);
  t.deepEqual(vnet.parse(view, 3), header);
  t.is(vnet.flags(view, 3), 3);
  t.is(vnet.gsoType(view, 3), vnet.Gso.TCPV4, 'without the ECN bit');
  vnet.clear(view, 3);
  t.deepEqual(vnet.parse(view, 3), vnet.NO_OFFLOAD);
  t.is(view.getUint8(2), 0xa5);
  t.is(view.getUint8(13), 0xa5);
});

test('a view that begins inside a buffer reads and copies from its own offset', (t) => {
  const whole = new Uint8Array(128).fill(0xa5);
  const view = new DataView(whole.buffer, 32, 64);
  const repr = { ...TCP_REPR, options: Uint8Array.of(1, 1, 1, 0) };
  tcp.emit(repr, view, 8);
  t.deepEqual(tcp.parse(view, 8), repr);
  t.is(whole[32 + 7], 0xa5);
  t.is(whole[32 + 8 + 24], 0xa5);
});

test('TCP verifies under its pseudo-header', (t) => {
  const frame = viewOf(SAMPLES['tcp'] ?? new Uint8Array());
  const pseudo = pseudoIpv4(frame, 14, IpProtocol.TCP, frame.byteLength - 34);
  t.true(tcp.hasValidChecksum(frame, 34, frame.byteLength, pseudo));
  t.is(tcp.window(frame, 34), 64_240);
});
