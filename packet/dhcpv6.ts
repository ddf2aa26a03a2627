/**
 * DHCPv6 message and options — RFC 8415 §8, §21; DNS options RFC 3646; FQDN option RFC 4704. UDP ports 547 (server) and 546 (client).
 *
 *   0          1                4                     code 2 | length 2 | data
 *   | msg-type | transaction-id | options …           repeated
 *
 *   IA_NA (3), IA_PD (25)   IAID 4 | T1 4 | T2 4 | options …         IA_TA (4)   IAID 4 | options …
 *   IAADDR (5)              address 16 | preferred 4 | valid 4 | options …
 *
 * `check` proves the header and that the options fill the message; those inside an identity association are proved by whoever opens it
 * (parseOptions, undefined when malformed). Relayed messages (types 12 and 13) have another header and only their type is read. Options
 * without a name here survive as bytes. Called by dataplane/service/dhcpv6-server, dump.
 */
import { copyBytes, writeBytes } from './bytes.ts';
import { Drop } from './drop.ts';
import { DHCPV6_OPTIONS_MAX } from './limits.ts';

export const HEADER_LEN = 4;
export const SERVER_PORT = 547;
export const CLIENT_PORT = 546;

export const MessageType = {
  SOLICIT: 1,
  ADVERTISE: 2,
  REQUEST: 3,
  CONFIRM: 4,
  RENEW: 5,
  REBIND: 6,
  REPLY: 7,
  RELEASE: 8,
  DECLINE: 9,
  RECONFIGURE: 10,
  INFORMATION_REQUEST: 11,
  RELAY_FORWARD: 12,
  RELAY_REPLY: 13,
} as const;

export const OptionCode = {
  CLIENT_ID: 1,
  SERVER_ID: 2,
  IA_NA: 3,
  IA_TA: 4,
  IA_ADDRESS: 5,
  OPTION_REQUEST: 6,
  PREFERENCE: 7,
  STATUS_CODE: 13,
  RAPID_COMMIT: 14,
  DNS_SERVERS: 23,
  DOMAIN_LIST: 24,
  IA_PD: 25,
  INFORMATION_REFRESH_TIME: 32,
  FQDN: 39,
} as const;

/** RFC 8415 §21.13. */
export const Status = {
  SUCCESS: 0,
  NO_ADDRESSES: 2,
  NO_BINDING: 3,
  NOT_ON_LINK: 4,
  NO_PREFIX: 6,
} as const;

/** Flags of the FQDN option, RFC 4704 §4.1. */
export const FqdnFlag = { SERVER_UPDATES: 1, OVERRIDDEN: 2, NO_UPDATE: 4 } as const;

export interface Option {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Repr {
  readonly type: number;
  /** 24 bits. */
  readonly transactionId: number;
  readonly options: readonly Option[];
}

/** Must pass before any accessor is used on [at, end). */
export function check(view: DataView, at: number, end: number): Drop {
  if (end - at < HEADER_LEN) return Drop.DhcpTruncated;
  const kind = type(view, at);
  if (kind === MessageType.RELAY_FORWARD || kind === MessageType.RELAY_REPLY) return Drop.None;
  return areWellFormed(view, at + HEADER_LEN, end) ? Drop.None : Drop.DhcpBadOption;
}

/** MessageType, or a number this module has no name for. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at);
}

export function transactionId(view: DataView, at: number): number {
  return view.getUint32(at) % 0x100_0000;
}

/** A message that passed check and is none of a relay. */
export function parse(view: DataView, at: number, end: number): Repr {
  return {
    type: type(view, at),
    transactionId: transactionId(view, at),
    options: collect(view, at + HEADER_LEN, end),
  };
}

export function reprLen(repr: Repr): number {
  return HEADER_LEN + optionsLen(repr.options);
}

export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint32(at, repr.type * 0x100_0000 + repr.transactionId);
  writeBytes(optionsBytes(repr.options), view, at + HEADER_LEN);
}

/** Options that fill `bytes`; undefined when they do not. */
export function parseOptions(bytes: Uint8Array): Option[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return areWellFormed(view, 0, bytes.length) ? collect(view, 0, bytes.length) : undefined;
}

export function optionsLen(options: readonly Option[]): number {
  return options.reduce((total, { data }) => total + 4 + data.length, 0);
}

export function optionsBytes(options: readonly Option[]): Uint8Array {
  const bytes = new Uint8Array(optionsLen(options));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { code, data } of options) {
    view.setUint16(at, code);
    view.setUint16(at + 2, data.length);
    bytes.set(data, at + 4);
    at += 4 + data.length;
  }
  return bytes;
}

/** A status, with words for people (RFC 8415 §21.13). */
export function statusOption(status: number, text: string): Option {
  const words = new TextEncoder().encode(text);
  return {
    code: OptionCode.STATUS_CODE,
    data: Uint8Array.of(status >>> 8, status & 0xff, ...words),
  };
}

function areWellFormed(view: DataView, at: number, end: number): boolean {
  let offset = at;
  for (let count = 0; offset < end; count += 1) {
    if (count === DHCPV6_OPTIONS_MAX || offset + 4 > end) return false;
    offset += 4 + view.getUint16(offset + 2);
  }
  return offset === end;
}

function collect(view: DataView, at: number, end: number): Option[] {
  const options: Option[] = [];
  for (let offset = at; offset < end; ) {
    const next = offset + 4 + view.getUint16(offset + 2);
    options.push({ code: view.getUint16(offset), data: copyBytes(view, offset + 4, next) });
    offset = next;
  }
  return options;
}
