/**
 * What goal state says about virtual networks and public addresses, in the form that the slow path asks for: who is behind a network identifier,
 * where a customer address is, which public address is whose.
 *
 * A virtual network is known by the number of its routing domain, which is given once and never again; number 0 is the provider network
 * and everything that is plain IP. Resources may come in any order: each stands for itself, and what is missing is missed
 * by the packet that would need it. Each domain has an epoch cell, bumped by whatever changes in it. Called by router-state.ts, slow-path.ts.
 */
import {
  formatIpWords,
  type IpPrefixWords,
  type IpWords,
  ipPrefixFromBytes,
  ipWordsFromBytes,
  isIpv4Words,
  prefixHasWords,
} from '../../../base/ip-words.ts';
import { Lpm, NONE } from '../../../base/lpm.ts';
import type { EpochCell, Epochs } from '../../../dataplane/engine/epochs.ts';
import type { TunnelPeers } from '../../../dataplane/port/tunnel-peers.ts';
import type {
  Mapping,
  PublicAddress,
  VirtualIp,
  VirtualNetwork,
  VirtualSubnet,
} from '../../../schema/southbound/messages.ts';
import { type VirtualAddress, VirtualAddresses } from './virtual-addresses.ts';

/** Routing domain of plain IP. */
export const PLAIN_DOMAIN = 0;

export interface Domain {
  readonly number: number;
  readonly vnetId: string;
  readonly cell: EpochCell;
  resourceRef: string;
  /** By customer address, /128: number of the location. */
  readonly locations: Lpm;
  /** By customer address: number of the one-to-one translation. */
  readonly oneToOnes: Lpm;
}

export interface Location {
  readonly key: string;
  readonly domain: Domain;
  readonly words: IpWords;
  readonly subnetId: string;
  readonly mac: number;
  readonly peer: number;
  readonly providerAddress: Uint8Array;
  readonly resourceRef: string;
}

export interface OneToOne {
  readonly key: string;
  readonly outside: IpWords;
  /** Undefined: allocated, but nobody's. */
  readonly domain: Domain | undefined;
  readonly inside: IpWords;
  readonly resourceRef: string;
}

export interface SegmentOwner {
  readonly key: string;
  readonly id: string;
  readonly vni: number;
  readonly domain: Domain;
  readonly prefix: IpPrefixWords | undefined;
  readonly resourceRef: string;
}

export class EdgeNetworks {
  readonly #domains = new Map<string, Domain>();
  readonly #segments = new Map<number, SegmentOwner>();
  readonly #subnets = new Map<string, SegmentOwner>();
  readonly #locations: (Location | undefined)[] = [];
  readonly #oneToOnes: (OneToOne | undefined)[] = [];
  readonly #public = new Lpm();
  readonly #virtual = new VirtualAddresses<Domain>();
  /** Number of the location or translation, by key of the resource. */
  readonly #byKey = new Map<string, number>();
  readonly #freeLocations: number[] = [];
  readonly #freeOneToOnes: number[] = [];
  readonly #epochs: Epochs;
  readonly #peers: TunnelPeers;
  /** Bumped when a public address comes, goes or changes hands: any flow may be concerned. */
  readonly #publicCell: EpochCell;

  constructor(epochs: Epochs, peers: TunnelPeers, publicCell: EpochCell) {
    this.#epochs = epochs;
    this.#peers = peers;
    this.#publicCell = publicCell;
  }

  /** The domain of a virtual network, known by now or not. */
  domainOf(vnetId: string): Domain {
    const known = this.#domains.get(vnetId);
    if (known !== undefined) return known;
    const domain: Domain = {
      number: this.#domains.size + 1,
      vnetId,
      cell: this.#epochs.allocate(),
      resourceRef: '',
      locations: new Lpm(),
      oneToOnes: new Lpm(),
    };
    this.#domains.set(vnetId, domain);
    return domain;
  }

