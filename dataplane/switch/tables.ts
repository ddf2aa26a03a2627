/**
 * Tables: goal state turned into what the engine runs — pipelines, rules, peers — resource by resource.
 *
 * A change is applied as a whole, between two bursts. Within it order does not matter: removals first, then host, networks, policy, subnets,
 * ports and mappings, whatever order they came in; two ports may even swap addresses. What cannot be realised (a port whose subnet is unknown) is reported, keeps its last
 * good form, and is tried again with every later change until it works or is removed. A change costs what it touches: a new
 * mapping one rule, a new port its own pipeline and the mappings of its addresses; only a changed network, subnet or host walks
 * its members. Called by forwarder (reads) and worker (changes).
 */
import type { IpWords } from '../../base/ip-words.ts';
import type { Resource, ResourceError } from '../../schema/southbound/messages.ts';
import type { Epochs } from '../engine/epochs.ts';
import type { Group, PrefixGroup } from '../engine/group.ts';
import type { Pipeline } from '../engine/pipeline.ts';
import type { Internet } from '../layers/internet.ts';
import { proberPipeline, uplinkPipeline } from '../layers/order.ts';
import { peerGroup, peerRule } from '../layers/tunnel.ts';
import { PEERS_MAX } from '../limits.ts';
import type { TableChange } from '../load-balancing/backend-tables.ts';
import type { NamedLease } from '../load-balancing/leases.ts';
import type { Muxes } from '../load-balancing/muxes.ts';
import type { InternalAddress } from '../load-balancing/virtual-addresses.ts';
import { type SetPeer, TunnelPeers } from '../port/tunnel-peers.ts';
import { ForwardingPorts } from './forwarding-ports.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import type { Mirrors } from './mirrors.ts';
import type { PortRecord } from './network-state.ts';
import { PortRegistry } from './port-registry.ts';
import { Realiser, type Reason } from './realiser.ts';

/** One change of goal state. */
export interface GoalChange {
  readonly upserts: readonly Resource[];
  /** Keys. */
  readonly removes: readonly string[];
  /** Made of it on the main thread. */
  readonly tables?: TableChange;
}

/** MS-NCNBI §2.2.4: the code of whatever a host's switch could not do. */
const FAULT_CODE = 'PolicyConfigurationFailureOnVfp';

/** What depends on a kind comes after it. */
const KINDS = [
  'host',
  'pool',
  'health',
  'vip',
  'snat',
  'vnet',
  'tag',
  'acl',
  'routetable',
  'subnet',
  'mirror',
  'port',
  'mapping',
] as const;
type Kind = (typeof KINDS)[number];

export class SwitchTables {
  readonly ports: PortRegistry;
  /** Hosts that this one has tunnels to. */
  readonly peers: TunnelPeers;
  /** Of the same hosts: by outer source address, whose tunnels are believed. */
  readonly believedHosts: PrefixGroup = peerGroup();
  /** Layers of the uplink. */
  readonly uplink: Pipeline;
  /** Layers of health probes. */
  readonly prober: Pipeline;
  readonly forwarding: ForwardingPorts = new ForwardingPorts();
  readonly #epochs: Epochs;
  readonly #realiser: Realiser;
  readonly #goal = new Map<string, Resource>();
  readonly #failures = new Map<string, ResourceError>();
  /** What is still to be realised of the change at hand. */
  readonly #pending: Readonly<Record<Kind, Set<string>>> = noneOfEach();

