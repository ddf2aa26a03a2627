/**
 * What an uplink makes of a train: segments of one super-frame become it again, everything else comes out one by one and untouched.
 * Trains are sent with UDP_SEGMENT by another uplink, so each packet here is one segment of the receiver's train.
 */
import test from 'ava';
import fc from 'fast-check';
import { BURST_MAX, HEADROOM } from '../../../dataplane/port/frame-io.ts';
import { NO_OFFLOAD } from '../../../packet/vnet-header.ts';
import {
  type Packet,
  type PacketOptions,
  packet,
  placeOf,
  segmentsOf,
  TcpFlag,
  viewOf,
} from '../../conformance/frame-io/frames.ts';
import type { Received } from '../../conformance/frame-io/suite.ts';
import { innerOf, uplinkPair } from './uplink-pair.ts';

const pair = uplinkPair();
test.after(() => pair.close());

const plain = (bytes: Uint8Array): Packet => ({ bytes, vnet: NO_OFFLOAD });

function carried(frames: readonly Packet[], count = frames.length): Packet[] {
  return pair.carry(frames, count).map(innerOf);
}

/** Every frame as the packets it stands for, in order: what coalescing must not change. */
function packetsOf(frames: readonly Packet[]): Uint8Array[] {
  return frames.flatMap((frame) => (frame.vnet.gsoSize > 0 ? segmentsOf(frame) : [frame.bytes]));
}

const CASES: readonly (readonly [string, PacketOptions])[] = [
  ['TCP over IPv4', { payloadLen: 60_000, segmentLen: 1398 }],
  ['TCP over IPv6', { ipVersion: 6, payloadLen: 50_000, segmentLen: 1378 }],
  ['TCP with 40 bytes of options', { payloadLen: 5000, segmentLen: 999, tcpOptionsLen: 40 }],
  ['TCP behind two VLAN tags', { payloadLen: 5000, segmentLen: 1000, vlanTags: 2 }],
  ['UDP over IPv4', { protocol: 'udp', payloadLen: 1422 * 20 + 7, segmentLen: 1422 }],
  ['UDP over IPv6', { protocol: 'udp', ipVersion: 6, payloadLen: 64 * 60, segmentLen: 64 }],
];

for (const [name, options] of CASES) {
  test.serial(`a super-frame crosses an uplink: ${name}`, (t) => {
    const frame = packet({ ...options, tcpFlags: TcpFlag.ACK | TcpFlag.PSH });
    const arrived = carried([frame], 2);
    // 60 000 bytes and their headers are more than one datagram's train, so it may come in two.
    t.true(arrived.length <= 2);
    t.deepEqual(packetsOf(arrived), segmentsOf(frame));
    if (arrived.length === 1) t.deepEqual(arrived, [frame]);
  });
}

const segments = segmentsOf(
  packet({ payloadLen: 10_000, segmentLen: 1000, tcpFlags: TcpFlag.ACK }),
);

/** The ten segments of a super-frame, the fifth changed by `change`, checksums made right again unless `isBroken`. */
function withFifth(
  change: (view: DataView, place: { l3At: number; l4At: number }) => void,
  isBroken = false,
): Packet[] {
  return segments.map((segment, index) => {
    if (index !== 4) return plain(segment);
    const bytes = segment.slice();
    change(viewOf(bytes), placeOf(bytes));
    if (!isBroken) repair(bytes);
    return plain(bytes);
  });
}

/** Recomputes IPv4 and TCP checksums by way of the reference: a super-frame of one segment is a complete packet. */
function repair(bytes: Uint8Array): void {
  const { l4At } = placeOf(bytes);
  const headerLen = l4At + (viewOf(bytes).getUint8(l4At + 12) >> 4) * 4;
  const vnet = { ...NO_OFFLOAD, gsoSize: bytes.length - headerLen };
  const [whole] = segmentsOf({ bytes, vnet });
  if (whole !== undefined) bytes.set(whole);
}

const REFUSED: readonly (readonly [string, Packet[], number])[] = [
  [
    'the checksum is wrong',
    withFifth((view) => view.setUint8(500, view.getUint8(500) ^ 1), true),
    5,
  ],
  [
    'the IPv4 checksum is wrong',
    withFifth((view, { l3At }) => view.setUint8(l3At + 10, view.getUint8(l3At + 10) ^ 1), true),
    5,
  ],
  ['a sequence number is missing', withFifth((view, { l4At }) => view.setUint32(l4At + 4, 7)), 5],
  ['the acknowledgement moves', withFifth((view, { l4At }) => view.setUint32(l4At + 8, 78)), 5],
  ['the window moves', withFifth((view, { l4At }) => view.setUint16(l4At + 14, 511)), 5],
  ['an option differs', withFifth((view, { l4At }) => view.setUint8(l4At + 20, 0)), 5],
  ['another flow', withFifth((view, { l4At }) => view.setUint16(l4At, 9)), 5],
  ['another destination', withFifth((view) => view.setUint8(5, 9)), 5],
  ['another hop limit', withFifth((view, { l3At }) => view.setUint8(l3At + 8, 63)), 5],
  ['another DSCP', withFifth((view, { l3At }) => view.setUint8(l3At + 1, 0xb8)), 5],
  ['a FIN', withFifth((view, { l4At }) => view.setUint8(l4At + 13, TcpFlag.ACK | TcpFlag.FIN)), 5],
  ['an ECE', withFifth((view, { l4At }) => view.setUint8(l4At + 13, TcpFlag.ACK | TcpFlag.ECE)), 5],
  ['a fragment', withFifth((view, { l3At }) => view.setUint16(l3At + 6, 0x2000)), 5],
];

