/**
 * All that the router decides by: settings, links, forwarding table, neighbours, virtual networks, NAT44. Goal state comes in here as resources,
 * each checked by itself: one that cannot be in force is named with the reason, and its last good version stays. Called by router-core.ts.
 */
import {
  formatIpWords,
  IPV4_MAPPED_BITS,
  type IpPrefixWords,
  type IpWords,
  ipv4Words,
  ipWordsFromBytes,
  isIpv4Words,
  networkOf,
  prefixHasWords,
} from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { Rng } from '../../../base/rng.ts';
import { BelievedHosts } from '../../../dataplane/engine/believed-hosts.ts';
import type { EpochCell } from '../../../dataplane/engine/epochs.ts';
import { Epochs } from '../../../dataplane/engine/epochs.ts';
import { TunnelPeers } from '../../../dataplane/port/tunnel-peers.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as vxlan from '../../../packet/vxlan.ts';
import type {
  NatPool,
  PortForward,
  Resource,
  ResourceError,
} from '../../../schema/southbound/messages.ts';
import type { LearnedRoute } from '../../control/learned-route.ts';
import {
  EDGE_PEERS_MAX,
  NAT_MAPPINGS_MAX,
  NAT_POOL_ADDRESSES_MAX,
  NAT_PORTS_PER_BLOCK_MAX,
} from '../limits.ts';
import type { MappingIndex, NatTimeouts } from '../nat44/mapping-table.ts';
import { Nat44 } from '../nat44/nat44.ts';
import type { PortLease } from '../nat44/port-lease.ts';
import { Fib, type NextHop, RouteSource } from './fib.ts';
import { type Link, OVERLAY_LINK } from './links.ts';
import { type NeighbourEvents, Neighbours } from './neighbours.ts';
import { EdgeNetworks, PLAIN_DOMAIN } from './networks.ts';

export interface RouterSettings {
  /** Inner source of what goes into virtual networks, and inner destination of what comes from them. */
  readonly mac: number;
  readonly vxlanPort: number;
  readonly providerMtu: number;
  readonly providerAddress: IpWords | undefined;
  /** Neither these sources nor these destinations are translated. */
  readonly natExemptions: readonly IpPrefixWords[];
}

/** A static default route: by the link with this name. */
export interface StaticGateway {
  readonly linkName: string;
  readonly gateway: IpWords;
}

const FAULT_CODE = 'PolicyConfigurationFailure';

