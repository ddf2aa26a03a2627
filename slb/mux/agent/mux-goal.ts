/**
 * Goal state of load balancing, as a mux holds it, and what changes in the forwarder's tables when it changes: pure but for the tables it has made.
 *
 *   BackendPool × BackendHealth ──► group: members, and the table of those that may get new flows
 *   VirtualIp ──► address and rules      SnatLease ──► leased ports
 *
 * New flows go to backends that are attached, not draining, and UP; where none is, to those that are LOST (their host does not speak to the
 * controller); by a rule without a probe, to all. UNKNOWN is no news: what was known before goes on to hold, and who was never known is not chosen.
 * Called by mux-agent.ts.
 */
import { setImmediate } from 'node:timers/promises';
import { formatIpWords, ipWordsFromBytes } from '../../../base/ip-words.ts';
import {
  type Backend,
  type BackendHealth,
  type BackendPool,
  HealthState,
  type LoadBalancingRule,
  LoadDistribution,
  type Resource,
  type ResourceError,
  type SnatLease,
  type VirtualIp,
} from '../../../schema/southbound/messages.ts';
import { Distribution } from '../../hashing/distribution.ts';
import { BACKENDS_PER_POOL_MAX } from '../../hashing/limits.ts';
import { type Chosen, type Table, TableBuilder } from '../../hashing/table-builder.ts';
import { RULES_PER_ADDRESS_MAX } from '../../limits.ts';
import type {
  AddressGoal,
  GroupGoal,
  LeaseGoal,
  RuleGoal,
  TableChange,
} from '../forwarder/table-change.ts';

const FAULT_CODE = 'PolicyConfigurationFailure';

interface HeldGroup {
  readonly poolId: string;
  readonly healthId: string;
  /** Virtual addresses whose rules lead to it. */
  addresses: number;
  /** The forwarder has it. */
  isTold: boolean;
  table: Table | undefined;
}

export class MuxGoal {
  readonly #vips = new Map<string, VirtualIp>();
  readonly #pools = new Map<string, BackendPool>();
  readonly #healths = new Map<string, BackendHealth>();
  readonly #leases = new Map<string, SnatLease>();
  /** Last known state by probe and address; what is UNKNOWN is not in it. */
  readonly #known = new Map<string, Map<string, HealthState>>();
  readonly #groups = new Map<string, HeldGroup>();
  /** Virtual addresses that the forwarder has refused. */
  readonly #refused = new Set<string>();
  /** Groups that rules lead to, by virtual address. */
  readonly #ledTo = new Map<string, ReadonlySet<string>>();
  readonly #builder = new TableBuilder();

  vip(key: string): VirtualIp | undefined {
    return this.#vips.get(key);
  }

  vips(): ReadonlyMap<string, VirtualIp> {
    return this.#vips;
  }

  pool(id: string): BackendPool | undefined {
    return this.#pools.get(`pool/${id}`);
  }

