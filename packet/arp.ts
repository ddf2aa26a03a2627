/**
 * ARP for IPv4 over Ethernet — RFC 826; probes and announcements are RFC 5227.
 *
 *   0        2        4    5    6         8          14          18         24          28
 *   | htype  | ptype  | hl | pl | opcode  | sender MAC| sender IP | target MAC| target IP |
 *
 * Supported: htype 1, ptype 0x0800, lengths 6 and 4, request and reply. Any other kind is ArpUnsupported (RARP, InARP …).
 * Called by dataplane/service/arp-responder and dump.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { Mac } from '../base/mac.ts';
import { Drop } from './drop.ts';
import { EtherType, readMac, writeMac } from './ethernet.ts';

export const PACKET_LEN = 28;
export const Opcode = { REQUEST: 1, REPLY: 2 } as const;

const PTYPE = 2;
const HARDWARE_LEN = 4;
const PROTOCOL_LEN = 5;
const OPCODE = 6;
const SENDER_MAC = 8;
const SENDER_ADDRESS = 14;
const TARGET_MAC = 18;
const TARGET_ADDRESS = 24;
const HTYPE_ETHERNET = 1;

/** Must pass before any accessor is used on [at, end). */
export function check(view: DataView, at: number, end: number): Drop {
  if (end - at < PACKET_LEN) return Drop.ArpTruncated;
  const known =
    view.getUint16(at) === HTYPE_ETHERNET &&
    view.getUint16(at + PTYPE) === EtherType.IPV4 &&
    view.getUint8(at + HARDWARE_LEN) === 6 &&
    view.getUint8(at + PROTOCOL_LEN) === 4;
  if (!known) return Drop.ArpUnsupported;
  const code = opcode(view, at);
  return code === Opcode.REQUEST || code === Opcode.REPLY ? Drop.None : Drop.ArpUnsupported;
}

export function opcode(view: DataView, at: number): number {
  return view.getUint16(at + OPCODE);
}

export function senderMac(view: DataView, at: number): Mac {
  return readMac(view, at + SENDER_MAC);
}

/** 0 in an RFC 5227 probe. */
export function senderAddress(view: DataView, at: number): Ipv4 {
  return view.getUint32(at + SENDER_ADDRESS);
}

export function targetMac(view: DataView, at: number): Mac {
  return readMac(view, at + TARGET_MAC);
}

export function targetAddress(view: DataView, at: number): Ipv4 {
  return view.getUint32(at + TARGET_ADDRESS);
}

export interface Repr {
  readonly opcode: number;
  readonly senderMac: Mac;
  readonly senderAddress: Ipv4;
  readonly targetMac: Mac;
  readonly targetAddress: Ipv4;
}

export function parse(view: DataView, at: number): Repr {
  return {
    opcode: opcode(view, at),
    senderMac: senderMac(view, at),
    senderAddress: senderAddress(view, at),
    targetMac: targetMac(view, at),
    targetAddress: targetAddress(view, at),
  };
}

export function reprLen(_repr: Repr): number {
  return PACKET_LEN;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint16(at, HTYPE_ETHERNET);
  view.setUint16(at + PTYPE, EtherType.IPV4);
  view.setUint8(at + HARDWARE_LEN, 6);
  view.setUint8(at + PROTOCOL_LEN, 4);
  view.setUint16(at + OPCODE, repr.opcode);
  writeMac(view, at + SENDER_MAC, repr.senderMac);
  view.setUint32(at + SENDER_ADDRESS, repr.senderAddress);
  writeMac(view, at + TARGET_MAC, repr.targetMac);
  view.setUint32(at + TARGET_ADDRESS, repr.targetAddress);
}
