/**
 * virtio_net_hdr — virtio 1.2 §5.1.6, the 10-byte form that Linux TAP and AF_PACKET (PACKET_VNET_HDR) use, little-endian here
 * because it is host order and every host Weft runs on is little-endian (checked when the addon is loaded).
 *
 *   0 flags u8 | 1 gso_type u8 | 2 hdr_len u16 | 4 gso_size u16 | 6 csum_start u16 | 8 csum_offset u16
 *
 * NEEDS_CSUM: the checksum field holds only the pseudo-header's sum; checksum.ts has the rules for rewriting such a frame.
 * hdr_len is a hint that must never be trusted: on a forwarded frame it may cover the whole first packet.
 * Called by every FrameIo and by layers that change a frame with a partial checksum.
 */

import { Drop } from './drop.ts';

export const VNET_HEADER_LEN = 10;

/** Bits of `flags`. */
export const VnetFlag = {
  /** The checksum at csum_start + csum_offset holds the pseudo-header sum only. */
  NEEDS_CSUM: 1,
  /** The receiver has checked the checksum. */
  DATA_VALID: 2,
} as const;

/** `gso_type` without its ECN bit. */
export const Gso = { NONE: 0, TCPV4: 1, UDP: 3, TCPV6: 4, UDP_L4: 5 } as const;
/** Set in `gso_type` when the first segment alone carries CWR. */
export const GSO_ECN = 0x80;

const FLAGS = 0;
const GSO_TYPE = 1;
const HDR_LEN = 2;
const GSO_SIZE = 4;
const CSUM_START = 6;
const CSUM_OFFSET = 8;

/**
 * Is the header at `at` consistent with its frame of `frameBytes`? Must pass before an offload field steers any access: the sender is
 * a tenant's kernel, or a hypervisor it runs.
 */
export function check(view: DataView, at: number, frameBytes: number): Drop {
  const partial = needsCsum(view, at);
  const gso = gsoType(view, at);
  if (gso !== Gso.NONE) {
    const isKnown = gso === Gso.TCPV4 || gso === Gso.TCPV6 || gso === Gso.UDP_L4;
    if (!isKnown || !partial || gsoSize(view, at) === 0) return Drop.OffloadInvalid;
  }
  const fieldEnd = csumStart(view, at) + csumOffset(view, at) + 2;
  return partial && fieldEnd > frameBytes ? Drop.OffloadInvalid : Drop.None;
}

export function flags(view: DataView, at: number): number {
  return view.getUint8(at + FLAGS);
}

export function needsCsum(view: DataView, at: number): boolean {
  return (view.getUint8(at + FLAGS) & VnetFlag.NEEDS_CSUM) !== 0;
}

/** Without the ECN bit. */
export function gsoType(view: DataView, at: number): number {
  return view.getUint8(at + GSO_TYPE) & ~GSO_ECN;
}

export function gsoSize(view: DataView, at: number): number {
  return view.getUint16(at + GSO_SIZE, true);
}

/** Bytes from the Ethernet header to where the checksum begins. */
export function csumStart(view: DataView, at: number): number {
  return view.getUint16(at + CSUM_START, true);
}

/** Bytes from csum_start to the checksum field. */
export function csumOffset(view: DataView, at: number): number {
  return view.getUint16(at + CSUM_OFFSET, true);
}

/** The checksum has been completed. */
export function setComplete(view: DataView, at: number): void {
  view.setUint8(at + FLAGS, view.getUint8(at + FLAGS) & ~VnetFlag.NEEDS_CSUM);
}

/** The header of a plain, complete frame. */
export function clear(view: DataView, at: number): void {
  view.setUint32(at, 0);
  view.setUint32(at + 4, 0);
  view.setUint16(at + 8, 0);
}

export interface VnetHeader {
  readonly flags: number;
  /** Including GSO_ECN. */
  readonly gsoType: number;
  readonly hdrLen: number;
  readonly gsoSize: number;
  readonly csumStart: number;
  readonly csumOffset: number;
}

export const NO_OFFLOAD: VnetHeader = {
  flags: 0,
  gsoType: 0,
  hdrLen: 0,
  gsoSize: 0,
  csumStart: 0,
  csumOffset: 0,
};

export function parse(view: DataView, at: number): VnetHeader {
  return {
    flags: view.getUint8(at + FLAGS),
    gsoType: view.getUint8(at + GSO_TYPE),
    hdrLen: view.getUint16(at + HDR_LEN, true),
    gsoSize: view.getUint16(at + GSO_SIZE, true),
    csumStart: view.getUint16(at + CSUM_START, true),
    csumOffset: view.getUint16(at + CSUM_OFFSET, true),
  };
}

export function emit(header: VnetHeader, view: DataView, at: number): void {
  view.setUint8(at + FLAGS, header.flags);
  view.setUint8(at + GSO_TYPE, header.gsoType);
  view.setUint16(at + HDR_LEN, header.hdrLen, true);
  view.setUint16(at + GSO_SIZE, header.gsoSize, true);
  view.setUint16(at + CSUM_START, header.csumStart, true);
  view.setUint16(at + CSUM_OFFSET, header.csumOffset, true);
}
