/**
 * ICMPv6 — RFC 4443 §2.1. Neighbor Discovery messages and options are in ndp.ts.
 *
 *   0      1      2           4                       8
 *   | type | code | checksum  | rest of header        | body …
 *
 * Rest of header: echo: identifier and sequence number; packet too big: MTU; otherwise unused. Multicast listener messages (RFC 2710 §3,
 * RFC 3810 §5) only as type and body. The checksum covers the pseudo-header. Called by flow-key, ndp, dataplane services, dump.
 */
import { copyBytes, writeBytes } from './bytes.ts';
import { complement, isValid, sum } from './checksum.ts';
import { Drop } from './drop.ts';

export const HEADER_LEN = 8;

export const Type = {
  DESTINATION_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  LISTENER_QUERY: 130,
  LISTENER_REPORT: 131,
  LISTENER_DONE: 132,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  REDIRECT: 137,
  LISTENER_REPORT_V2: 143,
} as const;

/** Codes of TIME_EXCEEDED. */
export const TimeExceeded = { HOP_LIMIT: 0 } as const;

const CHECKSUM = 2;
const REST = 4;

/** Must pass before any accessor is used on [at, end). */
export function check(_view: DataView, at: number, end: number): Drop {
  return end - at < HEADER_LEN ? Drop.IcmpTruncated : Drop.None;
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

/** Errors that RFC 4443 §3 defines: they quote the packet that caused them. */
export function isKnownError(typeValue: number): boolean {
  return typeValue >= Type.DESTINATION_UNREACHABLE && typeValue <= Type.PARAMETER_PROBLEM;
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
