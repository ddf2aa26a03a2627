/**
 * Compiler: desired state and placements in, goal states per target out.
 *
 *     documents ──┐                 host-settings ──┐
 *                 ├─► model ──► virtual-networks ───┼─► scopes ──► slices (one per target) ──► changed keys
 *     placements ─┘   (indices)  virtual-subnets ───┤   (goal-state/goal-states.ts)
 *                                ports, mappings ───┤
 *           access-control-lists, security-tags ────┤
 *                   route-tables, mirrors ──────────┤
 *  edges, edge-networks, public-addresses ──────────┤
 *    muxes, virtual-ips, backends, backend-pools, ───┤
 *    backend-health, health-probes, announcements, ──┤
 *                                     snat-leases ───┘
 *
 * Deterministic and free of I/O. Each input is turned into changes of the model; every node names the units they can alter
 * (or 'unhandled': all of its units); those are compiled again and their output replaces the old one. `recompute` is the
 * whole thing from nothing, and the yardstick of the property test. Called by southbound/controller.ts.
 */
import { GoalStates, type SliceChanges, type TargetKey } from '../goal-state/goal-states.ts';
import type { Slice } from '../goal-state/slice.ts';
import type { JsonObject, Revision } from '../store/store.ts';
import type {
  AnnouncementInput,
  HealthInput,
  LeaseInput,
  RetirementInput,
} from './balancing-state.ts';
import { CompiledState, type UnitName } from './compiled-state.ts';
import { type Document, readDocument } from './document.ts';
import { Model } from './model.ts';
import type { ModelChange, ObservedChange } from './model-change.ts';
import type { AddressInNetwork, ModelView } from './model-view.ts';
import { type CompilerNode, type CompilerSettings, DEFAULT_SETTINGS } from './node.ts';
import { accessControlLists } from './nodes/access-control-lists.ts';
import { announcements } from './nodes/announcements.ts';
import { backendHealth } from './nodes/backend-health.ts';
import { backendPools } from './nodes/backend-pools.ts';
import { backends } from './nodes/backends.ts';
import { edgeNetworks } from './nodes/edge-networks.ts';
import { edges } from './nodes/edges.ts';
import { healthProbes } from './nodes/health-probes.ts';
import { hostSettings } from './nodes/host-settings.ts';
import { mappings } from './nodes/mappings.ts';
import { mirrors } from './nodes/mirrors.ts';
import { muxes } from './nodes/muxes.ts';
import { ports } from './nodes/ports.ts';
import { publicAddresses } from './nodes/public-addresses.ts';
import { routeTables } from './nodes/route-tables.ts';
import { securityTags } from './nodes/security-tags.ts';
import { snatLeases } from './nodes/snat-leases.ts';
import { virtualIps } from './nodes/virtual-ips.ts';
import { virtualNetworks } from './nodes/virtual-networks.ts';
import { virtualSubnets } from './nodes/virtual-subnets.ts';

const NODES: readonly CompilerNode[] = [
  hostSettings,
  virtualNetworks,
  virtualSubnets,
  ports,
  mappings,
  accessControlLists,
  securityTags,
  routeTables,
  mirrors,
  edges,
  edgeNetworks,
  publicAddresses,
  muxes,
  // Before virtual addresses: what is kept for muxes alone is let go before it is published for others under the same key.
  announcements,
  virtualIps,
  backends,
  backendPools,
  backendHealth,
  healthProbes,
  snatLeases,
];

const KIND_OF_COLLECTION: Readonly<Record<string, Document['kind']>> = {
  servers: 'server',
  logicalnetworks: 'logical-network',
  virtualnetworks: 'virtual-network',
  networkinterfaces: 'network-interface',
  accesscontrollists: 'access-control-list',
  securitytags: 'security-tag',
  virtualswitchmanager: 'settings',
  virtualnetworkmanager: 'settings',
  auditingsettings: 'settings',
  routetables: 'route-table',
  serviceinsertions: 'service-insertion',
  edgerouters: 'edge-router',
  publicipaddresses: 'public-ip-address',
  loadbalancermanager: 'settings',
  loadbalancers: 'load-balancer',
  loadbalancermuxes: 'load-balancer-mux',
  backendsettings: 'backend-settings',
};

/** One document as it shall be from now on, by its key in `desired`; undefined: gone. */
export interface DocumentInput {
  readonly key: string;
  readonly value: JsonObject | undefined;
}

/** Where an interface is attached from now on; undefined: nowhere. */
export interface PlacementInput {
  readonly interfaceInstanceId: string;
  /** Lower-cased resourceId. */
  readonly serverId: string | undefined;
}

/** Which interface has a learned address from now on; undefined: none. */
export interface HolderInput extends AddressInNetwork {
  readonly interfaceInstanceId: string | undefined;
}

export interface CompilerInput {
  readonly revision: Revision;
  readonly documents: readonly DocumentInput[];
  readonly placements: readonly PlacementInput[];
  readonly holders?: readonly HolderInput[];
  readonly health?: readonly HealthInput[];
  readonly announcements?: readonly AnnouncementInput[];
  readonly retirements?: readonly RetirementInput[];
  readonly leases?: readonly LeaseInput[];
}

/** What the compiler has done since it was made. */
export interface CompilerCounters {
  readonly unitsCompiled: number;
  readonly nodesRecomputed: number;
  readonly documentsUnreadable: number;
}

export class Compiler {
  readonly #settings: CompilerSettings;
  readonly #model = new Model();
  readonly #goals = new GoalStates();
  #revision: Revision = 0;
  #counters = { unitsCompiled: 0, nodesRecomputed: 0, documentsUnreadable: 0 };

