/**
 * Access control lists in force: each list of goal state compiled once per virtual network that has a port with it, and shared by these
 * ports. A list is replaced as a whole, whatever of it has changed: its rules, a security tag, the network's address space or a
 * peering; every port it applies to then learns of it by one step of its epoch cell, and with the port all its flows.
 *
 * A list that has not arrived, or has never been possible, lets nothing pass at the ports that have it. One that becomes
 * impossible keeps its last good form. Called by realiser (changes), configured-ports (who has them).
 */
import { type IpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import {
  type AccessControlList,
  AclDirection,
  type SecurityTag,
} from '../../schema/southbound/messages.ts';
import { type AddressSet, addressSet } from '../engine/address-set.ts';
import type { RuleCounter } from '../engine/rule.ts';
import { PENDING_LIST } from '../layers/acl.ts';
import type { AccessList } from '../layers/port-policy.ts';
import { compileList } from './access-list-compiler.ts';
import type { ListInNetwork, Network, PortRecord } from './network-state.ts';

export interface AccessListParts {
  /** Everything that was decided at this port is to be decided anew. */
  readonly bump: (port: PortRecord) => void;
  /** This resource depends on what has just changed. */
  readonly touch: (key: string) => void;
}

interface Entry {
  settings: AccessControlList | undefined;
  readonly inNetworks: Map<Network, CompiledList>;
}

export class AccessLists {
  readonly #parts: AccessListParts;
  /** By id: those that goal state has, and those that ports wait for. */
  readonly #entries = new Map<string, Entry>();
  /** By key. */
  readonly #tags = new Map<string, AddressSet>();

  constructor(parts: AccessListParts) {
    this.#parts = parts;
  }

  set(settings: AccessControlList): string | undefined {
    const entry = this.#entryOf(settings.id);
    entry.settings = settings;
    let reason: string | undefined;
    for (const list of entry.inNetworks.values()) reason = this.#compile(list, entry) ?? reason;
    return reason;
  }

  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.settings = undefined;
    for (const list of entry.inNetworks.values()) {
      list.withdraw();
      this.#announce(list);
      for (const port of list.ports) this.#parts.touch(`port/${port.id}`);
    }
    this.#collect(id, entry);
  }

  setTag(key: string, settings: SecurityTag): string | undefined {
    const words: IpWords[] = [];
    for (const bytes of settings.addresses) {
      const address = ipWordsFromBytes(bytes);
      if (address === undefined) return 'an address is malformed';
      words.push(address);
    }
    const prefixes = words.map((address) => ({ words: address, len: 128 }));
    this.#tags.set(key, addressSet(prefixes, settings.resourceRef));
    this.#touchUsers(settings.vnetId);
    return undefined;
  }

  removeTag(key: string): void {
    this.#tags.delete(key);
    this.#touchUsers(key.split('/')[1] ?? '');
  }

  /** Address space or peerings of the network have changed: the tags stand for something else in it. */
  networkChanged(network: Network): void {
    this.#touchUsers(network.id);
  }

  /** The list as ports of the network have it, to be given back by `release`. */
  acquire(id: string, network: Network, port: PortRecord): ListInNetwork {
    const entry = this.#entryOf(id);
    let list = entry.inNetworks.get(network);
    if (list === undefined) {
      list = new CompiledList(id, network);
      entry.inNetworks.set(network, list);
      this.#compile(list, entry);
    }
    list.ports.add(port);
    return list;
  }

  release(list: ListInNetwork, port: PortRecord): void {
    const entry = this.#entries.get(list.listId);
    const own = entry?.inNetworks.get(list.network);
    if (entry === undefined || own === undefined) return;
    own.ports.delete(port);
    if (own.ports.size > 0) return;
    entry.inNetworks.delete(list.network);
    this.#collect(list.listId, entry);
  }

  #compile(list: CompiledList, entry: Entry): string | undefined {
    if (entry.settings === undefined) return undefined;
    const { network } = list;
    const compiled = compileList(entry.settings, {
      ...network.tags,
      tag: (id) => this.#tags.get(`tag/${network.id}/${id}`),
      counter: (direction, resourceRef) => list.counter(direction, resourceRef),
    });
    if (typeof compiled === 'string') {
      list.refuse(compiled);
      return compiled;
    }
    list.replace(compiled);
    this.#announce(list);
    return undefined;
  }

  #announce(list: ListInNetwork): void {
    for (const port of list.ports) this.#parts.bump(port);
  }

  #touchUsers(networkId: string): void {
    for (const [id, entry] of this.#entries) {
      const isUsed = [...entry.inNetworks.keys()].some((network) => network.id === networkId);
      if (isUsed) this.#parts.touch(`acl/${id}`);
    }
  }

  #entryOf(id: string): Entry {
    const known = this.#entries.get(id);
    if (known !== undefined) return known;
    const entry: Entry = { settings: undefined, inNetworks: new Map() };
    this.#entries.set(id, entry);
    return entry;
  }

  #collect(id: string, entry: Entry): void {
    if (entry.settings === undefined && entry.inNetworks.size === 0) this.#entries.delete(id);
  }
}

class CompiledList implements ListInNetwork {
  readonly listId: string;
  readonly network: Network;
  readonly ports: Set<PortRecord> = new Set();
  #groups: AccessList | undefined;
  #reason: string;
  #counters = new CountersByRule();
  /** Counters of the rules that the list has from now on. */
  #next = new CountersByRule();

  constructor(listId: string, network: Network) {
    this.listId = listId;
    this.network = network;
    this.#reason = `access control list ${listId} has not arrived`;
  }

  get outbound(): AccessList['outbound'] {
    return (this.#groups ?? PENDING_LIST).outbound;
  }
  get inbound(): AccessList['inbound'] {
    return (this.#groups ?? PENDING_LIST).inbound;
  }
  get pending(): string | undefined {
    return this.#groups === undefined ? this.#reason : undefined;
  }

  counter(direction: AclDirection, resourceRef: string): RuleCounter {
    const next = this.#next.of(direction);
    const counter = next.get(resourceRef) ??
      this.#counters.of(direction).get(resourceRef) ?? { decisions: 0 };
    next.set(resourceRef, counter);
    return counter;
  }

  replace(groups: AccessList): void {
    this.#groups = groups;
    this.#counters = this.#next;
    this.#next = new CountersByRule();
  }

  /** What is in force stays, if anything is. */
  refuse(reason: string): void {
    this.#reason = `access control list ${this.listId} cannot be used: ${reason}`;
    this.#next = new CountersByRule();
  }

  withdraw(): void {
    this.#groups = undefined;
    this.#reason = `access control list ${this.listId} has gone`;
  }
}

/** By direction and the rule's reference. */
class CountersByRule {
  readonly #outbound = new Map<string, RuleCounter>();
  readonly #inbound = new Map<string, RuleCounter>();

  of(direction: AclDirection): Map<string, RuleCounter> {
    return direction === AclDirection.ACL_OUTBOUND ? this.#outbound : this.#inbound;
  }
}
