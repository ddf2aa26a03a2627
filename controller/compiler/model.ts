/**
 * What the compiler knows: every document read once, the placements, and an index for each question a node asks. Lookups are
 * constant time; nothing is ever searched for by walking all interfaces. `set` and `place` are the only ways to change it
 * and say what changed, in terms that nodes understand.
 */
import { compareIpPrefixes, type IpPrefix } from '../../base/ip.ts';
import { BalancingState, type BalancingView } from './balancing-state.ts';
import {
  addressText,
  type Document,
  type EdgeRouter,
  type LogicalNetwork,
  type LogicalSubnet,
  type NetworkInterface,
  type PublicIpAddress,
  type Ref,
  referencesOf,
  type Server,
  type VirtualNetwork,
  type VirtualSubnet,
} from './document.ts';
import { partsOf } from './edge-document.ts';
import {
  type BackendSettings,
  type LoadBalancer,
  type LoadBalancerMux,
  partsOfBalancer,
} from './load-balancer-document.ts';
import type { ServiceInsertion } from './mirror-document.ts';
import type { AccessControlList, RouteTable, SecurityTag } from './policy-document.ts';
import type { Settings } from './settings-document.ts';

/** One document or placement that differs. For documents at least one of before and after is there, of one kind and id. */
export type ModelChange =
  | { readonly kind: 'server'; readonly before?: Server; readonly after?: Server }
  | {
      readonly kind: 'logical-network';
      readonly before?: LogicalNetwork;
      readonly after?: LogicalNetwork;
    }
  | {
      readonly kind: 'virtual-network';
      readonly before?: VirtualNetwork;
      readonly after?: VirtualNetwork;
    }
  | {
      readonly kind: 'network-interface';
      readonly before?: NetworkInterface;
      readonly after?: NetworkInterface;
      /** Pools and inboundNatRules that have got their first backend in a virtual subnet, or lost their last one. */
      readonly respread: readonly Ref[];
    }
  | {
      readonly kind: 'access-control-list';
      readonly before?: AccessControlList;
      readonly after?: AccessControlList;
    }
  | { readonly kind: 'security-tag'; readonly before?: SecurityTag; readonly after?: SecurityTag }
  | { readonly kind: 'settings'; readonly before?: Settings; readonly after?: Settings }
  | { readonly kind: 'route-table'; readonly before?: RouteTable; readonly after?: RouteTable }
  | {
      readonly kind: 'service-insertion';
      readonly before?: ServiceInsertion;
      readonly after?: ServiceInsertion;
    }
  | { readonly kind: 'edge-router'; readonly before?: EdgeRouter; readonly after?: EdgeRouter }
  | {
      readonly kind: 'public-ip-address';
      readonly before?: PublicIpAddress;
      readonly after?: PublicIpAddress;
    }
  | {
      readonly kind: 'load-balancer';
      readonly before?: LoadBalancer;
      readonly after?: LoadBalancer;
    }
  | {
      readonly kind: 'load-balancer-mux';
      readonly before?: LoadBalancerMux;
      readonly after?: LoadBalancerMux;
    }
  | {
      readonly kind: 'backend-settings';
      readonly before?: BackendSettings;
      readonly after?: BackendSettings;
    }
  | { readonly kind: 'placement'; readonly interfaceInstanceId: string }
  /** A learned address is had by another interface; who had it and who has it. */
  | { readonly kind: 'holder'; readonly interfaceInstanceIds: readonly string[] }
  /** A probe says something else of a backend. */
  | { readonly kind: 'health'; readonly probeId: string }
  /** A virtual address is announced or is so no more, or is kept although desired state has it no more. */
  | { readonly kind: 'announcement'; readonly vipId: string }
  /** Ports of a virtual address are leased otherwise, to or from these (balancing-state.ts, LeasedPorts). */
  | { readonly kind: 'snat'; readonly vipId: string; readonly holders: readonly string[] };

/** Of what is no document. */
export type ObservedChange = Extract<
  ModelChange,
  { readonly kind: 'placement' | 'holder' | 'health' | 'announcement' | 'snat' }
>;

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

/** What nodes may read. */
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
  referring(kind: Document['kind'], ref: Ref): Iterable<string>;
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

