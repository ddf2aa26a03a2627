/**
 * The goal states of all targets, kept up to date change by change.
 *
 * Resources are published in scopes (`host/host1`, `vnet/<instanceId>`); a target subscribes to scopes; its slice is the union
 * of their resources. Units of compiler nodes publish and subscribe: a unit's new output replaces its old one. A target
 * exists while it has a subscription. So the cost of a change is the number of resources it alters times the number of
 * targets that need them, whatever else exists.
 *
 * Invariants: a key belongs to one scope; where two units claim one key (two interfaces with one address, for as long as
 * the desired state is inconsistent), the unit with the lowest name wins, in whatever order they came; every slice equals
 * the union of its scopes. `checkInvariants` holds them against each other. Called by controller/compiler.
 */
import { assert } from '../../base/assert.ts';
import { equalBytes } from '../../schema/southbound/goal-hash.ts';
import type { Revision } from '../store/store.ts';
import { type GoalResource, goalResource, type ResourceContent } from './resource.ts';
import { MutableSlice, type Slice } from './slice.ts';

/** `host/<id>`, and `mux/`, `gateway/`, `edge/` likewise; ids lower-cased. */
export type TargetKey = string;
export type ScopeName = string;

/** All that one unit of a compiler node contributes. */
export interface UnitOutput {
  readonly published: readonly { readonly scope: ScopeName; readonly content: ResourceContent }[];
  readonly subscriptions: readonly { readonly target: TargetKey; readonly scope: ScopeName }[];
}

/** What the unit of a node contributes from now on. No two nodes publish the same key. */
export interface Contribution {
  readonly node: string;
  readonly unit: string;
  readonly output: UnitOutput;
}

export const NO_OUTPUT: UnitOutput = { published: [], subscriptions: [] };

/** Per target and key, the resource before the change; undefined: there was none. */
export type SliceChanges = ReadonlyMap<TargetKey, ReadonlyMap<string, GoalResource | undefined>>;

/** What is remembered of an output: where it is, not what it says. */
interface Footprint {
  readonly published: readonly { readonly scope: ScopeName; readonly key: string }[];
  readonly subscriptions: UnitOutput['subscriptions'];
}

const NO_FOOTPRINT: Footprint = { published: [], subscriptions: [] };

interface Claim {
  readonly unit: string;
  readonly resource: GoalResource;
}

interface Scope {
  /** Sorted by unit; the first one counts. */
  readonly claims: Map<string, readonly Claim[]>;
  /** Number of units that subscribe the target. */
  readonly subscribers: Map<TargetKey, number>;
}

export class GoalStates {
  readonly #scopes = new Map<ScopeName, Scope>();
  readonly #slices = new Map<TargetKey, MutableSlice>();
  readonly #subscriptionCounts = new Map<TargetKey, number>();
  /** By node, by unit. */
  readonly #footprints = new Map<string, Map<string, Footprint>>();
  /** Per target and key, what it was when this transaction first touched it. */
  #touched = new Map<TargetKey, Map<string, GoalResource | undefined>>();

  slice(target: TargetKey): Slice | undefined {
    return this.#slices.get(target);
  }

  targets(): Iterable<TargetKey> {
    return this.#slices.keys();
  }

  /** Targets whose slice holds what is published in `scope`. */
  subscribers(scope: ScopeName): Iterable<TargetKey> {
    return this.#scopes.get(scope)?.subscribers.keys() ?? [];
  }

  /** Units of a node that contribute something. */
  unitsOf(node: string): Iterable<string> {
    return this.#footprints.get(node)?.keys() ?? [];
  }

  /** Replaces what a unit contributes; `revision` becomes the version of what differs. */
  replace({ node, unit, output }: Contribution, revision: Revision): void {
    const footprints = this.#footprints.get(node) ?? new Map<string, Footprint>();
    this.#footprints.set(node, footprints);
    const before = footprints.get(unit) ?? NO_FOOTPRINT;
    // Subscriptions are added first and dropped last: a scope that stays is not sent anew.
    for (const { target, scope } of output.subscriptions) this.#subscribe(target, scope);
    const after = footprintOf(output);
    const kept = new Set(after.published.map(({ scope, key }) => `${scope} ${key}`));
    // Released before anything is claimed: a key may move to another scope that the same target has, too.
    for (const { scope, key } of before.published) {
      if (!kept.has(`${scope} ${key}`)) this.#release(scope, unit, key);
    }
    for (const { scope, content } of output.published) this.#claim(scope, unit, content, revision);
    for (const { target, scope } of before.subscriptions) this.#unsubscribe(target, scope);
    if (after === NO_FOOTPRINT) footprints.delete(unit);
    else footprints.set(unit, after);
  }

