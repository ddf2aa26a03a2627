/**
 * IPv4 header — RFC 791 §3.1, DS field RFC 2474, ECN RFC 3168.
 *
 *   0         1         2                   4                  6                8
 *   | ver|ihl | tos     | total length      | identification   |0|D|M| offset   |
 *   8         9         10                  12                 16               20
 *   | ttl     | protocol| header checksum   | source           | destination    | options … (ihl − 5 words)
 *
 * `check` proves version, header length and total length, not the header checksum: a switch forwards and the receiver verifies;
 * services verify with `hasValidChecksum`. Total length 0 is accepted where more bytes follow than the field can say
 * (super-frames of Linux "BIG TCP"): use `packetEnd`, never totalLength alone. Options are kept as bytes, never interpreted.
 * Called by flow-key, dataplane layers and services, gateway.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { copyBytes, writeBytes } from './bytes.ts';
import { complement, isValid, replace16, sum } from './checksum.ts';
import { Drop } from './drop.ts';

/** Without options. */
export const HEADER_LEN = 20;
export const HEADER_LEN_MAX = 60;
export const TOTAL_LENGTH_MAX = 0xffff;

const TOS = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FRAGMENT = 6;
const TTL = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SRC = 12;
const DST = 16;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;

/** Must pass before any accessor is used on [at, end). Invalidated by setTotalLength. */
export function check(view: DataView, at: number, end: number): Drop {
  const available = end - at;
  if (available < HEADER_LEN) return Drop.Ipv4Truncated;
  const first = view.getUint8(at);
  if (first >>> 4 !== 4) return Drop.Ipv4BadVersion;
  const header = (first & 0xf) * 4;
  if (header < HEADER_LEN || header > available) return Drop.Ipv4BadHeaderLength;
  const total = view.getUint16(at + TOTAL_LENGTH);
  if (total === 0) return available > TOTAL_LENGTH_MAX ? Drop.None : Drop.Ipv4BadTotalLength;
  if (total < header || total > available) return Drop.Ipv4BadTotalLength;
  return Drop.None;
}

/** Bytes, 20 … 60. */
export function headerLen(view: DataView, at: number): number {
  return (view.getUint8(at) & 0xf) * 4;
}

/** Type of service: DSCP in the upper six bits, ECN in the lower two. */
export function tos(view: DataView, at: number): number {
  return view.getUint8(at + TOS);
}

export function totalLength(view: DataView, at: number): number {
  return view.getUint16(at + TOTAL_LENGTH);
}

/** Offset after the packet's last byte; what follows up to `end` is padding of the link. */
export function packetEnd(view: DataView, at: number, end: number): number {
  const total = totalLength(view, at);
  return total === 0 ? end : at + total;
}

export function identification(view: DataView, at: number): number {
  return view.getUint16(at + IDENTIFICATION);
}

export function dontFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + FRAGMENT) & DONT_FRAGMENT) !== 0;
}

export function moreFragments(view: DataView, at: number): boolean {
  return (view.getUint16(at + FRAGMENT) & MORE_FRAGMENTS) !== 0;
}

/** Bytes. */
export function fragmentOffset(view: DataView, at: number): number {
  return (view.getUint16(at + FRAGMENT) & OFFSET_MASK) * 8;
}

export function ttl(view: DataView, at: number): number {
  return view.getUint8(at + TTL);
}

export function protocol(view: DataView, at: number): number {
  return view.getUint8(at + PROTOCOL);
}

export function headerChecksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM);
}

export function src(view: DataView, at: number): Ipv4 {
  return view.getUint32(at + SRC);
}

export function dst(view: DataView, at: number): Ipv4 {
  return view.getUint32(at + DST);
}

export function hasValidChecksum(view: DataView, at: number): boolean {
  return isValid(view, at, at + headerLen(view, at));
}

/** Leaves the checksum to fillChecksum. */
export function setTotalLength(view: DataView, at: number, length: number): void {
  view.setUint16(at + TOTAL_LENGTH, length);
}

/** Sets the time to live and updates the header checksum. */
export function setTtl(view: DataView, at: number, value: number): void {
  const from = view.getUint16(at + TTL);
  const to = (value << 8) | (from & 0xff);
  view.setUint16(at + CHECKSUM, replace16(view.getUint16(at + CHECKSUM), from, to));
  view.setUint8(at + TTL, value);
}

/** Leaves header and transport checksums to the caller. */
export function setSrc(view: DataView, at: number, address: Ipv4): void {
  view.setUint32(at + SRC, address);
}

/** Leaves header and transport checksums to the caller. */
export function setDst(view: DataView, at: number, address: Ipv4): void {
  view.setUint32(at + DST, address);
}

export function setHeaderChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + CHECKSUM, value);
}

/** Computes the header checksum from scratch. */
export function fillChecksum(view: DataView, at: number): void {
  view.setUint16(at + CHECKSUM, 0);
  view.setUint16(at + CHECKSUM, complement(sum(view, at, at + headerLen(view, at))));
}

/** 224.0.0.0/4 */
export function isMulticast(address: Ipv4): boolean {
  return address >>> 28 === 0xe;
}

export interface Repr {
  readonly tos: number;
  /** Bytes after the header; the total length is derived. */
  readonly payloadLen: number;
  readonly identification: number;
  /** Bit 15 of the fragment word, zero by RFC 791; kept so that nothing is lost. */
  readonly reservedFlag: boolean;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly src: Ipv4;
  readonly dst: Ipv4;
  /** Raw, a multiple of four bytes, ≤ 40. */
  readonly options: Uint8Array;
}

export function parse(view: DataView, at: number): Repr {
  const header = headerLen(view, at);
  return {
    tos: tos(view, at),
    payloadLen: totalLength(view, at) - header,
    identification: identification(view, at),
    reservedFlag: (view.getUint8(at + FRAGMENT) & 0x80) !== 0,
    dontFragment: dontFragment(view, at),
    moreFragments: moreFragments(view, at),
    fragmentOffset: fragmentOffset(view, at),
    ttl: ttl(view, at),
    protocol: protocol(view, at),
    src: src(view, at),
    dst: dst(view, at),
    options: copyBytes(view, at + HEADER_LEN, at + header),
  };
}

/** Header bytes. */
export function reprLen(repr: Repr): number {
  return HEADER_LEN + repr.options.length;
}

/** Writes the header with its checksum; the payload is the caller's. */
export function emit(repr: Repr, view: DataView, at: number): void {
  const header = reprLen(repr);
  view.setUint8(at, 0x40 | (header / 4));
  view.setUint8(at + TOS, repr.tos);
  view.setUint16(at + TOTAL_LENGTH, header + repr.payloadLen);
  view.setUint16(at + IDENTIFICATION, repr.identification);
  view.setUint16(
    at + FRAGMENT,
    (repr.reservedFlag ? 0x8000 : 0) |
      (repr.dontFragment ? DONT_FRAGMENT : 0) |
      (repr.moreFragments ? MORE_FRAGMENTS : 0) |
      (repr.fragmentOffset / 8),
  );
  view.setUint8(at + TTL, repr.ttl);
  view.setUint8(at + PROTOCOL, repr.protocol);
  setSrc(view, at, repr.src);
  setDst(view, at, repr.dst);
  writeBytes(repr.options, view, at + HEADER_LEN);
  fillChecksum(view, at);
}
