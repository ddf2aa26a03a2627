/**
 * Reads goal-state messages (weft.proto) into the switch's own terms and checks what the schema cannot: lengths, ranges, addresses inside
 * their subnet. A string as result is the reason why not, in words for configurationState. Called by realiser and its parts.
 */
import {
  formatIpWords,
  type IpPrefixWords,
  type IpWords,
  ipPrefixFromBytes,
  ipWordsFromBytes,
  prefixHasWords,
} from '../../base/ip-words.ts';
import { isMulticastMac, type Mac } from '../../base/mac.ts';
import * as vxlan from '../../packet/vxlan.ts';
import type {
  HostSettings,
  IpConfiguration,
  Mapping,
  Peering,
  Port,
  Prefix,
  RouteTable,
  VirtualSubnet,
} from '../../schema/southbound/messages.ts';
import { NextHopType as NextHop } from '../../schema/southbound/messages.ts';
import type { PortAddress, PortPolicy } from '../layers/port-policy.ts';
import type { NextHopType, Route } from '../layers/route.ts';
import { LEARNED_ADDRESSES_PER_PORT_MAX, ROUTES_PER_TABLE_MAX } from '../limits.ts';
import { learningOf } from './learned-addresses.ts';
import type { HostState, MappingState, Network, PeeringState, Subnet } from './network-state.ts';

/** Smallest MTU every IPv4 host must take (RFC 791). */
const INNER_MTU_MIN = 576;

/** Provider address of each mux. */
export function muxes(settings: HostSettings): readonly Uint8Array[] | string {
  for (const { providerAddress, resourceRef } of settings.muxes) {
    const isWellFormed = ipWordsFromBytes(providerAddress) !== undefined;
    if (!isWellFormed || providerAddress.length !== settings.providerAddress.length) {
      return `the provider address of mux ${resourceRef} is malformed`;
    }
  }
  return settings.muxes.map(({ providerAddress }) => providerAddress);
}

/** What is not translated outbound. */
export function natExemptions(settings: HostSettings): readonly IpPrefixWords[] | string {
  const parsed = prefixes(settings.natExemptions);
  return typeof parsed === 'string' ? 'an exemption from translation is no prefix' : parsed;
}

/** Provider address and MAC of each edge router. */
export function edges(settings: HostSettings): readonly EdgeShape[] | string {
  const parsed: EdgeShape[] = [];
  for (const { providerAddress, mac, resourceRef } of settings.edges) {
    const words = ipWordsFromBytes(providerAddress);
    if (words === undefined || providerAddress.length !== settings.providerAddress.length) {
      return `the provider address of edge router ${resourceRef} is malformed`;
    }
    parsed.push({ providerAddress, words, mac, resourceRef });
  }
  return parsed;
}

export interface EdgeShape {
  readonly providerAddress: Uint8Array;
  readonly words: IpWords;
  readonly mac: number;
  readonly resourceRef: string;
}

export function hostState(settings: HostSettings): HostState | string {
  const { providerAddress, vxlanPort, providerMtu } = settings;
  if (ipWordsFromBytes(providerAddress) === undefined) return 'provider address is malformed';
  if (vxlanPort < 1 || vxlanPort > 0xffff) return `VXLAN port ${vxlanPort} is no UDP port`;
  const overhead = providerAddress.length === 4 ? vxlan.OVERHEAD_IPV4 : vxlan.OVERHEAD_IPV6;
  const innerMtu = providerMtu - overhead;
  if (innerMtu < INNER_MTU_MIN) return `provider MTU ${providerMtu} is too small for VXLAN`;
  const { metering: hasMetering, flowLog } = settings;
  const hasFlowLog = flowLog !== undefined && flowLog.intervalSec > 0;
  return { providerAddress, vxlanPort, innerMtu, hasMetering, hasFlowLog };
}

export function prefixes(space: readonly Prefix[]): readonly IpPrefixWords[] | string {
  const parsed: IpPrefixWords[] = [];
  for (const { address, len } of space) {
    const prefix = ipPrefixFromBytes(address, len);
    if (prefix === undefined) return 'a prefix of the address space is malformed';
    parsed.push(prefix);
  }
  return parsed;
}

export function peerings(all: readonly Peering[]): readonly PeeringState[] | string {
  const parsed: PeeringState[] = [];
  for (const { resourceRef, remoteVnetId, remoteAddressSpace, ...flags } of all) {
    const remote = prefixes(remoteAddressSpace);
    if (typeof remote === 'string') return `${resourceRef}: ${remote}`;
    const { allowAccess, allowForwarded } = flags;
    const shape = { resourceRef, remoteId: remoteVnetId, prefixes: remote };
    parsed.push({ ...shape, allowAccess, allowForwarded });
  }
  return parsed;
}

/** A route of a route table (MS-NCNBI §3.1.5.10.2). */
export interface UserRoute extends Omit<Route, 'action' | 'origin' | 'nextHopType'> {
  readonly origin: 'user';
  readonly nextHopType: Exclude<NextHopType, 'VNetPeering'>;
}

const NEXT_HOP_TYPES: Readonly<Record<number, UserRoute['nextHopType']>> = {
  [NextHop.NEXT_HOP_NONE]: 'None',
  [NextHop.NEXT_HOP_VNET_LOCAL]: 'VnetLocal',
  [NextHop.NEXT_HOP_VIRTUAL_APPLIANCE]: 'VirtualAppliance',
  [NextHop.NEXT_HOP_INTERNET]: 'Internet',
  [NextHop.NEXT_HOP_VIRTUAL_NETWORK_GATEWAY]: 'VirtualNetworkGateway',
};

