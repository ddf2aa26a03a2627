/**
 * IPv4 addresses and prefixes as integers, for tables and arithmetic. Text is parsed strictly: four decimal octets, no leading
 * zeros (an octal reading elsewhere would name another host), and a prefix must have no host bits where the caller says so.
 */

/** Host order: 10.0.0.1 is 0x0a000001. Unsigned, 0 … 2^32 − 1. */
export type Ipv4 = number;

export interface Ipv4Prefix {
  /** Lowest address of the prefix. */
  readonly address: Ipv4;
  /** 0 … 32 */
  readonly len: number;
}

const OCTET = /^(0|[1-9][0-9]{0,2})$/;

export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    const octet = OCTET.test(part) ? Number(part) : 256;
    if (octet > 255) return undefined;
    address = address * 256 + octet;
  }
  return address;
}

export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** `a.b.c.d/len`; undefined when malformed or when host bits are set. */
export function parseIpv4Prefix(text: string): Ipv4Prefix | undefined {
  const [addressText = '', lenText = '', ...rest] = text.split('/');
  const address = parseIpv4(addressText);
  if (address === undefined || rest.length > 0 || !OCTET.test(lenText)) return undefined;
  const len = Number(lenText);
  if (len > 32 || (address & ~ipv4Mask(len)) !== 0) return undefined;
  return { address, len };
}

export function formatIpv4Prefix(prefix: Ipv4Prefix): string {
  return `${formatIpv4(prefix.address)}/${prefix.len}`;
}

/** Network mask of a prefix length, unsigned. */
export function ipv4Mask(len: number): Ipv4 {
  return len === 0 ? 0 : (0xffff_ffff << (32 - len)) >>> 0;
}

export function prefixContains(prefix: Ipv4Prefix, address: Ipv4): boolean {
  return (address & ipv4Mask(prefix.len)) >>> 0 === prefix.address;
}

export function prefixesOverlap(a: Ipv4Prefix, b: Ipv4Prefix): boolean {
  return a.len <= b.len ? prefixContains(a, b.address) : prefixContains(b, a.address);
}

/** Highest address of a prefix. */
export function prefixLast(prefix: Ipv4Prefix): Ipv4 {
  return (prefix.address | ~ipv4Mask(prefix.len)) >>> 0;
}
