/**
 * Mappings in force: where each address of the virtual networks is, and the rules that say so — for senders here, the mapping in its network
 * (layers/vnet), and for what tunnels bring, the port in its subnet (layers/tunnel).
 *
 * An address is at another host, or at the port of this switch that has it, or that has learned it; or nowhere, as long as that port has no device.
 * Whenever one of these changes the rules are written anew, and flows learn of it by the mapping's epoch cell. Called by realiser
 * (goal state), configured-ports (whose ports hold the addresses).
 */
import type { Mapping } from '../../schema/southbound/messages.ts';
import type { Epochs } from '../engine/epochs.ts';
import { destinationRule } from '../layers/tunnel.ts';
import { mappingRule, type Place } from '../layers/vnet.ts';
import type { TunnelPeers } from '../port/tunnel-peers.ts';
import * as parse from './goal-parser.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import {
  addressKey,
  type ConfiguredPort,
  type HostState,
  hostPrefix,
  type MappingState,
  type PortRecord,
  type Subnet,
} from './network-state.ts';

export interface MappingsParts {
  readonly epochs: Epochs;
  readonly peers: TunnelPeers;
  readonly learned: Pick<LearnedAddresses, 'lose'>;
  /** Undefined until the host's own settings have arrived. */
  readonly host: () => HostState | undefined;
}

export class Mappings {
  readonly #parts: MappingsParts;
  readonly #mappings = new Map<string, MappingState>();

  constructor(parts: MappingsParts) {
    this.#parts = parts;
  }

  /** Of all mappings. */
  keys(): Iterable<string> {
    return this.#mappings.keys();
  }

  /** Reason why not; undefined: the address is where the mapping says. */
  set(key: string, settings: Mapping, subnet: Subnet): string | undefined {
    const shape = parse.mappingShape(settings, subnet);
    if (typeof shape === 'string') return shape;
    const host = this.#parts.host();
    if (host === undefined) return 'this host’s own settings have not arrived';
    const { providerAddress, ...identity } = shape;
    const isHere = providerAddress.join() === host.providerAddress.join();
    // The new peer is taken before the old one is given back: a mapping that stays at its host keeps the peer's number.
    const peer = isHere ? undefined : this.#parts.peers.acquire(providerAddress);
    if (!isHere && peer === undefined) return 'the switch has no room for another host';
    const old = this.#mappings.get(key);
    if (old !== undefined) this.#withdraw(old);
    const mapping: MappingState = {
      key,
      ...identity,
      subnet,
      remote: peer === undefined ? undefined : { address: providerAddress, peer },
      cell: old?.cell ?? this.#parts.epochs.allocate(),
    };
    this.#mappings.set(key, mapping);
    subnet.network.mappings.set(addressKey(mapping.address), mapping);
    this.#place(mapping);
    // Whoever has spoken with this address so far does so no longer, unless it is the owner.
    if (old?.mac !== mapping.mac) this.#bumpLearners(mapping);
    return undefined;
  }

  remove(key: string): void {
    const mapping = this.#mappings.get(key);
    if (mapping === undefined) return;
    this.#withdraw(mapping);
    this.#mappings.delete(key);
    this.#parts.epochs.release(mapping.cell);
  }

  /** Something about the port has changed that decides whether, and how, its addresses can be delivered to. */
  placeAddresses({ policy, network }: ConfiguredPort): void {
    for (const own of [...policy.addresses, ...policy.learnable]) {
      const mapping = network.mappings.get(addressKey(own.address));
      if (mapping !== undefined) this.#place(mapping);
    }
  }

  #bumpLearners({ address, mac, subnet }: MappingState): void {
    for (const { index, cell, configured } of subnet.network.ports) {
      if (configured?.policy.learning === undefined) continue;
      if (configured.policy.mac !== mac) this.#parts.learned.lose(index, address);
      this.#parts.epochs.bump(cell);
    }
  }

  #withdraw(mapping: MappingState): void {
    const { subnet, address, remote } = mapping;
    subnet.network.mappings.delete(addressKey(address));
    subnet.network.groups.mappings.remove(hostPrefix(address));
    subnet.destinations.remove(address);
    if (remote !== undefined) this.#parts.peers.release(remote.address);
  }

  /** Writes the rules of a mapping as things stand now. */
  #place(mapping: MappingState): void {
    const { subnet, address, mac, portRef, cell } = mapping;
    const place = this.#placeOf(mapping);
    subnet.network.groups.mappings.set(
      hostPrefix(address),
      mappingRule({ address, mac, segment: subnet.vni, place, portRef, cell }),
    );
    if (place.kind === 'remote') subnet.destinations.remove(address);
    else {
      const port = place.kind === 'local' ? place.port : 'detached';
      const rule = destinationRule({ address, port, portRef, cell });
      subnet.destinations.set(address, mac, rule);
    }
    this.#parts.epochs.bump(cell);
  }

  #placeOf(mapping: MappingState): Place {
    if (mapping.remote !== undefined) {
      return { kind: 'remote', peer: mapping.remote.peer, mtu: this.#parts.host()?.innerMtu ?? 0 };
    }
    const owner = mapping.subnet.network.owners.get(addressKey(mapping.address));
    const holder = owner ?? learner(mapping);
    if (holder?.isAttached !== true) return { kind: 'absent' };
    const forwards = holder.configured?.policy.ipForwarding === true;
    return { kind: 'local', port: holder.index, forwards };
  }
}

/** The port of this switch that has learned the address, as the controller's mapping of it to that port's MAC says. */
function learner({ mac, subnet }: MappingState): PortRecord | undefined {
  for (const port of subnet.network.ports) {
    const policy = port.configured?.policy;
    if (policy?.learning !== undefined && policy.mac === mac) return port;
  }
  return undefined;
}
