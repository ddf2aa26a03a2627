/**
 * Maximum segment size of TCP connections through tunnels — RFC 9293 §3.7.1: a SYN that asks for larger segments than fit the way to the peer
 * is made to ask for those that do, so that a connection works even where somebody drops "packet too big". Each sender of a tunnel
 * clamps what it sends, which covers both directions. Only lowered, never added: without the option segments are small anyway.
 *
 * The checksum is updated incrementally (RFC 1624), also for a value at an odd offset; a partial one (virtio NEEDS_CSUM) covers the
 * option by what its sender still sums up, and is left alone. Called by transposition, for SYN segments alone.
 */
import { replace16 } from '../../packet/checksum.ts';
import { EtherType } from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import * as tcp from '../../packet/tcp.ts';
import { isPartial, type RewrittenFrame } from './header-rewrite.ts';

/** Fixed headers of IP and TCP, which the MSS does not count (RFC 6691 §2). */
const HEADERS_IPV4 = 40;
const HEADERS_IPV6 = 60;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_MSS_LEN = 4;

/** `mtu` is that of the way to the peer, bytes; `key` the parse result of a SYN, whose options lie within its header. */
export function clampSegmentSize(frame: RewrittenFrame, key: FlowKey, mtu: number): void {
  const { view } = frame;
  const fits = mtu - (key.etherType === EtherType.IPV6 ? HEADERS_IPV6 : HEADERS_IPV4);
  const end = key.l4At + tcp.headerLen(view, key.l4At);
  for (let at = key.l4At + tcp.HEADER_LEN; at < end; ) {
    const kind = view.getUint8(at);
    if (kind === OPTION_END) return;
    if (kind === OPTION_NOP) {
      at += 1;
      continue;
    }
    if (at + 2 > end) return;
    const bytes = view.getUint8(at + 1);
    if (bytes < 2 || at + bytes > end) return;
    if (kind === OPTION_MSS && bytes === OPTION_MSS_LEN) lower(frame, key, at + 2, fits);
    at += bytes;
  }
}

function lower(frame: RewrittenFrame, key: FlowKey, at: number, fits: number): void {
  const { view } = frame;
  const asked = view.getUint16(at);
  if (asked <= fits) return;
  view.setUint16(at, fits);
  if (isPartial(frame, key, tcp.CHECKSUM_OFFSET)) return;
  const checksumAt = key.l4At + tcp.CHECKSUM_OFFSET;
  const isOdd = ((at - key.l4At) & 1) === 1;
  const from = isOdd ? swapped(asked) : asked;
  const to = isOdd ? swapped(fits) : fits;
  view.setUint16(checksumAt, replace16(view.getUint16(checksumAt), from, to));
}

/** One's-complement sums do not mind the order of bytes, as long as it is the same everywhere (RFC 1071 §2 B). */
function swapped(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
