/**
 * What the controller knows about a type of resource, declared: one descriptor per type, and the HTTP layer, the write path, the views, the
 * OpenAPI document and docs/api.md are generic over them. To add a type: describe its properties in schema/northbound, write one
 * descriptor in resources/, list it in resource-types.ts.
 *
 * Hooks run in this order on every node that a write creates or changes: `normalise` (one canonical text per value), the generic
 * checks (references exist and have a right type, immutable properties unchanged, nothing removed that is in use), `validate`,
 * `allocate`. They see the tree as it will be; they may not await and may not touch anything but their node.
 */
import type { TObject } from 'typebox';
import type { Clock } from '../../base/clock.ts';
import type { AllocationDraft, Allocations } from '../allocation/allocations.ts';
import type { DesiredState, Resource } from '../model/desired-state.ts';
import type { RealisedState } from '../model/realised-state.ts';
import type { AskMux, AskTarget } from '../southbound/ask-target.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import type { ErrorCode } from './error-codes.ts';
import type { FaultDetail } from './fault.ts';
import type { ObservedPeers } from './observed-peers.ts';

export interface ResourceType {
  /** As MS-NCNBI spells it in paths: `virtualNetworks`. Children also appear under this name in the parent's properties. */
  readonly collection: string;
  /** Where MS-NCNBI defines it: `3.1.5.18`. Absent: Weft's own. */
  readonly section?: string;
  /** One sentence for docs/api.md. */
  readonly summary: string;
  readonly schema: TObject;
  /** The only resourceId a singleton may have; a singleton cannot be deleted. */
  readonly singletonId?: string;
  /** Properties of a singleton at the first start. */
  readonly initial?: JsonObject;
  readonly children?: readonly ResourceType[];
  readonly references?: readonly ReferenceRule[];
  readonly immutable?: readonly ImmutableProperty[];
  normalise?(properties: Properties): Properties;
  validate?(node: ResourceNode, context: WriteContext): readonly FaultDetail[];
  allocate?(node: ResourceNode, context: AllocateContext): readonly FaultDetail[];
  /** What a write of this tree changes in others, in the same commit; asked of the tree's own type. */
  companions?(root: ResourceNode, context: CompanionContext): readonly DocumentChange[];
  /** Why this resource cannot go, beyond references to it (those are found generically). */
  guardRemoval?(node: ResourceNode, context: WriteContext): FaultDetail | undefined;
  /** Read-only properties beside back-references, computed for every answer. */
  derive?(resource: Resource, context: ReadContext): JsonObject;
  /**
   * Read-only properties that only a host knows, asked where a client reads this one resource; a collection is shown without, so that a
   * long list asks nobody (but see observeListed). Bounded in time, and never rejects: what cannot be had is left out.
   */
  observe?(resource: Resource, context: ObserveContext): Promise<JsonObject>;
  /** The part of it that a collection is shown with, of a type of which there are few: all are asked at the same time. */
  observeListed?(resource: Resource, context: ObserveContext): Promise<JsonObject>;
}

export type Properties = Record<string, JsonValue>;

/** What a reference of this type means. Where it may point is in the schema (`Reference([...])`). */
export interface ReferenceRule {
  /** Path from `properties`, array positions left out: `subnet`, `connections.credential`. */
  readonly property: string;
  /** Read-only array on the target that lists who refers to it. */
  readonly backReference?: string;
  /**
   * Answer to removing the target while this reference stands. Absent: the target may go and be missing, which the type's own rules
   * judge.
   */
  readonly inUse?: ErrorCode;
  /** Answer to a target that does not exist; InvalidResourceReference by default. */
  readonly dangling?: ErrorCode;
}

export interface ImmutableProperty {
  readonly property: string;
  readonly code: ErrorCode;
  /** Value that an absent property stands for. */
  readonly absent?: JsonValue;
}

export interface ReadContext {
  readonly desired: DesiredState;
  readonly allocations: Allocations;
  readonly realised: RealisedState;
  /** How BGP sessions are, where an answer shows them. */
  readonly peers?: ObservedPeers | undefined;
}

export interface ObserveContext extends ReadContext {
  readonly ask: AskTarget;
  readonly askMux: AskMux;
  readonly clock: Clock;
  /** Of the interface, as in the request: `v1`. */
  readonly version: string;
}

export interface WriteContext extends ReadContext {
  /** The same resource before the write. */
  readonly previous: ResourceNode | undefined;
  /** The tree as it will be. */
  readonly root: ResourceNode;
}

export interface AllocateContext extends WriteContext {
  readonly draft: AllocationDraft;
}

export interface CompanionContext extends ReadContext {
  readonly draft: AllocationDraft;
}

/** Another tree's document as it shall be; its etags stay, because no client can see the difference. */
export interface DocumentChange {
  readonly key: string;
  readonly value: JsonObject;
}

/** A descriptor in its place in the registry. */
export interface RegisteredType {
  readonly type: ResourceType;
  readonly parent: RegisteredType | undefined;
  readonly children: readonly RegisteredType[];
  /** Collections along the path as spelt: `virtualNetworks/subnets`. */
  readonly path: string;
  /** Lower-cased `path`, which is DesiredState's `Resource.type`. */
  readonly key: string;
  /** What its schema says about references, by property path. */
  readonly referenceTargets: ReadonlyMap<string, readonly string[]>;
  /** Properties that list who refers to the resource. */
  readonly backReferences: readonly string[];
  /** Whether hosts' reports are shown on it. */
  readonly hasConfigurationState: boolean;
}

/** A resource while a write works on it; resource-node.ts makes and reads them. */
export interface ResourceNode {
  readonly type: RegisteredType;
  readonly parent: ResourceNode | undefined;
  /** As the client spelt it when it created the resource. */
  readonly ref: string;
  /** Lower-cased `ref`. */
  readonly key: string;
  readonly resourceId: string;
  readonly instanceId: string;
  etag: string;
  tags: JsonObject | undefined;
  resourceMetadata: JsonObject | undefined;
  /** Its own, without children. */
  properties: Properties;
  /** Kept beside `properties` and never shown. */
  internal: Properties | undefined;
  children: ResourceNode[];
}
