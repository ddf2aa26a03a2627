/**
 * Reads the parts of desired documents that a goal state is made of: the compiler's narrow view of the store. Documents are
 * MS-NCNBI envelopes (§2.2.2, §3.1.5.8, .11, .15, .18) with what the controller allocated; the northbound has validated
 * them. Still nothing here trusts them: what cannot be read is left out, so that one document cannot stop the others, and
 * the caller counts it.
 *
 * Read: servers, logicalNetworks (subnets), virtualNetworks (subnets), networkInterfaces, and what policy-document.ts, edge-document.ts,
 * load-balancer-document.ts and settings-document.ts read.
 * Other resources do not reach a goal state and are ignored. Addresses and prefixes of either family.
 */
import { familyBits, formatIp, type IpPrefix, ipFromBytes } from '../../base/ip.ts';
import { parseMac } from '../../base/mac.ts';
import { parseAddressRanges } from '../model/address-ranges.ts';
import type { JsonObject } from '../store/store.ts';
import {
  type EdgeRouter,
  type PublicIpAddress,
  readEdgeRouter,
  readPublicIpAddress,
} from './edge-document.ts';
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
import {
  type BackendSettings,
  type LoadBalancer,
  type LoadBalancerMux,
  readBackendSettings,
  readLoadBalancer,
  readLoadBalancerMux,
} from './load-balancer-document.ts';
import { readServiceInsertion, type ServiceInsertion } from './mirror-document.ts';
import {
  type AccessControlList,
  type RouteTable,
  readAccessControlList,
  readRouteTable,
  readSecurityTag,
  type SecurityTag,
} from './policy-document.ts';
import {
  type PortSettings,
  readAuditing,
  readAuditingSettings,
  readCards,
  readLoadBalancerManager,
  readPortSettings,
  readVirtualNetworkManager,
  readVirtualSwitchManager,
  type ServerCard,
  type Settings,
} from './settings-document.ts';

/** Resource paths and resourceIds compare case-insensitively: a Ref is lower-cased, `/virtualnetworks/blue/subnets/web`. */
export type Ref = string;

export type { EdgeRouter, PublicIpAddress } from './edge-document.ts';

/** 4 or 16 bytes, network order. */
export type AddressBytes = Uint8Array;

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

export type Document =
  | Server
  | LogicalNetwork
  | VirtualNetwork
  | NetworkInterface
  | AccessControlList
  | SecurityTag
  | Settings
  | RouteTable
  | ServiceInsertion
  | EdgeRouter
  | PublicIpAddress
  | LoadBalancer
  | LoadBalancerMux
  | BackendSettings;

const READERS: Readonly<Record<string, (id: string, value: JsonObject) => Document | undefined>> = {
  servers: readServer,
  logicalnetworks: readLogicalNetwork,
  virtualnetworks: readVirtualNetwork,
  networkinterfaces: readNetworkInterface,
  accesscontrollists: readAccessControlList,
  securitytags: readSecurityTag,
  virtualswitchmanager: readVirtualSwitchManager,
  virtualnetworkmanager: readVirtualNetworkManager,
  auditingsettings: readAuditingSettings,
  routetables: readRouteTable,
  serviceinsertions: readServiceInsertion,
  edgerouters: readEdgeRouter,
  publicipaddresses: readPublicIpAddress,
  loadbalancermanager: readLoadBalancerManager,
  loadbalancers: readLoadBalancer,
  loadbalancermuxes: readLoadBalancerMux,
  backendsettings: readBackendSettings,
};

/** `'ignored'`: a kind of resource that no goal state is made of. `'unreadable'`: ours, but not as it should be. */
export function readDocument(key: string, value: JsonObject): Document | 'ignored' | 'unreadable' {
  const [collection = '', id = ''] = key.split('/');
  const read = READERS[collection];
  if (read === undefined) return 'ignored';
  return read(id, value) ?? 'unreadable';
}

/** What a document refers to, as far as goal states are concerned; with repetitions. */
export function referencesOf(document: Document): readonly Ref[] {
  switch (document.kind) {
    case 'network-interface':
      return [
        ...document.securityTags,
        ...document.ipConfigurations.flatMap((each) => [
          each.subnet,
          ...present(
            each.learnedIp,
            each.accessControlList,
            each.serviceInsertion,
            each.publicAddress,
          ),
          ...each.balancedBy,
        ]),
      ];
    case 'virtual-network':
      return [
        ...document.subnets.flatMap(({ accessControlList, serviceInsertion }) =>
          present(accessControlList, serviceInsertion),
        ),
        ...document.routeTables,
        ...document.peerings.map(({ remote }) => remote),
      ];
    case 'access-control-list':
      return [
        ...document.securityTags,
        ...document.rules.flatMap(({ source, destination }) => [
          ...source.securityTags,
          ...destination.securityTags,
        ]),
      ];
    case 'service-insertion':
      return [document.collector];
    case 'edge-router':
      return document.portForwards.flatMap(({ to }) => present(to));
    case 'load-balancer':
      return document.frontends.flatMap(({ publicAddress, subnet }) =>
        present(publicAddress, subnet),
      );
    case 'backend-settings':
      return [document.ipConfiguration, ...present(document.pool)];
    case 'load-balancer-mux':
    case 'server':
    case 'logical-network':
    case 'security-tag':
    case 'settings':
    case 'route-table':
    case 'public-ip-address':
      return [];
  }
}

function present(...refs: readonly (Ref | undefined)[]): readonly Ref[] {
  return refs.filter((ref) => ref !== undefined);
}

/** Canonical text of an address. */
export function addressText(address: AddressBytes): string {
  const ip = ipFromBytes(address);
  return ip === undefined ? '' : formatIp(ip);
}

export function refOf(resourceRef: string): Ref {
  return resourceRef.toLowerCase();
}

function readServer(id: string, value: JsonObject): Server | undefined {
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

function readLogicalNetwork(id: string, value: JsonObject): LogicalNetwork {
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

function readVirtualNetwork(id: string, value: JsonObject): VirtualNetwork | undefined {
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

function readNetworkInterface(id: string, value: JsonObject): NetworkInterface | undefined {
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
