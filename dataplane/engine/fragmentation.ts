/**
 * IPv4 fragmentation — RFC 791 §3.2, RFC 1812 §5.2.6: a packet that is longer than its way takes and may be cut is cut into fragments of as
 * many bytes as fit each. Options go into every fragment only if their copied flag says so; in the others they become no-operations. A
 * packet that is a fragment itself is cut further. A checksum that its sender has left open (virtio NEEDS_CSUM) covers the whole: complete
 * it first. IPv6 is never fragmented on its way (RFC 8200 §5), and super-frames are cut to segments, not here.
 *
 *   count = fragmentCount(…)   completeChecksum(…)   block of count × fragmentStride(mtu) bytes   emitFragment(…, index, fragmentAt(…)) each
 *
 * Called by dataplane/switch/departure and bgp/edge/router/departure.
 */
import { complement, sum } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import type { Frame } from './transposition.ts';

/** Before each fragment: its virtio_net_hdr, rounded up. */
const VNET_ROOM = 16;
const MORE_FRAGMENTS = 0x2000;
const TOTAL_LENGTH = 2;
const FLAGS_AND_OFFSET = 6;
const OPTION_COPIED = 0x80;
const OPTION_END = 0;
const OPTION_NONE = 1;

/** Completes a partial checksum where the frame lies. */
export function completeChecksum({ view, at, vnetAt }: Frame, key: FlowKey): void {
  if (!vnetHeader.needsCsum(view, vnetAt)) return;
  const start = at + vnetHeader.csumStart(view, vnetAt);
  const field = start + vnetHeader.csumOffset(view, vnetAt);
  // The field holds the pseudo-header's sum, which so takes part; UDP sends a computed zero as all ones.
  view.setUint16(field, complement(sum(view, start, key.l3End)) || 0xffff);
  vnetHeader.clear(view, vnetAt);
}

/** Into how many fragments of at most `mtu` bytes the packet is cut; 0: the MTU leaves no room for data. */
export function fragmentCount(view: DataView, key: FlowKey, mtu: number): number {
  const headerLen = ipv4.headerLen(view, key.l3At);
  const room = dataRoom(headerLen, mtu);
  return room < 8 ? 0 : Math.ceil((key.l3End - key.l3At - headerLen) / room);
}

/** Bytes of one fragment's place, virtio_net_hdr included. */
export function fragmentStride(mtu: number): number {
  return (VNET_ROOM + ethernet.HEADER_LEN + mtu + VNET_ROOM - 1) & ~(VNET_ROOM - 1);
}

/** Where in a block of such places fragment `index` begins. */
export function fragmentAt(block: number, index: number, mtu: number): number {
  return block + index * fragmentStride(mtu) + VNET_ROOM;
}

/** Where the virtio_net_hdr of a fragment at `at` lies. */
export function fragmentVnetAt(at: number): number {
  return at - vnetHeader.VNET_HEADER_LEN;
}

/** Writes fragment `index` of the frame's packet at `to`; returns its end. The frame is left as it is. `bytes` are those of its view. */
export function emitFragment(
  frame: Frame,
  bytes: Uint8Array,
  key: FlowKey,
  mtu: number,
  index: number,
  to: number,
): number {
  const { view, at } = frame;
  const { l3At, l3End } = key;
  const headerLen = ipv4.headerLen(view, l3At);
  const done = index * dataRoom(headerLen, mtu);
  const dataAt = l3At + headerLen + done;
  const len = Math.min(dataRoom(headerLen, mtu), l3End - dataAt);
  const newL3At = to + (l3At - at);
  bytes.copyWithin(to, at, l3At + headerLen);
  bytes.copyWithin(newL3At + headerLen, dataAt, dataAt + len);
  if (index > 0) blankOptions(view, newL3At + ipv4.HEADER_LEN, newL3At + headerLen);
  const hasMore = dataAt + len < l3End || ipv4.moreFragments(view, l3At);
  const offset = ipv4.fragmentOffset(view, l3At) + done;
  view.setUint16(newL3At + FLAGS_AND_OFFSET, (hasMore ? MORE_FRAGMENTS : 0) | (offset >>> 3));
  view.setUint16(newL3At + TOTAL_LENGTH, headerLen + len);
  ipv4.fillChecksum(view, newL3At);
  vnetHeader.clear(view, fragmentVnetAt(to));
  return newL3At + headerLen + len;
}

/** Offsets count in units of eight bytes. */
function dataRoom(headerLen: number, mtu: number): number {
  return (mtu - headerLen) & ~7;
}

/** Options that only the first fragment carries become no-operations. */
function blankOptions(view: DataView, from: number, end: number): void {
  for (let at = from; at < end; ) {
    const kind = view.getUint8(at);
    if (kind === OPTION_END) return;
    const hasLength = kind !== OPTION_NONE && at + 1 < end;
    const len = hasLength ? Math.max(2, view.getUint8(at + 1)) : 1;
    if ((kind & OPTION_COPIED) === 0) {
      for (let byte = at; byte < Math.min(end, at + len); byte += 1) {
        view.setUint8(byte, OPTION_NONE);
      }
    }
    at += len;
  }
}
