/**
 * Leases of a public address's ports, as the switch holds them (SnatLease): which ports of which virtual address a port's own address may leave as, when
 * no public address is its own. Read from goal state and checked; a string as result is the reason why not. Called by virtual-addresses
 * (writes), outbound (reads).
 */
import {
  equalIpWords,
  formatIpWords,
  type IpWords,
  ipWordsFromBytes,
} from '../../base/ip-words.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { PortRange, SnatLease } from '../../schema/southbound/messages.ts';
import type { EpochCell, Epochs } from '../engine/epochs.ts';
import { PAIR_IDLE_SEC_MAX } from '../engine/flow-entries.ts';
import type { IdleLimit, RuleCounter } from '../engine/rule.ts';
import { type BackendPorts, NO_PORTS, type PortsFoundByMac } from './backend-ports.ts';

export interface Lease {
  readonly resourceRef: string;
  readonly publicAddress: IpWords;
  /** DIP. */
  readonly address: IpWords;
  /** 6 or 17; 0: both. */
  readonly protocol: number;
  readonly ports: readonly PortRange[];
  /** Ports in all. */
  readonly portCount: number;
  readonly idle: IdleLimit;
  /** Flows that have left by it. */
  readonly counter: RuleCounter;
  /** Packets that found no port free. */
  readonly exhausted: RuleCounter;
  readonly cell: EpochCell;
}

/** Does the lease serve this protocol? */
export function servesProtocol({ protocol }: Lease, wanted: number): boolean {
  if (protocol !== 0) return protocol === wanted;
  return wanted === IpProtocol.TCP || wanted === IpProtocol.UDP;
}

export function hasPort({ ports }: Lease, port: number): boolean {
  return ports.some(({ from, to }) => port >= from && port <= to);
}

/** The port at a place of the lease, 0 … portCount − 1. */
export function portAt({ ports }: Lease, place: number): number {
  let left = place;
  for (const { from, to } of ports) {
    const count = to - from + 1;
    if (left < count) return from + left;
    left -= count;
  }
  return 0;
}

/** Those of one network. */
export class NetworkLeases {
  /** By text of the DIP, then by key. */
  readonly #byAddress = new Map<string, Map<string, Lease>>();

  get isEmpty(): boolean {
    return this.#byAddress.size === 0;
  }

  /** Those of a DIP, by key. */
  of(address: IpWords): readonly Lease[] {
    if (this.isEmpty) return NO_LEASES;
    const leases = this.#byAddress.get(formatIpWords(address));
    if (leases === undefined) return NO_LEASES;
    return [...leases].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, lease]) => lease);
  }

  set(key: string, lease: Lease): void {
    const name = formatIpWords(lease.address);
    const leases = this.#byAddress.get(name) ?? new Map<string, Lease>();
    leases.set(key, lease);
    this.#byAddress.set(name, leases);
  }

  remove(key: string, { address }: Lease): void {
    const name = formatIpWords(address);
    const leases = this.#byAddress.get(name);
    leases?.delete(key);
    if (leases?.size === 0) this.#byAddress.delete(name);
  }
}

const NO_LEASES: readonly Lease[] = [];

/** A lease with the names that goal state has for whose it is. */
export interface NamedLease {
  readonly vipId: string;
  readonly portId: string;
  readonly lease: Lease;
}

interface HeldLease extends NamedLease {
  readonly networkId: string;
  readonly ports: PortsFoundByMac;
}

export class Leases {
  readonly #epochs: Epochs;
  readonly #ports: BackendPorts;
  readonly #networks = new Map<string, NetworkLeases>();
  readonly #held = new Map<string, HeldLease>();

  constructor(parts: { readonly epochs: Epochs; readonly ports: BackendPorts }) {
    this.#epochs = parts.epochs;
    this.#ports = parts.ports;
  }

  of(networkId: string): NetworkLeases {
    const known = this.#networks.get(networkId);
    if (known !== undefined) return known;
    const made = new NetworkLeases();
    this.#networks.set(networkId, made);
    return made;
  }

  set(key: string, settings: SnatLease): string | undefined {
    const shape = shapeOf(settings);
    if (typeof shape === 'string') return shape;
    const old = this.#held.get(key);
    if (old !== undefined) this.#networks.get(old.networkId)?.remove(key, old.lease);
    const cell = old?.lease.cell ?? this.#epochs.allocate();
    const counter = old?.lease.counter ?? { decisions: 0 };
    const exhausted = old?.lease.exhausted ?? { decisions: 0 };
    const lease: Lease = { ...shape, cell, counter, exhausted };
    const ports: PortsFoundByMac = new Map([[settings.portId, []]]);
    const { vipId, portId, vnetId: networkId } = settings;
    this.#held.set(key, { vipId, portId, lease, networkId, ports });
    this.of(settings.vnetId).set(key, lease);
    this.#ports.place(key, old?.ports ?? NO_PORTS, ports);
    this.#epochs.bump(cell);
    return undefined;
  }

  /** Of every network. */
  all(): Iterable<NamedLease> {
    return this.#held.values();
  }

  remove(key: string): void {
    const old = this.#held.get(key);
    if (old === undefined) return;
    this.#held.delete(key);
    this.#networks.get(old.networkId)?.remove(key, old.lease);
    this.#ports.place(key, old.ports, NO_PORTS);
    this.#epochs.release(old.lease.cell);
  }
}

function shapeOf(settings: SnatLease): Omit<Lease, 'cell' | 'counter' | 'exhausted'> | string {
  const { resourceRef, protocol, ports, idleTimeoutSec } = settings;
  const publicAddress = ipWordsFromBytes(settings.publicAddress);
  const address = ipWordsFromBytes(settings.address);
  if (publicAddress === undefined || address === undefined) return 'an address is malformed';
  if (settings.publicAddress.length !== settings.address.length) {
    return `${formatIpWords(publicAddress)} is of another family than ${formatIpWords(address)}`;
  }
  if (equalIpWords(publicAddress, address)) return 'the public address is the backend’s own';
  if (protocol !== 0 && protocol !== IpProtocol.TCP && protocol !== IpProtocol.UDP) {
    return `there are no ports of protocol ${protocol}`;
  }
  for (const { from, to } of ports) {
    if (from < 1 || to > 0xffff || from > to) return `there are no ports ${from} to ${to}`;
  }
  if (idleTimeoutSec > PAIR_IDLE_SEC_MAX) {
    return `an idle time of ${idleTimeoutSec} s is more than ${PAIR_IDLE_SEC_MAX}`;
  }
  const portCount = ports.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  const idle = { sec: idleTimeoutSec, reset: settings.tcpReset };
  return { resourceRef, publicAddress, address, protocol, ports, portCount, idle };
}
