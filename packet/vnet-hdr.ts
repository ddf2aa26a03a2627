/**
 * virtio_net_hdr — virtio 1.2 §5.1.6, Linux uapi virtio_net.h. Travels before each frame of a TAP with IFF_VNET_HDR or an AF_PACKET socket
 * with PACKET_VNET_HDR. Host byte order: little-endian on every machine Weft runs on.
 *
 *   0       1          2         4          6            8             10
 *   | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset |
 *
 * NEEDS_CSUM: the checksum at csum_start + csum_offset holds only the pseudo-header's sum (rules in checksum.ts). GSO: the frame is a
 * super-frame to be cut into segments of gso_size. hdr_len is a hint that the kernel itself gets wrong; nothing here reads it.
 * Called by dataplane/port, engine and services.
 */
import { Drop } from './drop.ts';

export const HEADER_LEN = 10;

export const Flag = { NEEDS_CSUM: 1, DATA_VALID: 2 } as const;

export const GsoType = { NONE: 0, TCPV4: 1, UDP: 3, TCPV6: 4, UDP_L4: 5, ECN: 0x80 } as const;

const GSO_TYPE = 1;
const HDR_LEN = 2;
const GSO_SIZE = 4;
const CSUM_START = 6;
const CSUM_OFFSET = 8;
const LITTLE = true;

/**
 * Is the header at `at` consistent with its frame of `frameBytes`? Must pass before a frame's offload fields steer any access;
 * the sender is a tenant's kernel.
 */
export function check(view: DataView, at: number, frameBytes: number): Drop {
  const gso = gsoType(view, at) & ~GsoType.ECN;
  if (gso !== GsoType.NONE) {
    const isKnown = gso === GsoType.TCPV4 || gso === GsoType.TCPV6 || gso === GsoType.UDP_L4;
    if (!isKnown || !needsChecksum(view, at) || gsoSize(view, at) === 0) return Drop.OffloadInvalid;
  }
  if (needsChecksum(view, at) && csumStart(view, at) + csumOffset(view, at) + 2 > frameBytes) {
    return Drop.OffloadInvalid;
  }
  return Drop.None;
}

export function flags(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** The checksum field is partial: see checksum.ts. */
export function needsChecksum(view: DataView, at: number): boolean {
  return (view.getUint8(at) & Flag.NEEDS_CSUM) !== 0;
}

export function gsoType(view: DataView, at: number): number {
  return view.getUint8(at + GSO_TYPE);
}

export function isSuperFrame(view: DataView, at: number): boolean {
  return view.getUint8(at + GSO_TYPE) !== GsoType.NONE;
}

/** Payload bytes of each segment. */
export function gsoSize(view: DataView, at: number): number {
  return view.getUint16(at + GSO_SIZE, LITTLE);
}

/** Bytes from the Ethernet header to the first byte to be summed. */
export function csumStart(view: DataView, at: number): number {
  return view.getUint16(at + CSUM_START, LITTLE);
}

/** Bytes from csum_start to the checksum field. */
export function csumOffset(view: DataView, at: number): number {
  return view.getUint16(at + CSUM_OFFSET, LITTLE);
}

export function setCsumStart(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + CSUM_START, bytes, LITTLE);
}

/** No offload: what the switch puts before frames it makes itself. */
export function clear(view: DataView, at: number): void {
  view.setUint32(at, 0);
  view.setUint32(at + 4, 0);
  view.setUint16(at + 8, 0);
}

export interface Repr {
  readonly flags: number;
  readonly gsoType: number;
  readonly headerLen: number;
  readonly gsoSize: number;
  readonly csumStart: number;
  readonly csumOffset: number;
}

export function parse(view: DataView, at: number): Repr {
  return {
    flags: flags(view, at),
    gsoType: gsoType(view, at),
    headerLen: view.getUint16(at + HDR_LEN, LITTLE),
    gsoSize: gsoSize(view, at),
    csumStart: csumStart(view, at),
    csumOffset: csumOffset(view, at),
  };
}

export function reprLen(_repr: Repr): number {
  return HEADER_LEN;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint8(at, repr.flags);
  view.setUint8(at + GSO_TYPE, repr.gsoType);
  view.setUint16(at + HDR_LEN, repr.headerLen, LITTLE);
  view.setUint16(at + GSO_SIZE, repr.gsoSize, LITTLE);
  setCsumStart(view, at, repr.csumStart);
  view.setUint16(at + CSUM_OFFSET, repr.csumOffset, LITTLE);
}
