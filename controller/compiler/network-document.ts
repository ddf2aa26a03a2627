/**
 * Reads what networks are made of: servers, logicalNetworks with their subnets, virtualNetworks with subnets and peerings, networkInterfaces with
 * their ipConfigurations (MS-NCNBI §3.1.5.8, .11, .15, .18), as document.ts reads the others. Addresses and prefixes of either family.
 */
import { familyBits, type IpPrefix } from '../../base/ip.ts';
import { parseMac } from '../../base/mac.ts';
import { parseAddressRanges } from '../model/address-ranges.ts';
import type { JsonObject } from '../store/store.ts';
import type { AddressBytes } from './address-bytes.ts';
import {
  address,
  addresses,
  addressPrefix,
  children,
  list,
  object,
  reference,
  references,
  text,
} from './json-fields.ts';
import { type Ref, refOf } from './ref.ts';
import {
  type PortSettings,
  readAuditing,
  readCards,
  readPortSettings,
  type ServerCard,
} from './settings-document.ts';

export interface Server {
  readonly kind: 'server';
  /** Lower-cased resourceId. */
  readonly id: string;
  readonly instanceId: string;
  readonly providerAddress: AddressBytes | undefined;
  readonly providerSubnet: Ref | undefined;
  readonly cards: readonly ServerCard[];
  /** Whether its filters' decisions are logged. */
  readonly auditing: boolean;
}

export interface LogicalNetwork {
  readonly kind: 'logical-network';
  readonly id: string;
  readonly subnets: readonly LogicalSubnet[];
}

export interface LogicalSubnet {
  readonly ref: Ref;
  readonly prefix: IpPrefix;
  /** Of the prefix's family. */
  readonly gateway: AddressBytes | undefined;
  readonly dnsServers: readonly AddressBytes[];
  /** Its addresses are of the outside. */
  readonly isPublic: boolean;
}

export interface VirtualNetwork {
  readonly kind: 'virtual-network';
  readonly id: string;
  readonly instanceId: string;
  /** As the client wrote it. */
  readonly resourceRef: string;
  readonly addressSpace: readonly IpPrefix[];
  readonly dnsServers: readonly AddressBytes[];
  readonly subnets: readonly VirtualSubnet[];
  /** Of its subnets, each once. */
  readonly routeTables: readonly Ref[];
  readonly peerings: readonly Peering[];
  readonly unbilled: readonly IpPrefix[];
}

/** One side's word; peering.ts says which are connected. Those whose remote network is gone are left out. */
export interface Peering {
  readonly resourceRef: string;
  readonly remote: Ref;
  /** Of the network that was peered with: one made again under its name is another. */
  readonly remoteInstanceId: string;
  readonly allowAccess: boolean;
  readonly allowForwarded: boolean;
}

export interface VirtualSubnet {
  readonly ref: Ref;
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly vni: number;
  readonly prefix: IpPrefix;
  readonly accessControlList: Ref | undefined;
  readonly routeTable: Ref | undefined;
  readonly serviceInsertion: Ref | undefined;
}

export interface NetworkInterface {
  readonly kind: 'network-interface';
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
  /** 48 bits. */
  readonly mac: number;
  readonly hostName: string;
  readonly portSettings: PortSettings;
  readonly dnsServers: readonly AddressBytes[];
  /** Primary first, learned ones last. */
  readonly ipConfigurations: readonly IpConfiguration[];
  readonly securityTags: readonly Ref[];
}

export interface IpConfiguration {
  readonly resourceRef: string;
  /** The learnedIpAddress whose address it is: the interface shares it with others. */
  readonly learnedIp: Ref | undefined;
  readonly subnet: Ref;
  readonly address: AddressBytes;
  readonly accessControlList: Ref | undefined;
  readonly serviceInsertion: Ref | undefined;
  readonly publicAddress: Ref | undefined;
  /** backendAddressPools and inboundNatRules that it is a backend of. */
  readonly balancedBy: ReadonlySet<Ref>;
}

export function readServer(id: string, value: JsonObject): Server | undefined {
  const instanceId = text(value['instanceId']);
  if (instanceId === undefined) return undefined;
  const internal = object(value['internal']);
  const providerSubnet = text(internal['providerSubnetRef']);
  return {
    kind: 'server',
    id,
    instanceId,
    providerAddress: address(internal['providerAddress']),
    providerSubnet: providerSubnet === undefined ? undefined : refOf(providerSubnet),
    cards: readCards(value),
    auditing: readAuditing(object(value['properties'])['auditingEnabled']),
  };
}

