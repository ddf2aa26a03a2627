/**
 * VXLAN header — RFC 7348 §5. Follows a UDP header with destination port 4789.
 *
 *   0         1                  4                      7          8
 *   | flags   | reserved         | VNI                  | reserved | inner Ethernet frame …
 *
 * Only flag I (0x08) is defined; reserved bits are ignored on receipt and sent as zero, as the RFC asks. Group-policy and GPE
 * extensions are not supported. Called by dataplane/port (uplink), dataplane/layers, slb/mux, bgp/edge.
 */
import { Drop } from './drop.ts';

export const HEADER_LEN = 8;
/** RFC 7348 §8. */
export const UDP_PORT = 4789;
export const VNI_MAX = 0xff_ffff;
/** Bytes that a tunnel puts around an inner IP packet: inner Ethernet, VXLAN, UDP and the outer IP header (RFC 7348 §5). */
export const OVERHEAD_IPV4: number = 14 + HEADER_LEN + 8 + 20;
export const OVERHEAD_IPV6: number = 14 + HEADER_LEN + 8 + 40;
const FLAG_VNI_VALID = 0x08;
const VNI = 4;

/** Must pass before any accessor is used on [at, end). */
export function check(view: DataView, at: number, end: number): Drop {
  if (end - at < HEADER_LEN) return Drop.VxlanTruncated;
  return (view.getUint8(at) & FLAG_VNI_VALID) === 0 ? Drop.VxlanBadFlags : Drop.None;
}

/** 24 bits. */
export function vni(view: DataView, at: number): number {
  return view.getUint32(at + VNI) >>> 8;
}

export interface Repr {
  readonly vni: number;
}

export function parse(view: DataView, at: number): Repr {
  return { vni: vni(view, at) };
}

export function reprLen(_repr: Repr): number {
  return HEADER_LEN;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint32(at, FLAG_VNI_VALID << 24);
  view.setUint32(at + VNI, repr.vni * 0x100);
}
