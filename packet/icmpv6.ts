/**
 * ICMPv6 — RFC 4443 §2.1; Neighbor Discovery message and option formats — RFC 4861 §4.
 *
 *   0      1      2           4                       8
 *   | type | code | checksum  | rest of header        | body …
 *
 *   Neighbor Solicitation (135): rest reserved, body: target address 16, options
 *   Neighbor Advertisement (136): rest R|S|O flags, body: target address 16, options
 *   option: type 1, length 1 (in 8 bytes, 0 is malformed), data
 *
 * Supported: echo, error messages' MTU word, neighbor solicitation and advertisement with link-layer address options; router and redirect
 * messages only as type and body. The checksum covers the pseudo-header. Called by flow-key, dataplane services, dump.
 */
import type { Mac } from '../base/mac.ts';
import { copyBytes, writeBytes } from './bytes.ts';
import { complement, isValid, sum } from './checksum.ts';
import { Drop } from './drop.ts';
import { readMac } from './ethernet.ts';

export const HEADER_LEN = 8;
/** Header and target address of a neighbor solicitation or advertisement. */
export const NEIGHBOR_LEN = 24;

export const Type = {
  DESTINATION_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  REDIRECT: 137,
} as const;

/** Flags of a neighbor advertisement, in the word at REST. */
export const AdvertisementFlag = {
  ROUTER: 0x8000_0000,
  SOLICITED: 0x4000_0000,
  OVERRIDE: 0x2000_0000,
} as const;

export const NdOption = { SOURCE_LINK_LAYER: 1, TARGET_LINK_LAYER: 2 } as const;

const CHECKSUM = 2;
const REST = 4;
const TARGET = 8;

/** Must pass before any accessor is used on [at, end). */
export function check(_view: DataView, at: number, end: number): Drop {
  return end - at < HEADER_LEN ? Drop.IcmpTruncated : Drop.None;
}

/** Must pass, after check, before targetWord and linkLayerOption are used. */
export function checkNeighbor(view: DataView, at: number, end: number): Drop {
  if (end - at < NEIGHBOR_LEN) return Drop.IcmpTruncated;
  for (let offset = at + NEIGHBOR_LEN; offset < end; ) {
    if (offset + 2 > end) return Drop.NdpBadOption;
    const bytes = view.getUint8(offset + 1) * 8;
    if (bytes === 0 || offset + bytes > end) return Drop.NdpBadOption;
    offset += bytes;
  }
  return Drop.None;
}

export function type(view: DataView, at: number): number {
  return view.getUint8(at);
}

export function code(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

/** Of an echo message. */
export function identifier(view: DataView, at: number): number {
  return view.getUint16(at + REST);
}

export function sequence(view: DataView, at: number): number {
  return view.getUint16(at + REST + 2);
}

/** Of PACKET_TOO_BIG. */
export function mtu(view: DataView, at: number): number {
  return view.getUint32(at + REST);
}

export function isEcho(typeValue: number): boolean {
  return typeValue === Type.ECHO_REQUEST || typeValue === Type.ECHO_REPLY;
}

/** Errors have the high bit clear (RFC 4443 §2.1). */
export function isError(typeValue: number): boolean {
  return typeValue < 128;
}

/** Word `index` (0 … 3) of a neighbor message's target address. */
export function targetWord(view: DataView, at: number, index: number): number {
  return view.getUint32(at + TARGET + index * 4);
}

/** Value of a link-layer address option of a neighbor message that passed checkNeighbor; undefined without one. */
export function linkLayerOption(
  view: DataView,
  at: number,
  end: number,
  option: number,
): Mac | undefined {
  for (let offset = at + NEIGHBOR_LEN; offset < end; offset += view.getUint8(offset + 1) * 8) {
    if (view.getUint8(offset) === option) return readMac(view, offset + 2);
  }
  return undefined;
}

/** `pseudo` from checksum.pseudoIpv6. */
export function hasValidChecksum(view: DataView, at: number, end: number, pseudo: number): boolean {
  return isValid(view, at, end, pseudo);
}

/** `pseudo` from checksum.pseudoIpv6. */
export function fillChecksum(view: DataView, at: number, end: number, pseudo: number): void {
  view.setUint16(at + CHECKSUM, 0);
  view.setUint16(at + CHECKSUM, complement(sum(view, at, end, pseudo)));
}

export interface Repr {
  readonly type: number;
  readonly code: number;
  readonly checksum: number;
  /** Identifier and sequence, MTU, flags …; 32 bits. */
  readonly rest: number;
  readonly body: Uint8Array;
}

export function parse(view: DataView, at: number, end: number): Repr {
  return {
    type: type(view, at),
    code: code(view, at),
    checksum: view.getUint16(at + CHECKSUM),
    rest: view.getUint32(at + REST),
    body: copyBytes(view, at + HEADER_LEN, end),
  };
}

/** Header and body. */
export function reprLen(repr: Repr): number {
  return HEADER_LEN + repr.body.length;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint8(at, repr.type);
  view.setUint8(at + 1, repr.code);
  view.setUint16(at + CHECKSUM, repr.checksum);
  view.setUint32(at + REST, repr.rest);
  writeBytes(repr.body, view, at + HEADER_LEN);
}
