/**
 * What an uplink sends for a super-frame, datagram by datagram, against the slow reference of test/conformance/frame-io/frames.ts. The
 * receiver has offloads off, so that nothing is joined again.
 */
import test from 'ava';
import fc from 'fast-check';
import { GSO_ECN, Gso, VnetFlag, type VnetHeader } from '../../../packet/vnet-header.ts';
import {
  type Packet,
  type PacketOptions,
  packet,
  segmentsOf,
  TcpFlag,
} from '../../conformance/frame-io/frames.ts';
import { innerOf, uplinkPair } from './uplink-pair.ts';

const pair = uplinkPair('off');
test.after(() => pair.close());

function sentFor(frame: Packet): Uint8Array[] {
  const count = Math.ceil(frame.bytes.length / Math.max(1, frame.vnet.gsoSize)) + 1;
  return pair.carry([frame], count).map((received) => innerOf(received).bytes);
}

const CASES: readonly (readonly [string, PacketOptions])[] = [
  ['TCP over IPv4', { payloadLen: 60_000, segmentLen: 1398 }],
  ['TCP over IPv6', { ipVersion: 6, payloadLen: 60_000, segmentLen: 1378 }],
  [
    'TCP with FIN, PSH and CWR',
    { payloadLen: 5000, segmentLen: 1000, tcpFlags: 0x99 | TcpFlag.ECE },
  ],
  ['TCP with 40 bytes of options', { payloadLen: 5000, segmentLen: 999, tcpOptionsLen: 40 }],
  ['TCP behind two VLAN tags', { payloadLen: 5000, segmentLen: 1000, vlanTags: 2 }],
  ['UDP over IPv4', { protocol: 'udp', payloadLen: 40_000, segmentLen: 1422 }],
  ['UDP over IPv6', { protocol: 'udp', ipVersion: 6, payloadLen: 40_000, segmentLen: 64 }],
  ['one segment exactly', { payloadLen: 1000, segmentLen: 1000 }],
  ['a segment of one byte', { payloadLen: 5, segmentLen: 1 }],
  ['IPv4 identification wraps', { payloadLen: 3000, segmentLen: 500, identification: 0xffff }],
];

for (const [name, options] of CASES) {
  test.serial(`a super-frame is sent as the packets it stands for: ${name}`, (t) => {
    const frame = packet(options);
    t.deepEqual(sentFor(frame), segmentsOf(frame));
  });
}

test.serial('any super-frame is sent as the packets it stands for', (t) => {
  const options = fc.record({
    ipVersion: fc.constantFrom(4 as const, 6 as const),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    payloadLen: fc.integer({ min: 1, max: 20_000 }),
    segmentLen: fc.integer({ min: 200, max: 9000 }),
    tcpOptionsLen: fc.integer({ min: 0, max: 10 }).map((words) => words * 4),
    vlanTags: fc.integer({ min: 0, max: 2 }),
    sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
    seed: fc.integer({ min: 0, max: 1000 }),
  });
  fc.assert(
    fc.property(options, (record) => {
      const frame = packet(record);
      t.deepEqual(sentFor(frame), segmentsOf(frame));
    }),
    { numRuns: 100 },
  );
});

test.serial('a partial checksum of a plain frame is completed', (t) => {
  for (const protocol of ['tcp', 'udp'] as const) {
    const whole = packet({ protocol, payloadLen: 333 });
    const { bytes, vnet } = packet({ protocol, payloadLen: 333, segmentLen: 1 });
    const partial = { bytes, vnet: { ...vnet, gsoType: Gso.NONE, gsoSize: 0 } };
    t.deepEqual(sentFor(partial), [whole.bytes]);
  }
});

test.serial('many frames of different lengths leave in order', (t) => {
  const frames = Array.from({ length: 100 }, (_, index) =>
    packet({ payloadLen: 1 + ((index * 37) % 600), sequence: index }),
  );
  const sent = pair.carry(frames, frames.length).map((received) => innerOf(received).bytes);
  t.deepEqual(
    sent,
    frames.map((frame) => frame.bytes),
  );
});

const SUPER = packet({ payloadLen: 3000, segmentLen: 1000 });
const LIES: readonly (readonly [string, Partial<VnetHeader>])[] = [
  ['a segment size of zero', { gsoSize: 0 }],
  ['UFO, which nobody offered', { gsoType: Gso.UDP }],
  ['the other IP version', { gsoType: Gso.TCPV6 }],
  ['the other protocol', { gsoType: Gso.UDP_L4 }],
  ['an unknown type', { gsoType: 77 }],
  ['an unknown type with ECN', { gsoType: 2 | GSO_ECN }],
];

for (const [name, lie] of LIES) {
  test.serial(
    `a virtio_net_hdr that contradicts its frame is counted and not sent: ${name}`,
    (t) => {
      const [, , before] = pair.sender.transmitDrops(pair.sendPort);
      t.deepEqual(sentFor({ bytes: SUPER.bytes, vnet: { ...SUPER.vnet, ...lie } }), []);
      t.is(pair.sender.transmitDrops(pair.sendPort)[2], before + 1);
    },
  );
}

test.serial('a checksum field outside its frame is counted and not sent', (t) => {
  const { bytes } = packet({ payloadLen: 10 });
  for (const [csumStart, csumOffset] of [
    [bytes.length, 0],
    [bytes.length - 1, 0],
    [0, 16],
    [65_535, 65_535],
  ] as const) {
    const vnet = {
      flags: VnetFlag.NEEDS_CSUM,
      gsoType: 0,
      hdrLen: 0,
      gsoSize: 0,
      csumStart,
      csumOffset,
    };
    const [, , before] = pair.sender.transmitDrops(pair.sendPort);
    t.deepEqual(sentFor({ bytes, vnet }), []);
    t.is(pair.sender.transmitDrops(pair.sendPort)[2], before + 1);
  }
});

test.serial('every truncation of a super-frame is sent right or counted, never more', (t) => {
  for (let len = 0; len < 200; len++) {
    const bytes = SUPER.bytes.slice(0, len);
    const drops = pair.sender.transmitDrops(pair.sendPort);
    t.deepEqual(sentFor({ bytes, vnet: SUPER.vnet }), []);
    const after = pair.sender.transmitDrops(pair.sendPort);
    t.is(after[1] + after[2], drops[1] + drops[2] + 1);
  }
});

test.serial('no single wrong byte in the headers makes it send more than the frame has', (t) => {
  for (let at = 12; at < 66; at++) {
    for (const value of [0, 1, 0x40, 0x7f, 0x80, 0xff]) {
      const bytes = SUPER.bytes.slice();
      bytes[at] = value;
      pair.sender.tx.fill(0);
      const sent = sentFor({ bytes, vnet: SUPER.vnet });
      // A shorter TCP header leaves a few bytes more of payload, hence one segment more.
      t.true(sent.length <= 4);
    }
  }
});