  /** Since the last call: per target, the keys whose resource differs, with what it was. */
  takeChanges(): SliceChanges {
    const changes = new Map<TargetKey, ReadonlyMap<string, GoalResource | undefined>>();
    for (const [target, touched] of this.#touched) {
      const now = this.#slices.get(target)?.resources;
      for (const [key, before] of touched) if (same(before, now?.get(key))) touched.delete(key);
      if (touched.size > 0) changes.set(target, touched);
    }
    this.#touched = new Map();
    return changes;
  }

  checkInvariants(): void {
    for (const [target, slice] of this.#slices) {
      const expected = new MutableSlice();
      for (const scope of this.#scopes.values()) {
        if (!scope.subscribers.has(target)) continue;
        for (const [key, [claim]] of scope.claims) {
          assert(!expected.resources.has(key), `${key} is published in two scopes of ${target}`);
          expected.set(key, claim?.resource);
        }
      }
      assert(expected.resources.size === slice.resources.size, `${target} holds too much`);
      assert(equalBytes(expected.hash(), slice.hash()), `${target} differs from its scopes`);
    }
  }

  #claim(scopeName: ScopeName, unit: string, content: ResourceContent, revision: Revision): void {
    const scope = this.#scope(scopeName);
    const claims = scope.claims.get(content.key) ?? [];
    const own = claims.find((claim) => claim.unit === unit);
    if (own !== undefined && equalBytes(own.resource.digest, content.digest)) return;
    const others = claims.filter((claim) => claim !== own);
    const claim = { unit, resource: goalResource(content, revision) };
    const sorted = [...others, claim].sort((a, b) => (a.unit < b.unit ? -1 : 1));
    this.#setClaims(scope, content.key, sorted);
  }

  #release(scopeName: ScopeName, unit: string, key: string): void {
    const scope = this.#scope(scopeName);
    const claims = scope.claims.get(key) ?? [];
    this.#setClaims(
      scope,
      key,
      claims.filter((claim) => claim.unit !== unit),
    );
    this.#dropIfEmpty(scopeName, scope);
  }

  #setClaims(scope: Scope, key: string, claims: readonly Claim[]): void {
    const before = scope.claims.get(key)?.[0]?.resource;
    const after = claims[0]?.resource;
    if (claims.length === 0) scope.claims.delete(key);
    else scope.claims.set(key, claims);
    if (before === after) return;
    for (const target of scope.subscribers.keys()) this.#set(target, key, after);
  }

  #subscribe(target: TargetKey, scopeName: ScopeName): void {
    const scope = this.#scope(scopeName);
    const count = scope.subscribers.get(target) ?? 0;
    scope.subscribers.set(target, count + 1);
    if (count > 0) return;
    const scopes = this.#subscriptionCounts.get(target) ?? 0;
    this.#subscriptionCounts.set(target, scopes + 1);
    if (scopes === 0) this.#slices.set(target, new MutableSlice());
    for (const [key, [claim]] of scope.claims) this.#set(target, key, claim?.resource);
  }

  #unsubscribe(target: TargetKey, scopeName: ScopeName): void {
    const scope = this.#scope(scopeName);
    const count = scope.subscribers.get(target) ?? 0;
    assert(count > 0, `${target} does not subscribe to ${scopeName}`);
    if (count > 1) {
      scope.subscribers.set(target, count - 1);
      return;
    }
    scope.subscribers.delete(target);
    for (const key of scope.claims.keys()) this.#set(target, key, undefined);
    this.#dropIfEmpty(scopeName, scope);
    const scopes = (this.#subscriptionCounts.get(target) ?? 0) - 1;
    if (scopes > 0) {
      this.#subscriptionCounts.set(target, scopes);
      return;
    }
    this.#subscriptionCounts.delete(target);
    this.#slices.delete(target);
  }

  #set(target: TargetKey, key: string, resource: GoalResource | undefined): void {
    const slice = this.#slices.get(target);
    assert(slice !== undefined, `${target} has no slice`);
    const touched = this.#touched.get(target) ?? new Map<string, GoalResource | undefined>();
    this.#touched.set(target, touched);
    if (!touched.has(key)) touched.set(key, slice.resources.get(key));
    slice.set(key, resource);
  }

  #scope(name: ScopeName): Scope {
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      scope = { claims: new Map(), subscribers: new Map() };
      this.#scopes.set(name, scope);
    }
    return scope;
  }

  #dropIfEmpty(name: ScopeName, scope: Scope): void {
    if (scope.claims.size === 0 && scope.subscribers.size === 0) this.#scopes.delete(name);
  }
}

function footprintOf({ published, subscriptions }: UnitOutput): Footprint {
  if (published.length === 0 && subscriptions.length === 0) return NO_FOOTPRINT;
  return {
    published: published.map(({ scope, content }) => ({ scope, key: content.key })),
    subscriptions,
  };
}

function same(a: GoalResource | undefined, b: GoalResource | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a === b || equalBytes(a.digest, b.digest);
}
