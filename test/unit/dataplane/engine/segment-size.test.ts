/** MSS clamping: what a SYN asks for fits the way, its checksum stays sound, and nothing else is touched. */
import test from 'ava';
import fc from 'fast-check';
import { clampSegmentSize } from '../../../../dataplane/engine/segment-size.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../../../packet/checksum.ts';
import { newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as tcp from '../../../../packet/tcp.ts';
import { ethernetFrame, ipv6Packet, TCP_REPR, tcpIpv4, viewOf } from '../../packet/frames.ts';

const MSS = (value: number) => [2, 4, value >>> 8, value & 0xff];

/** The frame after clamping, with a virtio_net_hdr before it. */
function clamped(packet: Uint8Array, mtu: number, flags = 0) {
  const bytes = new Uint8Array(16 + packet.length);
  bytes.set(packet, 16);
  const view = viewOf(bytes);
  view.setUint8(0, flags);
  const key = newFlowKey();
  parseFlow(view, 16, bytes.length, key);
  if (flags === 1) {
    view.setUint16(6, key.l4At - 16, true);
    view.setUint16(8, tcp.CHECKSUM_OFFSET, true);
  }
  clampSegmentSize({ view, at: 16, vnetAt: 0 }, key, mtu);
  const isIpv4 = key.etherType === 0x0800;
  const pseudo = (isIpv4 ? pseudoIpv4 : pseudoIpv6)(view, key.l3At, 6, key.l3End - key.l4At);
  return {
    options: [...bytes.slice(key.l4At + 20, key.l4At + tcp.headerLen(view, key.l4At))],
    isSound: tcp.hasValidChecksum(view, key.l4At, key.l3End, pseudo),
    bytes: bytes.slice(16),
  };
}

function syn6(options: readonly number[]): Uint8Array {
  const repr = { ...TCP_REPR, options: Uint8Array.from(options) };
  const segment = new Uint8Array(tcp.reprLen(repr));
  tcp.emit(repr, viewOf(segment), 0);
  const packet = ipv6Packet({ nextHeader: IpProtocol.TCP }, segment);
  const pseudo = pseudoIpv6(viewOf(packet), 0, IpProtocol.TCP, segment.length);
  tcp.fillChecksum(viewOf(packet), 40, packet.length, pseudo);
  return ethernetFrame(0x86dd, packet);
}

test('an MSS that does not fit is lowered to what does, at even and odd offsets', (t) => {
  for (const [before, after] of [
    [[], [1, 3, 3, 7]],
    [[1], [3, 3, 7]],
  ] as const) {
    const options = Uint8Array.of(...before, ...MSS(1460), ...after);
    const { options: now, isSound } = clamped(tcpIpv4({ options }), 1450);
    t.deepEqual(now, [...before, ...MSS(1410), ...after]);
    t.true(isSound);
  }
  const six = clamped(syn6(MSS(1440)), 1450);
  t.deepEqual(six.options, MSS(1390));
  t.true(six.isSound);
});

test('one that fits, or is not there, stays; a partial checksum is left to its sender', (t) => {
  for (const options of [MSS(1410), MSS(536), [1, 1, 1, 1], []]) {
    const frame = tcpIpv4({ options: Uint8Array.from(options) });
    t.deepEqual(clamped(frame, 1450).bytes, frame);
  }
  const frame = tcpIpv4({ options: Uint8Array.from(MSS(1460)) });
  const partial = clamped(frame, 1450, 1);
  t.deepEqual(partial.options, MSS(1410));
  t.is(viewOf(partial.bytes).getUint16(34 + 16), viewOf(frame).getUint16(34 + 16));
});

test('whatever the options are, the checksum stays sound and the walk ends', (t) => {
  const words = fc.integer({ min: 0, max: 10 }).chain((count) =>
    fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 4)), {
      minLength: count * 4,
      maxLength: count * 4,
    }),
  );
  fc.assert(
    fc.property(words, fc.integer({ min: 576, max: 9000 }), (options, mtu) => {
      t.true(clamped(tcpIpv4({ options: Uint8Array.from(options) }), mtu).isSound);
    }),
  );
});
