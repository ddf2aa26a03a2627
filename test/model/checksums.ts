/**
 * Are the checksums of a frame that left right? A second opinion, byte by byte (RFC 1071), that shares no code with packet/checksum: IPv4
 * header, TCP, UDP and ICMP of both families; a partial one (virtio 1.2 §5.1.6.2) must hold the pseudo-header's sum and stand where
 * the header says. Fragments have no checksum that could be verified without the others.
 */
import type { VnetHeader } from '../../packet/vnet-header.ts';

/** Folded one's-complement sum; an odd last byte is padded with zero. */
export function onesSum(bytes: ArrayLike<number>, seed = 0): number {
  let sum = seed;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

export function complement(sum: number): number {
  return ~sum & 0xffff;
}

/** What is wrong with the frame's checksums; undefined: nothing. `bytes` from the Ethernet header on. */
export function checksumFault(bytes: Uint8Array, vnet: VnetHeader): string | undefined {
  let at = 14;
  let etherType = u16(bytes, 12);
  if (etherType === 0x8100) {
    etherType = u16(bytes, 16);
    at = 18;
  }
  if (etherType === 0x0800) return ipv4Fault(bytes, at, vnet);
  if (etherType === 0x86dd) return ipv6Fault(bytes, at, vnet);
  return undefined;
}

function ipv4Fault(bytes: Uint8Array, at: number, vnet: VnetHeader): string | undefined {
  const headerEnd = at + ((bytes[at] ?? 0) & 15) * 4;
  if (!isComplete(onesSum(bytes.slice(at, headerEnd)))) return 'IPv4 header checksum';
  if ((u16(bytes, at + 6) & 0x3fff) !== 0) return undefined;
  const end = at + u16(bytes, at + 2);
  const protocol = bytes[at + 9] ?? 0;
  const addresses = bytes.slice(at + 12, at + 20);
  return transportFault({ bytes, at: headerEnd, end, protocol, addresses, vnet });
}

const EXTENSIONS: readonly number[] = [0, 43, 60];

function ipv6Fault(bytes: Uint8Array, at: number, vnet: VnetHeader): string | undefined {
  const end = at + 40 + u16(bytes, at + 4);
  let protocol = bytes[at + 6] ?? 0;
  let next = at + 40;
  while (EXTENSIONS.includes(protocol)) {
    // A routing header (43) with hops left changes the destination the checksum is for: not verified.
    if (protocol === 43) return undefined;
    protocol = bytes[next] ?? 0;
    next += ((bytes[next + 1] ?? 0) + 1) * 8;
  }
  if (protocol === 44) return undefined;
  const addresses = bytes.slice(at + 8, at + 40);
  return transportFault({ bytes, at: next, end, protocol, addresses, vnet });
}

interface Transport {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly protocol: number;
  /** Source and destination. */
  readonly addresses: Uint8Array;
  readonly vnet: VnetHeader;
}

const CHECKSUM_OFFSET: Readonly<Record<number, number>> = { 1: 2, 6: 16, 17: 6, 58: 2 };

function transportFault(transport: Transport): string | undefined {
  const { bytes, at, end, protocol, addresses, vnet } = transport;
  const offset = CHECKSUM_OFFSET[protocol];
  if (offset === undefined) return undefined;
  const length = end - at;
  const pseudo =
    protocol === 1
      ? 0
      : onesSum([...addresses, 0, protocol, 0, 0, (length >> 8) & 255, length & 255]);
  const field = u16(bytes, at + offset);
  if ((vnet.flags & 1) !== 0) {
    if (vnet.csumStart !== at || vnet.csumOffset !== offset) return 'partial checksum elsewhere';
    // Both forms of zero sum to the same.
    return field % 0xffff === pseudo % 0xffff ? undefined : `partial checksum of ${protocol}`;
  }
  if (protocol === 17 && field === 0) return undefined;
  const sum = onesSum(bytes.slice(at, end), pseudo);
  return isComplete(sum) ? undefined : `checksum of protocol ${protocol}`;
}

function isComplete(sum: number): boolean {
  return sum === 0xffff;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
