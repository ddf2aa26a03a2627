/**
 * Goal state as the switch holds it: networks, subnets, mappings, resolved to numbers and to each other. Data only: realiser keeps it
 * and turns it into rules.
 */
import type { IpPrefixWords, IpWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import type { Port } from '../../schema/southbound/messages.ts';
import type { AddressSet } from '../engine/address-set.ts';
import type { EpochCell } from '../engine/epochs.ts';
import { branchGroup, type Group } from '../engine/group.ts';
import type { PipelinePort } from '../engine/pipeline.ts';
import { meterGroup } from '../layers/metering.ts';
import type { AccessList, NetworkGroups, PortPolicy } from '../layers/port-policy.ts';
import { type EffectiveRoute, NO_ROUTE, OWN_NETWORK, type Route } from '../layers/route.ts';
import { type DestinationGroup, destinationGroup } from '../layers/tunnel.ts';
import { domainGroup, mappingGroup } from '../layers/vnet.ts';
import type { NetworkFrontends } from '../load-balancing/frontends.ts';
import type {
  Ipv6NeighborLookup,
  Ipv6Settings,
  NeighborLookup,
  PortSettings,
} from '../service/port-settings.ts';
import { tagsOf } from './access-list-compiler.ts';

/** This host. */
export interface HostState {
  readonly providerAddress: Uint8Array;
  readonly vxlanPort: number;
  /** Largest inner IP packet that fits a tunnel, bytes. */
  readonly innerMtu: number;
  /** Egress is counted as billed or unbilled. */
  readonly hasMetering: boolean;
  /** What rules with logging decide is recorded. */
  readonly hasFlowLog: boolean;
}

/** A routing domain. */
export interface Network {
  readonly id: string;
  /** Routing domain that peered networks know it by; unique, not 0. */
  readonly number: number;
  resourceRef: string;
  prefixes: readonly IpPrefixWords[];
  peerings: readonly PeeringState[];
  /** What the address tags of access control lists mean here. */
  tags: NetworkTags;
  dnsServers: readonly IpWords[];
  /** Of the names of its interfaces; '': they have none. */
  dnsDomain: string;
  /** Mappings by routing domain: its own, and those of networks it is peered with. */
  readonly domains: Map<number, Group>;
  /** Virtual addresses, as domains. */
  readonly frontends: Map<number, NetworkFrontends>;
  /** Conditions of its peerings, by routing domain. */
  readonly peeringGroups: Map<number, Group>;
  /** Routes of its subnets, by network identifier. */
  readonly subnetRoutes: Map<number, Group>;
  /** What all its ports share. */
  readonly groups: NetworkGroups;
  meter: Group;
  readonly subnets: Set<Subnet>;
  /** By address key. */
  readonly mappings: Map<AddressKey, MappingState>;
  /** Ports of this switch, by each of their addresses. */
  readonly owners: Map<AddressKey, PortRecord>;
  readonly ports: Set<PortRecord>;
}

/** A connected peering: what this network's ports may do in the remote one. */
export interface PeeringState {
  readonly resourceRef: string;
  readonly remoteId: string;
  readonly prefixes: readonly IpPrefixWords[];
  readonly allowAccess: boolean;
  readonly allowForwarded: boolean;
}

export interface NetworkTags {
  readonly virtualNetwork: AddressSet;
  readonly internet: AddressSet;
}

export interface Subnet {
  readonly id: string;
  readonly resourceRef: string;
  readonly network: Network;
  readonly vni: number;
  readonly prefix: IpPrefixWords;
  readonly gateway: IpWords;
  /** Id of its access control list; '': none. */
  accessListId: string;
  /** Id of its route table; '': none, system routes only. */
  routeTableId: string;
  readonly routes: SubnetRoutes;
  /** What a tunnel may bring for this subnet. */
  readonly destinations: DestinationGroup;
}

export interface MappingState {
  readonly key: string;
  readonly address: IpWords;
  readonly mac: Mac;
  readonly subnet: Subnet;
  readonly portRef: string;
  /** The host it is at; undefined: this one. */
  readonly remote: { readonly address: Uint8Array; readonly peer: number } | undefined;
  readonly cell: EpochCell;
}

/** A port of this switch: described by goal state, or with a device behind it, or both. */
export interface PortRecord {
  /** instanceId of the network interface. */
  readonly id: string;
  readonly index: number;
  readonly cell: EpochCell;
  /** A device is attached. */
  isAttached: boolean;
  /** What goal state says, once it says something this switch can do. */
  configured: ConfiguredPort | undefined;
}

export interface ConfiguredPort extends PipelinePort {
  /** It is sent packets that are not for its own addresses: tunnels find it by its MAC address. */
  readonly isFoundByMac: boolean;
  /** As goal state has it, for parts of the switch that are no layer. */
  readonly goal: Port;
  readonly policy: PortPolicy;
  readonly network: Network;
  readonly service: ServicePort;
  /** Access control lists that apply to it, to be given back. */
  readonly lists: ReadonlySet<ListInNetwork>;
}

/** The routes of a subnet: what its ports hold on to while they are replaced. */
export interface SubnetRoutes {
  readonly group: Group;
  /** Every route there is, those that others override included. */
  readonly effective: readonly EffectiveRoute[];
  /** Why nothing is routed; undefined: the routes are in force. */
  readonly pending: string | undefined;
  /** In the order of their origins. */
  replace(routes: readonly Route[]): void;
  suspend(reason: string): void;
  /** The active route for this destination, by the lookup that forwards; undefined: none leads there. */
  routeFor(address: IpWords): EffectiveRoute | undefined;
  /** Does a route send what is for this address to an appliance? */
  leadsToAppliance(w0: number, w1: number, w2: number, w3: number): boolean;
}

/** An access control list in one network: what its ports hold on to while its groups are replaced. */
export interface ListInNetwork extends AccessList {
  readonly listId: string;
  readonly network: Network;
  /** Ports of this switch that it applies to. */
  readonly ports: ReadonlySet<PortRecord>;
  /** Why it lets nothing pass; undefined: it is in force. */
  readonly pending: string | undefined;
}

/** What the local services need to know of a port. */
export interface ServicePort {
  /** Undefined: the port has no IPv4 address. */
  readonly ipv4: PortSettings | undefined;
  readonly neighborMac: NeighborLookup;
  /** Undefined: the port has no IPv6 address. */
  readonly ipv6: Ipv6Settings | undefined;
  readonly ipv6NeighborMac: Ipv6NeighborLookup;
}

/** An address as a key of maps: of the control path and of the rare questions a guest asks, never of forwarding. */
export type AddressKey = string;

export function addressKey(address: IpWords): AddressKey {
  return address.join();
}

export function hostPrefix(address: IpWords): IpPrefixWords {
  return { words: address, len: 128 };
}

/** `balancing`: its virtual addresses and leases. */
export function newNetwork(
  id: string,
  number: number,
  balancing: Pick<NetworkGroups, 'own' | 'leases' | 'isMux' | 'isExempt'>,
): Network {
  const domains = new Map<number, Group>();
  const peeringGroups = new Map<number, Group>();
  const subnetRoutes = new Map<number, Group>();
  const frontends = new Map<number, NetworkFrontends>();
  return {
    id,
    number,
    resourceRef: '',
    prefixes: [],
    peerings: [],
    tags: tagsOf([]),
    meter: meterGroup('', []),
    dnsServers: [],
    dnsDomain: '',
    domains,
    frontends,
    peeringGroups,
    subnetRoutes,
    groups: {
      routes: branchGroup('routes', 'segment', subnetRoutes, NO_ROUTE),
      peerings: branchGroup('peering', 'domain', peeringGroups, OWN_NETWORK),
      mappings: mappingGroup(),
      domains: domainGroup(domains),
      frontends,
      ...balancing,
    },
    subnets: new Set(),
    mappings: new Map(),
    owners: new Map(),
    ports: new Set(),
  };
}

export function newSubnet(settings: Omit<Subnet, 'destinations'>): Subnet {
  return { ...settings, destinations: destinationGroup() };
}