export class RouterState {
  readonly epochs: Epochs = new Epochs();
  /** Bumped by changes that may concern any flow. */
  readonly configCell: EpochCell = this.epochs.allocate();
  readonly fib: Fib = new Fib(this.epochs);
  readonly peers: TunnelPeers;
  readonly believedHosts: BelievedHosts = new BelievedHosts();
  readonly networks: EdgeNetworks;
  readonly nat: Nat44;
  readonly neighbours: Neighbours;
  readonly overlayLink: number = OVERLAY_LINK;
  readonly #mappingCells: EpochCell;
  #settings: RouterSettings = {
    mac: 0,
    vxlanPort: vxlan.UDP_PORT,
    providerMtu: 1500,
    providerAddress: undefined,
    natExemptions: [],
  };
  #links: readonly Link[] = [];
  #own: readonly IpWords[] = [];

  constructor(options: {
    readonly rng: Rng;
    readonly nowSec: number;
    readonly natTimeouts: NatTimeouts;
    readonly natMappingsMax?: number;
    readonly neighbourEvents: NeighbourEvents;
    setPeer(peer: number, address: Uint8Array, udpPort: number): void;
    onPortLease?(lease: PortLease): void;
  }) {
    const { natMappingsMax = NAT_MAPPINGS_MAX } = options;
    this.peers = new TunnelPeers({
      peersMax: EDGE_PEERS_MAX,
      setPeer: (...peer) => options.setPeer(...peer),
      onAdded: (words) => this.believedHosts.add(words),
      onRemoved: (words) => this.believedHosts.remove(words),
    });
    this.networks = new EdgeNetworks(this.epochs, this.peers, this.configCell);
    this.neighbours = new Neighbours(this.epochs, options.neighbourEvents);
    this.#mappingCells = this.epochs.reserve(natMappingsMax);
    this.nat = new Nat44({
      capacity: natMappingsMax,
      timeouts: options.natTimeouts,
      rng: options.rng,
      startSec: options.nowSec,
      onRemoved: (mapping) => this.epochs.bump(this.mappingCell(mapping)),
      onBlock: ({ domain, inside, address, portFirst, portLast }, isLeased) =>
        options.onPortLease?.({
          isLeased,
          network: this.networks.domainNumbered(domain)?.resourceRef ?? '',
          domain,
          inside: formatIpWords(ipv4Words(inside)),
          outside: formatIpWords(ipv4Words(address)),
          portFirst,
          portLast,
        }),
    });
  }

  get settings(): RouterSettings {
    return this.#settings;
  }

  get links(): readonly Link[] {
    return this.#links;
  }

  /** Largest packet within a tunnel. */
  get overlayMtu(): number {
    const { providerAddress, providerMtu } = this.#settings;
    const isIpv4 = providerAddress === undefined || isIpv4Words(providerAddress);
    return providerMtu - (isIpv4 ? vxlan.OVERHEAD_IPV4 : vxlan.OVERHEAD_IPV6);
  }

  /** Cell of what was resolved with a mapping. */
  mappingCell(mapping: MappingIndex): EpochCell {
    return this.#mappingCells + mapping;
  }

  /** The mapping whose cell it is. */
  mappingOf(cell: EpochCell): MappingIndex {
    return cell - this.#mappingCells;
  }

  link(number: number): Link | undefined {
    return this.#links.find((link) => link.number === number);
  }

  isOwn(words: IpWords): boolean {
    return this.#own.some(
      (own) =>
        own[3] === words[3] && own[2] === words[2] && own[1] === words[1] && own[0] === words[0],
    );
  }

  /** Is the address of the provider network? */
  isProvider(words: IpWords): boolean {
    return this.#links.some(
      ({ kind, addresses }) =>
        kind === 'provider' &&
        addresses.some((address) => prefixHasWords(networkOf(address), words)),
    );
  }

  /** Is the address exempt from translation by ports? */
  isExempt(words: IpWords): boolean {
    return this.#settings.natExemptions.some((prefix) => prefixHasWords(prefix, words));
  }

  /** Settings, links and static routes, as they are from now on. */
  configure(
    settings: RouterSettings,
    links: readonly Link[],
    gateways: readonly StaticGateway[],
  ): void {
    for (const old of this.#links) {
      if (!links.some(({ number }) => number === old.number)) {
        this.neighbours.removeLink(old.number);
      }
    }
    this.#settings = settings;
    this.#links = links;
    this.#own = links.flatMap(({ addresses }) => addresses.map(({ words }) => words));
    this.peers.setUdpPort(settings.vxlanPort);
    this.fib.clear(RouteSource.CONNECTED);
    this.fib.clear(RouteSource.STATIC);
    for (const { number, addresses } of links) {
      for (const address of addresses) {
        const hop = { link: number, gateway: undefined };
        this.fib.set(RouteSource.CONNECTED, networkOf(address), [hop]);
      }
    }
    for (const isIpv4 of [true, false]) this.#setDefault(isIpv4, gateways);
    this.epochs.bump(this.configCell);
  }

  /** Routes of BGP; a next hop that is on no link is left out. */
  learn(routes: readonly LearnedRoute[]): void {
    for (const { prefix, nextHops } of routes) {
      const hops = nextHops.flatMap((gateway): NextHop[] => {
        const link = this.fib.connectedLink(gateway);
        return link === NONE ? [] : [{ link, gateway }];
      });
      this.fib.set(RouteSource.LEARNED, prefix, hops);
    }
  }

  /** Resources of virtual networks, public addresses, pools and forwards. */
  apply(upserts: readonly Resource[], removes: readonly string[], nowSec: number): ResourceError[] {
    const errors: ResourceError[] = [];
    for (const resource of upserts) {
      const reason = this.#set(resource, nowSec);
      if (reason === undefined) continue;
      errors.push({ key: resource.key, code: FAULT_CODE, message: reason });
    }
    for (const key of removes) this.#remove(key);
    return errors;
  }

  /** Takes away every resource whose key is not named; returns how many. */
  keep(keys: readonly string[]): number {
    const kept = new Set(keys);
    const gone = [...this.networks.keys(), ...this.nat.keys()].filter((key) => !kept.has(key));
    for (const key of gone) this.#remove(key);
    return gone.length;
  }

  #set(resource: Resource, nowSec: number): string | undefined {
    const { key } = resource;
    const { networks } = this;
    if (resource.virtualNetwork !== undefined) networks.setNetwork(resource.virtualNetwork);
    if (resource.virtualSubnet !== undefined) networks.setSubnet(key, resource.virtualSubnet);
    if (resource.mapping !== undefined && !networks.setMapping(key, resource.mapping)) {
      return 'its addresses have neither 4 nor 16 bytes, or there are too many hosts';
    }
    if (resource.publicAddress !== undefined) return this.#setPublic(key, resource.publicAddress);
    if (resource.virtualIp !== undefined) return networks.setVirtualIp(key, resource.virtualIp);
    if (resource.natPool !== undefined) return this.#setPool(key, resource.natPool);
    if (resource.portForward !== undefined) {
      return this.#setForward(key, resource.portForward, nowSec);
    }
    return undefined;
  }

  #remove(key: string): void {
    if (key.startsWith('natpool/')) this.nat.removePool(key);
    else if (key.startsWith('portforward/')) this.nat.removeForward(key);
    else {
      const location = this.networks.remove(key);
      if (location !== undefined && isIpv4Words(location.words)) {
        this.nat.removeInside(location.domain.number, location.words[3]);
      }
      return;
    }
    this.epochs.bump(this.configCell);
  }

  #setPublic(key: string, address: NonNullable<Resource['publicAddress']>): string | undefined {
    const words = ipWordsFromBytes(address.address);
    if (words !== undefined && this.isOwn(words)) return 'it is an address of the router’s own';
    if (words !== undefined && isIpv4Words(words) && this.nat.isPublic(words[3])) {
      return 'it is an address of a NAT pool or of a port forward';
    }
    const reason = this.networks.setPublicAddress(key, address);
    const inside = ipWordsFromBytes(address.privateAddress);
    if (reason === undefined && address.vnetId !== '' && inside !== undefined) {
      const domain = this.networks.domainOf(address.vnetId);
      if (isIpv4Words(inside)) this.nat.removeInside(domain.number, inside[3]);
    }
    return reason;
  }

  #setPool(key: string, pool: NatPool): string | undefined {
    const addresses = pool.addresses.map(ipWordsFromBytes);
    const known = addresses.filter((words) => words !== undefined && isIpv4Words(words));
    const reason = poolFault(pool, known.length);
    if (reason !== undefined) return reason;
    const words = known.map((address) => address?.[3] ?? 0);
    if (new Set(words).size < words.length) return 'an address is named twice';
    for (const word of words) {
      const address: IpWords = [0, 0, 0xffff, word];
      const text = formatIpWords(address);
      if (this.isOwn(address)) return `${text} is an address of the router’s own`;
      if (this.networks.insideOf(...address) !== undefined) {
        return `${text} is a public address of its own`;
      }
      if (this.nat.poolWith(word, key)) return `${text} is of another pool`;
    }
    this.nat.setPool({
      id: key,
      addresses: words,
      portFirst: pool.portFirst,
      portLast: pool.portLast,
      portsPerBlock: pool.portsPerBlock,
      blocksPerAddressMax: pool.blocksPerAddressMax,
      isInfrastructure: pool.infrastructure,
    });
    this.epochs.bump(this.configCell);
    return undefined;
  }

  #setForward(key: string, forward: PortForward, nowSec: number): string | undefined {
    const outside = ipWordsFromBytes(forward.address);
    const inside = ipWordsFromBytes(forward.privateAddress);
    if (outside === undefined || !isIpv4Words(outside)) return 'its public address is not IPv4';
    if (inside === undefined || !isIpv4Words(inside)) return 'the address behind it is not IPv4';
    const { protocol, port, privatePort } = forward;
    if (protocol !== IpProtocol.TCP && protocol !== IpProtocol.UDP) {
      return 'its protocol is neither TCP nor UDP';
    }
    if (!isPort(port) || !isPort(privatePort)) return 'a port is not within 1 … 65535';
    if (this.isOwn(outside)) return 'its public address is the router’s own';
    if (this.networks.insideOf(...outside) !== undefined) {
      return 'its public address is one interface’s alone';
    }
    const domain =
      forward.vnetId === '' ? PLAIN_DOMAIN : this.networks.domainOf(forward.vnetId).number;
    const spec = {
      id: key,
      protocol,
      outside: outside[3],
      outsidePort: port,
      domain,
      inside: inside[3],
      insidePort: privatePort,
    };
    const isSet = this.nat.setForward(spec, nowSec);
    this.epochs.bump(this.configCell);
    return isSet ? undefined : 'another port forward has its public port, or there are too many';
  }

  #setDefault(isIpv4: boolean, gateways: readonly StaticGateway[]): void {
    const hops = gateways.flatMap(({ linkName, gateway }): NextHop[] => {
      const link = this.#links.find(({ name }) => name === linkName);
      if (link === undefined || isIpv4Words(gateway) !== isIpv4) return [];
      return [{ link: link.number, gateway }];
    });
    const prefix: IpPrefixWords = isIpv4
      ? { words: [0, 0, 0xffff, 0], len: IPV4_MAPPED_BITS }
      : { words: [0, 0, 0, 0], len: 0 };
    this.fib.set(RouteSource.STATIC, prefix, hops);
  }
}

function poolFault(pool: NatPool, ipv4Count: number): string | undefined {
  const { portFirst, portLast, portsPerBlock, blocksPerAddressMax, addresses } = pool;
  if (addresses.length === 0 || ipv4Count < addresses.length) return 'its addresses are not IPv4';
  if (addresses.length > NAT_POOL_ADDRESSES_MAX) {
    return `it has more than ${NAT_POOL_ADDRESSES_MAX} addresses`;
  }
  if (!isPort(portFirst) || !isPort(portLast) || portFirst > portLast) {
    return 'its ports are not a range within 1 … 65535';
  }
  if (portsPerBlock < 1 || portsPerBlock > NAT_PORTS_PER_BLOCK_MAX) {
    return `a block has 1 … ${NAT_PORTS_PER_BLOCK_MAX} ports`;
  }
  if (portsPerBlock > portLast - portFirst + 1) return 'a block is larger than the range of ports';
  return blocksPerAddressMax < 1 ? 'an inside address needs at least one block' : undefined;
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 0xffff;
}
