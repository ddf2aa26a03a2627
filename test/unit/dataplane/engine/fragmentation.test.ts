/** RFC 791 §3.2: fragments put together by other code are the packet they were cut from. */
import test from 'ava';
import fc from 'fast-check';
import {
  completeChecksum,
  emitFragment,
  fragmentAt,
  fragmentCount,
  fragmentStride,
  fragmentVnetAt,
} from '../../../../dataplane/engine/fragmentation.ts';
import type { Frame } from '../../../../dataplane/engine/transposition.ts';
import { Drop } from '../../../../packet/drop.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as vnetHeader from '../../../../packet/vnet-header.ts';
import { packetBytesMax, wholeOf } from '../../../model/whole.ts';
import {
  bytesOf,
  ethernetFrame,
  ipv4Packet,
  NO_BYTES,
  udpIpv4,
  viewOf,
} from '../../packet/frames.ts';

const AT = 128;

/** A frame with room behind it for what it is cut to. */
function placed(bytes: Uint8Array): { frame: Frame; ring: Uint8Array; block: number } {
  const block = AT + Math.ceil(bytes.length / 16) * 16;
  const ring = new Uint8Array(block + 40 * bytes.length + 4096).fill(0xa5);
  ring.set(bytes, AT);
  const frame = {
    view: viewOf(ring),
    at: AT,
    end: AT + bytes.length,
    vnetAt: AT - vnetHeader.VNET_HEADER_LEN,
  };
  vnetHeader.clear(frame.view, frame.vnetAt);
  return { frame, ring, block };
}

function cut(bytes: Uint8Array, mtu: number): Uint8Array[] {
  const { frame, ring, block } = placed(bytes);
  const key = newFlowKey();
  if (parseFlow(frame.view, frame.at, frame.end, key) !== Drop.None) throw new Error('no packet');
  const count = fragmentCount(frame.view, key, mtu);
  return Array.from({ length: count }, (_, index) => {
    const at = fragmentAt(block, index, mtu);
    const end = emitFragment(frame, ring, key, mtu, index, at);
    if (end > block + (index + 1) * fragmentStride(mtu)) throw new Error('outside its place');
    if (vnetHeader.needsCsum(frame.view, fragmentVnetAt(at))) throw new Error('with offloads');
    return bytesOf(frame.view, at, end);
  });
}

function isSound(frame: Uint8Array): boolean {
  return ipv4.hasValidChecksum(viewOf(frame), ethernet.HEADER_LEN);
}

test('any packet, cut for any MTU: each fragment fits and is sound, together they are the packet', (t) => {
  const packets = fc.record({
    len: fc.integer({ min: 8, max: 3000 }),
    mtu: fc.integer({ min: 68, max: 1500 }),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.nat(500).map((units) => units * 8),
  });
  fc.assert(
    fc.property(packets, ({ len, mtu, moreFragments, fragmentOffset }) => {
      const payload = Uint8Array.from({ length: len }, (_, index) => index * 7);
      const head = { protocol: 99, dontFragment: false, moreFragments, fragmentOffset };
      const bytes = ethernetFrame(ethernet.EtherType.IPV4, ipv4Packet(head, payload));
      const pieces = cut(bytes, mtu);
      t.true(packetBytesMax(pieces) <= mtu);
      t.true(pieces.every(isSound));
      t.deepEqual(wholeOf(pieces), bytes);
    }),
    { numRuns: 200 },
  );
});

test('options go into later fragments only if their copied flag says so', (t) => {
  // Record route (7, not copied), loose source route (131, copied), end.
  const options = Uint8Array.of(7, 3, 4, 131, 3, 4, 0, 0);
  const packet = ipv4Packet({ protocol: 99, dontFragment: false, options }, new Uint8Array(200));
  const [first, second] = cut(ethernetFrame(ethernet.EtherType.IPV4, packet), 128);
  const optionsOf = (frame = NO_BYTES) => [...frame.slice(34, 42)];
  t.deepEqual(optionsOf(first), [...options]);
  t.deepEqual(optionsOf(second), [1, 1, 1, 131, 3, 4, 0, 0]);
});

test('an option that ends too soon is blanked as far as it goes', (t) => {
  const options = Uint8Array.of(1, 1, 1, 7);
  const packet = ipv4Packet({ protocol: 99, dontFragment: false, options }, new Uint8Array(200));
  const [, second] = cut(ethernetFrame(ethernet.EtherType.IPV4, packet), 128);
  t.deepEqual([...(second ?? NO_BYTES).slice(34, 38)], [1, 1, 1, 1]);
});

test('an MTU without room for data cuts nothing', (t) => {
  const { frame } = placed(udpIpv4(1, 2, new Uint8Array(100)));
  const key = newFlowKey();
  t.is(parseFlow(frame.view, frame.at, frame.end, key), Drop.None);
  t.is(fragmentCount(frame.view, key, 27), 0);
  t.is(fragmentCount(frame.view, key, 28), 14);
});

test('a partial checksum is completed as its sender would have', (t) => {
  for (const payload of [new Uint8Array(100).fill(3), Uint8Array.of(1, 2, 3)]) {
    const bytes = udpIpv4(4000, 5000, payload);
    const { frame, ring } = placed(bytes);
    const key = newFlowKey();
    t.is(parseFlow(frame.view, frame.at, frame.end, key), Drop.None);
    const udpLen = 8 + payload.length;
    let sum = IpProtocol.UDP + udpLen;
    for (let at = 26; at < 34; at += 2) sum += viewOf(bytes).getUint16(at);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    frame.view.setUint16(AT + 40, sum);
    const partial = { ...vnetHeader.NO_OFFLOAD, flags: 1, csumStart: 34, csumOffset: 6 };
    vnetHeader.emit(partial, frame.view, frame.vnetAt);
    completeChecksum(frame, key);
    t.deepEqual(ring.slice(frame.at, frame.end), bytes);
    t.false(vnetHeader.needsCsum(frame.view, frame.vnetAt));
  }
});
