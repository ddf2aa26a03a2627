/**
 * UDP header — RFC 768.
 *
 *   0             2             4             6             8
 *   | source port | dest. port  | length      | checksum    | payload …
 *
 * Called by flow-key, dataplane services, vxlan.
 */
import { complement, sum } from './checksum.ts';
import { Drop } from './drop.ts';

export const HEADER_LEN = 8;
/** Offset of the checksum field: csum_offset of a virtio_net_hdr. */
export const CHECKSUM_OFFSET = 6;
const SRC_PORT = 0;
const DST_PORT = 2;
const LENGTH = 4;

/** Must pass before any accessor is used on [at, end). Invalidated by setLength. */
export function check(view: DataView, at: number, end: number): Drop {
  if (end - at < HEADER_LEN) return Drop.UdpTruncated;
  const bytes = view.getUint16(at + LENGTH);
  if (bytes < HEADER_LEN || at + bytes > end) return Drop.UdpBadLength;
  return Drop.None;
}

export function srcPort(view: DataView, at: number): number {
  return view.getUint16(at + SRC_PORT);
}

export function dstPort(view: DataView, at: number): number {
  return view.getUint16(at + DST_PORT);
}

/** Header and payload, bytes. */
export function length(view: DataView, at: number): number {
  return view.getUint16(at + LENGTH);
}

/** 0: the sender computed none (IPv4 only). */
export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM_OFFSET);
}

export function setSrcPort(view: DataView, at: number, port: number): void {
  view.setUint16(at + SRC_PORT, port);
}

export function setDstPort(view: DataView, at: number, port: number): void {
  view.setUint16(at + DST_PORT, port);
}

export function setLength(view: DataView, at: number, bytes: number): void {
  view.setUint16(at + LENGTH, bytes);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + CHECKSUM_OFFSET, value);
}

/** True if there is no checksum or it holds; `pseudo` from checksum.pseudoIpv4 / pseudoIpv6. */
export function hasValidChecksum(view: DataView, at: number, pseudo: number): boolean {
  return checksum(view, at) === 0 || sum(view, at, at + length(view, at), pseudo) === 0xffff;
}

/** Computes the checksum over header and payload; a result of zero is sent as 0xffff. */
export function fillChecksum(view: DataView, at: number, pseudo: number): void {
  setChecksum(view, at, 0);
  const value = complement(sum(view, at, at + length(view, at), pseudo));
  setChecksum(view, at, value === 0 ? 0xffff : value);
}

export interface Repr {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly payloadLen: number;
  readonly checksum: number;
}

export function parse(view: DataView, at: number): Repr {
  return {
    srcPort: srcPort(view, at),
    dstPort: dstPort(view, at),
    payloadLen: length(view, at) - HEADER_LEN,
    checksum: checksum(view, at),
  };
}

export function reprLen(_repr: Repr): number {
  return HEADER_LEN;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  setSrcPort(view, at, repr.srcPort);
  setDstPort(view, at, repr.dstPort);
  setLength(view, at, HEADER_LEN + repr.payloadLen);
  setChecksum(view, at, repr.checksum);
}
