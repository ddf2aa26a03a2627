/**
 * Virtual addresses in force: goal state's VirtualIps, BackendPools and BackendHealths, put together to what packets meet (frontends).
 *
 * Order does not matter: an address whose pool has not arrived is in force and serves nothing, and says what it waits for. A change of pool or health
 * replaces the selections that go by it and moves the epoch of the addresses concerned, nothing else. Ports that are sent what is for a virtual
 * address are told by their MAC (switch/forwarding-ports), and may answer as an address that they see themselves (floating): such a port
 * is realised anew when that changes. Called by switch/realiser (writes), layers and switch (read).
 */
import {
  equalIpWords,
  formatIpWords,
  type IpWords,
  ipWordsFromBytes,
} from '../../base/ip-words.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type {
  BackendHealth,
  BackendPool,
  LoadBalancingRule,
  SnatLease,
  VirtualIp,
} from '../../schema/southbound/messages.ts';
import { LoadDistribution } from '../../schema/southbound/messages.ts';
import { Distribution } from '../../slb/hashing/distribution.ts';
import type { EpochCell, Epochs } from '../engine/epochs.ts';
import { PAIR_IDLE_SEC_MAX } from '../engine/flow-entries.ts';
import {
  BackendPorts,
  type FloatingAddress,
  NO_PORTS,
  type PortsFoundByMac,
} from './backend-ports.ts';
import type { TableChange } from './backend-tables.ts';
import {
  type BalancingRule,
  type Frontend,
  NetworkFrontends,
  type RuleCounters,
  ruleKey,
} from './frontends.ts';
import { Leases, type NamedLease, type NetworkLeases } from './leases.ts';
import { Muxes } from './muxes.ts';
import { NatExemptions } from './nat-exemptions.ts';
import { type Health, healthOf, type Pool, poolOf } from './pools.ts';
import { Selection } from './selection.ts';

export interface VirtualAddressesParts {
  readonly epochs: Epochs;
  /** This resource depends on what has just changed: realise it again. */
  readonly touch: (key: string) => void;
  /** Is this resource still to be realised within the change at hand? */
  readonly isPending: (key: string) => boolean;
}

/** As goal state has it, and as packets meet it. */
export interface InternalAddress {
  readonly settings: VirtualIp;
  readonly frontend: Frontend;
}

interface VirtualAddress {
  readonly settings: VirtualIp;
  readonly address: IpWords;
  readonly cell: EpochCell;
  /** By rule id. */
  readonly counters: ReadonlyMap<string, RuleCounters>;
  readonly frontend: Frontend;
  /** Backends that are found by their MAC, by port; with what they may answer as. */
  readonly ports: PortsFoundByMac;
}

export class VirtualAddresses {
  readonly #parts: VirtualAddressesParts;
  readonly #networks = new Map<string, NetworkFrontends>();
  /** Networks that somebody holds on to. */
  readonly #held = new Set<string>();
  readonly #addresses = new Map<string, VirtualAddress>();
  readonly #pools = new Map<string, Pool>();
  readonly #healths = new Map<string, Health>();
  /** By pool and health, see selectionKey; of internal addresses. */
  readonly #tables = new Map<string, NonNullable<TableChange[number]['table']>>();
  readonly #selections = new Map<string, Selection>();
  readonly #ports: BackendPorts;
  readonly #leases: Leases;
  /** Who brings what comes from outside to virtual addresses. */
  readonly muxes: Muxes = new Muxes();
  /** What leaves by no leased port. */
  readonly exemptions: NatExemptions = new NatExemptions();

  constructor(parts: VirtualAddressesParts) {
    this.#parts = parts;
    this.#ports = new BackendPorts(parts.touch);
    this.#leases = new Leases({ ...parts, ports: this.#ports });
  }

  /** Those of a network, empty or not: the caller holds on to them until it releases the network. */
  hold(networkId: string): NetworkFrontends {
    this.#held.add(networkId);
    return this.#of(networkId);
  }

  release(networkId: string): void {
    this.#held.delete(networkId);
    this.#collect(networkId);
  }

