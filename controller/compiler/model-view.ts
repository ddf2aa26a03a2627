/** What nodes, and those who explain or report, may read of the model (model.ts). */
import type { IpPrefix } from '../../base/ip.ts';
import type { BalancingView } from './balancing-state.ts';
import type { Document, Kind } from './document.ts';
import type { EdgeRouter, PublicIpAddress } from './edge-document.ts';
import type { BackendSettings, LoadBalancer, LoadBalancerMux } from './load-balancer-document.ts';
import type { ServiceInsertion } from './mirror-document.ts';
import type {
  LogicalSubnet,
  NetworkInterface,
  Server,
  VirtualNetwork,
  VirtualSubnet,
} from './network-document.ts';
import type { AccessControlList, RouteTable, SecurityTag } from './policy-document.ts';
import type { Ref } from './ref.ts';
import type { Settings } from './settings-document.ts';

/** A virtual subnet with the network it is in. */
export interface SubnetInNetwork {
  readonly network: VirtualNetwork;
  readonly subnet: VirtualSubnet;
}

/** An address, as canonical text, of the virtual network with this instanceId. */
export interface AddressInNetwork {
  readonly vnetId: string;
  readonly address: string;
}

export interface ModelView {
  readonly servers: ReadonlyMap<string, Server>;
  readonly virtualNetworks: ReadonlyMap<string, VirtualNetwork>;
  readonly networkInterfaces: ReadonlyMap<string, NetworkInterface>;
  readonly accessControlLists: ReadonlyMap<string, AccessControlList>;
  readonly securityTags: ReadonlyMap<string, SecurityTag>;
  readonly settings: ReadonlyMap<string, Settings>;
  readonly routeTables: ReadonlyMap<string, RouteTable>;
  readonly serviceInsertions: ReadonlyMap<string, ServiceInsertion>;
  readonly edgeRouters: ReadonlyMap<string, EdgeRouter>;
  readonly publicIpAddresses: ReadonlyMap<string, PublicIpAddress>;
  readonly loadBalancers: ReadonlyMap<string, LoadBalancer>;
  readonly loadBalancerMuxes: ReadonlyMap<string, LoadBalancerMux>;
  readonly backendSettings: ReadonlyMap<string, BackendSettings>;
  readonly balancing: BalancingView;
  /** Another one after each change of documents, placements or holders: what was worked out from the model before is stale. */
  readonly generation: number;
  logicalSubnet(ref: Ref): LogicalSubnet | undefined;
  /** Of logical subnets whose addresses are of the outside, in address order. */
  publicPrefixes(): readonly IpPrefix[];
  virtualSubnet(ref: Ref): SubnetInNetwork | undefined;
  /** Ids of interfaces with an ipConfiguration in the subnet, whether it exists or not. */
  interfacesInSubnet(ref: Ref): Iterable<string>;
  /** Ids of interfaces that have an address, as canonical text, in a virtual network, by its Ref. */
  interfacesAt(network: Ref, address: string): Iterable<string>;
  /** Virtual subnets that backends of a pool or an inboundNatRule are in, whether they exist or not. */
  subnetsBalancedBy(target: Ref): Iterable<Ref>;
  /** Ids of the documents of a kind that refer to the resource, whether it exists or not. */
  referring(kind: Kind, ref: Ref): Iterable<string>;
  /** Ids of interfaces attached to the server. */
  interfacesOnServer(serverId: string): Iterable<string>;
  /** instanceIds placed on the server, whether the interface exists or not. */
  placedOn(serverId: string): Iterable<string>;
  /** Id of the server an interface is attached to. */
  serverIdOf(interfaceInstanceId: string): string | undefined;
  /** instanceId of the interface that has a learned address, whether it may or not. */
  holderOf(vnetId: string, address: string): string | undefined;
  /** Learned addresses that the interface has. */
  heldBy(interfaceInstanceId: string): readonly AddressInNetwork[];
  /** The document an instanceId belongs to; a virtual subnet is answered with its network, a part of an edge or load balancer with that. */
  byInstanceId(instanceId: string): Document | undefined;
}