export class Model implements ModelView {
  readonly servers: Map<string, Server> = new Map();
  readonly virtualNetworks: Map<string, VirtualNetwork> = new Map();
  readonly networkInterfaces: Map<string, NetworkInterface> = new Map();
  readonly accessControlLists: Map<string, AccessControlList> = new Map();
  readonly securityTags: Map<string, SecurityTag> = new Map();
  readonly settings: Map<string, Settings> = new Map();
  readonly routeTables: Map<string, RouteTable> = new Map();
  readonly serviceInsertions: Map<string, ServiceInsertion> = new Map();
  readonly edgeRouters: Map<string, EdgeRouter> = new Map();
  readonly publicIpAddresses: Map<string, PublicIpAddress> = new Map();
  readonly loadBalancers: Map<string, LoadBalancer> = new Map();
  readonly loadBalancerMuxes: Map<string, LoadBalancerMux> = new Map();
  readonly backendSettings: Map<string, BackendSettings> = new Map();
  readonly balancing: BalancingState = new BalancingState();
  #generation = 0;
  readonly #logicalNetworks = new Map<string, LogicalNetwork>();
  readonly #logicalSubnets = new Map<Ref, LogicalSubnet>();
  readonly #virtualSubnets = new Map<Ref, SubnetInNetwork>();
  /** By kind of the referring document and target: `network-interface /virtualnetworks/blue/subnets/web`. */
  readonly #referring = new Map<string, Set<string>>();
  /** By network and address: `/virtualnetworks/blue 10.0.0.4`. */
  readonly #interfacesByAddress = new Map<string, Set<string>>();
  /** By pool or inboundNatRule: ipConfigurations that are its backends, by virtual subnet. */
  readonly #spreads = new Map<Ref, Map<Ref, number>>();
  readonly #placements = new Map<string, string>();
  /** By server id: instanceIds of the interfaces placed there. */
  readonly #placedOn = new Map<string, Set<string>>();
  /** By network and address: who has a learned address. */
  readonly #holders = new Map<string, string>();
  readonly #heldBy = new Map<string, Set<string>>();
  readonly #byInstanceId = new Map<string, Document>();

  get generation(): number {
    return this.#generation;
  }

  logicalSubnet(ref: Ref): LogicalSubnet | undefined {
    return this.#logicalSubnets.get(ref);
  }

  publicPrefixes(): readonly IpPrefix[] {
    return [...this.#logicalSubnets.values()]
      .filter(({ isPublic }) => isPublic)
      .map(({ prefix }) => prefix)
      .sort(compareIpPrefixes);
  }

  virtualSubnet(ref: Ref): SubnetInNetwork | undefined {
    return this.#virtualSubnets.get(ref);
  }

  interfacesInSubnet(ref: Ref): Iterable<string> {
    return this.referring('network-interface', ref);
  }

  interfacesAt(network: Ref, address: string): Iterable<string> {
    return this.#interfacesByAddress.get(`${network} ${address}`) ?? [];
  }

  subnetsBalancedBy(target: Ref): Iterable<Ref> {
    return this.#spreads.get(target)?.keys() ?? [];
  }

  referring(kind: Document['kind'], ref: Ref): Iterable<string> {
    return this.#referring.get(`${kind} ${ref}`) ?? [];
  }

  *interfacesOnServer(serverId: string): Iterable<string> {
    for (const instanceId of this.#placedOn.get(serverId) ?? []) {
      const document = this.#byInstanceId.get(instanceId);
      if (document?.kind === 'network-interface') yield document.id;
    }
  }

  serverIdOf(interfaceInstanceId: string): string | undefined {
    return this.#placements.get(interfaceInstanceId);
  }

  holderOf(vnetId: string, address: string): string | undefined {
    return this.#holders.get(`${vnetId} ${address}`);
  }

  heldBy(interfaceInstanceId: string): readonly AddressInNetwork[] {
    return Array.from(this.#heldBy.get(interfaceInstanceId) ?? [], (key) => {
      const [vnetId = '', address = ''] = key.split(' ');
      return { vnetId, address };
    });
  }

  byInstanceId(instanceId: string): Document | undefined {
    return this.#byInstanceId.get(instanceId);
  }

  placedOn(serverId: string): Iterable<string> {
    return this.#placedOn.get(serverId) ?? [];
  }