  /** The internal ones. */
  *internal(): Iterable<InternalAddress> {
    for (const own of this.#addresses.values()) if (own.settings.internal) yield own;
  }

  /** Leases of all ports here. */
  leases(): Iterable<NamedLease> {
    return this.#leases.all();
  }

  /** Leases of a network's ports. */
  leasesOf(networkId: string): NetworkLeases {
    return this.#leases.of(networkId);
  }

  /** Reason why not; undefined: the lease is in force. */
  setLease(key: string, settings: SnatLease): string | undefined {
    return this.#leases.set(key, settings);
  }

  removeLease(key: string): void {
    this.#leases.remove(key);
  }

  /** What the port may answer as, if it is sent what is for virtual addresses; undefined: it is not. */
  floatingAt(portId: string): readonly FloatingAddress[] | undefined {
    return this.#ports.floatingAt(portId);
  }

  /** Reason why not, or what the address waits for; undefined: it is in force. */
  set(settings: VirtualIp): string | undefined {
    const { id, vnetId, resourceRef } = settings;
    const address = ipWordsFromBytes(settings.address);
    if (address === undefined) return 'the address is malformed';
    const refused = settings.rules.map(faultOf).find((fault) => fault !== undefined);
    if (refused !== undefined) return refused;
    const holder = this.#networks.get(vnetId)?.atWords(address);
    if (holder !== undefined && holder.id !== id) {
      if (!this.#parts.isPending(`vip/${holder.id}`)) {
        return `${formatIpWords(address)} is the address of ${holder.resourceRef}`;
      }
      this.remove(holder.id);
    }
    const old = this.#addresses.get(id);
    const isElsewhere =
      old !== undefined && (old.settings.vnetId !== vnetId || !equalIpWords(old.address, address));
    if (isElsewhere) this.#withdraw(old);
    const cell = old?.cell ?? this.#parts.epochs.allocate();
    const rules = new Map<number, BalancingRule>();
    const counters = new Map<string, RuleCounters>();
    const isInternal = settings.internal;
    const frontend: Frontend = { id, resourceRef, address, isInternal, cell, rules };
    for (const own of settings.rules) {
      const counted = old?.counters.get(own.id) ?? {
        opened: { decisions: 0 },
        unserved: { decisions: 0 },
      };
      counters.set(own.id, counted);
      rules.set(ruleKey(own.protocol, own.port), this.#ruleOf(own, frontend, counted));
    }
    if (vnetId !== '') this.#of(vnetId).set(frontend);
    const ports = this.#portsOf(settings, address);
    this.#addresses.set(id, { settings, address, cell, counters, frontend, ports });
    this.#ports.place(`vip/${id}`, old?.ports ?? NO_PORTS, ports);
    this.#parts.epochs.bump(cell);
    return this.#missing(settings);
  }

  remove(id: string): void {
    const old = this.#addresses.get(id);
    if (old === undefined) return;
    this.#withdraw(old);
    this.#addresses.delete(id);
    this.#ports.place(`vip/${id}`, old.ports, NO_PORTS);
    this.#parts.epochs.release(old.cell);
  }

  /** Comes before the change of goal state that the tables follow from. What has lost its table keeps the one it has until it changes itself. */
  setTables(change: TableChange): void {
    const renewed = new Set<string>();
    for (const { poolId, healthId, table } of change) {
      const key = selectionKey(poolId, healthId);
      if (table === undefined) {
        this.#tables.delete(key);
        continue;
      }
      this.#tables.set(key, table);
      renewed.add(key);
    }
    if (renewed.size === 0) return;
    this.#ruleChanged(({ poolId, healthId }) => renewed.has(selectionKey(poolId, healthId)));
  }

  setPool(settings: BackendPool): string | undefined {
    const pool = poolOf(settings);
    if (typeof pool === 'string') return pool;
    this.#pools.set(settings.id, pool);
    this.#poolChanged(settings.id);
    return undefined;
  }

  removePool(id: string): void {
    this.#pools.delete(id);
    this.#poolChanged(id);
  }

  setHealth(settings: BackendHealth): string | undefined {
    const health = healthOf(settings, this.#healths.get(settings.id));
    if (typeof health === 'string') return health;
    this.#healths.set(settings.id, health);
    this.#healthChanged(settings.id);
    return undefined;
  }

  removeHealth(id: string): void {
    this.#healths.delete(id);
    this.#healthChanged(id);
  }

  #of(networkId: string): NetworkFrontends {
    const known = this.#networks.get(networkId);
    if (known !== undefined) return known;
    const made = new NetworkFrontends();
    this.#networks.set(networkId, made);
    return made;
  }

  #collect(networkId: string): void {
    if (this.#held.has(networkId) || this.#networks.get(networkId)?.size !== 0) return;
    this.#networks.delete(networkId);
  }

  #withdraw({ settings, address }: VirtualAddress): void {
    this.#networks.get(settings.vnetId)?.remove(address);
    this.#collect(settings.vnetId);
  }

  #ruleOf(own: LoadBalancingRule, frontend: Frontend, counters: RuleCounters): BalancingRule {
    return {
      frontend,
      resourceRef: own.resourceRef,
      protocol: own.protocol,
      port: own.port,
      backendPort: own.backendPort,
      isFloating: own.floatingIp,
      distribution: DISTRIBUTIONS[own.distribution] ?? Distribution.FIVE_TUPLE,
      idle: { sec: own.idleTimeoutSec, reset: own.tcpReset },
      counters,
      selection: this.#selectionOf(own),
    };
  }

