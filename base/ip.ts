/**
 * IP addresses and prefixes of both families as integers: the control plane's form, for comparison, arithmetic and allocation. One
 * number line holds both, IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so that a set or a table needs no family beside it.
 *
 * Text is read strictly: no zone, no brackets, no leading zeros in a dotted quad; an IPv4-mapped IPv6 text is refused, because it would
 * be a second name of an IPv4 address. Text is written canonically: RFC 5952 for IPv6. Bytes are as goal state carries them, 4 or
 * 16 in network order. The switch's tables use ip-words.ts; IPv4 alone is ipv4.ts. Called by the controller, cli and fabric.
 */
import { assert } from './assert.ts';
import {
  formatIpWords,
  type IpWords,
  ipWordsFromBytes,
  isIpv4Words,
  parseIpWords,
} from './ip-words.ts';

/** 0 … 2^128 − 1; IPv4 addresses are 0xffff_0000_0000 … 0xffff_ffff_ffff. */
export type Ip = bigint;

export type IpFamily = 4 | 6;

export interface IpPrefix {
  readonly family: IpFamily;
  /** Lowest address. */
  readonly first: Ip;
  /** In bits of its own family: 0 … 32 or 0 … 128. */
  readonly len: number;
}

const IPV4_FIRST: Ip = 0xffff_0000_0000n;
const IPV4_LAST: Ip = 0xffff_ffff_ffffn;
const WORD = 0xffff_ffffn;

export function parseIp(text: string): Ip | undefined {
  const words = parseIpWords(text);
  if (words === undefined || isIpv4Words(words) === text.includes(':')) return undefined;
  return fromWords(words);
}

/** Dotted quad, or RFC 5952 text. */
export function formatIp(ip: Ip): string {
  return formatIpWords(toWords(ip));
}

/** The one spelling of an address; text that is none comes back as it is, for whoever judges it next. */
export function canonicalIp(text: string): string {
  const ip = parseIp(text);
  return ip === undefined ? text : formatIp(ip);
}

export function ipFamily(ip: Ip): IpFamily {
  return ip >= IPV4_FIRST && ip <= IPV4_LAST ? 4 : 6;
}

/** 4 or 16 bytes, network order. */
export function ipBytes(ip: Ip): Uint8Array {
  const [a, b, c, d] = toWords(ip);
  const view = new DataView(new ArrayBuffer(ipFamily(ip) === 4 ? 4 : 16));
  const words = ipFamily(ip) === 4 ? [d] : [a, b, c, d];
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word);
  return new Uint8Array(view.buffer);
}

/** 4 or 16 bytes, network order; undefined for any other length and for 16 that are an IPv4-mapped address. */
export function ipFromBytes(bytes: Uint8Array): Ip | undefined {
  const words = ipWordsFromBytes(bytes);
  if (words === undefined || (bytes.length === 16 && isIpv4Words(words))) return undefined;
  return fromWords(words);
}

/** `address/len` without host bits; undefined when malformed. */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const [addressText = '', lenText = '', ...rest] = text.split('/');
  const first = parseIp(addressText);
  if (first === undefined || rest.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(lenText)) {
    return undefined;
  }
  const prefix: IpPrefix = { family: ipFamily(first), first, len: Number(lenText) };
  if (prefix.len > familyBits(prefix.family) || (first & (sizeOf(prefix) - 1n)) !== 0n) {
    return undefined;
  }
  return prefix;
}

export function formatIpPrefix({ first, len }: IpPrefix): string {
  return `${formatIp(first)}/${len}`;
}

/** As canonicalIp, of a prefix. */
export function canonicalIpPrefix(text: string): string {
  const prefix = parseIpPrefix(text);
  return prefix === undefined ? text : formatIpPrefix(prefix);
}

/** The prefix of `len` bits that `ip` is in. */
export function ipPrefixOf(ip: Ip, len: number): IpPrefix {
  const family = ipFamily(ip);
  assert(len >= 0 && len <= familyBits(family), 'the length fits the family');
  return { family, first: ip & ~((1n << BigInt(familyBits(family) - len)) - 1n), len };
}

/** Highest address. */
export function ipPrefixLast(prefix: IpPrefix): Ip {
  return prefix.first + sizeOf(prefix) - 1n;
}

export function ipPrefixHas(prefix: IpPrefix, ip: Ip): boolean {
  return ipFamily(ip) === prefix.family && ip >= prefix.first && ip <= ipPrefixLast(prefix);
}

/** Whether every address of `inner` is in `outer`. */
export function ipPrefixCovers(outer: IpPrefix, inner: IpPrefix): boolean {
  return outer.len <= inner.len && ipPrefixHas(outer, inner.first);
}

export function ipPrefixesOverlap(a: IpPrefix, b: IpPrefix): boolean {
  return a.len <= b.len ? ipPrefixCovers(a, b) : ipPrefixCovers(b, a);
}

/** Order of sorting: IPv4 first, then by address, the shorter prefix first. */
export function compareIpPrefixes(a: IpPrefix, b: IpPrefix): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  return a.len - b.len;
}

/** Addresses are 32 or 128 bits long. */
export function familyBits(family: IpFamily): number {
  return family === 4 ? 32 : 128;
}

function sizeOf({ family, len }: IpPrefix): bigint {
  return 1n << BigInt(familyBits(family) - len);
}

function fromWords([a, b, c, d]: IpWords): Ip {
  return (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d);
}

function toWords(ip: Ip): IpWords {
  const word = (shift: bigint) => Number((ip >> shift) & WORD);
  return [word(96n), word(64n), word(32n), word(0n)];
}
