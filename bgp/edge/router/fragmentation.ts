/**
 * IPv4 fragmentation — RFC 791 §3.2, RFC 1812 §5.2.6: a packet that is longer than the next link takes and may be cut is cut into fragments of
 * as many bytes as fit each. Options go into every fragment only if their copied flag says so;
 * the others are left out. A packet that is a fragment itself is cut further. A checksum that its sender has left
 * open (virtio NEEDS_CSUM) is completed first, since it covers the whole. Called by router.ts.
 */
import { complement, sum } from '../../../packet/checksum.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import * as ipv4 from '../../../packet/ipv4.ts';
import * as vnetHeader from '../../../packet/vnet-header.ts';
import { NO_ROOM, type Scratch, vnetAtOf } from './scratch.ts';

const MORE_FRAGMENTS = 0x2000;
const FLAGS_AND_OFFSET = 6;
const OPTION_COPIED = 0x80;

/** Completes a partial checksum where the frame lies. */
export function completeChecksum(view: DataView, at: number, end: number, vnetAt: number): void {
  if (!vnetHeader.needsCsum(view, vnetAt)) return;
  const start = at + vnetHeader.csumStart(view, vnetAt);
  const field = start + vnetHeader.csumOffset(view, vnetAt);
  // The field holds the pseudo-header's sum, which so takes part; UDP sends a computed zero as all ones.
  view.setUint16(field, complement(sum(view, start, end)) || 0xffff);
  vnetHeader.clear(view, vnetAt);
}

/**
 * Cuts the packet of the frame at `at` into frames of at most `mtu` bytes of IP packet each, in scratch; `send` is called for each. False: there
 * is no room for all of them, or the MTU leaves none for data; then nothing was sent.
 */
export function fragmentIpv4(
  view: DataView,
  frame: { readonly at: number; readonly end: number; readonly vnetAt: number },
  key: FlowKey,
  mtu: number,
  scratch: Scratch,
  send: (at: number, end: number) => void,
): boolean {
  const headerLen = ipv4.headerLen(view, key.l3At);
  const room = (mtu - headerLen) & ~7;
  if (room < 8) return false;
  completeChecksum(view, frame.at, key.l3End, frame.vnetAt);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const payloadAt = key.l3At + headerLen;
  const payloadLen = key.l3End - payloadAt;
  const offset = ipv4.fragmentOffset(view, key.l3At);
  const isLast = !ipv4.moreFragments(view, key.l3At);
  const pieces: number[] = [];
  for (let done = 0; done < payloadLen; done += room) {
    const at = scratch.take(ethernet.HEADER_LEN + mtu);
    if (at === NO_ROOM) return false;
    pieces.push(at);
  }
  for (const [index, at] of pieces.entries()) {
    const done = index * room;
    const len = Math.min(room, payloadLen - done);
    const l3At = at + ethernet.HEADER_LEN;
    bytes.copyWithin(at, frame.at, frame.at + ethernet.HEADER_LEN);
    bytes.copyWithin(l3At, key.l3At, payloadAt);
    if (index > 0) blankOptions(view, l3At + ipv4.HEADER_LEN, l3At + headerLen);
    bytes.copyWithin(l3At + headerLen, payloadAt + done, payloadAt + done + len);
    const hasMore = done + len < payloadLen || !isLast;
    const word = (hasMore ? MORE_FRAGMENTS : 0) | ((offset + done) >>> 3);
    view.setUint16(l3At + FLAGS_AND_OFFSET, word);
    view.setUint16(l3At + 2, headerLen + len);
    ipv4.fillChecksum(view, l3At);
    vnetHeader.clear(view, vnetAtOf(at));
    send(at, l3At + headerLen + len);
  }
  return true;
}

/** Options that only the first fragment carries become no-operations. */
function blankOptions(view: DataView, from: number, end: number): void {
  for (let at = from; at < end; ) {
    const kind = view.getUint8(at);
    if (kind === 0) return;
    const len = kind === 1 ? 1 : at + 1 < end ? Math.max(2, view.getUint8(at + 1)) : end - at;
    if ((kind & OPTION_COPIED) === 0) {
      for (let byte = at; byte < Math.min(end, at + len); byte += 1) view.setUint8(byte, 1);
    }
    at += len;
  }
}
