/**
 * Ethernet II header — IEEE 802.3 clause 3.1.1, EtherTypes of RFC 9542 §3.
 *
 *   0                 6                 12        14
 *   | destination MAC | source MAC      | type    | payload …
 *
 * Supported: EtherType frames. A value below 0x0600 is an 802.3 length field (LLC); it is kept as is and no layer accepts it.
 * Tags are in vlan.ts. Called by flow-key, dataplane layers and services.
 */
import type { Mac } from '../base/mac.ts';
import { Drop } from './drop.ts';

export const HEADER_LEN = 14;
export const BROADCAST: Mac = 0xffff_ffff_ffff;

export const EtherType = {
  IPV4: 0x0800,
  ARP: 0x0806,
  VLAN: 0x8100,
  IPV6: 0x86dd,
  SERVICE_VLAN: 0x88a8,
} as const;

const DST = 0;
const SRC = 6;
const TYPE = 12;
const HIGH = 0x1_0000_0000;

/** Must pass before any accessor is used on [at, end). */
export function check(_view: DataView, at: number, end: number): Drop {
  return end - at < HEADER_LEN ? Drop.EthernetTruncated : Drop.None;
}

export function dst(view: DataView, at: number): Mac {
  return readMac(view, at + DST);
}

/** Is it the destination? In two parts, see macHigh and macLow: for every frame's way, where a Mac is a number on the heap. */
export function isTo(view: DataView, at: number, high: number, low: number): boolean {
  return view.getUint16(at + DST) === high && view.getInt32(at + DST + 2) === low;
}

/** The first two octets. */
export function macHigh(mac: Mac): number {
  return Math.floor(mac / HIGH);
}

/** The last four octets, as a signed number. */
export function macLow(mac: Mac): number {
  return (mac % HIGH) | 0;
}

export function src(view: DataView, at: number): Mac {
  return readMac(view, at + SRC);
}

export function etherType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE);
}

/** Group bit of the destination: broadcast or multicast. */
export function isToGroup(view: DataView, at: number): boolean {
  return (view.getUint8(at + DST) & 1) === 1;
}

export function setDst(view: DataView, at: number, mac: Mac): void {
  writeMac(view, at + DST, mac);
}

export function setSrc(view: DataView, at: number, mac: Mac): void {
  writeMac(view, at + SRC, mac);
}

export function setEtherType(view: DataView, at: number, type: number): void {
  view.setUint16(at + TYPE, type);
}

/** Six octets at `at`, as one number. */
export function readMac(view: DataView, at: number): Mac {
  return view.getUint16(at) * HIGH + view.getUint32(at + 2);
}

export function writeMac(view: DataView, at: number, mac: Mac): void {
  view.setUint16(at, Math.floor(mac / HIGH));
  view.setUint32(at + 2, mac % HIGH);
}

export interface Repr {
  readonly dst: Mac;
  readonly src: Mac;
  readonly etherType: number;
}

export function parse(view: DataView, at: number): Repr {
  return { dst: dst(view, at), src: src(view, at), etherType: etherType(view, at) };
}

export function reprLen(_repr: Repr): number {
  return HEADER_LEN;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  setDst(view, at, repr.dst);
  setSrc(view, at, repr.src);
  setEtherType(view, at, repr.etherType);
}
