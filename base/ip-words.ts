/**
 * IP addresses of both families as four 32-bit words, first the most significant, IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2): one
 * shape for tables that must not care about the family. Called by base/lpm and by everything that turns goal state into tables.
 */
import { formatIpv4, type Ipv4, parseIpv4 } from './ipv4.ts';

/** Four unsigned words, network order. */
export type IpWords = readonly [number, number, number, number];

/** Third word of an IPv4-mapped address; the two before it are zero. */
export const IPV4_MAPPED_WORD = 0xffff;
/** What an IPv4 prefix length grows by in the mapped form. */
export const IPV4_MAPPED_BITS = 96;

export interface IpPrefixWords {
  readonly words: IpWords;
  /** 0 … 128; an IPv4 prefix has 96 … 128. */
  readonly len: number;
}

export function ipv4Words(address: Ipv4): IpWords {
  return [0, 0, IPV4_MAPPED_WORD, address];
}

/** 4 or 16 bytes in network order, as goal state carries them; undefined for any other length. */
export function ipWordsFromBytes(bytes: Uint8Array): IpWords | undefined {
  if (bytes.length === 4) return ipv4Words(word(bytes, 0));
  if (bytes.length !== 16) return undefined;
  return [word(bytes, 0), word(bytes, 4), word(bytes, 8), word(bytes, 12)];
}

/** 4 bytes for IPv4, 16 for IPv6, network order: the inverse of ipWordsFromBytes. */
export function ipAddressBytes(words: IpWords): Uint8Array {
  const used = isIpv4Words(words) ? words.slice(3) : words;
  return Uint8Array.from(
    used.flatMap((part) => [part >>> 24, (part >>> 16) & 0xff, (part >>> 8) & 0xff, part & 0xff]),
  );
}

/** 16 bytes in network order, IPv4 in its mapped form. */
export function ipWordsToBytes(words: IpWords): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [index, part] of words.entries()) view.setUint32(index * 4, part);
  return bytes;
}

/** fe80::/10 */
export function isLinkLocalWords(words: IpWords): boolean {
  return (words[0] & 0xffc0_0000) >>> 0 === 0xfe80_0000;
}

/** ff00::/8 */
export function isMulticastWords(words: IpWords): boolean {
  return words[0] >>> 24 === 0xff;
}

export function equalIpWords(a: IpWords, b: IpWords): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** A prefix from goal state; undefined when the length does not fit the family or host bits are set. */
export function ipPrefixFromBytes(bytes: Uint8Array, len: number): IpPrefixWords | undefined {
  const words = ipWordsFromBytes(bytes);
  if (words === undefined || !Number.isInteger(len) || len < 0) return undefined;
  const bits = bytes.length === 4 ? len + IPV4_MAPPED_BITS : len;
  if (bits > 128) return undefined;
  return hasHostBits(words, bits) ? undefined : { words, len: bits };
}

/** Dotted quad or IPv6 text (RFC 4291 §2.2), a dotted quad at its end included; no zone, no brackets. */
export function parseIpWords(text: string): IpWords | undefined {
  if (!text.includes(':')) {
    const address = parseIpv4(text);
    return address === undefined ? undefined : ipv4Words(address);
  }
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const after = tail ?? [];
  const missing = 8 - head.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...after];
  const word = (at: number): number => (groups[at] ?? 0) * 0x1_0000 + (groups[at + 1] ?? 0);
  return [word(0), word(2), word(4), word(6)];
}

/** `address/len` of either family; undefined when malformed or when host bits are set. */
export function parseIpPrefixWords(text: string): IpPrefixWords | undefined {
  const [addressText = '', lenText = '', ...rest] = text.split('/');
  const words = parseIpWords(addressText);
  if (words === undefined || rest.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(lenText)) {
    return undefined;
  }
  const isIpv4 = !addressText.includes(':');
  const len = Number(lenText) + (isIpv4 ? IPV4_MAPPED_BITS : 0);
  if (len > 128) return undefined;
  return hasHostBits(words, len) ? undefined : { words, len };
}

/** The 16-bit groups of one side of `::`; the last may be a dotted quad. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad === undefined) return undefined;
    groups.push(quad >>> 16, quad & 0xffff);
  }
  return groups;
}

/** The prefix that an address with a prefix length is of. */
export function networkOf({ words, len }: IpPrefixWords): IpPrefixWords {
  const cut = (index: 0 | 1 | 2 | 3) => (words[index] & wordMask(len, index)) >>> 0;
  return { words: [cut(0), cut(1), cut(2), cut(3)], len };
}

/** Mask of word `index` (0 … 3) in a prefix of `len` bits, unsigned. */
export function wordMask(len: number, index: number): number {
  const bits = Math.min(32, Math.max(0, len - 32 * index));
  return bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
}

export function isIpv4Words(words: IpWords): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === IPV4_MAPPED_WORD;
}

/** An IPv6 prefix has no IPv4 addresses, though the mapped ones lie within the words of `::/0`. */
export function prefixHasWords(prefix: IpPrefixWords, words: IpWords): boolean {
  if (prefix.len < IPV4_MAPPED_BITS && isIpv4Words(words)) return false;
  return words.every((part, index) => {
    const own = prefix.words[index] ?? 0;
    return ((part ^ own) & wordMask(prefix.len, index)) === 0;
  });
}

/** Dotted quad for IPv4, RFC 5952 text for IPv6. */
export function formatIpWords(words: IpWords): string {
  if (isIpv4Words(words)) return formatIpv4(words[3]);
  const groups = words.flatMap((part) => [part >>> 16, part & 0xffff]);
  const run = longestZeroRun(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.count < 2) return text(groups);
  return `${text(groups.slice(0, run.at))}::${text(groups.slice(run.at + run.count))}`;
}

export function formatIpPrefixWords(prefix: IpPrefixWords): string {
  const isMapped = isIpv4Words(prefix.words) && prefix.len >= IPV4_MAPPED_BITS;
  return `${formatIpWords(prefix.words)}/${isMapped ? prefix.len - IPV4_MAPPED_BITS : prefix.len}`;
}

function longestZeroRun(groups: readonly number[]): { at: number; count: number } {
  let best = { at: 0, count: 0 };
  let at = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) at = index + 1;
    else if (index + 1 - at > best.count) best = { at, count: index + 1 - at };
  }
  return best;
}

function word(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  return ((high << 16) | low) >>> 0;
}

/** Are there bits beyond the prefix's length? */
export function hasHostBits([w0, w1, w2, w3]: IpWords, len: number): boolean {
  const beyond =
    (w0 & ~wordMask(len, 0)) |
    (w1 & ~wordMask(len, 1)) |
    (w2 & ~wordMask(len, 2)) |
    (w3 & ~wordMask(len, 3));
  return beyond !== 0;
}
