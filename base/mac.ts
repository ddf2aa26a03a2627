/**
 * MAC addresses. Text form is six hexadecimal octets; MS-NCNBI writes them upper-case with hyphens (§3.1.5.9), Linux lower-case
 * with colons. In memory: one number, 48 bits, first octet most significant (exact in a double).
 */

/** 0 … 2^48 − 1. */
export type Mac = number;

/** The address of the router that stands at every virtual subnet's gateway, on every host: 12:34:56:78:9a:bc, as in Azure. */
export const VIRTUAL_ROUTER_MAC: Mac = 0x1234_5678_9abc;

/** Group address that frames to an IPv6 multicast address go to (RFC 2464 §7); `lowWord` is that address's last word. */
export function ipv6MulticastMac(lowWord: number): Mac {
  return 0x3333_0000_0000 + lowWord;
}

const FORMAT = /^([0-9a-f]{2}[:-]?){5}[0-9a-f]{2}$/i;

/** Accepts `aa:bb:cc:dd:ee:ff`, hyphens, or no separator; undefined for anything else. */
export function parseMac(text: string): Mac | undefined {
  if (!FORMAT.test(text)) return undefined;
  return Number.parseInt(text.replaceAll(/[:-]/g, ''), 16);
}

/** `aa:bb:cc:dd:ee:ff` */
export function formatMac(mac: Mac): string {
  return octets(mac).join(':');
}

/** `AA-BB-CC-DD-EE-FF`, the northbound's form. */
export function formatMacHyphenated(mac: Mac): string {
  return octets(mac).join('-').toUpperCase();
}

export function isMulticastMac(mac: Mac): boolean {
  return (Math.floor(mac / 0x100_0000_0000) & 1) === 1;
}

function octets(mac: Mac): string[] {
  const hex = mac.toString(16).padStart(12, '0');
  return hex.match(/../g) ?? [];
}
