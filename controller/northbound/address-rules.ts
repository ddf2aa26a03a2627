/**
 * Rules about addresses and prefixes of both families that several resource types share, as faults with the codes of MS-NCNBI
 * §3.1.5.35. Text was brought to its canonical spelling (RFC 5952) when it was read.
 */
import {
  compareIpPrefixes,
  formatIpPrefix,
  type Ip,
  type IpFamily,
  type IpPrefix,
  ipFamily,
  ipPrefixCovers,
  ipPrefixesOverlap,
  ipPrefixHas,
  ipPrefixLast,
  parseIp,
  parseIpPrefix,
} from '../../base/ip.ts';
import { type NumberRange, startOfRange } from '../allocation/number-table.ts';
import { detail, type FaultDetail } from './fault.ts';
import { DYNAMIC_IPV6_ADDRESSES_MAX } from './limits.ts';

export type IpRange = NumberRange<Ip>;

/**
 * Addresses at the start of a virtual subnet that are the platform's, as in Azure: the network's own (RFC 4291 §2.6.1 subnet-router
 * anycast in IPv6), the gateway, and two more.
 */
export const RESERVED_AT_START = 4;
/** Lengths a virtual subnet may have. The longest leaves three addresses to give: 8 − 4 − 1, and in IPv6, which has no broadcast, four. */
const SUBNET_LENGTHS: Readonly<Record<IpFamily, { readonly min: number; readonly max: number }>> = {
  4: { min: 2, max: 29 },
  6: { min: 8, max: 125 },
};

/**
 * Where no tenant's address may be: RFC 6890 loopback, link-local, multicast, this-network and broadcast, RFC 3879 site-local, and the
 * platform's own.
 */
const RESTRICTED = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/8',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
].flatMap((text) => parseIpPrefix(text) ?? []);

/** A prefix, or why it is none. */
export type PrefixOutcome =
  | { readonly prefix: IpPrefix; readonly faults: readonly FaultDetail[] }
  | { readonly prefix: undefined; readonly faults: readonly FaultDetail[] };

export function readPrefix(text: string, target: string): PrefixOutcome {
  const prefix = parseIpPrefix(text);
  if (prefix !== undefined) return { prefix, faults: [] };
  const form = text.includes(':') ? 'an IPv6 prefix x:x::/n' : 'a.b.c.d/n';
  const why = `it is not ${form}, or has host bits`;
  return { prefix, faults: [detail('InvalidIPPrefix', `'${text}': ${why}`, target)] };
}

/** Of address spaces and virtual subnets. */
export function restrictedFault(prefix: IpPrefix, target: string): FaultDetail[] {
  const hit = RESTRICTED.find((restricted) => ipPrefixesOverlap(restricted, prefix));
  if (hit === undefined) return [];
  const message = `${formatIpPrefix(prefix)} touches ${formatIpPrefix(hit)}, which is reserved`;
  return [detail('AddressPrefixInRestrictedAddressSpace', message, target)];
}

/** The reserved prefix that a prefix lies in; 0.0.0.0/0 lies in none. */
export function restrictedCover(prefix: IpPrefix): IpPrefix | undefined {
  return RESTRICTED.find((restricted) => ipPrefixCovers(restricted, prefix));
}

export function restrictedHost(ip: Ip): boolean {
  return RESTRICTED.some((restricted) => ipPrefixHas(restricted, ip));
}

export function virtualSubnetSizeFault({ family, len }: IpPrefix, target: string): FaultDetail[] {
  const { min, max } = SUBNET_LENGTHS[family];
  if (len >= min && len <= max) return [];
  const message = `an IPv${family} subnet is /${min} to /${max}, not /${len}`;
  return [detail('InvalidSubnet', message, target)];
}

/** Addresses of a virtual subnet that a network interface may have. */
export function usableRange(prefix: IpPrefix): IpRange {
  const broadcast = prefix.family === 4 ? 1n : 0n;
  return {
    first: prefix.first + BigInt(RESERVED_AT_START),
    last: ipPrefixLast(prefix) - broadcast,
  };
}

/** Where Dynamic addresses of a range come from: of IPv6 only its start, because a free one is found by bitmap. */
export function dynamicRange(range: IpRange): IpRange {
  return ipFamily(range.first) === 6 ? startOfRange(range, DYNAMIC_IPV6_ADDRESSES_MAX) : range;
}

/** Each prefix must lie in one of `spaces`. */
export function outsideFault(
  prefix: IpPrefix,
  spaces: readonly IpPrefix[],
  target: string,
): FaultDetail[] {
  if (spaces.some((space) => ipPrefixCovers(space, prefix))) return [];
  const message = `${formatIpPrefix(prefix)} is outside ${spaces.map(formatIpPrefix).join(', ')}`;
  return [detail('InvalidSubnet', message, target)];
}

export interface NamedPrefix {
  readonly prefix: IpPrefix;
  readonly name: string;
}

/** Pairs of neighbours in address order that overlap: any overlap at all shows as one of these. */
export function overlapFaults(
  prefixes: readonly NamedPrefix[],
  code: 'InvalidSubnet' | 'InvalidParameterValue',
): FaultDetail[] {
  const sorted = [...prefixes].sort((a, b) => compareIpPrefixes(a.prefix, b.prefix));
  const faults: FaultDetail[] = [];
  let widest: NamedPrefix | undefined;
  for (const entry of sorted) {
    if (widest !== undefined && ipPrefixesOverlap(widest.prefix, entry.prefix)) {
      const both = `${formatIpPrefix(widest.prefix)} and ${formatIpPrefix(entry.prefix)}`;
      faults.push(detail(code, `${both} overlap (${widest.name}, ${entry.name})`, entry.name));
    } else {
      widest = entry;
    }
  }
  return faults;
}

export function addressFaults(texts: readonly string[] | undefined, target: string): FaultDetail[] {
  return (texts ?? [])
    .filter((text) => parseIp(text) === undefined)
    .map((text) => detail('InvalidIPAddress', `'${text}' is not an IP address`, target));
}

/** Undefined unless both are addresses of one family, in ascending order. */
export function rangeOf(startText: string, endText: string): IpRange | undefined {
  const first = parseIp(startText);
  const last = parseIp(endText);
  if (first === undefined || last === undefined || first > last) return undefined;
  return ipFamily(first) === ipFamily(last) ? { first, last } : undefined;
}
