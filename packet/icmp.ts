/**
 * ICMP for IPv4 — RFC 792; fragmentation needed with next-hop MTU RFC 1191 §4; which errors may be sent RFC 1122 §3.2.2.
 *
 *   0      1      2           4                    8
 *   | type | code | checksum  | rest of header     | data …
 *
 * Rest of header: echo: identifier and sequence number; destination unreachable/4: zero and MTU; otherwise unused.
 * Called by flow-key, dataplane/service/icmp-responder, gateway.
 */
import { copyBytes, writeBytes } from './bytes.ts';
import { complement, isValid, sum } from './checksum.ts';
import { Drop } from './drop.ts';

export const HEADER_LEN = 8;

export const Type = {
  ECHO_REPLY: 0,
  DESTINATION_UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ECHO_REQUEST: 8,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
  TIMESTAMP_REQUEST: 13,
  TIMESTAMP_REPLY: 14,
} as const;

/** Codes of DESTINATION_UNREACHABLE. */
export const Unreachable = {
  NET: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  FRAGMENTATION_NEEDED: 4,
  ADMINISTRATIVELY_PROHIBITED: 13,
} as const;

/** Codes of TIME_EXCEEDED. */
export const TimeExceeded = { TTL: 0, REASSEMBLY: 1 } as const;

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

export function checksum(view: DataView, at: number): number {
  return view.getUint16(at + CHECKSUM);
}

/** Identifier of a query (echo, timestamp). */
export function identifier(view: DataView, at: number): number {
  return view.getUint16(at + REST);
}

export function sequence(view: DataView, at: number): number {
  return view.getUint16(at + REST + 2);
}

/** Next-hop MTU of DESTINATION_UNREACHABLE / FRAGMENTATION_NEEDED. */
export function nextHopMtu(view: DataView, at: number): number {
  return view.getUint16(at + REST + 2);
}

/** Queries and their replies carry an identifier; errors carry the packet that caused them. */
export function isQuery(typeValue: number): boolean {
  return (
    typeValue === Type.ECHO_REQUEST ||
    typeValue === Type.ECHO_REPLY ||
    typeValue === Type.TIMESTAMP_REQUEST ||
    typeValue === Type.TIMESTAMP_REPLY
  );
}

/** Types that must never be answered with an error (RFC 1122 §3.2.2). */
export function isError(typeValue: number): boolean {
  return (
    typeValue === Type.DESTINATION_UNREACHABLE ||
    typeValue === Type.SOURCE_QUENCH ||
    typeValue === Type.REDIRECT ||
    typeValue === Type.TIME_EXCEEDED ||
    typeValue === Type.PARAMETER_PROBLEM
  );
}

export function hasValidChecksum(view: DataView, at: number, end: number): boolean {
  return isValid(view, at, end);
}

export function fillChecksum(view: DataView, at: number, end: number): void {
  view.setUint16(at + CHECKSUM, 0);
  view.setUint16(at + CHECKSUM, complement(sum(view, at, end)));
}

export interface Repr {
  readonly type: number;
  readonly code: number;
  /** Identifier and sequence, MTU …; 32 bits. */
  readonly rest: number;
  readonly data: Uint8Array;
}

export function parse(view: DataView, at: number, end: number): Repr {
  return {
    type: type(view, at),
    code: code(view, at),
    rest: view.getUint32(at + REST),
    data: copyBytes(view, at + HEADER_LEN, end),
  };
}

/** Header and data. */
export function reprLen(repr: Repr): number {
  return HEADER_LEN + repr.data.length;
}

/** Writes header, data and checksum. */
export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint8(at, repr.type);
  view.setUint8(at + 1, repr.code);
  view.setUint32(at + REST, repr.rest);
  writeBytes(repr.data, view, at + HEADER_LEN);
  fillChecksum(view, at, at + reprLen(repr));
}
