/**
 * Ranges of IP addresses of one family, and their way to and from prefixes: what computations over whole sets of packets count in, where
 * tables look up single addresses (base/ip-words). An address is a bigint, 32 bits wide in IPv4 and 128 in IPv6; ranges are inclusive.
 * Called by base/header-space and by everything that describes sets of packets to people.
 */
import { formatIpWords, type IpWords, ipv4Words, ipWordsFromBytes } from './ip-words.ts';

export type Family = 4 | 6;

/** Both ends belong to it: 0 ≤ `from` ≤ `to` < 2^32 or 2^128. */
export interface IpRange {
  readonly from: bigint;
  readonly to: bigint;
}

export function familyBits(family: Family): number {
  return family === 4 ? 32 : 128;
}

export function wholeFamily(family: Family): IpRange {
  return { from: 0n, to: (1n << BigInt(familyBits(family))) - 1n };
}

/** Family and value of 4 or 16 bytes in network order; undefined for any other length. */
export function ipFromBytes(
  bytes: Uint8Array,
): { readonly family: Family; readonly value: bigint } | undefined {
  if (ipWordsFromBytes(bytes) === undefined) return undefined;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

/** Addresses of a prefix; host bits of `bytes` are ignored. Undefined when the length does not fit the family. */
export function rangeOfPrefix(
  bytes: Uint8Array,
  len: number,
): (IpRange & { readonly family: Family }) | undefined {
  const address = ipFromBytes(bytes);
  if (address === undefined || !Number.isInteger(len) || len < 0) return undefined;
  const { family, value } = address;
  const hostBits = familyBits(family) - len;
  if (hostBits < 0) return undefined;
  const size = 1n << BigInt(hostBits);
  const from = value - (value % size);
  return { family, from, to: from + size - 1n };
}

/** Every address of the family that is in none of the ranges, in ascending order. */
export function complementOf(family: Family, ranges: readonly IpRange[]): IpRange[] {
  const { to: last } = wholeFamily(family);
  const gaps: IpRange[] = [];
  let next = 0n;
  for (const { from, to } of [...ranges].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    if (from > next) gaps.push({ from: next, to: from - 1n });
    if (to >= next) next = to + 1n;
  }
  if (next <= last) gaps.push({ from: next, to: last });
  return gaps;
}

export interface SizedPrefix {
  readonly address: bigint;
  readonly len: number;
}

/** The fewest prefixes that together are the range, in ascending order; at most 62 in IPv4 and 254 in IPv6. */
export function prefixesOfRange(family: Family, range: IpRange): SizedPrefix[] {
  const bits = familyBits(family);
  const prefixes: SizedPrefix[] = [];
  for (let at = range.from; at <= range.to; ) {
    let hostBits = 0;
    while (hostBits < bits) {
      const size = 1n << BigInt(hostBits + 1);
      if (at % size !== 0n || at + size - 1n > range.to) break;
      hostBits += 1;
    }
    prefixes.push({ address: at, len: bits - hostBits });
    at += 1n << BigInt(hostBits);
  }
  return prefixes;
}

/** Dotted quad, or RFC 5952 text. */
export function formatIp(family: Family, value: bigint): string {
  if (family === 4) return formatIpWords(ipv4Words(Number(value)));
  const word = (at: number): number => Number((value >> BigInt(96 - 32 * at)) & 0xffff_ffffn);
  const words: IpWords = [word(0), word(1), word(2), word(3)];
  return formatIpWords(words);
}

/** A prefix where the range is one, `first-last` where it is none. */
export function formatIpRange(family: Family, range: IpRange): string {
  const [prefix, ...more] = prefixesOfRange(family, range);
  if (prefix !== undefined && more.length === 0) {
    return `${formatIp(family, prefix.address)}/${prefix.len}`;
  }
  return `${formatIp(family, range.from)}-${formatIp(family, range.to)}`;
}
