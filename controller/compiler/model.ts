/**
 * What the compiler knows: every document read once, the placements, and an index for each question a node asks (model-view.ts). Lookups are
 * constant time; nothing is ever searched for by walking all interfaces. `set`, `place` and `hold` are the only ways to change it
 * and say what changed (model-change.ts).
 */
import { assert } from '../../base/assert.ts';
import { compareIpPrefixes, type IpPrefix } from '../../base/ip.ts';
import { addressText } from './address-bytes.ts';
import { AddressHolders } from './address-holders.ts';
import { BackendSpread } from './backend-spread.ts';
import { BalancingState } from './balancing-state.ts';
import {
  type Document,
  type DocumentOf,
  instanceIdsOf,
  isOfKind,
  type Kind,
  referencesOf,
} from './document.ts';
import type { EdgeRouter, PublicIpAddress } from './edge-document.ts';
import type { BackendSettings, LoadBalancer, LoadBalancerMux } from './load-balancer-document.ts';
import type { ServiceInsertion } from './mirror-document.ts';
import type { DocumentChange, InterfaceChange, ModelChange, PlainKind } from './model-change.ts';
import type { AddressInNetwork, ModelView, SubnetInNetwork } from './model-view.ts';
import { Multimap } from './multimap.ts';
import type {
  LogicalNetwork,
  LogicalSubnet,
  NetworkInterface,
  Server,
  VirtualNetwork,
} from './network-document.ts';
import { Placements } from './placements.ts';
import type { AccessControlList, RouteTable, SecurityTag } from './policy-document.ts';
import type { Ref } from './ref.ts';
import type { Settings } from './settings-document.ts';

/** By kind, and of a kind by id. */
type Documents = { readonly [K in Kind]: Map<string, DocumentOf<K>> };

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
  readonly #documents: Documents = {
    server: this.servers,
    'logical-network': new Map<string, LogicalNetwork>(),
    'virtual-network': this.virtualNetworks,
    'network-interface': this.networkInterfaces,
    'access-control-list': this.accessControlLists,
    'security-tag': this.securityTags,
    settings: this.settings,
    'route-table': this.routeTables,
    'service-insertion': this.serviceInsertions,
    'edge-router': this.edgeRouters,
    'public-ip-address': this.publicIpAddresses,
    'load-balancer': this.loadBalancers,
    'load-balancer-mux': this.loadBalancerMuxes,
    'backend-settings': this.backendSettings,
  };
  readonly #byInstanceId = new Map<string, Document>();
  readonly #logicalSubnets = new Map<Ref, LogicalSubnet>();
  readonly #virtualSubnets = new Map<Ref, SubnetInNetwork>();
  /** By kind of the referring document and target: `network-interface /virtualnetworks/blue/subnets/web`. */
  readonly #referring = new Multimap<string, string>();
  /** By network and address: `/virtualnetworks/blue 10.0.0.4`. */
  readonly #interfacesByAddress = new Multimap<string, string>();
  readonly #spread = new BackendSpread();
  readonly #placements = new Placements();
  readonly #holders = new AddressHolders();

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
    return this.#interfacesByAddress.get(`${network} ${address}`);
  }

  subnetsBalancedBy(target: Ref): Iterable<Ref> {
    return this.#spread.subnetsOf(target);
  }

  referring(kind: Kind, ref: Ref): Iterable<string> {
    return this.#referring.get(`${kind} ${ref}`);
  }

  *interfacesOnServer(serverId: string): Iterable<string> {
    for (const instanceId of this.#placements.placedOn(serverId)) {
      const document = this.#byInstanceId.get(instanceId);
      if (document?.kind === 'network-interface') yield document.id;
    }
  }

  placedOn(serverId: string): Iterable<string> {
    return this.#placements.placedOn(serverId);
  }

  serverIdOf(interfaceInstanceId: string): string | undefined {
    return this.#placements.serverIdOf(interfaceInstanceId);
  }

  holderOf(vnetId: string, address: string): string | undefined {
    return this.#holders.holderOf({ vnetId, address });
  }

  heldBy(interfaceInstanceId: string): readonly AddressInNetwork[] {
    return this.#holders.heldBy(interfaceInstanceId);
  }

  byInstanceId(instanceId: string): Document | undefined {
    return this.#byInstanceId.get(instanceId);
  }

  /** Replaces the document of that kind and id; undefined removes it. */
  set(kind: Kind, id: string, after: Document | undefined): ModelChange | undefined {
    this.#generation++;
    return kind === 'network-interface'
      ? this.#setInterface(id, after)
      : this.#replace<PlainKind>(kind, id, after);
  }

  /** Records where an interface is attached; undefined: nowhere. */
  place(interfaceInstanceId: string, serverId: string | undefined): ModelChange | undefined {
    if (!this.#placements.set(interfaceInstanceId, serverId)) return undefined;
    this.#generation++;
    return { kind: 'placement', interfaceInstanceId };
  }

  /** Records which interface has a learned address; undefined: none. */
  hold(
    address: AddressInNetwork,
    interfaceInstanceId: string | undefined,
  ): ModelChange | undefined {
    const before = this.#holders.holderOf(address);
    if (before === interfaceInstanceId) return undefined;
    this.#generation++;
    this.#holders.set(address, interfaceInstanceId);
    const both = [before, interfaceInstanceId].filter((each) => each !== undefined);
    return { kind: 'holder', interfaceInstanceIds: both };
  }

  #setInterface(id: string, document: Document | undefined): InterfaceChange | undefined {
    const change = this.#replace('network-interface', id, document);
    if (change === undefined) return undefined;
    const { before, after } = change;
    for (const key of placesOf(before)) this.#interfacesByAddress.remove(key, id);
    for (const key of placesOf(after)) this.#interfacesByAddress.add(key, id);
    return { ...change, respread: this.#spread.replace(before, after) };
  }

  #replace<K extends Kind>(
    kind: K,
    id: string,
    document: Document | undefined,
  ): DocumentChange<K> | undefined {
    const documents: Map<string, DocumentOf<K>> = this.#documents[kind];
    const before = documents.get(id);
    const after = document !== undefined && isOfKind(document, kind) ? document : undefined;
    assert(after === document, 'the document is of the kind that it is set as');
    if (before === undefined && after === undefined) return undefined;
    if (before !== undefined) {
      documents.delete(id);
      this.#forget(before);
    }
    if (after !== undefined) {
      documents.set(id, after);
      this.#remember(after);
    }
    return {
      kind,
      ...(before !== undefined && { before }),
      ...(after !== undefined && { after }),
    };
  }

  #forget(document: Document): void {
    for (const id of instanceIdsOf(document)) this.#byInstanceId.delete(id);
    for (const ref of referencesOf(document)) {
      this.#referring.remove(`${document.kind} ${ref}`, document.id);
    }
    if (document.kind === 'logical-network') {
      for (const { ref } of document.subnets) this.#logicalSubnets.delete(ref);
    }
    if (document.kind === 'virtual-network') {
      for (const { ref } of document.subnets) this.#virtualSubnets.delete(ref);
    }
  }

  #remember(document: Document): void {
    for (const id of instanceIdsOf(document)) this.#byInstanceId.set(id, document);
    for (const ref of referencesOf(document)) {
      this.#referring.add(`${document.kind} ${ref}`, document.id);
    }
    if (document.kind === 'logical-network') {
      for (const subnet of document.subnets) this.#logicalSubnets.set(subnet.ref, subnet);
    }
    if (document.kind === 'virtual-network') {
      for (const subnet of document.subnets) {
        this.#virtualSubnets.set(subnet.ref, { network: document, subnet });
      }
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
