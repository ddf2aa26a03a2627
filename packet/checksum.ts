/**
 * The Internet checksum — RFC 1071; incremental update RFC 1624 §3; pseudo-headers RFC 9293 §3.1 (IPv4), RFC 8200 §8.1 (IPv6).
 *
 * A *sum* here is the folded 16-bit one's-complement sum; a *checksum* is its complement, as the header field carries it.
 * Zero has two forms (0x0000, 0xffff); UDP reserves a field of 0 for "none", so a computed 0 is sent as 0xffff (RFC 768).
 *
 * Partial checksums (virtio 1.2 §5.1.6.2, NEEDS_CSUM): the field holds the pseudo-header's sum, *not* complemented, and whoever sends the
 * frame adds the bytes from csum_start on. A rewrite of such a frame must therefore
 *   — for what the pseudo-header covers (addresses, protocol, length): update the field as a sum: `replaceInSum…`;
 *   — for what lies in the transport segment itself (ports, sequence numbers …): leave the field alone, the bytes are still to be summed.
 * With a complete checksum both update the field: `replace…`. Mixing the two up is how overlays corrupt TCP.
 *
 * Called by every header with a checksum and by dataplane/engine when it transposes a frame.
 */

/** One's-complement sum of [at, end) on top of `seed` (a sum); an odd last byte is padded with zero. At most 64 KiB. */
export function sum(view: DataView, at: number, end: number, seed = 0): number {
  let total = seed;
  let offset = at;
  // 32-bit words: 2^16 bytes add up to less than 2^46, exact in a double; 2^16 ≡ 1 modulo 0xffff, so folding them is the same.
  for (const last = end - 4; offset <= last; offset += 4) total += view.getUint32(offset);
  if (offset + 2 <= end) {
    total += view.getUint16(offset);
    offset += 2;
  }
  if (offset < end) total += view.getUint8(offset) << 8;
  return fold(total);
}

/** Folds a total (an exact integer < 2^53) to a 16-bit sum. */
export function fold(total: number): number {
  let low = (total % 0x1_0000_0000) + Math.floor(total / 0x1_0000_0000);
  low = (low % 0x1_0000) + Math.floor(low / 0x1_0000);
  low = (low & 0xffff) + (low >>> 16);
  return (low & 0xffff) + (low >>> 16);
}

/** Header field value for a sum. */
export function complement(sumValue: number): number {
  return ~sumValue & 0xffff;
}

/** Checksum field value of [at, end), its own field being zero. */
export function checksum(view: DataView, at: number, end: number, seed = 0): number {
  return complement(sum(view, at, end, seed));
}

/** True if [at, end), checksum field included, adds up. */
export function isValid(view: DataView, at: number, end: number, seed = 0): boolean {
  return sum(view, at, end, seed) === 0xffff;
}

/** Sum of an IPv4 pseudo-header; addresses are read from the IPv4 header at `ipAt`. */
export function pseudoIpv4(
  view: DataView,
  ipAt: number,
  protocol: number,
  segmentBytes: number,
): number {
  return fold(view.getUint32(ipAt + 12) + view.getUint32(ipAt + 16) + protocol + segmentBytes);
}

/** Sum of an IPv6 pseudo-header; addresses are read from the IPv6 header at `ipAt` (no routing header in use). */
export function pseudoIpv6(
  view: DataView,
  ipAt: number,
  protocol: number,
  segmentBytes: number,
): number {
  return sum(
    view,
    ipAt + 8,
    ipAt + 40,
    protocol + (segmentBytes % 0x1_0000) + (segmentBytes >>> 16),
  );
}

/** Checksum field after the 16-bit word `from` it covers became `to`: HC' = ~(~HC + ~m + m') (RFC 1624 eqn. 3). */
export function replace16(field: number, from: number, to: number): number {
  const total = (~field & 0xffff) + (~from & 0xffff) + to;
  return ~foldSmall(total) & 0xffff;
}

/** As replace16 for a 32-bit word at an even offset. */
export function replace32(field: number, from: number, to: number): number {
  const total =
    (~field & 0xffff) + (~(from >>> 16) & 0xffff) + (~from & 0xffff) + (to >>> 16) + (to & 0xffff);
  return ~foldSmall(total) & 0xffff;
}

/** As replace16 for a field that holds a sum (a partial checksum). */
export function replaceInSum16(field: number, from: number, to: number): number {
  return foldSmall(field + (~from & 0xffff) + to);
}

/** As replace32 for a field that holds a sum (a partial checksum). */
export function replaceInSum32(field: number, from: number, to: number): number {
  return foldSmall(
    field + (~(from >>> 16) & 0xffff) + (~from & 0xffff) + (to >>> 16) + (to & 0xffff),
  );
}

/**
 * What replacing the 16-bit word `from` by `to` adds to a sum, not folded: ~m + m' of RFC 1624. Differences of several words may be
 * added up (at most 2^14 of them) and then worked into a field at once.
 */
export function difference16(from: number, to: number): number {
  return (~from & 0xffff) + to;
}

/** As difference16 for a 32-bit word at an even offset. */
export function difference32(from: number, to: number): number {
  return (~(from >>> 16) & 0xffff) + (~from & 0xffff) + (to >>> 16) + (to & 0xffff);
}

/** Checksum field after what it covers changed by `difference`. */
export function update(field: number, difference: number): number {
  return ~foldSmall((~field & 0xffff) + difference) & 0xffff;
}

/** As update for a field that holds a sum (a partial checksum). */
export function updateSum(field: number, difference: number): number {
  return foldSmall(field + difference);
}

/** Folds a total below 2^31. */
function foldSmall(total: number): number {
  const once = (total & 0xffff) + (total >>> 16);
  return (once & 0xffff) + (once >>> 16);
}