  /** Replaces the document of that kind and id; undefined removes it. */
  set(kind: Document['kind'], id: string, after: Document | undefined): ModelChange | undefined {
    this.#generation++;
    switch (kind) {
      case 'server':
        return this.#setServer(this.servers.get(id), after?.kind === kind ? after : undefined);
      case 'logical-network':
        return this.#setLogicalNetwork(
          this.#logicalNetworks.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'virtual-network':
        return this.#setVirtualNetwork(
          this.virtualNetworks.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'network-interface':
        return this.#setNetworkInterface(
          this.networkInterfaces.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'access-control-list':
        return this.#setAccessControlList(
          this.accessControlLists.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'security-tag':
        return this.#setSecurityTag(
          this.securityTags.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'settings':
        return this.#setSettings(this.settings.get(id), after?.kind === kind ? after : undefined);
      case 'service-insertion':
        return this.#setServiceInsertion(
          this.serviceInsertions.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'edge-router':
        return this.#setEdgeRouter(
          this.edgeRouters.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'public-ip-address':
        return this.#setPublicIpAddress(
          this.publicIpAddresses.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'load-balancer':
        return this.#setLoadBalancer(
          this.loadBalancers.get(id),
          after?.kind === kind ? after : undefined,
        );
      case 'load-balancer-mux': {
        const before = this.loadBalancerMuxes.get(id);
        const next = after?.kind === kind ? after : undefined;
        if (before === undefined && next === undefined) return undefined;
        this.#replace(this.loadBalancerMuxes, before, next);
        return { kind, ...pair(before, next) };
      }
      case 'backend-settings': {
        const before = this.backendSettings.get(id);
        const next = after?.kind === kind ? after : undefined;
        if (before === undefined && next === undefined) return undefined;
        this.#replace(this.backendSettings, before, next);
        return { kind, ...pair(before, next) };
      }
      case 'route-table':
        return this.#setRouteTable(
          this.routeTables.get(id),
          after?.kind === kind ? after : undefined,
        );
    }
  }

  /** Records where an interface is attached; undefined: nowhere. */
  place(interfaceInstanceId: string, serverId: string | undefined): ModelChange | undefined {
    const before = this.#placements.get(interfaceInstanceId);
    if (before === serverId) return undefined;
    this.#generation++;
    if (before !== undefined) removeFrom(this.#placedOn, before, interfaceInstanceId);
    if (serverId === undefined) {
      this.#placements.delete(interfaceInstanceId);
    } else {
      this.#placements.set(interfaceInstanceId, serverId);
      addTo(this.#placedOn, serverId, interfaceInstanceId);
    }
    return { kind: 'placement', interfaceInstanceId };
  }

  /** Records which interface has a learned address; undefined: none. */
  hold(
    { vnetId, address }: AddressInNetwork,
    interfaceInstanceId: string | undefined,
  ): ModelChange | undefined {
    const key = `${vnetId} ${address}`;
    const before = this.#holders.get(key);
    if (before === interfaceInstanceId) return undefined;
    if (before !== undefined) removeFrom(this.#heldBy, before, key);
    if (interfaceInstanceId === undefined) this.#holders.delete(key);
    else {
      this.#holders.set(key, interfaceInstanceId);
      addTo(this.#heldBy, interfaceInstanceId, key);
    }
    const both = [before, interfaceInstanceId].filter((id) => id !== undefined);
    return { kind: 'holder', interfaceInstanceIds: both };
  }

  #setServer(before: Server | undefined, after: Server | undefined): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.servers, before, after);
    return { kind: 'server', ...pair(before, after) };
  }

  #setLogicalNetwork(
    before: LogicalNetwork | undefined,
    after: LogicalNetwork | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.#logicalNetworks, before, after);
    for (const { ref } of before?.subnets ?? []) this.#logicalSubnets.delete(ref);
    for (const subnet of after?.subnets ?? []) this.#logicalSubnets.set(subnet.ref, subnet);
    return { kind: 'logical-network', ...pair(before, after) };
  }

  #setVirtualNetwork(
    before: VirtualNetwork | undefined,
    after: VirtualNetwork | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.virtualNetworks, before, after);
    for (const { ref, instanceId } of before?.subnets ?? []) {
      this.#virtualSubnets.delete(ref);
      this.#byInstanceId.delete(instanceId);
    }
    for (const subnet of after?.subnets ?? []) {
      if (after === undefined) break;
      this.#virtualSubnets.set(subnet.ref, { network: after, subnet });
      this.#byInstanceId.set(subnet.instanceId, after);
    }
    return { kind: 'virtual-network', ...pair(before, after) };
  }

  #setNetworkInterface(
    before: NetworkInterface | undefined,
    after: NetworkInterface | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.networkInterfaces, before, after);
    for (const key of placesOf(before)) {
      removeFrom(this.#interfacesByAddress, key, before?.id ?? '');
    }
    for (const key of placesOf(after)) addTo(this.#interfacesByAddress, key, after?.id ?? '');
    const respread = new Set<Ref>();
    this.#spread(after, 1, respread);
    this.#spread(before, -1, respread);
    return { kind: 'network-interface', ...pair(before, after), respread: [...respread] };
  }

  /** Counts backends; adds to `respread` the targets that another subnet, or one less, has backends of. */
  #spread(found: NetworkInterface | undefined, by: 1 | -1, respread: Set<Ref>): void {
    for (const { subnet, balancedBy } of found?.ipConfigurations ?? []) {
      for (const target of balancedBy) {
        const subnets = this.#spreads.get(target) ?? new Map<Ref, number>();
        const count = (subnets.get(subnet) ?? 0) + by;
        if (count === 0) subnets.delete(subnet);
        else subnets.set(subnet, count);
        if (subnets.size === 0) this.#spreads.delete(target);
        else this.#spreads.set(target, subnets);
        if (count === 0 || (count === 1 && by === 1)) respread.add(target);
      }
    }
  }

  #setAccessControlList(
    before: AccessControlList | undefined,
    after: AccessControlList | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.accessControlLists, before, after);
    return { kind: 'access-control-list', ...pair(before, after) };
  }

  #setSecurityTag(
    before: SecurityTag | undefined,
    after: SecurityTag | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.securityTags, before, after);
    return { kind: 'security-tag', ...pair(before, after) };
  }

  #setSettings(before: Settings | undefined, after: Settings | undefined): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.settings, before, after);
    return { kind: 'settings', ...pair(before, after) };
  }

  #setServiceInsertion(
    before: ServiceInsertion | undefined,
    after: ServiceInsertion | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.serviceInsertions, before, after);
    return { kind: 'service-insertion', ...pair(before, after) };
  }

  #setEdgeRouter(
    before: EdgeRouter | undefined,
    after: EdgeRouter | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.edgeRouters, before, after);
    for (const { instanceId } of before === undefined ? [] : partsOf(before)) {
      this.#byInstanceId.delete(instanceId);
    }
    for (const { instanceId } of after === undefined ? [] : partsOf(after)) {
      if (after !== undefined) this.#byInstanceId.set(instanceId, after);
    }
    return { kind: 'edge-router', ...pair(before, after) };
  }

  #setLoadBalancer(
    before: LoadBalancer | undefined,
    after: LoadBalancer | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.loadBalancers, before, after);
    for (const { instanceId } of before === undefined ? [] : partsOfBalancer(before)) {
      this.#byInstanceId.delete(instanceId);
    }
    for (const { instanceId } of after === undefined ? [] : partsOfBalancer(after)) {
      if (after !== undefined) this.#byInstanceId.set(instanceId, after);
    }
    return { kind: 'load-balancer', ...pair(before, after) };
  }

  #setPublicIpAddress(
    before: PublicIpAddress | undefined,
    after: PublicIpAddress | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.publicIpAddresses, before, after);
    return { kind: 'public-ip-address', ...pair(before, after) };
  }

  #setRouteTable(
    before: RouteTable | undefined,
    after: RouteTable | undefined,
  ): ModelChange | undefined {
    if (before === undefined && after === undefined) return undefined;
    this.#replace(this.routeTables, before, after);
    return { kind: 'route-table', ...pair(before, after) };
  }

  #replace<D extends Document>(
    map: Map<string, D>,
    before: D | undefined,
    after: D | undefined,
  ): void {
    if (before !== undefined) this.#forget(map, before);
    if (after === undefined) return;
    map.set(after.id, after);
    if ('instanceId' in after) this.#byInstanceId.set(after.instanceId, after);
    for (const ref of referencesOf(after)) addTo(this.#referring, `${after.kind} ${ref}`, after.id);
  }

  #forget<D extends Document>(map: Map<string, D>, before: D): void {
    map.delete(before.id);
    if ('instanceId' in before) this.#byInstanceId.delete(before.instanceId);
    for (const ref of referencesOf(before)) {
      removeFrom(this.#referring, `${before.kind} ${ref}`, before.id);
    }
  }
}

/** `/virtualnetworks/blue/subnets/web` and 10.0.0.4 → `/virtualnetworks/blue 10.0.0.4`. */
function placesOf(found: NetworkInterface | undefined): string[] {
  return (found?.ipConfigurations ?? []).map(({ subnet, address }) => {
    const network = subnet.split('/').slice(0, 3).join('/');
    return `${network} ${addressText(address)}`;
  });
}

function pair<D>(before: D | undefined, after: D | undefined): { before?: D; after?: D } {
  return { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
}

function addTo(index: Map<string, Set<string>>, key: string, member: string): void {
  const members = index.get(key);
  if (members === undefined) index.set(key, new Set([member]));
  else members.add(member);
}

function removeFrom(index: Map<string, Set<string>>, key: string, member: string): void {
  const members = index.get(key);
  members?.delete(member);
  if (members?.size === 0) index.delete(key);
}
