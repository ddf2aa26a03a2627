/**
 * Who asks, and what their network knows: goal state as the servers of platform addresses need it. A VM is known by its port's number
 * (service-addresses.ts); what it may learn is its own interface, and the names and addresses of its own virtual network, never those
 * of another. Fed by the host agent with every change of goal state; a port that is removed is unknown at once, before its number can
 * go to another. Called by dns-server, metadata-server.
 */
import {
  formatIpWords,
  ipPrefixFromBytes,
  ipWordsFromBytes,
  isIpv4Words,
  parseIpWords,
  prefixHasWords,
} from '../../base/ip-words.ts';
import type {
  HostSettings,
  Mapping,
  Port,
  Resource,
  VirtualNetwork,
  VirtualSubnet,
} from '../../schema/southbound/messages.ts';

/** Names of one virtual network. */
export interface NetworkNames {
  /** Lower case, without a dot at the end; '': the network has no names. */
  readonly domain: string;
  /** Addresses of the interfaces with this label (lower case), as text; undefined: no interface has it. */
  addressesOf(label: string): readonly string[] | undefined;
  /** Label of the interface with this address; undefined: none, or it has no name. */
  labelOf(address: string): string | undefined;
  /** Within the network's address space? */
  has(address: string): boolean;
}

export interface Asker {
  readonly portId: string;
  readonly port: Port;
  readonly network: VirtualNetwork | undefined;
  readonly names: NetworkNames;
  subnet(id: string): VirtualSubnet | undefined;
}

export interface DirectoryChange {
  readonly upserts: readonly Resource[];
  readonly removes: readonly string[];
}

interface KnownMapping {
  readonly vnetId: string;
  readonly address: string;
  readonly label: string;
}

export class ServiceDirectory {
  readonly #portIdAt: (number: number) => string | undefined;
  readonly #ports = new Map<string, Port>();
  readonly #networks = new Map<string, VirtualNetwork>();
  readonly #subnets = new Map<string, VirtualSubnet>();
  readonly #mappings = new Map<string, KnownMapping>();
  readonly #names = new Map<string, NameTable>();
  #host: HostSettings | undefined;

  constructor(portIdAt: (number: number) => string | undefined) {
    this.#portIdAt = portIdAt;
  }

  /** Takes a change over; to be called before the switch applies it. */
  note(change: DirectoryChange): void {
    for (const key of change.removes) this.#remove(key);
    for (const { key, host, port, virtualNetwork, virtualSubnet, mapping } of change.upserts) {
      if (host !== undefined) this.#host = host;
      if (port !== undefined) this.#ports.set(port.id, port);
      if (virtualNetwork !== undefined) this.#networks.set(virtualNetwork.id, virtualNetwork);
      if (virtualSubnet !== undefined) this.#subnets.set(virtualSubnet.id, virtualSubnet);
      if (mapping !== undefined) this.#setMapping(key, mapping);
    }
  }

  /** Settings of this host; undefined before they have come. */
  get host(): HostSettings | undefined {
    return this.#host;
  }

  /** The VM behind the port with this number; undefined for none that goal state knows. */
  asker(number: number): Asker | undefined {
    const portId = this.#portIdAt(number);
    const port = portId === undefined ? undefined : this.#ports.get(portId);
    if (portId === undefined || port === undefined) return undefined;
    const network = this.#networks.get(port.vnetId);
    const names = namesOf(network, this.#names.get(port.vnetId) ?? NO_NAMES);
    return { portId, port, network, names, subnet: (id) => this.#subnets.get(id) };
  }

  #remove(key: string): void {
    const [kind = '', ...rest] = key.split('/');
    const id = rest.join('/');
    if (kind === 'port') this.#ports.delete(id);
    else if (kind === 'vnet') this.#networks.delete(id);
    else if (kind === 'subnet') this.#subnets.delete(id);
    else if (kind === 'mapping') this.#removeMapping(key);
  }

  #setMapping(key: string, mapping: Mapping): void {
    this.#removeMapping(key);
    const words = ipWordsFromBytes(mapping.address);
    const label = mapping.dnsName.toLowerCase();
    if (words === undefined || label === '') return;
    const { vnetId } = mapping;
    const address = formatIpWords(words);
    const table = this.#names.get(vnetId) ?? new NameTable();
    this.#names.set(vnetId, table);
    table.add(label, address);
    this.#mappings.set(key, { vnetId, address, label });
  }

  #removeMapping(key: string): void {
    const known = this.#mappings.get(key);
    if (known === undefined) return;
    this.#mappings.delete(key);
    const table = this.#names.get(known.vnetId);
    table?.remove(known.label, known.address);
    if (table?.isEmpty === true) this.#names.delete(known.vnetId);
  }
}

/** Label and address of every named interface of one network, both ways. */
class NameTable {
  readonly #addresses = new Map<string, string[]>();
  readonly #labels = new Map<string, string>();

  get isEmpty(): boolean {
    return this.#labels.size === 0;
  }

  add(label: string, address: string): void {
    this.#addresses.set(label, [...(this.#addresses.get(label) ?? []), address]);
    this.#labels.set(address, label);
  }

  remove(label: string, address: string): void {
    const left = (this.#addresses.get(label) ?? []).filter((other) => other !== address);
    if (left.length === 0) this.#addresses.delete(label);
    else this.#addresses.set(label, left);
    if (this.#labels.get(address) === label) this.#labels.delete(address);
  }

  addressesOf(label: string): readonly string[] | undefined {
    return this.#addresses.get(label);
  }

  labelOf(address: string): string | undefined {
    return this.#labels.get(address);
  }
}

const NO_NAMES = new NameTable();

function namesOf(network: VirtualNetwork | undefined, table: NameTable): NetworkNames {
  return {
    domain: (network?.dnsDomain ?? '').toLowerCase(),
    addressesOf: (label) => table.addressesOf(label),
    labelOf: (address) => table.labelOf(address),
    has: (address) => network !== undefined && isWithin(network, address),
  };
}

function isWithin(network: VirtualNetwork, text: string): boolean {
  const words = parseIpWords(text);
  if (words === undefined) return false;
  return network.addressSpace.some(({ address, len }) => {
    const prefix = ipPrefixFromBytes(address, len);
    const isSameFamily = address.length === (isIpv4Words(words) ? 4 : 16);
    return prefix !== undefined && isSameFamily && prefixHasWords(prefix, words);
  });
}