  constructor(settings: CompilerSettings = DEFAULT_SETTINGS) {
    this.#settings = settings;
  }

  get revision(): Revision {
    return this.#revision;
  }

  get model(): ModelView {
    return this.#model;
  }

  get counters(): CompilerCounters {
    return this.#counters;
  }

  slice(target: TargetKey): Slice | undefined {
    return this.#goals.slice(target);
  }

  targets(): Iterable<TargetKey> {
    return this.#goals.targets();
  }

  /** Targets that hold what is published in a scope of node.ts. */
  targetsOf(scope: string): Iterable<TargetKey> {
    return this.#goals.subscribers(scope);
  }

  /** Takes one input in, as a whole. */
  apply(input: CompilerInput): SliceChanges {
    this.#revision = Math.max(this.#revision, input.revision);
    const changes = this.#changeModel(input);
    for (const node of NODES) {
      const units = this.#dirtyUnits(node, changes);
      if (units === 'unhandled') this.#recomputeNode(node);
      else for (const unit of units) this.#compileUnit(node, unit);
    }
    return this.#goals.takeChanges();
  }

  /**
   * What is, and what would be if the documents were so. `look` is shown both states, the later one first, each only while it lasts;
   * nothing that anybody else sees is changed.
   */
  preview<T>(
    documents: readonly DocumentInput[],
    look: (state: CompiledState) => T,
  ): { readonly before: T; readonly after: T } {
    const counters = { ...this.#counters };
    const changes = this.#changeModel({ revision: 0, documents, placements: [] });
    const common = { model: this.#model, nodes: NODES, settings: this.#settings };
    let after: T;
    let dirty: readonly UnitName[];
    try {
      dirty = NODES.flatMap((node) => {
        const units = this.#dirtyUnits(node, changes);
        const all = units === 'unhandled' ? this.#unitsOf(node) : units;
        return [...all].map((unit) => ({ node: node.name, unit }));
      });
      after = look(new CompiledState({ ...common, dirty }));
    } finally {
      for (const change of [...changes].reverse()) {
        if (isObserved(change)) continue;
        const id = change.before?.id ?? change.after?.id ?? '';
        this.#model.set(change.kind, id, change.before);
      }
      this.#counters = counters;
    }
    return { before: look(new CompiledState({ ...common, dirty })), after };
  }

  /** Compiles everything again. Changes nothing, unless a node's `handle` is wrong. */
  recompute(): SliceChanges {
    for (const node of NODES) this.#recomputeNode(node);
    return this.#goals.takeChanges();
  }

  checkInvariants(): void {
    this.#goals.checkInvariants();
  }

  #changeModel(input: CompilerInput): readonly ModelChange[] {
    const documents = input.documents.flatMap(({ key, value }) => {
      const [collection = '', id = ''] = key.split('/');
      const kind = KIND_OF_COLLECTION[collection];
      if (kind === undefined) return [];
      // Singletons are known by their collection.
      const name = kind === 'settings' ? collection : id;
      return this.#model.set(kind, name, this.#read(key, value)) ?? [];
    });
    const placements = input.placements.flatMap(
      ({ interfaceInstanceId, serverId }) => this.#model.place(interfaceInstanceId, serverId) ?? [],
    );
    const holders = (input.holders ?? []).flatMap(
      (holder) => this.#model.hold(holder, holder.interfaceInstanceId) ?? [],
    );
    return [...documents, ...placements, ...holders, ...this.#changeBalancing(input)];
  }

  #changeBalancing(input: CompilerInput): ModelChange[] {
    const { health, announcements, retirements, leases = [] } = input;
    const { balancing } = this.#model;
    const decided = [
      ...(announcements ?? []).filter((each) => balancing.setAnnounced(each)),
      ...(retirements ?? []).filter((each) => balancing.setRetired(each)),
    ];
    const probes = (health ?? []).filter((each) => balancing.setHealth(each));
    const leased = leases.map((each) => ({
      vipId: each.vipId,
      holders: balancing.setLeases(each),
    }));
    return [
      ...probes.map(({ probeId }) => ({ kind: 'health' as const, probeId })),
      ...decided.map(({ vipId }) => ({ kind: 'announcement' as const, vipId })),
      ...leased.map((each) => ({ kind: 'snat' as const, ...each })),
    ];
  }

  #read(key: string, value: JsonObject | undefined): Document | undefined {
    if (value === undefined) return undefined;
    const document = readDocument(key, value);
    if (document === 'unreadable') this.#counters.documentsUnreadable++;
    return typeof document === 'string' ? undefined : document;
  }

  #dirtyUnits(
    node: CompilerNode,
    changes: readonly ModelChange[],
  ): ReadonlySet<string> | 'unhandled' {
    const dirty = new Set<string>();
    for (const change of changes) {
      const units = node.handle(change, this.#model);
      if (units === 'unhandled') return 'unhandled';
      for (const unit of units) dirty.add(unit);
    }
    return dirty;
  }

  #unitsOf(node: CompilerNode): Set<string> {
    return new Set([...node.units(this.#model), ...this.#goals.unitsOf(node.name)]);
  }

  #recomputeNode(node: CompilerNode): void {
    this.#counters.nodesRecomputed++;
    for (const unit of this.#unitsOf(node)) this.#compileUnit(node, unit);
  }

  #compileUnit(node: CompilerNode, unit: string): void {
    this.#counters.unitsCompiled++;
    const output = node.compile(unit, this.#model, this.#settings);
    this.#goals.replace({ node: node.name, unit, output }, this.#revision);
  }
}

function isObserved(change: ModelChange): change is ObservedChange {
  return !('before' in change || 'after' in change);
}