  /** Leases of ports of a virtual address. */
  leasesOf(vipId: string): number {
    let count = 0;
    for (const lease of this.#leases.values()) if (lease.vipId === vipId) count += 1;
    return count;
  }

  /** Health of a pool's backend, as it counts. */
  stateOf(healthId: string, address: string): HealthState {
    if (healthId === '') return HealthState.HEALTH_UP;
    return this.#known.get(`health/${healthId}`)?.get(address) ?? HealthState.HEALTH_UNKNOWN;
  }

  /** What is to change in the forwarder, and what of the goal state cannot be. */
  async apply(
    upserts: readonly Resource[],
    removes: readonly string[],
  ): Promise<{ readonly change: TableChange; readonly errors: readonly ResourceError[] }> {
    const errors: ResourceError[] = [];
    const dirtyPools = new Set<string>();
    const dirtyHealths = new Set<string>();
    const addresses: AddressGoal[] = [];
    const leases: LeaseGoal[] = [];
    /** Virtual addresses that were not here before: leases of their ports may have been. */
    const come = new Set<string>();
    const refuse = (key: string, message: string) =>
      void errors.push({ key, code: FAULT_CODE, message });
    for (const { key, virtualIp, backendPool, backendHealth, snatLease } of upserts) {
      if (backendPool !== undefined) {
        const fault = faultOfPool(backendPool);
        if (fault !== undefined) refuse(key, fault);
        else {
          this.#pools.set(key, backendPool);
          dirtyPools.add(backendPool.id);
        }
      }
      if (backendHealth !== undefined) {
        this.#healths.set(key, backendHealth);
        this.#note(key, backendHealth);
        dirtyHealths.add(backendHealth.id);
      }
      if (snatLease !== undefined) {
        const lease = leaseOf(key, snatLease);
        if (typeof lease === 'string') refuse(key, lease);
        else {
          this.#leases.set(key, snatLease);
          leases.push(lease);
        }
      }
      if (virtualIp !== undefined) {
        const address = addressOf(key, virtualIp);
        if (typeof address === 'string') refuse(key, address);
        else {
          const isHere =
            isSameAddress(this.#vips.get(key), virtualIp) && !this.#refused.delete(key);
          if (!isHere) come.add(virtualIp.id);
          this.#vips.set(key, virtualIp);
          this.#lead(key, virtualIp.rules);
          addresses.push(address);
        }
      }
    }
    const told = new Set(leases.map(({ key }) => key));
    for (const [key, held] of this.#leases) {
      const lease = come.has(held.vipId) && !told.has(key) ? leaseOf(key, held) : '';
      if (typeof lease !== 'string') leases.push(lease);
    }
    const removedAddresses: string[] = [];
    const removedLeases: string[] = [];
    for (const key of removes) {
      this.#refused.delete(key);
      if (this.#vips.delete(key)) {
        this.#lead(key, []);
        removedAddresses.push(key);
      }
      if (this.#leases.delete(key)) removedLeases.push(key);
      if (this.#pools.delete(key)) dirtyPools.add(key.slice('pool/'.length));
      if (this.#healths.delete(key)) {
        this.#known.delete(key);
        dirtyHealths.add(key.slice('health/'.length));
      }
    }
    const { groups, removedGroups } = await this.#groupsAfter(dirtyPools, dirtyHealths);
    return {
      change: { groups, addresses, leases, removedLeases, removedAddresses, removedGroups },
      errors,
    };
  }

  /** Which resources of the last change the forwarder has refused. */
  refused(keys: Iterable<string>): void {
    for (const key of keys) if (this.#vips.has(key)) this.#refused.add(key);
  }

  /** Rules lead to a pool by a probe: those pairs that any rule uses are groups. */
  #lead(key: string, rules: readonly LoadBalancingRule[]): void {
    const led = new Set<string>();
    for (const { poolId, healthId } of rules) {
      const groupKey = groupKeyOf(poolId, healthId);
      if (led.has(groupKey)) continue;
      led.add(groupKey);
      const made = { poolId, healthId, addresses: 0, isTold: false, table: undefined };
      const group = this.#groups.get(groupKey) ?? made;
      group.addresses += 1;
      this.#groups.set(groupKey, group);
    }
    for (const groupKey of this.#ledTo.get(key) ?? []) {
      const group = this.#groups.get(groupKey);
      if (group !== undefined) group.addresses -= 1;
    }
    if (led.size === 0) this.#ledTo.delete(key);
    else this.#ledTo.set(key, led);
  }

  async #groupsAfter(
    dirtyPools: ReadonlySet<string>,
    dirtyHealths: ReadonlySet<string>,
  ): Promise<{ readonly groups: readonly GroupGoal[]; readonly removedGroups: readonly string[] }> {
    const groups: GroupGoal[] = [];
    const removedGroups: string[] = [];
    for (const [key, held] of this.#groups) {
      const { poolId, healthId, addresses, isTold, table } = held;
      if (addresses === 0) {
        if (isTold) removedGroups.push(key);
        this.#groups.delete(key);
        if (table !== undefined) this.#builder.release(table);
        continue;
      }
      if (isTold && !dirtyPools.has(poolId) && !dirtyHealths.has(healthId)) continue;
      held.isTold = true;
      groups.push(await this.#groupOf(key, held));
    }
    return { groups, removedGroups };
  }

  async #groupOf(key: string, held: HeldGroup): Promise<GroupGoal> {
    const { poolId, healthId } = held;
    const backends = this.pool(poolId)?.backends ?? [];
    const members = backends.map((backend) => {
      const name = nameOf(backend);
      const state = this.stateOf(healthId, name);
      return {
        name,
        host: backend.providerAddress,
        vni: backend.vni,
        mac: backend.mac,
        isDown: state === HealthState.HEALTH_DOWN,
        isDraining: backend.draining,
      };
    });
    const before = held.table;
    const { made } = this.#builder;
    const table = this.#builder.acquire(this.#chosen(backends, healthId));
    // Timers and sockets of this thread, BGP's and BFD's among them, have their turn between two tables.
    if (this.#builder.made > made) await setImmediate();
    if (before !== undefined) this.#builder.release(before);
    held.table = table;
    const { chosen, rows, shares, signature } = table;
    const isOtherTable = before !== undefined && before.signature !== signature;
    return { key, members, chosen, rows, shares, isOtherTable };
  }

  #chosen(backends: readonly Backend[], healthId: string): readonly Chosen[] {
    const inState = (state: HealthState) =>
      backends
        .filter(({ draining, providerAddress }) => !draining && providerAddress.length > 0)
        .map((backend) => ({ name: nameOf(backend), weight: backend.weight }))
        .filter(({ name, weight }) => weight > 0 && this.stateOf(healthId, name) === state);
    const up = inState(HealthState.HEALTH_UP);
    return up.length > 0 ? up : inState(HealthState.HEALTH_LOST);
  }

  #note(key: string, { states }: BackendHealth): void {
    const before = this.#known.get(key) ?? new Map<string, HealthState>();
    const after = new Map(before);
    for (const { address, state } of states) {
      const words = ipWordsFromBytes(address);
      if (words === undefined || state === HealthState.HEALTH_UNKNOWN) continue;
      after.set(formatIpWords(words), state);
    }
    this.#known.set(key, after);
  }
}

/** Of a pool's backends as one probe sees them. */
export function groupKeyOf(poolId: string, healthId: string): string {
  return `${poolId} ${healthId}`;
}

/** A backend's name in tables: its address. Its pool checked it. */
function nameOf({ address }: Backend): string {
  const words = ipWordsFromBytes(address);
  return words === undefined ? '' : formatIpWords(words);
}

function faultOfPool({ backends }: BackendPool): string | undefined {
  if (backends.length > BACKENDS_PER_POOL_MAX) {
    return `a pool has at most ${BACKENDS_PER_POOL_MAX} backends`;
  }
  const names = new Set(backends.map(nameOf));
  if (names.has('')) return 'the address of a backend has neither 4 nor 16 bytes';
  if (names.size < backends.length) return 'two of its backends have one address';
  const isHost = ({ providerAddress: { length } }: Backend) =>
    length === 0 || length === 4 || length === 16;
  return backends.every(isHost) ? undefined : 'the host of a backend has no provider address';
}

const DISTRIBUTIONS: Readonly<Record<LoadDistribution, Distribution>> = {
  [LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE]: Distribution.FIVE_TUPLE,
  [LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP_PROTOCOL]: Distribution.SOURCE_IP_PROTOCOL,
  [LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP]: Distribution.SOURCE_IP,
};

/** The forwarder's address and rules; or why there can be none. */
function addressOf(key: string, vip: VirtualIp): AddressGoal | string {
  if (vip.internal) return 'an internal address needs no mux: hosts choose its backends';
  const words = ipWordsFromBytes(vip.address);
  if (words === undefined) return 'its address has neither 4 nor 16 bytes';
  if (vip.rules.length > RULES_PER_ADDRESS_MAX) {
    return `a virtual address has at most ${RULES_PER_ADDRESS_MAX} rules`;
  }
  if (!vip.rules.every(isRule)) return 'a rule has neither protocol and port nor all ports';
  return { key, words, rules: vip.rules.map(ruleOf) };
}

function isRule({ protocol, port }: LoadBalancingRule): boolean {
  if (protocol === 0) return port === 0;
  return (protocol === 6 || protocol === 17) && port >= 1 && port <= 0xffff;
}

function ruleOf(rule: LoadBalancingRule): RuleGoal {
  const { id, protocol, port, poolId, healthId, distribution, idleTimeoutSec } = rule;
  return {
    ...{ id, protocol, port },
    groupKey: groupKeyOf(poolId, healthId),
    distribution: DISTRIBUTIONS[distribution],
    idleSec: idleTimeoutSec,
  };
}

function isSameAddress(before: VirtualIp | undefined, after: VirtualIp): boolean {
  return before?.address.every((byte, at) => byte === after.address[at]) === true;
}

const PORTS_PER_BLOCK = 8;

function leaseOf(key: string, lease: SnatLease): LeaseGoal | string {
  const vip = ipWordsFromBytes(lease.publicAddress);
  const holder = ipWordsFromBytes(lease.address);
  if (vip === undefined || holder === undefined) return 'an address has neither 4 nor 16 bytes';
  const isWhole = lease.ports.every(
    ({ from, to }) =>
      from % PORTS_PER_BLOCK === 0 && (to + 1) % PORTS_PER_BLOCK === 0 && from < to && to <= 0xffff,
  );
  if (!isWhole) return `leased ports come in aligned blocks of ${PORTS_PER_BLOCK}`;
  const { protocol, vni, mac, providerAddress: host } = lease;
  const ports = lease.ports.map(({ from, to }) => ({ from, to }));
  return { key, vip, protocol, ports, name: formatIpWords(holder), host, vni, mac };
}