export function userRoutes({ routes }: RouteTable): readonly UserRoute[] | string {
  if (routes.length > ROUTES_PER_TABLE_MAX) {
    return `${routes.length} routes are more than the ${ROUTES_PER_TABLE_MAX} of one table`;
  }
  const parsed: UserRoute[] = [];
  for (const settings of routes) {
    const { resourceRef } = settings;
    const { address = new Uint8Array(), len = 0 } = settings.prefix ?? {};
    const prefix = ipPrefixFromBytes(address, len);
    if (prefix === undefined) return `${resourceRef}: the prefix is malformed`;
    const nextHopType = NEXT_HOP_TYPES[settings.nextHopType];
    if (nextHopType === undefined) {
      return `${resourceRef}: next hop type ${settings.nextHopType} is unknown`;
    }
    const isAppliance = nextHopType === 'VirtualAppliance';
    const nextHop = isAppliance ? ipWordsFromBytes(settings.nextHop) : undefined;
    if (isAppliance && (nextHop === undefined || settings.nextHop.length !== address.length)) {
      return `${resourceRef}: the next hop is no address of the prefix’s family`;
    }
    parsed.push({ origin: 'user', prefix, nextHopType, nextHop, resourceRef });
  }
  return parsed;
}

/** The well-formed ones among the addresses, in order. */
export function addresses(all: readonly Uint8Array[]): readonly IpWords[] {
  return all.map(ipWordsFromBytes).filter((words) => words !== undefined);
}

export function subnetShape(
  settings: VirtualSubnet,
): Pick<Subnet, 'vni' | 'prefix' | 'gateway'> | string {
  const { vni } = settings;
  if (!Number.isInteger(vni) || vni < 1 || vni > vxlan.VNI_MAX) {
    return `network identifier ${vni} is none of 1 … ${vxlan.VNI_MAX}`;
  }
  const { address = new Uint8Array(), len = 0 } = settings.prefix ?? {};
  const prefix = ipPrefixFromBytes(address, len);
  if (prefix === undefined) return 'the subnet’s prefix is malformed';
  const gateway = ipWordsFromBytes(settings.gateway);
  if (gateway === undefined || !prefixHasWords(prefix, gateway)) {
    return 'the gateway is no address of the subnet';
  }
  return { vni, prefix, gateway };
}

/** A port's policy, its access control lists and mirrors still by their ids. */
export interface PortShape
  extends Omit<
    PortPolicy,
    'addresses' | 'learnable' | 'meter' | 'mirrors' | 'tagLists' | 'floating'
  > {
  readonly addresses: readonly AddressShape[];
  readonly learnable: readonly AddressShape[];
}

export interface AddressShape extends Omit<PortAddress, 'accessLists'> {
  /** '': none. */
  readonly interfaceListId: string;
  readonly subnet: Subnet;
}

export function portShape(settings: Port, network: Network): PortShape | string {
  const { resourceRef, mac, macSpoofing, ipForwarding } = settings;
  if (!isUnicastMac(mac)) return 'the MAC address is no unicast address';
  const addresses: AddressShape[] = [];
  const learnable: AddressShape[] = [];
  for (const configuration of settings.ipConfigurations) {
    const address = portAddress(configuration, network);
    if (typeof address === 'string') return address;
    (configuration.learned ? learnable : addresses).push(address);
  }
  if (addresses.length === 0) return 'the port has no IP configuration of its own';
  if (learnable.length > LEARNED_ADDRESSES_PER_PORT_MAX) {
    return `${learnable.length} learned addresses are more than the ${LEARNED_ADDRESSES_PER_PORT_MAX} of one port`;
  }
  const { arpGuardOff, dhcpGuardOff } = settings;
  const learning = learningOf(learnable, network, mac);
  const guards = { macSpoofing, arpGuardOff, dhcpGuardOff, learning };
  const all = { addresses, learnable };
  return { resourceRef, mac, ipForwarding, ...guards, ...all, network: network.groups };
}

function portAddress(settings: IpConfiguration, network: Network): AddressShape | string {
  const { resourceRef, subnetId } = settings;
  const subnet = [...network.subnets].find((candidate) => candidate.id === subnetId);
  if (subnet === undefined) return `unknown subnet ${subnetId}`;
  const address = addressIn(subnet, settings.address);
  if (typeof address === 'string') return address;
  const { vni: segment, gateway } = subnet;
  const interfaceListId = settings.accessControlListId;
  return { resourceRef, address, segment, gateway, interfaceListId, subnet };
}

export function mappingShape(
  settings: Mapping,
  subnet: Subnet,
): (Pick<MappingState, 'address' | 'mac' | 'portRef'> & { providerAddress: Uint8Array }) | string {
  const { mac, portRef, providerAddress } = settings;
  if (!isUnicastMac(mac)) return 'the MAC address is no unicast address';
  if (ipWordsFromBytes(providerAddress) === undefined) return 'provider address is malformed';
  const address = addressIn(subnet, settings.address);
  if (typeof address === 'string') return address;
  return { address, mac, portRef, providerAddress };
}

function addressIn(subnet: Subnet, bytes: Uint8Array): IpWords | string {
  const address = ipWordsFromBytes(bytes);
  if (address === undefined) return 'an address is malformed';
  if (prefixHasWords(subnet.prefix, address)) return address;
  return `${formatIpWords(address)} is no address of ${subnet.resourceRef}`;
}

function isUnicastMac(mac: Mac): boolean {
  return Number.isInteger(mac) && mac > 0 && mac <= 0xffff_ffff_ffff && !isMulticastMac(mac);
}