  #selectionOf({ poolId, healthId }: LoadBalancingRule): Selection | undefined {
    const key = selectionKey(poolId, healthId);
    const known = this.#selections.get(key);
    if (known !== undefined) return known;
    const pool = this.#pools.get(poolId);
    const health = this.#healths.get(healthId);
    if (pool === undefined || (healthId !== '' && health === undefined)) return undefined;
    const made = new Selection(pool, health, this.#tables.get(key));
    this.#selections.set(key, made);
    return made;
  }

  #missing({ internal, rules }: VirtualIp): string | undefined {
    for (const { resourceRef, poolId, healthId } of rules) {
      if (!this.#pools.has(poolId)) return `${resourceRef}: unknown pool ${poolId}`;
      if (healthId !== '' && !this.#healths.has(healthId)) {
        return `${resourceRef}: health ${healthId} of its backends is unknown`;
      }
      const selection = this.#selections.get(selectionKey(poolId, healthId));
      if (internal && selection?.isReady === false) {
        return `${resourceRef}: the host has no room for the table of its backends`;
      }
    }
    return undefined;
  }

  #poolChanged(id: string): void {
    this.#ruleChanged(({ poolId }) => poolId === id);
  }

  #healthChanged(id: string): void {
    this.#ruleChanged(({ healthId }) => healthId === id);
  }

  #ruleChanged(isConcerned: (rule: LoadBalancingRule) => boolean): void {
    for (const [id, { settings }] of this.#addresses) {
      const concerned = settings.rules.filter(isConcerned);
      if (concerned.length === 0) continue;
      for (const { poolId, healthId } of concerned) {
        this.#selections.delete(selectionKey(poolId, healthId));
      }
      this.#parts.touch(`vip/${id}`);
    }
  }

  /** Backends that are sent packets for this very address. */
  #portsOf(settings: VirtualIp, address: IpWords): PortsFoundByMac {
    const ports = new Map<string, readonly FloatingAddress[]>();
    for (const { floatingIp, poolId, resourceRef } of settings.rules) {
      if (settings.internal && !floatingIp) continue;
      for (const { portId, segment } of this.#pools.get(poolId)?.backends ?? []) {
        const floating = floatingIp ? [{ address, segment, resourceRef }] : [];
        const before = ports.get(portId) ?? [];
        // One rule is enough to answer as the address.
        ports.set(portId, before.length > 0 ? before : floating);
      }
    }
    return ports;
  }
}

const DISTRIBUTIONS: Readonly<Record<number, Distribution>> = {
  [LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE]: Distribution.FIVE_TUPLE,
  [LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP_PROTOCOL]: Distribution.SOURCE_IP_PROTOCOL,
  [LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP]: Distribution.SOURCE_IP,
};

function selectionKey(poolId: string, healthId: string): string {
  return `${poolId}\n${healthId}`;
}

function faultOf(rule: LoadBalancingRule): string | undefined {
  const { resourceRef, protocol, port, backendPort, distribution } = rule;
  const isEverything = protocol === 0 && port === 0 && backendPort === 0;
  const isOne = protocol === IpProtocol.TCP || protocol === IpProtocol.UDP;
  if (!isEverything && !(isOne && isPort(port) && isPort(backendPort))) {
    return `${resourceRef}: there is no rule for protocol ${protocol}, ports ${port} to ${backendPort}`;
  }
  if (rule.idleTimeoutSec > PAIR_IDLE_SEC_MAX) {
    return `${resourceRef}: an idle time of ${rule.idleTimeoutSec} s is more than ${PAIR_IDLE_SEC_MAX}`;
  }
  if (DISTRIBUTIONS[distribution] !== undefined) return undefined;
  return `${resourceRef}: distribution ${distribution} is unknown`;
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 0xffff;
}
