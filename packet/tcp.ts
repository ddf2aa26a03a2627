/**
 * TCP header — RFC 9293 §3.1; options §3.2.
 *
 *   0             2             4                           8                           12
 *   | source port | dest. port  | sequence number           | acknowledgment number     |
 *   12     13     14            16            18            20
 *   |off|rs| flags | window     | checksum    | urgent ptr  | options … (offset − 5 words) | payload …
 *
 * Options are kept as bytes; `mssOption` finds the one a switch may lower. Called by flow-key, dataplane layers.
 */
import { copyBytes, writeBytes } from './bytes.ts';
import { complement, isValid, sum } from './checksum.ts';
import { Drop } from './drop.ts';

/** Without options. */
export const HEADER_LEN = 20;
export const HEADER_LEN_MAX = 60;
/** Offset of the checksum field: csum_offset of a virtio_net_hdr. */
export const CHECKSUM_OFFSET = 16;

export const Flag = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ECE: 0x40,
  CWR: 0x80,
} as const;

const DST_PORT = 2;
const SEQUENCE = 4;
const ACKNOWLEDGMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const URGENT = 18;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;

/** Must pass before any accessor is used on [at, end). */
export function check(view: DataView, at: number, end: number): Drop {
  if (end - at < HEADER_LEN) return Drop.TcpTruncated;
  const header = (view.getUint8(at + DATA_OFFSET) >>> 4) * 4;
  return header < HEADER_LEN || at + header > end ? Drop.TcpBadDataOffset : Drop.None;
}

export function srcPort(view: DataView, at: number): number {
  return view.getUint16(at);
}

export function dstPort(view: DataView, at: number): number {
  return view.getUint16(at + DST_PORT);
}

export function sequence(view: DataView, at: number): number {
  return view.getUint32(at + SEQUENCE);
}

export function acknowledgment(view: DataView, at: number): number {
  return view.getUint32(at + ACKNOWLEDGMENT);
}

/** Bytes, 20 … 60. */
export function headerLen(view: DataView, at: number): number {
  return (view.getUint8(at + DATA_OFFSET) >>> 4) * 4;
}

/** CWR … FIN, see Flag. */
export function flags(view: DataView, at: number): number {
  return view.getUint8(at + FLAGS);
}

export function window(view: DataView, at: number): number {
  return view.getUint16(at + WINDOW);
}

export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM_OFFSET);
}

export function urgentPointer(view: DataView, at: number): number {
  return view.getUint16(at + URGENT);
}

/** Offset of the value of the maximum-segment-size option (RFC 9293 §3.7.1), or −1. Malformed options end the search. */
export function mssOption(view: DataView, at: number): number {
  const end = at + headerLen(view, at);
  let offset = at + HEADER_LEN;
  while (offset < end) {
    const kind = view.getUint8(offset);
    if (kind === OPTION_END) return -1;
    if (kind === OPTION_NOP) {
      offset += 1;
      continue;
    }
    if (offset + 2 > end) return -1;
    const bytes = view.getUint8(offset + 1);
    if (bytes < 2 || offset + bytes > end) return -1;
    if (kind === OPTION_MSS) return bytes === 4 ? offset + 2 : -1;
    offset += bytes;
  }
  return -1;
}

export function setSrcPort(view: DataView, at: number, port: number): void {
  view.setUint16(at, port);
}

export function setDstPort(view: DataView, at: number, port: number): void {
  view.setUint16(at + DST_PORT, port);
}

/** Six bits and ECN's two: see Flag. */
export function setFlags(view: DataView, at: number, value: number): void {
  view.setUint8(at + FLAGS, value);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + CHECKSUM_OFFSET, value);
}

/** `pseudo` from checksum.pseudoIpv4 / pseudoIpv6. */
export function hasValidChecksum(view: DataView, at: number, end: number, pseudo: number): boolean {
  return isValid(view, at, end, pseudo);
}

export function fillChecksum(view: DataView, at: number, end: number, pseudo: number): void {
  setChecksum(view, at, 0);
  setChecksum(view, at, complement(sum(view, at, end, pseudo)));
}

export interface Repr {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** The four bits between data offset and flags, zero by RFC 9293; kept so that nothing is lost. */
  readonly reserved: number;
  readonly flags: number;
  readonly window: number;
  readonly checksum: number;
  readonly urgentPointer: number;
  /** Raw, a multiple of four bytes, ≤ 40. */
  readonly options: Uint8Array;
}

export function parse(view: DataView, at: number): Repr {
  return {
    srcPort: srcPort(view, at),
    dstPort: dstPort(view, at),
    sequence: sequence(view, at),
    acknowledgment: acknowledgment(view, at),
    reserved: view.getUint8(at + DATA_OFFSET) & 0xf,
    flags: flags(view, at),
    window: window(view, at),
    checksum: checksum(view, at),
    urgentPointer: urgentPointer(view, at),
    options: copyBytes(view, at + HEADER_LEN, at + headerLen(view, at)),
  };
}

export function reprLen(repr: Repr): number {
  return HEADER_LEN + repr.options.length;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  setSrcPort(view, at, repr.srcPort);
  setDstPort(view, at, repr.dstPort);
  view.setUint32(at + SEQUENCE, repr.sequence);
  view.setUint32(at + ACKNOWLEDGMENT, repr.acknowledgment);
  view.setUint8(at + DATA_OFFSET, ((reprLen(repr) / 4) << 4) | repr.reserved);
  view.setUint8(at + FLAGS, repr.flags);
  view.setUint16(at + WINDOW, repr.window);
  setChecksum(view, at, repr.checksum);
  view.setUint16(at + URGENT, repr.urgentPointer);
  writeBytes(repr.options, view, at + HEADER_LEN);
}