for (const [name, frames, splitAt] of REFUSED) {
  test.serial(`a segment that does not fit comes out alone: ${name}`, (t) => {
    const arrived = carried(frames);
    t.true(arrived.length >= 3);
    t.deepEqual(
      packetsOf(arrived),
      frames.map((frame) => frame.bytes),
    );
    const first = arrived[0];
    t.is(first?.vnet.gsoSize, 1000);
    t.is(packetsOf(arrived.slice(0, 1)).length, splitAt - 1);
  });
}

test.serial('PSH ends a run', (t) => {
  const frames = withFifth((view, { l4At }) => view.setUint8(l4At + 13, TcpFlag.ACK | TcpFlag.PSH));
  const arrived = carried(frames);
  t.is(arrived.length, 2);
  t.is(packetsOf(arrived.slice(0, 1)).length, 5);
  t.deepEqual(
    packetsOf(arrived),
    frames.map((frame) => frame.bytes),
  );
});

test.serial('another VNI is never joined', (t) => {
  const [first, second] = segments.map(plain);
  if (first === undefined || second === undefined) throw new Error('two segments');
  t.is(pair.carry([first], 1, 100).length, 1);
  t.is(pair.carry([second], 1, 101).length, 1);
});

test.serial('UDP without a checksum is not joined', (t) => {
  const frames = segmentsOf(packet({ protocol: 'udp', payloadLen: 3000, segmentLen: 1000 })).map(
    (bytes) => {
      const copy = bytes.slice();
      viewOf(copy).setUint16(placeOf(copy).l4At + 6, 0);
      return plain(copy);
    },
  );
  t.deepEqual(
    carried(frames).map((frame) => frame.bytes),
    frames.map((frame) => frame.bytes),
  );
});

test.serial('interleaved flows come out in order, each frame with its headroom', (t) => {
  const frames = Array.from({ length: BURST_MAX }, (_, index) =>
    packet({ protocol: 'udp', payloadLen: 200, sourcePort: 1000 + (index % 3), seed: index }),
  );
  const arrived = pair.carry(frames, frames.length);
  t.deepEqual(
    arrived.map((frame) => innerOf(frame).bytes),
    frames.map((frame) => frame.bytes),
  );
  for (const frame of arrived) t.true(hasFreeHeadroom(frame, arrived));
});

function hasFreeHeadroom(frame: Received, all: readonly Received[]): boolean {
  return all.every(
    (other) =>
      other === frame ||
      other.at + other.bytes.length <= frame.at - HEADROOM ||
      other.at >= frame.at + frame.bytes.length,
  );
}

test.serial('a train of more frames than a burst holds arrives over several', (t) => {
  const frames = Array.from({ length: 3 * BURST_MAX }, (_, index) =>
    packet({ protocol: 'udp', payloadLen: 100, sourcePort: 1000 + index }),
  );
  t.deepEqual(
    carried(frames).map((frame) => frame.bytes),
    frames.map((frame) => frame.bytes),
  );
});

/** With the identification of a datagram that is never fragmented left out: it has no meaning (RFC 6864 §4.1), and may change. */
function withoutAtomicId(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isIpv4 = view.getUint16(12) === 0x0800;
  if (!isIpv4 || (view.getUint16(20) & 0x4000) === 0) return bytes;
  const copy = bytes.slice();
  copy.fill(0, 18, 20);
  copy.fill(0, 24, 26); // the header checksum covers it
  return copy;
}

test.serial('whatever the packets, coalescing changes none', (t) => {
  const run = fc.record({
    ipVersion: fc.constantFrom(4 as const, 6 as const),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    payloadLen: fc.integer({ min: 1, max: 8000 }),
    segmentLen: fc.constantFrom(500, 1000, 1398),
    tcpOptionsLen: fc.constantFrom(0, 12),
    tcpFlags: fc.constantFrom(0x10, 0x18, 0x11, 0x90),
    sequence: fc.constantFrom(0, 0xffff_ff00),
    sourcePort: fc.constantFrom(1000, 2000),
  });
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 3 }), (records) => {
      const frames = records.flatMap((record) => segmentsOf(packet(record)).map(plain));
      t.deepEqual(
        packetsOf(carried(frames)).map(withoutAtomicId),
        frames.map((frame) => withoutAtomicId(frame.bytes)),
      );
    }),
    { numRuns: 300 },
  );
});

test.serial('no single wrong byte in a train is lost, repaired or spread', (t) => {
  const train = segmentsOf(packet({ payloadLen: 300, segmentLen: 100, tcpFlags: TcpFlag.ACK }));
  const headers = 66;
  for (let segment = 0; segment < train.length; segment++) {
    for (let at = 0; at < headers + 4; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const frames = train.map((bytes, index) => {
          const copy = bytes.slice();
          if (index === segment) copy[at] = (copy[at] ?? 0) ^ flip;
          return plain(copy);
        });
        const arrived = carried(frames);
        const expected = frames.map((frame) => frame.bytes);
        t.deepEqual(packetsOf(arrived), expected, `segment ${segment} byte ${at} ^ ${flip}`);
      }
    }
  }
});
