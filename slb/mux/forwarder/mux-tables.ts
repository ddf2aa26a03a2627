/**
 * All that a mux decides by: virtual addresses, groups, targets, leases. Brings a change into force between two bursts; what finds no room is
 * named, and everything else is in force. Called by mux-core.ts.
 */
import { defined } from '../../../base/assert.ts';
import { NONE } from '../../../base/lpm.ts';
import { BelievedHosts } from '../../../dataplane/engine/believed-hosts.ts';
import { Transpositions } from '../../../dataplane/engine/transposition.ts';
import { TunnelPeers } from '../../../dataplane/port/tunnel-peers.ts';
import {
  FLOWS_PER_ADDRESS_MAX,
  MUX_HOSTS_MAX,
  RULES_MAX,
  TARGETS_MAX,
  VIRTUAL_ADDRESSES_MAX,
} from '../../limits.ts';
import { Group } from './groups.ts';
import type { LeaseGoal, TableChange, TableFault } from './table-change.ts';
import { type Target, Targets } from './targets.ts';
import { VirtualAddresses } from './virtual-addresses.ts';

export interface TableLimits {
  readonly addressesMax: number;
  readonly rulesMax: number;
  readonly targetsMax: number;
  readonly flowsPerAddressMax: number;
}

export const TABLE_LIMITS: TableLimits = {
  addressesMax: VIRTUAL_ADDRESSES_MAX,
  rulesMax: RULES_MAX,
  targetsMax: TARGETS_MAX,
  flowsPerAddressMax: FLOWS_PER_ADDRESS_MAX,
};

interface Lease {
  readonly goal: LeaseGoal;
  readonly target: Target;
}

export class MuxTables {
  /** Hosts that targets are at. */
  readonly hosts: TunnelPeers;
  /** The same, by provider address: they may return packets. */
  readonly believedHosts: BelievedHosts = new BelievedHosts();
  readonly transpositions: Transpositions;
  readonly targets: Targets;
  readonly addresses: VirtualAddresses;
  readonly flowsPerAddressMax: number;
  /** Confirmed flows by number of the virtual address. */
  readonly #flows: Int32Array;
  readonly #groups = new Map<string, Group>();
  readonly #leases = new Map<string, Lease>();
  readonly #leaseNames = new Map<Target, string>();
  readonly #limits: TableLimits;
  readonly #onAddressGone: (number: number) => void;

  constructor(
    events: {
      setPeer(peer: number, address: Uint8Array, udpPort: number): void;
      /** The number of a virtual address is free. */
      onAddressGone(number: number): void;
    },
    limits: TableLimits = TABLE_LIMITS,
  ) {
    this.#limits = limits;
    this.#onAddressGone = (number) => events.onAddressGone(number);
    this.flowsPerAddressMax = limits.flowsPerAddressMax;
    this.#flows = new Int32Array(limits.addressesMax);
    this.hosts = new TunnelPeers({
      peersMax: MUX_HOSTS_MAX,
      setPeer: (...peer) => events.setPeer(...peer),
      onAdded: (words) => this.believedHosts.add(words),
      onRemoved: (words) => this.believedHosts.remove(words),
    });
    // A target that is led elsewhere has two for a moment.
    this.transpositions = new Transpositions(limits.targetsMax + 1);
    this.targets = new Targets(this.hosts, this.transpositions, limits.targetsMax);
    this.addresses = new VirtualAddresses(limits.rulesMax);
  }

  apply(change: TableChange, nowSec: number): readonly TableFault[] {
    const faults: TableFault[] = [];
    for (const goal of change.groups) {
      const refused = this.#group(goal.key).apply(goal, nowSec);
      if (refused.length > 0) {
        const message = `no room for ${refused.length} of its backends, ${refused[0]} among them`;
        faults.push({ key: goal.key, message });
      }
    }
    for (const goal of change.addresses) {
      const message = this.addresses.apply(
        goal,
        (key) => this.#group(key),
        this.#limits.addressesMax,
      );
      if (message !== undefined) faults.push({ key: goal.key, message });
    }
    // Ports that change hands are free before they are leased again.
    for (const { key } of change.leases) this.#endLease(key);
    for (const key of change.removedLeases) this.#endLease(key);
    for (const lease of change.leases) {
      const message = this.#beginLease(lease);
      if (message !== undefined) faults.push({ key: lease.key, message });
    }
    for (const key of change.removedAddresses) {
      const number = this.addresses.remove(key);
      if (number !== NONE) this.#onAddressGone(number);
    }
    for (const key of change.removedGroups) {
      this.#groups.get(key)?.close();
      this.#groups.delete(key);
    }
    return faults;
  }

  /** FlowCounts of the flow memory. */
  countFlow(service: number, target: Target, generation: number, change: number): void {
    const address = service >>> 8;
    this.#flows[address] = this.flowsOf(address) + change;
    this.targets.countFlows(target, generation, change);
  }

  /** Confirmed flows of a virtual address. */
  flowsOf(address: number): number {
    return this.#flows[address] ?? 0;
  }

  groups(): IterableIterator<Group> {
    return this.#groups.values();
  }

  groupOf(key: string): Group | undefined {
    return this.#groups.get(key);
  }

  leases(): readonly { readonly goal: LeaseGoal; readonly target: Target }[] {
    return [...this.#leases.values()];
  }

  leaseholderName(target: Target): string {
    return this.#leaseNames.get(target) ?? '';
  }

  /** Asserts what every operation relies on. For tests. */
  checkInvariants(): void {
    this.transpositions.checkInvariants(this.targets.references);
  }

  /** A rule may come before its pool: then it has no backend. */
  #group(key: string): Group {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = new Group(key, this.targets);
    this.#groups.set(key, group);
    return group;
  }

  #beginLease(goal: LeaseGoal): string | undefined {
    const address = this.addresses.find(...goal.vip);
    // Its ports are leased again when it comes (mux-goal.ts).
    if (address === NONE) return undefined;
    const target = this.targets.acquire(goal);
    if (target === NONE) return `a mux sends to at most ${this.#limits.targetsMax} places`;
    this.#leases.set(goal.key, { goal, target });
    this.#leaseNames.set(target, goal.name);
    this.addresses.lease(address, goal.protocol, goal.ports, target);
    return undefined;
  }

  #endLease(key: string): void {
    const lease = this.#leases.get(key);
    if (lease === undefined) return;
    const { goal, target } = lease;
    this.#leases.delete(key);
    this.#leaseNames.delete(target);
    const address = this.addresses.find(...goal.vip);
    if (address !== NONE) this.addresses.lease(address, goal.protocol, goal.ports, NONE);
    this.targets.release(defined(target, 'a target'));
  }
}
