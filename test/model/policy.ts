/**
 * Access control and routing of the reference model: what lists (MS-NCNBI §3.1.5.1) and routes (§3.1.5.10) of goal state say about one
 * packet, rule by rule. Called by test/model/reference and by the tests of what-if.
 */
import {
  type AccessControlList,
  AclAction,
  AclDirection,
  type AclRule,
  type AddressMatch,
  AddressTag,
  NextHopType,
  type Peering,
  type PortRange,
  type RouteTable,
  type SecurityTag,
  type VirtualNetwork,
} from '../../schema/southbound/messages.ts';
import { type Address, isIn, isIpv6, textOf } from './address.ts';
import { hasPorts } from './frame.ts';

/** What rules look at. */
export interface Header {
  readonly src: Address;
  readonly dst: Address;
  readonly protocol: number;
  /** TCP and UDP; others have none. */
  readonly srcPort: number;
  readonly dstPort: number;
}

export interface PolicyContext {
  readonly network: VirtualNetwork;
  readonly securityTags: readonly SecurityTag[];
}

/** The list's word on a packet that opens a flow. */
export function permits(
  list: AccessControlList,
  direction: AclDirection,
  header: Header,
  context: PolicyContext,
): boolean {
  const rules = list.rules.filter((rule) => rule.direction === direction);
  const rule = rules.find((candidate) => matches(candidate, header, context));
  const otherwise =
    direction === AclDirection.ACL_OUTBOUND ? list.outboundDefault : list.inboundDefault;
  return (rule?.action ?? otherwise) === AclAction.ACL_PERMIT;
}

function matches(rule: AclRule, header: Header, context: PolicyContext): boolean {
  const { src, dst, protocol, srcPort, dstPort } = header;
  if (rule.protocol !== 0 && rule.protocol !== protocol) return false;
  if (rule.sourcePorts.length + rule.destinationPorts.length > 0 && !hasPorts(protocol)) {
    return false;
  }
  return (
    hasPort(rule.sourcePorts, srcPort) &&
    hasPort(rule.destinationPorts, dstPort) &&
    hasAddress(rule.source, src, context) &&
    hasAddress(rule.destination, dst, context)
  );
}

function hasPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.length === 0 || ranges.some(({ from, to }) => from <= port && port <= to);
}

function hasAddress(
  match: AddressMatch | undefined,
  address: Address,
  context: PolicyContext,
): boolean {
  if (match === undefined) return true;
  const { prefixes, tags, securityTagIds } = match;
  if (prefixes.length + tags.length + securityTagIds.length === 0) return true;
  return (
    prefixes.some((prefix) => isIn(address, prefix)) ||
    tags.some((tag) => hasTag(tag, address, context.network)) ||
    context.securityTags.some(
      ({ id, vnetId, addresses }) =>
        securityTagIds.includes(id) &&
        vnetId === context.network.id &&
        addresses.some((own) => textOf(own) === address),
    )
  );
}

function hasTag(tag: AddressTag, address: Address, network: VirtualNetwork): boolean {
  const isLoadBalancer = address === '168.63.129.16';
  const isNetwork =
    network.addressSpace.some((prefix) => isIn(address, prefix)) ||
    network.peerings.some(
      ({ allowAccess, remoteAddressSpace }) =>
        allowAccess && remoteAddressSpace.some((prefix) => isIn(address, prefix)),
    );
  switch (tag) {
    case AddressTag.VIRTUAL_NETWORK:
      return isNetwork;
    case AddressTag.AZURE_LOAD_BALANCER:
      return isLoadBalancer;
    case AddressTag.INTERNET:
      return !isNetwork && !isLoadBalancer;
    default:
      return false;
  }
}

type PlainHop =
  | { readonly kind: 'local' | 'internet' | 'gateway' | 'none' }
  | { readonly kind: 'appliance'; readonly address: Address };
type RoutedHop = PlainHop | { readonly kind: 'peering'; readonly peering: Peering };
/** As people are told: a peering without access leads nowhere. */
export type Hop = PlainHop | { readonly kind: 'peering'; readonly resourceRef: string };

/** The route of a packet of a subnet: longest prefix; at equal length a user's route before a system's. */
export function routeOf(
  dst: Address,
  network: VirtualNetwork,
  table: RouteTable | undefined,
): RoutedHop {
  let best: { readonly len: number; readonly hop: RoutedHop } = {
    len: -1,
    hop: { kind: 'internet' },
  };
  for (const { prefix, nextHopType, nextHop: address } of table?.routes ?? []) {
    if (prefix === undefined || !isIn(dst, prefix) || prefix.len <= best.len) continue;
    best = { len: prefix.len, hop: userHop(nextHopType, address) };
  }
  for (const prefix of network.addressSpace) {
    if (isIn(dst, prefix) && prefix.len > best.len) {
      best = { len: prefix.len, hop: { kind: 'local' } };
    }
  }
  for (const peering of network.peerings) {
    for (const prefix of peering.remoteAddressSpace) {
      if (!isIn(dst, prefix) || prefix.len <= best.len) continue;
      best = { len: prefix.len, hop: { kind: 'peering', peering } };
    }
  }
  return best.hop;
}

export function nextHop(dst: Address, network: VirtualNetwork, table: RouteTable | undefined): Hop {
  const hop = routeOf(dst, network, table);
  if (hop.kind !== 'peering') return hop;
  const { allowAccess, resourceRef } = hop.peering;
  return allowAccess ? { kind: 'peering', resourceRef } : { kind: 'none' };
}

function userHop(type: NextHopType, address: Uint8Array): PlainHop {
  switch (type) {
    case NextHopType.NEXT_HOP_VNET_LOCAL:
      return { kind: 'local' };
    case NextHopType.NEXT_HOP_VIRTUAL_APPLIANCE:
      return { kind: 'appliance', address: textOf(address) };
    case NextHopType.NEXT_HOP_INTERNET:
      return { kind: 'internet' };
    case NextHopType.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY:
      return { kind: 'gateway' };
    default:
      return { kind: 'none' };
  }
}

/** For assertions: which family a header is of. */
export function familyOf({ src }: Header): 'IPv4' | 'IPv6' {
  return isIpv6(src) ? 'IPv6' : 'IPv4';
}
