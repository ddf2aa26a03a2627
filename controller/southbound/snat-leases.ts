/**
 * Keeps the leases of ports of public virtual addresses (allocation/snat-ports.ts) in step with desired state: when a load balancer, its backends
 * or their addresses change, the ports of its frontends are leased anew from what was leased before, stored, and compiled. What is leased, and
 * what rests, is an observation in the store, one for each frontend, so that a controller that starts again gives nobody other ports.
 *
 *   hub.apply ── before, after compiling: which load balancers ──► SNAT_DELAY ──► leasePorts ──► observe, lease ──► compiler
 *
 * Several changes within SNAT_DELAY are one. Where ports do not suffice it is counted, told by `shortagesOf`, and tried again when what rests has
 * rested. Called by target-hub.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import {
  blocksOfRules,
  leasePorts,
  NO_LEASES,
  type PortLeases,
  portCount,
  portsPerBackend,
  type RestingPorts,
  restEndsAt,
} from '../allocation/snat-ports.ts';
import { balancedBy, balancerId } from '../compiler/balancing.ts';
import type { LeasedPorts, LeaseInput } from '../compiler/balancing-state.ts';
import type { CompilerInput } from '../compiler/compiler.ts';
import type { LoadBalancer } from '../compiler/load-balancer-document.ts';
import type { ModelView } from '../compiler/model-view.ts';
import { leaseholders, portsOfRules } from '../compiler/snat.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import { SNAT_DELAY, SNAT_PAUSE_FACTOR } from './limits.ts';
import type { SouthboundMetrics } from './metrics.ts';

export interface SnatLeasesOptions {
  readonly model: ModelView;
  readonly clock: Clock;
  readonly metrics: Pick<SouthboundMetrics, 'snatPortsLeased' | 'snatPortsLacking'>;
  /** Compiles what has been leased and sends what follows. */
  lease(leases: readonly LeaseInput[]): void;
  /** Stores an observation; `value` undefined deletes. */
  observe(key: string, value: JsonObject | undefined): void;
}

/** Backends of one rule that have fewer ports of a frontend than they should. */
export interface SnatShortage {
  /** instanceId of the outboundNatRule, or of the loadBalancingRule that lets its backends out by default. */
  readonly ruleId: string;
  readonly backends: number;
  /** Ports that they lack together. */
  readonly portsLacking: number;
}

/** Of the observations that say what is leased: `snat/<instanceId of the frontend>`. */
export const SNAT_PREFIX = 'snat/';

interface Held {
  /** Lower-cased resourceId of the load balancer. */
  balancerId: string;
  leases: PortLeases;
  shortages: readonly SnatShortage[];
  portsLeased: number;
}

export class SnatLeases {
  readonly #options: SnatLeasesOptions;
  /** By instanceId of the frontend. */
  readonly #held = new Map<string, Held>();
  readonly #byBalancer = new Map<string, Set<string>>();
  /** Load balancers that are to be looked at. */
  readonly #dirty = new Set<string>();
  #soon: Timer | undefined;
  /** How long it took last time, milliseconds. */
  #lookedFor = 0;
  #rested: Timer | undefined;
  #closed = false;

  constructor(options: SnatLeasesOptions) {
    this.#options = options;
  }

  close(): void {
    this.#closed = true;
    this.#soon?.cancel();
    this.#rested?.cancel();
  }

  /** What the store remembered of a frontend, before anything is compiled. Undefined: it cannot be read. */
  load(vipId: string, value: JsonObject): LeaseInput | undefined {
    const read = readLeases(value);
    if (read === undefined) return undefined;
    this.#hold(vipId, read.balancerId, read.leases, []);
    return { vipId, leased: portsOf(read.leases) };
  }