export function readLogicalNetwork(id: string, value: JsonObject): LogicalNetwork {
  const subnets = children(value, 'subnets').flatMap((child): LogicalSubnet[] => {
    const properties = object(child['properties']);
    const resourceRef = text(child['resourceRef']);
    const prefix = addressPrefix(properties['addressPrefix']);
    if (resourceRef === undefined || prefix === undefined) return [];
    const gateway = addresses(properties['defaultGateways']).find(
      ({ length }) => 8 * length === familyBits(prefix.family),
    );
    const dnsServers = addresses(properties['dnsServers']);
    const isPublic = properties['isPublic'] === true;
    return [{ ref: refOf(resourceRef), prefix, gateway, dnsServers, isPublic }];
  });
  return { kind: 'logical-network', id, subnets };
}

export function readVirtualNetwork(id: string, value: JsonObject): VirtualNetwork | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  if (instanceId === undefined || resourceRef === undefined) return undefined;
  const properties = object(value['properties']);
  const subnets = children(value, 'subnets').flatMap((child) => readVirtualSubnet(child) ?? []);
  return {
    kind: 'virtual-network',
    id,
    instanceId,
    resourceRef,
    addressSpace: list(object(properties['addressSpace'])['addressPrefixes']).flatMap(
      (prefix) => addressPrefix(prefix) ?? [],
    ),
    dnsServers: addresses(object(properties['dhcpOptions'])['dnsServers']),
    subnets,
    routeTables: [...new Set(subnets.flatMap(({ routeTable }) => routeTable ?? []))],
    unbilled: parseAddressRanges(text(properties['unbilledAddressRanges']) ?? '') ?? [],
    peerings: children(value, 'virtualNetworkPeerings').flatMap(
      (child) => readPeering(child) ?? [],
    ),
  };
}

function readPeering(value: JsonObject): Peering | undefined {
  const properties = object(value['properties']);
  const resourceRef = text(value['resourceRef']);
  const remote = reference(properties['remoteVirtualNetwork']);
  const remoteInstanceId = text(object(value['internal'])['remoteInstanceId']);
  if (resourceRef === undefined || remote === undefined || remoteInstanceId === undefined) {
    return undefined;
  }
  return {
    resourceRef,
    remote,
    remoteInstanceId,
    allowAccess: properties['allowVirtualNetworkAccess'] !== false,
    allowForwarded: properties['allowForwardedTraffic'] === true,
  };
}

function readVirtualSubnet(value: JsonObject): VirtualSubnet | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  const properties = object(value['properties']);
  const prefix = addressPrefix(properties['addressPrefix']);
  const vni = Number(properties['virtualSubnetId']);
  if (instanceId === undefined || resourceRef === undefined || prefix === undefined)
    return undefined;
  if (!Number.isInteger(vni) || vni <= 0 || vni > 0xff_ffff) return undefined;
  return {
    ref: refOf(resourceRef),
    instanceId,
    resourceRef,
    vni,
    prefix,
    accessControlList: reference(properties['accessControlList']),
    routeTable: reference(properties['routeTable']),
    serviceInsertion: reference(properties['serviceInsertion']),
  };
}

export function readNetworkInterface(id: string, value: JsonObject): NetworkInterface | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  const properties = object(value['properties']);
  const mac = parseMac(text(properties['privateMacAddress']) ?? '');
  if (instanceId === undefined || resourceRef === undefined || mac === undefined) return undefined;
  const configurations = children(value, 'ipConfigurations');
  const primaryFirst = [
    ...configurations.filter(isPrimary),
    ...configurations.filter((child) => !isPrimary(child)),
  ].flatMap((child) => readIpConfiguration(child) ?? []);
  return {
    kind: 'network-interface',
    id,
    instanceId,
    resourceRef,
    mac,
    hostName: text(properties['internalDnsNameLabel']) ?? '',
    portSettings: readPortSettings(properties['portSettings']),
    dnsServers: addresses(object(properties['dnsSettings'])['dnsServers']),
    ipConfigurations: [
      ...primaryFirst.filter(({ learnedIp }) => learnedIp === undefined),
      ...primaryFirst.filter(({ learnedIp }) => learnedIp !== undefined),
    ],
    securityTags: references(properties['securityTags']),
  };
}

function isPrimary(ipConfiguration: JsonObject): boolean {
  return object(ipConfiguration['properties'])['isPrimary'] === true;
}

function readIpConfiguration(value: JsonObject): IpConfiguration | undefined {
  const properties = object(value['properties']);
  const resourceRef = text(value['resourceRef']);
  const subnet = reference(properties['subnet']);
  const bytes = address(properties['privateIPAddress']);
  if (resourceRef === undefined || subnet === undefined || bytes === undefined) return undefined;
  return {
    resourceRef,
    learnedIp: reference(properties['learnedIp']),
    subnet,
    address: bytes,
    accessControlList: reference(properties['accessControlList']),
    serviceInsertion: reference(properties['serviceInsertion']),
    publicAddress: reference(properties['publicIPAddress']),
    balancedBy: new Set([
      ...references(properties['loadBalancerBackendAddressPools']),
      ...references(properties['loadBalancerInboundNatRules']),
    ]),
  };
}
