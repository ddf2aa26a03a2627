/**
 * What the engine makes of a packet whose addresses and ports it translates is the packet its sender would have written with the new ones:
 * every byte of it, checksums judged by the model's own arithmetic, super-frames and partial checksums included; and a datagram that was
 * translated in fragments is whole again when they are put together.
 */
import test from 'ava';
import fc from 'fast-check';
import { parseIpWords } from '../../../base/ip-words.ts';
import {
  fold,
  type HeaderAction,
  newComposition,
} from '../../../dataplane/engine/header-action.ts';
import { Transpositions } from '../../../dataplane/engine/transposition.ts';
import { Drop } from '../../../packet/drop.ts';
import { Fragment, newFlowKey, parseFlow } from '../../../packet/flow-key.ts';
import * as vnetHeader from '../../../packet/vnet-header.ts';
import { isIpv6 } from '../../model/address.ts';
import { checksumFault, complement, onesSum } from '../../model/checksums.ts';
import { type Frame, frameOf, hasPorts, type PacketSpec } from '../../model/frame.ts';

const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 1000);
/** Room before the frame for its virtio_net_hdr. */
const AT = 16;

type Change = Partial<Pick<PacketSpec, 'src' | 'dst'>> & {
  readonly srcPort?: number;
  readonly dstPort?: number;
};

const PORT = fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 1, 0xffff));
const ADDRESSES = {
  4: ['10.0.0.4', '10.255.255.255', '198.51.100.7', '0.0.255.255', '203.0.113.200'],
  6: ['fd00::4', 'fd00::ffff:ffff:0:0', '2001:db8::1', '2001:db8:ffff:ffff::7'],
} as const;

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, gre: 47 };

const PACKET: fc.Arbitrary<PacketSpec> = fc.constantFrom(4, 6).chain((family) =>
  fc
    .record({
      src: fc.constantFrom(...ADDRESSES[family as 4 | 6]),
      dst: fc.constantFrom(...ADDRESSES[family as 4 | 6]),
      kind: fc.constantFrom('tcp', 'udp', 'echo', 'reply', 'gre'),
      srcPort: PORT,
      dstPort: PORT,
      ttl: fc.integer({ min: 1, max: 255 }),
      payloadLen: fc.oneof(fc.nat(40), fc.nat(3000)),
      mark: fc.nat(255),
      offload: fc.constantFrom('none', 'none', 'checksum', 'segmentation'),
    })
    .map(({ kind, srcPort, dstPort, offload, ...rest }): PacketSpec => {
      const isSix = family === 6;
      const echo = kind === 'echo' ? [8, 128] : [0, 129];
      const protocol = PROTOCOLS[kind] ?? (isSix ? 58 : 1);
      const mayOffload = hasPorts(protocol) && rest.payloadLen > 0;
      return {
        ...rest,
        srcMac: 2,
        dstMac: 4,
        isTagged: false,
        dontFragment: false,
        fragment: 'none',
        offload: mayOffload ? (offload as PacketSpec['offload']) : 'none',
        segment: {
          protocol,
          srcPort,
          dstPort,
          flags: 0x10,
          type: echo[isSix ? 1 : 0] ?? 0,
          identifier: srcPort,
        },
      };
    }),
);

function changeOf({ src }: PacketSpec): fc.Arbitrary<Change> {
  const address = fc.constantFrom(...ADDRESSES[isIpv6(src) ? 6 : 4]);
  return fc.record(
    { src: address, dst: address, srcPort: PORT, dstPort: PORT },
    { requiredKeys: [] },
  );
}

const CASES = PACKET.chain((packet) => fc.tuple(fc.constant(packet), changeOf(packet)));

/** The packet its sender would have written. An echo's identifier is the port of whoever asks: source of a request, destination of a reply. */
function changed(packet: PacketSpec, change: Change): PacketSpec {
  const { segment } = packet;
  const { src = packet.src, dst = packet.dst, srcPort, dstPort } = change;
  const isReply = segment.type === 0 || segment.type === 129;
  const identifier = (isReply ? dstPort : srcPort) ?? segment.identifier;
  return {
    ...packet,
    src,
    dst,
    segment: {
      ...segment,
      srcPort: srcPort ?? segment.srcPort,
      dstPort: dstPort ?? segment.dstPort,
      identifier,
    },
  };
}

function actionOf({ src, dst, srcPort, dstPort }: Change): HeaderAction {
  const words = (text: string) => parseIpWords(text) ?? ([0, 0, 0, 0] as const);
  return {
    ip: {
      ...(src !== undefined && { src: words(src) }),
      ...(dst !== undefined && { dst: words(dst) }),
    },
    transport: {
      ...(srcPort !== undefined && { srcPort }),
      ...(dstPort !== undefined && { dstPort }),
    },
  };
}

