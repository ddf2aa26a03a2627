/**
 * The texts in which access control rules say addresses and ports — MS-NCNBI §3.1.5.1.2: `10.0.0.0/8`, `10.1.1.4`, `2001:db8::/32`, `*`,
 * `VIRTUALNETWORK`; `80`, `8000-8080`, `*`; and lists of them separated by commas. The northbound refuses what cannot be read here; the
 * compiler reads what the northbound stored.
 */
import {
  canonicalIp,
  canonicalIpPrefix,
  familyBits,
  type IpPrefix,
  ipFamily,
  ipPrefixOf,
  parseIp,
  parseIpPrefix,
} from '../../base/ip.ts';

export const ADDRESS_TAG_NAMES = ['VIRTUALNETWORK', 'INTERNET', 'AZURELOADBALANCER'] as const;
export type AddressTagName = (typeof ADDRESS_TAG_NAMES)[number];

/** What a rule's address text stands for: any of the prefixes and tags; `*` among them is every address. */
export interface AddressTerms {
  readonly isAny: boolean;
  readonly prefixes: readonly IpPrefix[];
  readonly tags: readonly AddressTagName[];
}

/** 0 … 65535, inclusive. */
export interface PortSpan {
  readonly from: number;
  readonly to: number;
}

const ANY = '*';
const PORT_MAX = 65_535;

/** Undefined: some item is neither an address, a prefix without host bits, `*` nor a tag; or there is none. */
export function parseAddressTerms(text: string): AddressTerms | undefined {
  const prefixes: IpPrefix[] = [];
  const tags: AddressTagName[] = [];
  let isAny = false;
  for (const item of itemsOf(text)) {
    const tag = tagOf(item);
    const prefix = prefixOf(item);
    if (item === ANY) isAny = true;
    else if (tag !== undefined) tags.push(tag);
    else if (prefix !== undefined) prefixes.push(prefix);
    else return undefined;
  }
  return { isAny, prefixes, tags };
}

/** The one spelling of a text that parseAddressTerms reads; another comes back as it is. */
export function canonicalAddressTerms(text: string): string {
  if (parseAddressTerms(text) === undefined) return text;
  return itemsOf(text)
    .map((item) => tagOf(item) ?? canonicalIpPrefix(canonicalIp(item)))
    .join(',');
}

/** Empty: every port. Undefined: some item is neither a port 1 … 65535, a range that does not fall, nor `*`; or there is none. */
export function parsePortSpans(text: string): readonly PortSpan[] | undefined {
  const spans: PortSpan[] = [];
  let isAny = false;
  for (const item of itemsOf(text)) {
    const span = item === ANY ? { from: 0, to: PORT_MAX } : spanOf(item);
    if (span === undefined) return undefined;
    isAny ||= span.from === 0 && span.to === PORT_MAX;
    spans.push(span);
  }
  return isAny ? [] : spans;
}

/** As canonicalAddressTerms, of ports. */
export function canonicalPortSpans(text: string): string {
  return parsePortSpans(text) === undefined ? text : itemsOf(text).join(',');
}

function itemsOf(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

function tagOf(item: string): AddressTagName | undefined {
  return ADDRESS_TAG_NAMES.find((name) => name === item.toUpperCase());
}

function prefixOf(item: string): IpPrefix | undefined {
  const address = parseIp(item);
  if (address === undefined) return parseIpPrefix(item);
  return ipPrefixOf(address, familyBits(ipFamily(address)));
}

const SPAN = /^(0|[1-9][0-9]{0,4})(?:\s*-\s*([1-9][0-9]{0,4}))?$/;

function spanOf(item: string): PortSpan | undefined {
  const [, fromText, toText] = SPAN.exec(item) ?? [];
  if (fromText === undefined) return undefined;
  const from = Number(fromText);
  const to = Number(toText ?? fromText);
  return to >= 1 && from <= to && to <= PORT_MAX ? { from, to } : undefined;
}