  domainNumbered(number: number): Domain | undefined {
    for (const domain of this.#domains.values()) if (domain.number === number) return domain;
    return undefined;
  }

  setNetwork({ id, resourceRef }: VirtualNetwork): void {
    this.domainOf(id).resourceRef = resourceRef;
  }

  setSubnet(key: string, subnet: VirtualSubnet): void {
    this.remove(key);
    const domain = this.domainOf(subnet.vnetId);
    const { id, vni, resourceRef } = subnet;
    const prefix =
      subnet.prefix === undefined
        ? undefined
        : ipPrefixFromBytes(subnet.prefix.address, subnet.prefix.len);
    const owner: SegmentOwner = { key, id, vni, domain, prefix, resourceRef };
    this.#segments.set(vni, owner);
    this.#subnets.set(id, owner);
    this.#epochs.bump(domain.cell);
  }

  /** False: one of its addresses is none, or there are too many hosts. */
  setMapping(key: string, mapping: Mapping): boolean {
    const words = ipWordsFromBytes(mapping.address);
    if (words === undefined) return false;
    // A host that stays is not forgotten in between.
    const peer = this.#peers.acquire(mapping.providerAddress);
    this.remove(key);
    if (peer === undefined) return false;
    const domain = this.domainOf(mapping.vnetId);
    const number = this.#freeLocations.pop() ?? this.#locations.length;
    this.#locations[number] = {
      key,
      domain,
      words,
      subnetId: mapping.subnetId,
      mac: mapping.mac,
      peer,
      // Not the message that it came in.
      providerAddress: mapping.providerAddress.slice(),
      resourceRef: mapping.portRef,
    };
    domain.locations.set({ words, len: 128 }, number);
    this.#byKey.set(key, number);
    this.#epochs.bump(domain.cell);
    return true;
  }

  /** A reason why not; undefined: in force. */
  setPublicAddress(key: string, address: PublicAddress): string | undefined {
    const outside = ipWordsFromBytes(address.address);
    if (outside === undefined) return 'its address has neither 4 nor 16 bytes';
    const inside = ipWordsFromBytes(address.privateAddress);
    const isBound = address.vnetId !== '';
    if (isBound && (inside === undefined || isIpv4Words(inside) !== isIpv4Words(outside))) {
      return 'the address behind it is of another family';
    }
    const holder = this.#oneToOnes[this.#public.get({ words: outside, len: 128 })];
    if (holder !== undefined && holder.key !== key) return `${holder.resourceRef} has it already`;
    this.remove(key);
    const domain = isBound ? this.domainOf(address.vnetId) : undefined;
    const number = this.#freeOneToOnes.pop() ?? this.#oneToOnes.length;
    const { resourceRef } = address;
    this.#oneToOnes[number] = { key, outside, domain, inside: inside ?? outside, resourceRef };
    this.#public.set({ words: outside, len: 128 }, number);
    if (inside !== undefined) domain?.oneToOnes.set({ words: inside, len: 128 }, number);
    this.#byKey.set(key, number);
    this.#publicChanged(domain);
    return undefined;
  }

  /** A reason why not; undefined: in force. An internal one is no concern of an edge's. */
  setVirtualIp(
    key: string,
    { address, vnetId, internal, resourceRef }: VirtualIp,
  ): string | undefined {
    const words = ipWordsFromBytes(address);
    if (words === undefined) return 'its address has neither 4 nor 16 bytes';
    const known = this.#virtual.get(...words);
    if (known !== undefined && known.key !== key) return `${known.resourceRef} has it already`;
    this.remove(key);
    if (internal) return undefined;
    const domain = vnetId === '' ? undefined : this.domainOf(vnetId);
    this.#virtual.set({ key, words, domain, resourceRef });
    this.#publicChanged(domain);
    return undefined;
  }

