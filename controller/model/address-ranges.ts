/**
 * `unbilledAddressRanges` of a virtual network — MS-NCNBI §3.1.5.18: prefixes, addresses and ranges `first-last`, separated by commas. The
 * northbound refuses what cannot be read here; the compiler reads what the northbound stored.
 */
import {
  familyBits,
  type IpPrefix,
  ipFamily,
  ipPrefixOf,
  parseIp,
  parseIpPrefix,
} from '../../base/ip.ts';
import { prefixesOfRange } from '../../base/ip-range.ts';

/** IPv4 addresses on the number line of base/ip begin here. */
const IPV4_FIRST = 0xffff_0000_0000n;

/** Empty for an empty text; undefined where an item is none of these. */
export function parseAddressRanges(text: string): IpPrefix[] | undefined {
  if (text.trim() === '') return [];
  const prefixes: IpPrefix[] = [];
  for (const item of text.split(',')) {
    const found = prefixesOf(item.trim());
    if (found === undefined) return undefined;
    prefixes.push(...found);
  }
  return prefixes;
}

function prefixesOf(item: string): IpPrefix[] | undefined {
  const prefix = parseIpPrefix(item);
  if (prefix !== undefined) return [prefix];
  const [firstText = '', lastText = firstText, ...rest] = item.split('-');
  const first = parseIp(firstText.trim());
  const last = parseIp(lastText.trim());
  if (first === undefined || last === undefined || rest.length > 0 || first > last)
    return undefined;
  const family = ipFamily(first);
  if (ipFamily(last) !== family) return undefined;
  const base = family === 4 ? IPV4_FIRST : 0n;
  return prefixesOfRange(family, { from: first - base, to: last - base }).map(({ address, len }) =>
    ipPrefixOf(address + base, Math.min(len, familyBits(family))),
  );
}
