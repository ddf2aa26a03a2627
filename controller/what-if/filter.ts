/**
 * Access control lists (weft.proto) as sets of packets: tags resolved by the network the list is applied in, rules in their order, default
 * action last. The meaning is the switch's (DESIGN §6): both lists of an ipConfiguration must permit a packet; a rule with ports is about TCP
 * and UDP alone. Pure. Called by flow-changes.
 */
import type { HeaderBox, NumberRange } from '../../base/header-box.ts';
import type { HeaderRule } from '../../base/header-space.ts';
import {
  complementOf,
  type Family,
  type IpRange,
  ipFromBytes,
  rangeOfPrefix,
} from '../../base/ip-range.ts';
import {
  type AccessControlList,
  AclAction,
  AclDirection,
  type AclRule,
  type AddressMatch,
  AddressTag,
  type PortRange,
  type Prefix,
  type SecurityTag,
  type VirtualNetwork,
} from '../../schema/southbound/messages.ts';

/** What tags mean depends on this. */
export interface FilterContext {
  readonly network: VirtualNetwork;
  /** Of the network, by id. */
  readonly securityTags: ReadonlyMap<string, SecurityTag>;
}

/** An ordered list of one direction. */
export interface Filter {
  readonly rules: readonly HeaderRule[];
  /** What becomes of packets that no rule is about. */
  readonly otherwise: boolean;
}

const FAMILIES = [4, 6] as const;
/** 168.63.129.16 */
const LOAD_BALANCER: Prefix = { address: Uint8Array.of(168, 63, 129, 16), len: 32 };
const TCP = 6;
const UDP = 17;
const WITH_PORTS: readonly NumberRange[] = [
  { from: TCP, to: TCP },
  { from: UDP, to: UDP },
];

export function filterOf(
  list: AccessControlList,
  direction: AclDirection,
  context: FilterContext,
): Filter {
  const isOutbound = direction === AclDirection.ACL_OUTBOUND;
  const otherwise = isOutbound ? list.outboundDefault : list.inboundDefault;
  return {
    rules: list.rules
      .filter((rule) => rule.direction === direction)
      .map((rule) => ({
        permits: rule.action === AclAction.ACL_PERMIT,
        boxes: boxesOf(rule, context),
      })),
    otherwise: otherwise === AclAction.ACL_PERMIT,
  };
}

function boxesOf(rule: AclRule, context: FilterContext): HeaderBox[] {
  return FAMILIES.map((family) => ({
    family,
    protocols: protocolsOf(rule),
    sourcePorts: portsOf(rule.sourcePorts),
    destinationPorts: portsOf(rule.destinationPorts),
    sources: addressesOf(rule.source, family, context),
    destinations: addressesOf(rule.destination, family, context),
  }));
}

function protocolsOf({ protocol, sourcePorts, destinationPorts }: AclRule) {
  if (protocol !== 0) return [{ from: protocol, to: protocol }];
  return sourcePorts.length + destinationPorts.length > 0 ? WITH_PORTS : undefined;
}

function portsOf(ports: readonly PortRange[]): readonly NumberRange[] | undefined {
  return ports.length === 0 ? undefined : ports;
}

/** Undefined: every address. */
function addressesOf(
  match: AddressMatch | undefined,
  family: Family,
  context: FilterContext,
): readonly IpRange[] | undefined {
  if (match === undefined) return undefined;
  const { prefixes, tags, securityTagIds } = match;
  if (prefixes.length + tags.length + securityTagIds.length === 0) return undefined;
  return [
    ...rangesOf(prefixes, family),
    ...tags.flatMap((tag) => tagRanges(tag, family, context)),
    ...securityTagIds.flatMap((id) => memberRanges(context.securityTags.get(id), family)),
  ];
}

function tagRanges(tag: AddressTag, family: Family, context: FilterContext): readonly IpRange[] {
  switch (tag) {
    case AddressTag.VIRTUAL_NETWORK:
      return rangesOf(networkPrefixes(context.network), family);
    case AddressTag.AZURE_LOAD_BALANCER:
      return rangesOf([LOAD_BALANCER], family);
    case AddressTag.INTERNET:
      return complementOf(
        family,
        rangesOf([...networkPrefixes(context.network), LOAD_BALANCER], family),
      );
    default:
      return [];
  }
}

function networkPrefixes({ addressSpace, peerings }: VirtualNetwork): readonly Prefix[] {
  const peers = peerings.filter(({ allowAccess }) => allowAccess);
  return [...addressSpace, ...peers.flatMap((peering) => peering.remoteAddressSpace)];
}

function rangesOf(prefixes: readonly Prefix[], family: Family): IpRange[] {
  return prefixes.flatMap(({ address, len }) => {
    const range = rangeOfPrefix(address, len);
    return range?.family === family ? [{ from: range.from, to: range.to }] : [];
  });
}

function memberRanges(tag: SecurityTag | undefined, family: Family): IpRange[] {
  return (tag?.addresses ?? []).flatMap((bytes) => {
    const address = ipFromBytes(bytes);
    return address?.family === family ? [{ from: address.value, to: address.value }] : [];
  });
}