  constructor(parts: {
    readonly epochs: Epochs;
    readonly setPeer: SetPeer;
    /** Told each port number that may go to another port from now on. */
    readonly onPortRemoved: (index: number) => void;
    /** Flows a port may have; undefined: as many as any. */
    readonly setFlowLimit: (index: number, flowsMax: number | undefined) => void;
    readonly learned: Pick<LearnedAddresses, 'lose' | 'keep'>;
  }) {
    const { epochs } = parts;
    const destinations = new Map<number, Group>();
    const sources = new Map<number, Group>();
    this.#epochs = epochs;
    this.ports = new PortRegistry(epochs, parts.onPortRemoved);
    const { believedHosts } = this;
    this.peers = new TunnelPeers({
      peersMax: PEERS_MAX,
      setPeer: parts.setPeer,
      onAdded: (words) => believedHosts.set({ words, len: 128 }, peerRule(words)),
      onRemoved: (words) => believedHosts.remove({ words, len: 128 }),
    });
    this.uplink = uplinkPipeline({ peers: believedHosts, subnets: destinations, sources });
    this.prober = proberPipeline({ subnets: destinations });
    this.#realiser = new Realiser({
      epochs,
      ports: this.ports,
      peers: this.peers,
      destinations,
      sources,
      forwarding: this.forwarding,
      setFlowLimit: parts.setFlowLimit,
      learned: parts.learned,
      touch: (key) => this.#touch(key),
      isPending: (key) => KINDS.some((kind) => this.#pending[kind].has(key)),
    });
  }

  /** This host's own provider address; undefined until goal state has named it. */
  get providerAddress(): IpWords | undefined {
    return this.#realiser.providerAddress;
  }

  /** The way to the Internet. */
  get internet(): Internet {
    return this.#realiser.internet;
  }

  /** Mirrors, and where their copies go. */
  get muxes(): Muxes {
    return this.#realiser.virtualAddresses.muxes;
  }

  get mirrors(): Mirrors {
    return this.#realiser.mirrors;
  }

  /** Ports of public virtual addresses that backends here may leave by. */
  leases(): Iterable<NamedLease> {
    return this.#realiser.virtualAddresses.leases();
  }

  /** Internal virtual addresses. */
  internalAddresses(): Iterable<InternalAddress> {
    return this.#realiser.virtualAddresses.internal();
  }

  /** Applies a change; returns an error for every resource held that is not in force as goal state has it. */
  apply(change: GoalChange): ResourceError[] {
    if (change.tables !== undefined) this.#realiser.virtualAddresses.setTables(change.tables);
    for (const key of change.removes) {
      this.#goal.delete(key);
      this.#failures.delete(key);
    }
    for (const kind of [...KINDS].reverse()) {
      for (const key of change.removes) if (kindOf(key) === kind) this.#remove(kind, key);
    }
    for (const resource of change.upserts) {
      this.#goal.set(resource.key, resource);
      if (kindOf(resource.key) === undefined) this.#fail(resource.key, 'unknown kind of resource');
      this.#touch(resource.key);
    }
    for (const key of this.#failures.keys()) this.#touch(key);
    for (const kind of KINDS) {
      for (const key of this.#pending[kind]) {
        this.#pending[kind].delete(key);
        this.#realise(kind, key);
      }
    }
    this.mirrors.place();
    return [...this.#failures.values()];
  }

  /** A device now stands behind the port; undefined when the switch has no number left. */
  attach(portId: string): PortRecord | undefined {
    const record = this.ports.ensure(portId);
    if (record === undefined) return undefined;
    record.isAttached = true;
    this.#realiser.placePort(record);
    this.mirrors.place();
    return record;
  }

  detach(record: PortRecord): void {
    record.isAttached = false;
    this.#epochs.bump(record.cell);
    this.#realiser.placePort(record);
    this.ports.collect(record);
    this.mirrors.place();
  }

  #touch(key: string): void {
    const kind = kindOf(key);
    if (kind !== undefined && this.#goal.has(key)) this.#pending[kind].add(key);
  }

  #fail(key: string, message: string): void {
    this.#failures.set(key, { key, code: FAULT_CODE, message });
  }

  #realise(kind: Kind, key: string): void {
    const resource = this.#goal.get(key);
    if (resource === undefined) return;
    const reason = this.#set(kind, key, resource);
    if (reason === undefined) this.#failures.delete(key);
    else this.#fail(key, reason);
  }

  #set(kind: Kind, key: string, resource: Resource): Reason {
    const { host, virtualNetwork, virtualSubnet, port, mapping, ...policy } = resource;
    const { accessControlList, routeTable, securityTag, mirror, ...balancing } = policy;
    const { virtualIp, backendPool, backendHealth, snatLease } = balancing;
    const realiser = this.#realiser;
    const { virtualAddresses } = realiser;
    if (kind === 'pool' && backendPool !== undefined) return virtualAddresses.setPool(backendPool);
    if (kind === 'health' && backendHealth !== undefined) {
      return virtualAddresses.setHealth(backendHealth);
    }
    if (kind === 'snat' && snatLease !== undefined)
      return virtualAddresses.setLease(key, snatLease);
    if (kind === 'vip' && virtualIp !== undefined) return virtualAddresses.set(virtualIp);
    if (kind === 'host' && host !== undefined) return realiser.setHost(host);
    if (kind === 'vnet' && virtualNetwork !== undefined) return realiser.setNetwork(virtualNetwork);
    if (kind === 'tag' && securityTag !== undefined) {
      return realiser.setSecurityTag(key, securityTag);
    }
    if (kind === 'acl' && accessControlList !== undefined) {
      return realiser.setAccessList(accessControlList);
    }
    if (kind === 'routetable' && routeTable !== undefined) {
      return realiser.setRouteTable(routeTable);
    }
    if (kind === 'subnet' && virtualSubnet !== undefined) return realiser.setSubnet(virtualSubnet);
    if (kind === 'mirror' && mirror !== undefined) return realiser.setMirror(mirror);
    if (kind === 'port' && port !== undefined) return realiser.setPort(port);
    if (kind === 'mapping' && mapping !== undefined) return realiser.setMapping(key, mapping);
    return `a ${kind} without its settings`;
  }

  /** The host's own settings stay in force until others replace them: without any, nothing could be placed. */
  #remove(kind: Kind, key: string): void {
    const id = key.slice(kind.length + 1);
    if (kind === 'mapping') this.#realiser.removeMapping(key);
    else if (kind === 'port') this.#realiser.removePort(id);
    else if (kind === 'subnet') this.#realiser.removeSubnet(id);
    else if (kind === 'mirror') this.#realiser.mirrors.remove(id);
    else if (kind === 'acl') this.#realiser.removeAccessList(id);
    else if (kind === 'routetable') this.#realiser.removeRouteTable(id);
    else if (kind === 'tag') this.#realiser.removeSecurityTag(key);
    else if (kind === 'vnet') this.#realiser.removeNetwork(id);
    else if (kind === 'vip') this.#realiser.virtualAddresses.remove(id);
    else if (kind === 'snat') this.#realiser.virtualAddresses.removeLease(key);
    else if (kind === 'pool') this.#realiser.virtualAddresses.removePool(id);
    else if (kind === 'health') this.#realiser.virtualAddresses.removeHealth(id);
  }
}

/** Kind of a resource by its key (weft.proto). */
function kindOf(key: string): Kind | undefined {
  const name = key.split('/', 1)[0];
  return KINDS.find((kind) => kind === name);
}

function noneOfEach(): Record<Kind, Set<string>> {
  return {
    host: new Set(),
    pool: new Set(),
    health: new Set(),
    vip: new Set(),
    snat: new Set(),
    vnet: new Set(),
    tag: new Set(),
    acl: new Set(),
    routetable: new Set(),
    subnet: new Set(),
    mirror: new Set(),
    port: new Set(),
    mapping: new Set(),
  };
}
