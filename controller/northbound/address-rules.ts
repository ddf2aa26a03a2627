/**
 * Rules about IPv4 addresses and prefixes that several resource types share, as faults with the codes of MS-NCNBI §3.1.5.35. IPv6 is not
 * built: an IPv6 text is refused as malformed, with that said.
 */
import {
  formatIpv4Prefix,
  type Ipv4,
  type Ipv4Prefix,
  parseIpv4,
  parseIpv4Prefix,
  prefixContains,
  prefixesOverlap,
  prefixLast,
} from '../../base/ipv4.ts';
import type { NumberRange } from '../allocation/number-table.ts';
import { detail, type FaultDetail } from './fault.ts';

/** Addresses at the start of a virtual subnet that are the platform's, as in Azure: network, gateway, and two more. */
export const RESERVED_AT_START = 4;
/** The longest prefix that leaves an address to give: 8 − 4 − 1 = 3. */
const VIRTUAL_SUBNET_LEN_MAX = 29;
const VIRTUAL_SUBNET_LEN_MIN = 2;

/** Where no tenant's address may be: RFC 6890 loopback, link-local, multicast, this-network and broadcast, and the platform's own. */
const RESTRICTED = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
].map((text) => parseIpv4Prefix(text) ?? { address: 0, len: 0 });

/** A prefix, or why it is none. */
export type PrefixOutcome =
  | { readonly prefix: Ipv4Prefix; readonly faults: readonly FaultDetail[] }
  | { readonly prefix: undefined; readonly faults: readonly FaultDetail[] };

export function readPrefix(text: string, target: string): PrefixOutcome {
  const prefix = parseIpv4Prefix(text);
  if (prefix !== undefined) return { prefix, faults: [] };
  const why = text.includes(':')
    ? 'IPv6 is not supported'
    : 'it is not a.b.c.d/n, or has host bits';
  return { prefix, faults: [detail('InvalidIPPrefix', `'${text}': ${why}`, target)] };
}

/** Of address spaces and virtual subnets. */
export function restrictedFault(prefix: Ipv4Prefix, target: string): FaultDetail[] {
  const hit = RESTRICTED.find((restricted) => prefixesOverlap(restricted, prefix));
  if (hit === undefined) return [];
  const message = `${formatIpv4Prefix(prefix)} touches ${formatIpv4Prefix(hit)}, which is reserved`;
  return [detail('AddressPrefixInRestrictedAddressSpace', message, target)];
}

export function virtualSubnetSizeFault(prefix: Ipv4Prefix, target: string): FaultDetail[] {
  if (prefix.len >= VIRTUAL_SUBNET_LEN_MIN && prefix.len <= VIRTUAL_SUBNET_LEN_MAX) return [];
  const message = `a subnet is /${VIRTUAL_SUBNET_LEN_MIN} to /${VIRTUAL_SUBNET_LEN_MAX}, not /${prefix.len}`;
  return [detail('InvalidSubnet', message, target)];
}

/** Addresses of a virtual subnet that a network interface may have. */
export function usableRange(prefix: Ipv4Prefix): NumberRange {
  return { first: prefix.address + RESERVED_AT_START, last: prefixLast(prefix) - 1 };
}

/** Each prefix must lie in one of `spaces`. */
export function outsideFault(
  prefix: Ipv4Prefix,
  spaces: readonly Ipv4Prefix[],
  target: string,
): FaultDetail[] {
  const inside = spaces.some(
    (space) => space.len <= prefix.len && prefixContains(space, prefix.address),
  );
  if (inside) return [];
  const message = `${formatIpv4Prefix(prefix)} is outside ${spaces.map(formatIpv4Prefix).join(', ')}`;
  return [detail('InvalidSubnet', message, target)];
}

export interface NamedPrefix {
  readonly prefix: Ipv4Prefix;
  readonly name: string;
}

/** Pairs of neighbours in address order that overlap: any overlap at all shows as one of these. */
export function overlapFaults(
  prefixes: readonly NamedPrefix[],
  code: 'InvalidSubnet' | 'InvalidParameterValue',
): FaultDetail[] {
  const sorted = [...prefixes].sort(
    (a, b) => a.prefix.address - b.prefix.address || a.prefix.len - b.prefix.len,
  );
  const faults: FaultDetail[] = [];
  let widest: NamedPrefix | undefined;
  for (const entry of sorted) {
    if (widest !== undefined && prefixesOverlap(widest.prefix, entry.prefix)) {
      const both = `${formatIpv4Prefix(widest.prefix)} and ${formatIpv4Prefix(entry.prefix)}`;
      faults.push(detail(code, `${both} overlap (${widest.name}, ${entry.name})`, entry.name));
    } else {
      widest = entry;
    }
  }
  return faults;
}

export function addressFaults(texts: readonly string[] | undefined, target: string): FaultDetail[] {
  return (texts ?? [])
    .filter((text) => parseIpv4(text) === undefined)
    .map((text) => detail('InvalidIPAddress', `'${text}' is not an IPv4 address`, target));
}

export function rangeOf(startText: string, endText: string): NumberRange | undefined {
  const first: Ipv4 | undefined = parseIpv4(startText);
  const last: Ipv4 | undefined = parseIpv4(endText);
  return first === undefined || last === undefined || first > last ? undefined : { first, last };
}