/** What the engine makes of each frame of one flow: the first is the one the layers see. */
function translated(frames: readonly Frame[], change: Change): Frame[] {
  const table = new Transpositions(1);
  const composition = newComposition();
  return frames.map(({ bytes, vnet }, index) => {
    const view = new DataView(new ArrayBuffer(AT + bytes.length));
    new Uint8Array(view.buffer).set(bytes, AT);
    vnetHeader.emit(vnet, view, 0);
    const key = newFlowKey();
    if (parseFlow(view, AT, view.byteLength, key) !== Drop.None) throw new TypeError('no frame');
    if (index === 0) fold(composition, actionOf(change), { ...key, fragment: Fragment.NONE });
    const id = table.intern(composition);
    table.apply(id, { view, at: AT, end: view.byteLength, vnetAt: 0 }, key);
    table.release(id);
    return { bytes: new Uint8Array(view.buffer.slice(AT)), vnet: vnetHeader.parse(view, 0) };
  });
}

test('a translated packet is the one its sender would have written, and its checksums are right', (t) => {
  fc.assert(
    fc.property(CASES, ([packet, change]) => {
      const [after] = translated([frameOf(packet)], change);
      const expected = frameOf(changed(packet, change));
      t.is(checksumFault(after?.bytes ?? new Uint8Array(), expected.vnet), undefined);
      t.deepEqual(after?.vnet, expected.vnet);
      t.deepEqual(withoutZeroes(after?.bytes, packet), withoutZeroes(expected.bytes, packet));
    }),
    { numRuns: RUNS },
  );
});

test('a datagram translated in fragments has a right checksum when they are put together', (t) => {
  const datagrams = CASES.filter(([{ payloadLen }]) => payloadLen >= 16);
  fc.assert(
    fc.property(datagrams, fc.nat(200), ([packet, change], where) => {
      const plain: PacketSpec = { ...packet, offload: 'none' };
      const whole = frameOf(plain);
      const ends = [24, 32 + (where % Math.floor(plain.payloadLen / 8)) * 8];
      const fragments = cut(whole.bytes, ends).map((bytes) => ({ ...whole, bytes }));
      const joined = join(translated(fragments, change).map(({ bytes }) => bytes));
      t.is(checksumFault(joined, whole.vnet), undefined);
      const expected = frameOf(changed(plain, change)).bytes;
      t.deepEqual(withoutZeroes(joined, plain), withoutZeroes(expected, plain));
    }),
    { numRuns: RUNS },
  );
});

/** Both forms of zero are the same sum (RFC 1071 §2): one of them, in the transport's checksum. */
function withoutZeroes(bytes: Uint8Array | undefined, { src, segment }: PacketSpec): string {
  const copy = Buffer.from(bytes ?? []);
  const offset = { 1: 2, 6: 16, 17: 6, 58: 2 }[segment.protocol];
  const at = 14 + (isIpv6(src) ? 40 : 20) + (offset ?? 0);
  if (offset !== undefined && copy.readUInt16BE(at) === 0xffff) copy.writeUInt16BE(0, at);
  return copy.toString('hex');
}

/** IP fragments (RFC 791 §3.2, RFC 8200 §4.5) of a frame's packet, ending at these bytes of its payload, multiples of 8. */
function cut(frame: Uint8Array, ends: readonly number[]): Uint8Array[] {
  const isSix = frame[12] === 0x86;
  const headerEnd = isSix ? 54 : 34;
  const payload = frame.slice(headerEnd);
  const bounds = [0, ...ends.filter((end) => end < payload.length), payload.length];
  return bounds.slice(1).flatMap((end, index) => {
    const start = bounds[index] ?? 0;
    if (end <= start) return [];
    const more = end < payload.length ? 1 : 0;
    const header = Buffer.from(frame.slice(0, headerEnd));
    const part = payload.slice(start, end);
    if (isSix) {
      const protocol = header.readUInt8(20);
      header.writeUInt8(44, 20);
      header.writeUInt16BE(8 + part.length, 18);
      const offset = start | more;
      const extension = [protocol, 0, offset >> 8, offset & 255, 0, 0, 0, 9];
      return [Uint8Array.of(...header, ...extension, ...part)];
    }
    header.writeUInt16BE(20 + part.length, 16);
    header.writeUInt16BE((more << 13) | (start >> 3), 20);
    return [Uint8Array.of(...withHeaderSum(header), ...part)];
  });
}

/** The frame that fragments in order are of. */
function join(fragments: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array()] = fragments;
  const isSix = first[12] === 0x86;
  const partAt = isSix ? 62 : 34;
  const payload = fragments.flatMap((fragment) => [...fragment.slice(partAt)]);
  const header = Buffer.from(first.slice(0, isSix ? 54 : 34));
  if (isSix) {
    header.writeUInt8(first[54] ?? 0, 20);
    header.writeUInt16BE(payload.length, 18);
    return Uint8Array.of(...header, ...payload);
  }
  header.writeUInt16BE(20 + payload.length, 16);
  header.writeUInt16BE(0, 20);
  return Uint8Array.of(...withHeaderSum(header), ...payload);
}

function withHeaderSum(header: Buffer): Buffer {
  header.writeUInt16BE(0, 24);
  header.writeUInt16BE(complement(onesSum(header.subarray(14))), 24);
  return header;
}
