/** Addresses as documents and goal states have them. */
import { formatIp, ipFromBytes } from '../../base/ip.ts';

/** 4 or 16 bytes, network order. */
export type AddressBytes = Uint8Array;

/** Canonical text of an address. */
export function addressText(address: AddressBytes): string {
  const ip = ipFromBytes(address);
  return ip === undefined ? '' : formatIp(ip);
}
