/**
 * Realiser: makes one resource of goal state true in the switch's tables, or says why it cannot. Order and retrying are tables.ts's
 * business; each function here assumes that what its resource refers to has been dealt with, and names (`touch`) what depends on it.
 *
 * It keeps the host's own settings, the networks and their subnets, and knows who depends on them. Ports, mappings, access control lists, routes
 * and mirrors have a file each. Flows learn of a change through epoch cells: a port's when its pipeline is rebuilt, a mapping's when
 * the address moves. A resource that is replaced by something impossible keeps its last good form; a port whose access control
 * list is not there lets nothing pass. Called by tables.
 */
import { equalIpWords, type IpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import type {
  AccessControlList,
  HostSettings,
  Mapping,
  Mirror,
  Port,
  RouteTable,
  SecurityTag,
  VirtualNetwork,
  VirtualSubnet,
} from '../../schema/southbound/messages.ts';
import type { Epochs } from '../engine/epochs.ts';
import type { Group } from '../engine/group.ts';
import { type Edge, Internet } from '../layers/internet.ts';
import { meterGroup } from '../layers/metering.ts';
import type { Mux } from '../load-balancing/muxes.ts';
import { VirtualAddresses } from '../load-balancing/virtual-addresses.ts';
import type { TunnelPeers } from '../port/tunnel-peers.ts';
import { tagsOf } from './access-list-compiler.ts';
import { AccessLists } from './access-lists.ts';
import { balancedDestinations } from './balanced-destinations.ts';
import { ConfiguredPorts, portKey } from './configured-ports.ts';
import type { ForwardingPorts } from './forwarding-ports.ts';
import * as parse from './goal-parser.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import { Mappings } from './mappings.ts';
import { Mirrors } from './mirrors.ts';
import {
  type HostState,
  type Network,
  newNetwork,
  newSubnet,
  type PortRecord,
  type Subnet,
} from './network-state.ts';
import { plausibleSources } from './plausible-sources.ts';
import type { PortRegistry } from './port-registry.ts';
import { ReplaceableRoutes, Routing } from './routing.ts';

/** Why a resource cannot be realised; undefined: it is. */
export type Reason = string | undefined;

export interface RealiserParts {
  readonly epochs: Epochs;
  readonly ports: PortRegistry;
  readonly peers: TunnelPeers;
  /** By VNI: what a tunnel may bring, for the tunnel layer. */
  readonly destinations: Map<number, Group>;
  /** By VNI: who may send that, for the tunnel layer. */
  readonly sources: Map<number, Group>;
  readonly forwarding: ForwardingPorts;
  /** Flows a port may have; undefined: as many as any. */
  readonly setFlowLimit: (index: number, flowsMax: number | undefined) => void;
  readonly learned: Pick<LearnedAddresses, 'lose' | 'keep'>;
  /** This resource depends on what has just changed: realise it again. */
  readonly touch: (key: string) => void;
  /** Is this resource still to be realised within the change at hand? Then what it holds now may be taken from it. */
  readonly isPending: (key: string) => boolean;
}

export class Realiser {
  readonly mirrors: Mirrors;
  readonly virtualAddresses: VirtualAddresses;
  readonly #parts: RealiserParts;
  #host: HostState | undefined;
  readonly #networks = new Map<string, Network>();
  readonly #subnets = new Map<string, Subnet>();
  readonly #subnetByVni = new Map<number, Subnet>();
  readonly #mappings: Mappings;
  readonly #ports: ConfiguredPorts;
  readonly #lists: AccessLists;
  /** The way out. */
  readonly internet: Internet = new Internet();
  readonly #routing = new Routing(this.internet);
  #edges: readonly parse.EdgeShape[] = [];
  #muxes: readonly Uint8Array[] = [];
  readonly #networkAt = (id: string): Network | undefined => this.#networks.get(id);
  #networksEver = 0;

  constructor(parts: RealiserParts) {
    this.#parts = parts;
    this.mirrors = new Mirrors(parts);
    this.#lists = new AccessLists({
      bump: ({ cell }) => parts.epochs.bump(cell),
      touch: parts.touch,
    });
    const host = () => this.#host;
    this.#mappings = new Mappings({ ...parts, host });
    this.virtualAddresses = new VirtualAddresses(parts);
    const held = {
      lists: this.#lists,
      mirrors: this.mirrors,
      mappings: this.#mappings,
      virtualAddresses: this.virtualAddresses,
    };
    this.#ports = new ConfiguredPorts({ ...parts, ...held, host });
  }

  /** Undefined until the host's own settings have arrived. */
  get providerAddress(): IpWords | undefined {
    return this.#host && ipWordsFromBytes(this.#host.providerAddress);
  }

  setHost(settings: HostSettings): Reason {
    const host = parse.hostState(settings);
    if (typeof host === 'string') return host;
    const exemptions = parse.natExemptions(settings);
    if (typeof exemptions === 'string') return exemptions;
    const hadMetering = this.#host?.hasMetering === true;
    const hadFlowLog = this.#host?.hasFlowLog === true;
    this.#host = host;
    // The flow log learns of a flow when it is decided, so one that is open already is decided anew.
    if (hadMetering !== host.hasMetering || hadFlowLog !== host.hasFlowLog) this.#touchAllPorts();
    this.#parts.peers.setUdpPort(host.vxlanPort);
    this.virtualAddresses.exemptions.set(exemptions);
    // Flows of every port are decided anew.
    const edges = this.#setEdges(settings, host.innerMtu);
    const muxes = this.#setMuxes(settings);
    // What is local, and what fits a tunnel, may have changed for every address.
    for (const key of this.#mappings.keys()) this.#parts.touch(key);
    for (const id of this.mirrors.ids()) this.#parts.touch(`mirror/${id}`);
    return edges ?? muxes;
  }

  /** As #setEdges. */
  #setMuxes(settings: HostSettings): Reason {
    const addresses = parse.muxes(settings);
    if (typeof addresses === 'string') return addresses;
    const { peers } = this.#parts;
    const taken: Uint8Array[] = [];
    const muxes: Mux[] = [];
    for (const address of addresses) {
      const peer = peers.acquire(address);
      const words = ipWordsFromBytes(address);
      if (peer === undefined || words === undefined) break;
      taken.push(address);
      muxes.push({ words, peer });
    }
    for (const address of this.#muxes) peers.release(address);
    this.#muxes = taken;
    this.virtualAddresses.muxes.set(muxes);
    return taken.length < addresses.length ? 'the switch has no room for another host' : undefined;
  }

  /** The new ones are taken before the old ones are given back: one that stays keeps its number. */
  #setEdges(settings: HostSettings, mtu: number): Reason {
    const shapes = parse.edges(settings);
    if (typeof shapes === 'string') return shapes;
    const { peers } = this.#parts;
    const taken: Edge[] = [];
    for (const { providerAddress, words, mac, resourceRef } of shapes) {
      const peer = peers.acquire(providerAddress);
      if (peer === undefined) break;
      taken.push({ address: words, mac, peer, resourceRef, mtu });
    }
    for (const { providerAddress } of this.#edges) peers.release(providerAddress);
    this.#edges = shapes.slice(0, taken.length);
    this.internet.set(taken);
    for (const subnet of this.#subnets.values()) this.#routing.rebuild(subnet, this.#networkAt);
    for (const network of this.#networks.values()) {
      for (const { cell } of network.ports) this.#parts.epochs.bump(cell);
    }
    return taken.length < shapes.length ? 'the switch has no room for another host' : undefined;
  }

  setNetwork(settings: VirtualNetwork): Reason {
    const prefixes = parse.prefixes(settings.addressSpace);
    if (typeof prefixes === 'string') return prefixes;
    const peerings = parse.peerings(settings.peerings);
    if (typeof peerings === 'string') return peerings;
    const unbilled = parse.prefixes(settings.unbilledPrefixes);
    if (typeof unbilled === 'string') return unbilled;
    const network = this.#networks.get(settings.id) ?? this.#addNetwork(settings.id);
    network.resourceRef = settings.resourceRef;
    network.prefixes = prefixes;
    network.peerings = peerings;
    const reachable = peerings.filter(({ allowAccess }) => allowAccess);
    const peered = peerings.flatMap((peering) => peering.prefixes);
    network.meter = meterGroup(settings.resourceRef, [...prefixes, ...peered, ...unbilled]);
    network.tags = tagsOf([...prefixes, ...reachable.flatMap((peering) => peering.prefixes)]);
    this.#lists.networkChanged(network);
    this.#routing.connect(network, this.#networkAt);
    for (const subnet of network.subnets) this.#routing.rebuild(subnet, this.#networkAt);
    network.dnsServers = parse.addresses(settings.dnsServers);
    network.dnsDomain = settings.dnsDomain;
    // Flows were routed by the old prefixes, guests told of the old resolvers.
    for (const port of network.ports) this.#parts.touch(portKey(port.id));
    return undefined;
  }

  #addNetwork(id: string): Network {
    this.#networksEver += 1;
    const { virtualAddresses } = this;
    const network = newNetwork(id, this.#networksEver, {
      own: virtualAddresses.hold(id),
      leases: virtualAddresses.leasesOf(id),
      isMux: (address) => virtualAddresses.muxes.has(address),
      isExempt: (address) => virtualAddresses.exemptions.has(address),
    });
    this.#networks.set(id, network);
    this.#touchPeersOf(id);
    return network;
  }

  /** The networks whose peerings lead to this one: it has come or gone. */
  #touchPeersOf(id: string): void {
    for (const other of this.#networks.values()) {
      if (other.peerings.some(({ remoteId }) => remoteId === id)) {
        this.#parts.touch(`vnet/${other.id}`);
      }
    }
  }

  removeNetwork(id: string): void {
    const network = this.#networks.get(id);
    if (network === undefined) return;
    for (const subnet of [...network.subnets]) {
      this.removeSubnet(subnet.id);
      this.#parts.touch(subnetKey(subnet.id));
    }
    this.#networks.delete(id);
    this.virtualAddresses.release(id);
    this.#touchPeersOf(id);
  }

  setSubnet(settings: VirtualSubnet): Reason {
    const { id, resourceRef } = settings;
    const network = this.#networks.get(settings.vnetId);
    if (network === undefined) return `unknown virtual network ${settings.vnetId}`;
    const shape = parse.subnetShape(settings);
    if (typeof shape === 'string') return shape;
    const known = this.#subnets.get(id);
    if (known !== undefined && isSamePlace(known, network, shape)) {
      known.accessListId = settings.accessControlListId;
      known.routeTableId = settings.routeTableId;
      this.#routing.rebuild(known, this.#networkAt);
      this.#touchPortsIn(known);
      return undefined;
    }
    const holder = this.#subnetByVni.get(shape.vni);
    if (holder !== undefined && holder.id !== id) {
      if (!this.#parts.isPending(subnetKey(holder.id))) {
        return `network identifier ${shape.vni} belongs to ${holder.resourceRef}`;
      }
      this.removeSubnet(holder.id);
    }
    this.removeSubnet(id);
    const { accessControlListId: accessListId, routeTableId } = settings;
    const routes = new ReplaceableRoutes();
    const policy = { accessListId, routeTableId, routes };
    const subnet = newSubnet({ id, resourceRef, network, ...policy, ...shape });
    this.#routing.rebuild(subnet, this.#networkAt);
    network.subnetRoutes.set(subnet.vni, routes.group);
    this.#subnets.set(id, subnet);
    this.#subnetByVni.set(subnet.vni, subnet);
    network.subnets.add(subnet);
    this.#parts.destinations.set(subnet.vni, balancedDestinations(subnet, this.#parts.forwarding));
    this.#parts.sources.set(subnet.vni, plausibleSources(subnet, this.#networkAt, this.internet));
    return undefined;
  }

  /** Takes the subnet, and with it its ports and mappings, out of force; those that goal state still has are tried again. */
  removeSubnet(id: string): void {
    const subnet = this.#subnets.get(id);
    if (subnet === undefined) return;
    const { network } = subnet;
    for (const mapping of [...network.mappings.values()]) {
      if (mapping.subnet !== subnet) continue;
      this.#mappings.remove(mapping.key);
      this.#parts.touch(mapping.key);
    }
    for (const port of portsIn(subnet)) {
      this.#ports.remove(port.id);
      this.#parts.touch(portKey(port.id));
    }
    this.#parts.destinations.delete(subnet.vni);
    this.#parts.sources.delete(subnet.vni);
    this.#subnetByVni.delete(subnet.vni);
    this.#subnets.delete(id);
    network.subnets.delete(subnet);
    network.subnetRoutes.delete(subnet.vni);
  }

  setPort(settings: Port): Reason {
    const network = this.#networks.get(settings.vnetId);
    if (network === undefined) return `unknown virtual network ${settings.vnetId}`;
    return this.#ports.set(settings, network);
  }

  removePort(id: string): void {
    this.#ports.remove(id);
  }

  /** The port's device has come or gone: its addresses can be delivered to, or no longer. */
  placePort(record: PortRecord): void {
    if (record.configured !== undefined) this.#mappings.placeAddresses(record.configured);
  }

  setMapping(key: string, settings: Mapping): Reason {
    const subnet = this.#subnets.get(settings.subnetId);
    if (subnet === undefined) return `unknown subnet ${settings.subnetId}`;
    return this.#mappings.set(key, settings, subnet);
  }

  removeMapping(key: string): void {
    this.#mappings.remove(key);
  }

  setAccessList(settings: AccessControlList): Reason {
    return this.#lists.set(settings);
  }

  removeAccessList(id: string): void {
    this.#lists.remove(id);
  }

  setSecurityTag(key: string, settings: SecurityTag): Reason {
    return this.#lists.setTag(key, settings);
  }

  removeSecurityTag(key: string): void {
    this.#lists.removeTag(key);
  }

  setMirror(settings: Mirror): Reason {
    return this.mirrors.set(settings, this.#host, (vni) => this.#subnetByVni.has(vni));
  }

  setRouteTable(settings: RouteTable): Reason {
    const reason = this.#routing.setTable(settings);
    if (reason === undefined) this.#rebuildWith(settings.id);
    return reason;
  }

  removeRouteTable(id: string): void {
    this.#routing.removeTable(id);
    for (const subnet of this.#rebuildWith(id)) this.#touchPortsIn(subnet);
  }

  /** Rebuilds the routes of every subnet with this route table. */
  #rebuildWith(tableId: string): readonly Subnet[] {
    const concerned = [...this.#subnets.values()].filter((own) => own.routeTableId === tableId);
    for (const subnet of concerned) {
      this.#routing.rebuild(subnet, this.#networkAt);
      for (const port of portsIn(subnet)) this.#parts.epochs.bump(port.cell);
    }
    return concerned;
  }

  #touchAllPorts(): void {
    for (const network of this.#networks.values()) {
      for (const port of network.ports) this.#parts.touch(portKey(port.id));
    }
  }

  #touchPortsIn(subnet: Subnet): void {
    for (const port of portsIn(subnet)) this.#parts.touch(portKey(port.id));
  }
}

/** Ports with an address in the subnet, be it a learned one. */
function portsIn({ network, vni }: Subnet): readonly PortRecord[] {
  return [...network.ports].filter(({ configured }) => {
    const { addresses = [], learnable = [] } = configured?.policy ?? {};
    return [...addresses, ...learnable].some(({ segment }) => segment === vni);
  });
}

/** Has nothing changed that addresses, ports and tunnels of the subnet go by? */
function isSamePlace(
  known: Subnet,
  network: Network,
  shape: Pick<Subnet, 'vni' | 'prefix' | 'gateway'>,
): boolean {
  return (
    known.network === network &&
    known.vni === shape.vni &&
    known.prefix.len === shape.prefix.len &&
    equalIpWords(known.prefix.words, shape.prefix.words) &&
    equalIpWords(known.gateway, shape.gateway)
  );
}

function subnetKey(id: string): string {
  return `subnet/${id}`;
}
