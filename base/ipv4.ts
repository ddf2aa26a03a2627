/**
 * IPv4 addresses and prefixes as integers, for tables and arithmetic. Text is parsed strictly: four decimal octets, no leading
 * zeros (an octal reading elsewhere would name another host), and a prefix has no host bits. Parsing is ip-num's; tables never parse.
 */
import { IPv4, IPv4CidrRange, Validator } from 'ip-num';

/** Host order: 10.0.0.1 is 0x0a000001. Unsigned, 0 … 2^32 − 1. */
export type Ipv4 = number;

export interface Ipv4Prefix {
  /** Lowest address of the prefix. */
  readonly address: Ipv4;
  /** 0 … 32 */
  readonly len: number;
}

export function parseIpv4(text: string): Ipv4 | undefined {
  const [isValid] = Validator.isValidIPv4String(text);
  return isValid ? Number(IPv4.fromString(text).value) : undefined;
}

export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** `a.b.c.d/len` in its canonical spelling; undefined when malformed or when host bits are set. */
export function parseIpv4Prefix(text: string): Ipv4Prefix | undefined {
  const [isValid] = Validator.isValidIPv4CidrRange(text);
  if (!isValid) return undefined;
  const range = IPv4CidrRange.fromCidr(text);
  if (range.toCidrString() !== text) return undefined;
  return { address: Number(range.getFirst().value), len: Number(range.getPrefix().value) };
}

export function formatIpv4Prefix(prefix: Ipv4Prefix): string {
  return `${formatIpv4(prefix.address)}/${prefix.len}`;
}

/** Network mask of a prefix length, unsigned. */
export function ipv4Mask(len: number): Ipv4 {
  return len === 0 ? 0 : (0xffff_ffff << (32 - len)) >>> 0;
}
