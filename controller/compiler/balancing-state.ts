/**
 * What is observed of load balancing, and decided from observations, as the model holds it: what probes say of backends, which virtual
 * addresses are announced, those that are gone but still announced, and which of their ports backends use outbound (controller/southbound/
 * announcements.ts, backend-health.ts, snat-leases.ts).
 */
import type { HealthState, SnatLease, VirtualIp } from '../../schema/southbound/messages.ts';

/** What probes say of one backend; undefined: nothing is known. */
export interface HealthInput {
  /** instanceId of the probe. */
  readonly probeId: string;
  /** Canonical text. */
  readonly address: string;
  readonly state: HealthState | undefined;
}

export interface AnnouncementInput {
  /** instanceId of the frontend. */
  readonly vipId: string;
  readonly announced: boolean;
}

/** A virtual address that desired state has no more, while muxes still announce it. */
export interface RetiredVip {
  /** instanceId of its load balancer. */
  readonly balancerId: string;
  /** As it was, less rules whose pool is gone with it. */
  readonly virtualIp: VirtualIp;
}

export interface RetirementInput {
  readonly vipId: string;
  /** Undefined: muxes may forget it. */
  readonly retired: RetiredVip | undefined;
}

/** Ports of a public virtual address by backend (snat.ts, Leaseholder). */
export type LeasedPorts = ReadonlyMap<string, SnatLease['ports']>;

export interface LeaseInput {
  /** instanceId of the frontend. */
  readonly vipId: string;
  /** All of it; empty: none. */
  readonly leased: LeasedPorts;
}

/** What nodes may read. */
export interface BalancingView {
  /** By address. */
  healthOf(probeId: string): ReadonlyMap<string, HealthState>;
  isAnnounced(vipId: string): boolean;
  retired(vipId: string): RetiredVip | undefined;
  retiredIds(): Iterable<string>;
  announcedIds(): Iterable<string>;
  leasesOf(vipId: string): LeasedPorts;
  leasedIds(): Iterable<string>;
}

const NO_PORTS: LeasedPorts = new Map();
const NOTHING: ReadonlyMap<string, HealthState> = new Map();

function isSame(a: SnatLease['ports'] | undefined, b: SnatLease['ports']): boolean {
  return (
    a?.length === b.length &&
    a.every(({ from, to }, at) => from === b[at]?.from && to === b[at]?.to)
  );
}

export class BalancingState implements BalancingView {
  readonly #health = new Map<string, Map<string, HealthState>>();
  readonly #announced = new Set<string>();
  readonly #retired = new Map<string, RetiredVip>();
  readonly #leases = new Map<string, LeasedPorts>();

  healthOf(probeId: string): ReadonlyMap<string, HealthState> {
    return this.#health.get(probeId) ?? NOTHING;
  }

  isAnnounced(vipId: string): boolean {
    return this.#announced.has(vipId);
  }

  retired(vipId: string): RetiredVip | undefined {
    return this.#retired.get(vipId);
  }

  retiredIds(): Iterable<string> {
    return this.#retired.keys();
  }

  announcedIds(): Iterable<string> {
    return this.#announced;
  }

  leasesOf(vipId: string): LeasedPorts {
    return this.#leases.get(vipId) ?? NO_PORTS;
  }

  leasedIds(): Iterable<string> {
    return this.#leases.keys();
  }

  /** Returns those who have other ports than before. */
  setLeases({ vipId, leased }: LeaseInput): readonly string[] {
    const before = this.leasesOf(vipId);
    if (leased.size === 0) this.#leases.delete(vipId);
    else this.#leases.set(vipId, leased);
    const moved = [...leased].filter(([holder, ports]) => !isSame(before.get(holder), ports));
    const gone = [...before.keys()].filter((holder) => !leased.has(holder));
    return [...moved.map(([holder]) => holder), ...gone];
  }

  /** Returns whether that is new. */
  setHealth({ probeId, address, state }: HealthInput): boolean {
    const of = this.#health.get(probeId) ?? new Map<string, HealthState>();
    if (of.get(address) === state) return false;
    if (state === undefined) of.delete(address);
    else of.set(address, state);
    if (of.size === 0) this.#health.delete(probeId);
    else this.#health.set(probeId, of);
    return true;
  }

  setAnnounced({ vipId, announced }: AnnouncementInput): boolean {
    if (this.#announced.has(vipId) === announced) return false;
    if (announced) this.#announced.add(vipId);
    else this.#announced.delete(vipId);
    return true;
  }

  /** Returns whether that is new. */
  setRetired({ vipId, retired }: RetirementInput): boolean {
    if (retired === undefined) return this.#retired.delete(vipId);
    this.#retired.set(vipId, retired);
    return true;
  }
}