  /** Takes away what the resource with this key has set. Returns the location that has gone. */
  remove(key: string): Location | undefined {
    if (key.startsWith('subnet/')) this.#removeSubnet(key);
    const virtual = this.#virtual.remove(key);
    if (virtual !== undefined) this.#publicChanged(virtual.domain);
    const number = this.#byKey.get(key);
    if (number === undefined) return undefined;
    this.#byKey.delete(key);
    if (key.startsWith('publicip/')) {
      this.#removeOneToOne(number);
      return undefined;
    }
    return this.#removeLocation(number);
  }

  /** Of every resource that can be removed; networks themselves stay. */
  *keys(): Generator<string> {
    for (const { key } of this.#subnets.values()) yield key;
    yield* this.#byKey.keys();
    yield* this.#virtual.keys();
  }

  segment(vni: number): SegmentOwner | undefined {
    return this.#segments.get(vni);
  }

  subnet(id: string): SegmentOwner | undefined {
    return this.#subnets.get(id);
  }

  location(domain: Domain, w0: number, w1: number, w2: number, w3: number): Location | undefined {
    const number = domain.locations.lookup(w0, w1, w2, w3);
    return number === NONE ? undefined : this.#locations[number];
  }

  /** The translation of a customer address that has a public one. */
  outsideOf(domain: Domain, w0: number, w1: number, w2: number, w3: number): OneToOne | undefined {
    const number = domain.oneToOnes.lookup(w0, w1, w2, w3);
    return number === NONE ? undefined : this.#oneToOnes[number];
  }

  /** Whose public address it is. */
  insideOf(w0: number, w1: number, w2: number, w3: number): OneToOne | undefined {
    const number = this.#public.lookup(w0, w1, w2, w3);
    return number === NONE ? undefined : this.#oneToOnes[number];
  }

  /** The load balancer's address that this is. */
  virtual(w0: number, w1: number, w2: number, w3: number): VirtualAddress<Domain> | undefined {
    return this.#virtual.get(w0, w1, w2, w3);
  }

  get counts(): { readonly networks: number; readonly mappings: number; readonly public: number } {
    const mappings = this.#locations.length - this.#freeLocations.length;
    return { networks: this.#domains.size, mappings, public: this.#public.size };
  }

  #removeSubnet(key: string): void {
    for (const owner of this.#subnets.values()) {
      if (owner.key !== key) continue;
      this.#subnets.delete(owner.id);
      if (this.#segments.get(owner.vni) === owner) this.#segments.delete(owner.vni);
      this.#epochs.bump(owner.domain.cell);
      return;
    }
  }

  #removeLocation(number: number): Location | undefined {
    const location = this.#locations[number];
    if (location === undefined) return undefined;
    const { domain, words, providerAddress } = location;
    this.#locations[number] = undefined;
    this.#freeLocations.push(number);
    domain.locations.remove({ words, len: 128 });
    this.#peers.release(providerAddress);
    this.#epochs.bump(domain.cell);
    return location;
  }

  #removeOneToOne(number: number): void {
    const translation = this.#oneToOnes[number];
    if (translation === undefined) return;
    const { outside, inside, domain } = translation;
    this.#oneToOnes[number] = undefined;
    this.#freeOneToOnes.push(number);
    this.#public.remove({ words: outside, len: 128 });
    const own = { words: inside, len: 128 };
    if (domain !== undefined && domain.oneToOnes.get(own) === number) domain.oneToOnes.remove(own);
    this.#publicChanged(domain);
  }

  #publicChanged(domain: Domain | undefined): void {
    this.#epochs.bump(this.#publicCell);
    if (domain !== undefined) this.#epochs.bump(domain.cell);
  }
}

/** For people: `/virtualNetworks/blue 10.0.0.4`. */
export function describeInside(domain: Domain | undefined, words: IpWords): string {
  const name = domain === undefined ? '' : `${domain.resourceRef || domain.vnetId} `;
  return `${name}${formatIpWords(words)}`;
}

export function isInPrefix(prefix: IpPrefixWords, words: IpWords): boolean {
  return prefixHasWords(prefix, words);
}
