/** Addresses of the reference model: text, as people read them, and slow, plain arithmetic. Nothing of the switch's own tables. */
import { defined } from '../../base/assert.ts';
import { formatIp, ipFromBytes } from '../../base/ip-range.ts';
import { parseIpWords } from '../../base/ip-words.ts';
import type { Prefix } from '../../schema/southbound/messages.ts';

/** Dotted quad or RFC 5952 text. */
export type Address = string;

export function isIpv6(address: Address): boolean {
  return address.includes(':');
}

/** 4 or 16 bytes, network order. */
export function bytesOf(address: Address): Uint8Array {
  const words = defined(parseIpWords(address), `address ${address}`);
  const own = isIpv6(address) ? words : words.slice(3);
  return Uint8Array.from(
    own.flatMap((word) => [24, 16, 8, 0].map((bits) => (word >>> bits) & 255)),
  );
}

export function textOf(bytes: Uint8Array): Address {
  const { family, value } = defined(ipFromBytes(bytes), 'an address of 4 or 16 bytes');
  return formatIp(family, value);
}

export function isIn(address: Address, prefix: Prefix): boolean {
  const own = bytesOf(address);
  if (own.length !== prefix.address.length) return false;
  for (let bit = 0; bit < prefix.len; bit += 1) {
    if (bitOf(own, bit) !== bitOf(prefix.address, bit)) return false;
  }
  return true;
}

function bitOf(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}
