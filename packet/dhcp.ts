/**
 * DHCPv4 message — RFC 2131 §2 (fixed part), §3 (cookie), RFC 1542 §2.1 (flags). UDP ports 67 (server) and 68 (client).
 *
 *   0    1       2      3      4       8      10      12       16       20       24       28
 *   | op | htype | hlen | hops | xid   | secs | flags | ciaddr | yiaddr | siaddr | giaddr |
 *   28          44           108          236      240
 *   | chaddr 16 | sname 64   | file 128   | cookie | options …
 *
 * `check` proves the fixed part, the cookie, and every option run (options field, and sname/file where OVERLOAD says they carry some).
 * Options: dhcp-option.ts. Called by dataplane/service/dhcp-server, dump.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { copyBytes, writeBytes } from './bytes.ts';
import {
  areWellFormed,
  collect,
  type DhcpOption,
  emitOptions,
  find,
  OptionCode,
  Overload,
  optionsLen,
} from './dhcp-option.ts';
import { Drop } from './drop.ts';

/** Fixed part and cookie. */
export const HEADER_LEN = 240;
/** BOOTP's size, RFC 1542 §2.1: shorter messages are refused by some relays and clients. */
export const MESSAGE_LEN_MIN = 300;
export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

export const Op = { REQUEST: 1, REPLY: 2 } as const;
export const HTYPE_ETHERNET = 1;
/** flags: the client cannot take a unicast frame before it has its address. */
export const FLAG_BROADCAST = 0x8000;

export const MessageType = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;

const XID = 4;
const SECS = 8;
const FLAGS = 10;
const CIADDR = 12;
const YIADDR = 16;
const SIADDR = 20;
const GIADDR = 24;
const CHADDR = 28;
const SNAME = 44;
const FILE = 108;
const COOKIE = 236;
const COOKIE_VALUE = 0x6382_5363;

/** Must pass before any accessor is used on [at, end). */
export function check(view: DataView, at: number, end: number): Drop {
  if (end - at < HEADER_LEN) return Drop.DhcpTruncated;
  if (view.getUint32(at + COOKIE) !== COOKIE_VALUE) return Drop.DhcpBadCookie;
  if (!areWellFormed(view, at + HEADER_LEN, end)) return Drop.DhcpBadOption;
  const bits = overload(view, at, end);
  if ((bits & Overload.FILE) !== 0 && !areWellFormed(view, at + FILE, at + COOKIE)) {
    return Drop.DhcpBadOption;
  }
  if ((bits & Overload.SNAME) !== 0 && !areWellFormed(view, at + SNAME, at + FILE)) {
    return Drop.DhcpBadOption;
  }
  return Drop.None;
}

export function op(view: DataView, at: number): number {
  return view.getUint8(at);
}

export function htype(view: DataView, at: number): number {
  return view.getUint8(at + 1);
}

export function hlen(view: DataView, at: number): number {
  return view.getUint8(at + 2);
}

export function xid(view: DataView, at: number): number {
  return view.getUint32(at + XID);
}

export function flags(view: DataView, at: number): number {
  return view.getUint16(at + FLAGS);
}

/** The client's own address where it has one; else 0. */
export function ciaddr(view: DataView, at: number): Ipv4 {
  return view.getUint32(at + CIADDR);
}

/** The address given to the client. */
export function yiaddr(view: DataView, at: number): Ipv4 {
  return view.getUint32(at + YIADDR);
}

/** The relay's address; 0 without one. */
export function giaddr(view: DataView, at: number): Ipv4 {
  return view.getUint32(at + GIADDR);
}

/** Offset of the client's hardware address, 16 bytes. */
export function chaddrAt(at: number): number {
  return at + CHADDR;
}

/** MessageType, or 0 if the message has none (plain BOOTP). */
export function messageType(view: DataView, at: number, end: number): number {
  const option = find(view, at + HEADER_LEN, end, OptionCode.MESSAGE_TYPE);
  return option < 0 || view.getUint8(option + 1) !== 1 ? 0 : view.getUint8(option + 2);
}

/** Value of an option that holds one IPv4 address; undefined without it or with another length. */
export function addressOption(
  view: DataView,
  at: number,
  end: number,
  code: number,
): Ipv4 | undefined {
  const option = find(view, at + HEADER_LEN, end, code);
  return option < 0 || view.getUint8(option + 1) !== 4 ? undefined : view.getUint32(option + 2);
}

function overload(view: DataView, at: number, end: number): number {
  const option = find(view, at + HEADER_LEN, end, OptionCode.OVERLOAD);
  return option < 0 || view.getUint8(option + 1) !== 1 ? 0 : view.getUint8(option + 2);
}

export interface Repr {
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** 16 bytes. */
  readonly chaddr: Uint8Array;
  /** 64 bytes. */
  readonly sname: Uint8Array;
  /** 128 bytes. */
  readonly file: Uint8Array;
  /** In order of first appearance; those of overloaded fields last. */
  readonly options: readonly DhcpOption[];
}

export function parse(view: DataView, at: number, end: number): Repr {
  const options: DhcpOption[] = [];
  const bits = overload(view, at, end);
  collect(view, at + HEADER_LEN, end, options);
  if ((bits & Overload.FILE) !== 0) collect(view, at + FILE, at + COOKIE, options);
  if ((bits & Overload.SNAME) !== 0) collect(view, at + SNAME, at + FILE, options);
  return {
    op: op(view, at),
    htype: htype(view, at),
    hlen: hlen(view, at),
    hops: view.getUint8(at + 3),
    xid: xid(view, at),
    secs: view.getUint16(at + SECS),
    flags: flags(view, at),
    ciaddr: ciaddr(view, at),
    yiaddr: yiaddr(view, at),
    siaddr: view.getUint32(at + SIADDR),
    giaddr: giaddr(view, at),
    chaddr: copyBytes(view, at + CHADDR, at + SNAME),
    sname: copyBytes(view, at + SNAME, at + FILE),
    file: copyBytes(view, at + FILE, at + COOKIE),
    options,
  };
}

/** Bytes on the wire, padded to BOOTP's minimum. */
export function reprLen(repr: Repr): number {
  return Math.max(MESSAGE_LEN_MIN, HEADER_LEN + optionsLen(repr.options));
}

export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint8(at, repr.op);
  view.setUint8(at + 1, repr.htype);
  view.setUint8(at + 2, repr.hlen);
  view.setUint8(at + 3, repr.hops);
  view.setUint32(at + XID, repr.xid);
  view.setUint16(at + SECS, repr.secs);
  view.setUint16(at + FLAGS, repr.flags);
  view.setUint32(at + CIADDR, repr.ciaddr);
  view.setUint32(at + YIADDR, repr.yiaddr);
  view.setUint32(at + SIADDR, repr.siaddr);
  view.setUint32(at + GIADDR, repr.giaddr);
  writeBytes(repr.chaddr, view, at + CHADDR);
  writeBytes(repr.sname, view, at + SNAME);
  writeBytes(repr.file, view, at + FILE);
  view.setUint32(at + COOKIE, COOKIE_VALUE);
  const end = at + reprLen(repr);
  for (let offset = emitOptions(repr.options, view, at + HEADER_LEN); offset < end; offset += 1) {
    view.setUint8(offset, OptionCode.PAD);
  }
}