  /** Called once after what the store remembered was compiled: everything is looked at. */
  loaded(): void {
    for (const id of this.#options.model.loadBalancers.keys()) this.#dirty.add(id);
    for (const { balancerId } of this.#held.values()) this.#dirty.add(balancerId);
    this.#look();
  }

  /** Called before and after an input is compiled: who was concerned, and who is. */
  note({ documents }: Pick<CompilerInput, 'documents'>): void {
    for (const { key } of documents) {
      for (const id of this.#balancersAt(key)) this.#dirty.add(id);
    }
    if (this.#closed || this.#dirty.size === 0) return;
    // While many change, it is looked a part of the time only: most of what is seen in between is overtaken.
    const delay = Math.max(SNAT_DELAY, this.#lookedFor * SNAT_PAUSE_FACTOR);
    this.#soon ??= this.#options.clock.after(millis(delay), () => this.#look());
  }

  /** Of every rule whose backends lack ports of a frontend. */
  shortagesOf(vipId: string): readonly SnatShortage[] {
    return this.#held.get(vipId)?.shortages ?? [];
  }

  #balancersAt(key: string): Iterable<string> {
    const { model } = this.#options;
    const [collection, id = ''] = key.split('/');
    switch (collection) {
      case 'loadbalancers':
        return [id];
      case 'networkinterfaces':
        return balancedBy(model.networkInterfaces.get(id)).map(balancerId);
      case 'publicipaddresses':
        return model.referring('load-balancer', `/publicipaddresses/${id}`);
      case 'virtualnetworks':
        // A backend counts while its subnet is there.
        return (model.virtualNetworks.get(id)?.subnets ?? []).flatMap(({ ref }) =>
          [...model.interfacesInSubnet(ref)].flatMap((each) =>
            balancedBy(model.networkInterfaces.get(each)).map(balancerId),
          ),
        );
      default:
        return [];
    }
  }

  #look(): void {
    this.#soon?.cancel();
    this.#soon = undefined;
    if (this.#closed) return;
    const { clock, lease } = this.#options;
    const startedAt = clock.now();
    const nowMs = clock.wallNow();
    const changed: LeaseInput[] = [];
    for (const id of this.#dirty) changed.push(...this.#lease(id, nowMs));
    this.#dirty.clear();
    this.#count();
    this.#armRest(nowMs);
    if (changed.length > 0) lease(changed);
    this.#lookedFor = clock.now() - startedAt;
  }

  #lease(id: string, nowMs: number): LeaseInput[] {
    const balancer = this.#options.model.loadBalancers.get(id);
    const gone = new Set(this.#byBalancer.get(id));
    const changed: LeaseInput[] = [];
    for (const { instanceId } of balancer?.frontends ?? []) gone.delete(instanceId);
    for (const frontend of balancer?.frontends ?? []) {
      if (balancer === undefined) break;
      changed.push(...this.#leaseFrontend(frontend, balancer, nowMs));
    }
    // With the frontend its address has gone: nobody else's connections are at its ports.
    for (const vipId of gone) {
      this.#drop(vipId);
      changed.push({ vipId, leased: new Map() });
    }
    return changed;
  }

  #leaseFrontend(
    frontend: LoadBalancer['frontends'][number],
    balancer: LoadBalancer,
    nowMs: number,
  ): LeaseInput[] {
    const vipId = frontend.instanceId;
    const before = this.#held.get(vipId)?.leases ?? NO_LEASES;
    const holders = leaseholders(frontend, balancer, this.#options.model);
    if (holders.length === 0 && before === NO_LEASES) return [];
    const taken = blocksOfRules(portsOfRules(frontend, balancer));
    const wishes = holders.map(({ name, poolSize }) => ({
      holder: name,
      ports: portsPerBackend(poolSize),
    }));
    const leases = leasePorts(before, wishes, taken, nowMs);
    const shortages = shortagesOf(holders, leases);
    const isEmpty = leases.leased.size === 0 && leases.resting.length === 0;
    if (isEmpty && shortages.length === 0) this.#drop(vipId);
    else this.#hold(vipId, balancer.id, leases, shortages);
    if (isSame(before, leases)) return [];
    const record = isEmpty ? undefined : writeLeases(balancer.id, leases);
    this.#options.observe(`${SNAT_PREFIX}${vipId}`, record);
    return [{ vipId, leased: portsOf(leases) }];
  }

  #hold(
    vipId: string,
    balancerId: string,
    leases: PortLeases,
    shortages: readonly SnatShortage[],
  ): void {
    let portsLeased = 0;
    for (const spans of leases.leased.values()) portsLeased += portCount(spans);
    this.#held.set(vipId, { balancerId, leases, shortages, portsLeased });
    const of = this.#byBalancer.get(balancerId) ?? new Set();
    this.#byBalancer.set(balancerId, of.add(vipId));
  }

  #drop(vipId: string): void {
    const held = this.#held.get(vipId);
    if (held === undefined) return;
    this.#held.delete(vipId);
    const of = this.#byBalancer.get(held.balancerId);
    of?.delete(vipId);
    if (of?.size === 0) this.#byBalancer.delete(held.balancerId);
    this.#options.observe(`${SNAT_PREFIX}${vipId}`, undefined);
  }

  #count(): void {
    const { metrics } = this.#options;
    let leased = 0;
    let lacking = 0;
    for (const { portsLeased, shortages } of this.#held.values()) {
      leased += portsLeased;
      for (const { portsLacking } of shortages) lacking += portsLacking;
    }
    metrics.snatPortsLeased.set(leased);
    metrics.snatPortsLacking.set(lacking);
  }

  /** What has rested is forgotten, and given to those that lack ports. */
  #armRest(nowMs: number): void {
    this.#rested?.cancel();
    this.#rested = undefined;
    const ends: number[] = [];
    for (const { leases } of this.#held.values()) ends.push(restEndsAt(leases) ?? Number.NaN);
    const next = Math.min(...ends.filter((at) => !Number.isNaN(at)));
    if (!Number.isFinite(next)) return;
    const due = () => {
      for (const { balancerId, leases } of this.#held.values()) {
        const at = restEndsAt(leases);
        if (at !== undefined && at <= this.#options.clock.wallNow()) this.#dirty.add(balancerId);
      }
      this.#look();
    };
    this.#rested = this.#options.clock.after(millis(Math.max(0, next - nowMs)), due, {
      background: true,
    });
  }
}

function shortagesOf(
  holders: ReturnType<typeof leaseholders>,
  { leased }: PortLeases,
): readonly SnatShortage[] {
  const byRule = new Map<string, SnatShortage>();
  for (const { name, poolSize, use } of holders) {
    const lacking = portsPerBackend(poolSize) - portCount(leased.get(name) ?? []);
    if (lacking <= 0) continue;
    const { ruleId } = use;
    const known = byRule.get(ruleId) ?? { ruleId, backends: 0, portsLacking: 0 };
    const portsLacking = known.portsLacking + lacking;
    byRule.set(ruleId, { ...known, backends: known.backends + 1, portsLacking });
  }
  return [...byRule.values()];
}

function portsOf({ leased }: PortLeases): LeasedPorts {
  return new Map(
    [...leased].map(([holder, spans]) => [
      holder,
      spans.map(({ first, last }) => ({ from: first, to: last })),
    ]),
  );
}

function isSame(a: PortLeases, b: PortLeases): boolean {
  if (a.leased.size !== b.leased.size || a.resting.length !== b.resting.length) return false;
  return JSON.stringify(asJson(a)) === JSON.stringify(asJson(b));
}

function asJson({ leased, resting }: PortLeases): JsonObject {
  const holders = [...leased].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    leased: Object.fromEntries(
      holders.map(([holder, spans]) => [holder, spans.map(({ first, last }) => [first, last])]),
    ),
    resting: resting.map(({ holder, first, last, untilMs }) => [holder, first, last, untilMs]),
  };
}

function writeLeases(balancerId: string, leases: PortLeases): JsonObject {
  return { balancer: balancerId, ...asJson(leases) };
}

/** Undefined unless all of it can be read: half of what is leased would give the other half to others. */
function readLeases(
  value: JsonObject,
): { readonly balancerId: string; readonly leases: PortLeases } | undefined {
  const { balancer, leased, resting } = value as Readonly<Record<string, JsonValue | undefined>>;
  if (typeof balancer !== 'string' || !isObject(leased) || !Array.isArray(resting))
    return undefined;
  const read = new Map<string, { first: number; last: number }[]>();
  for (const [holder, spans] of Object.entries(leased)) {
    if (!Array.isArray(spans)) return undefined;
    read.set(
      holder,
      spans.map((span) => {
        const [first = 0, last = 0] = Array.isArray(span) ? span.map(Number) : [];
        return { first, last };
      }),
    );
  }
  const rests = resting.map((rest): RestingPorts => {
    const [holder, first, last, untilMs] = Array.isArray(rest) ? rest : [];
    return {
      holder: String(holder),
      first: Number(first),
      last: Number(last),
      untilMs: Number(untilMs),
    };
  });
  return { balancerId: balancer, leases: { leased: read, resting: rests } };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
