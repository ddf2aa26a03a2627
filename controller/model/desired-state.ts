/**
 * DesiredState — the in-memory mirror of the store's `desired` section, as of one revision: what northbound validates against and the
 * compiler reads. Built from the store at start, then fed each RevisionEntry in order; every lookup is O(1), and applying an entry
 * costs the size of the trees it changed.
 *
 * A document is one tree. In it, an object with a string `instanceId` and `resourceRef` is a resource (the tree's own, or a child at
 * any depth); an object with a `resourceRef` and no `instanceId` is a reference. A reference belongs to the innermost resource around
 * it. What stands beside `properties` (tags, metadata, `internal`) is not searched.
 *
 * Invariants: every resource of every tree is found by its reference and its instanceId, and by nothing else; every reference is
 * listed under its target, whether the target exists or not. `checkInvariants` compares with a fresh build.
 */
import { assert } from '../../base/assert.ts';
import type {
  Change,
  Entry,
  JsonObject,
  JsonValue,
  Revision,
  RevisionEntry,
} from '../store/store.ts';
import { refKey, typeKeyOf } from './resource-ref.ts';

/** One resource of the model, top-level or child. Immutable: a new revision of its tree makes new ones. */
export interface Resource {
  /** As the client spelt it. */
  readonly ref: string;
  /** `refKey(ref)` */
  readonly key: string;
  /** Lower-cased collections: `virtualnetworks`, `virtualnetworks/subnets`. */
  readonly type: string;
  readonly resourceId: string;
  readonly instanceId: string;
  /** Nearest resource around this one; undefined for a tree's own. */
  readonly parent: Resource | undefined;
  readonly children: readonly Resource[];
  /** References made by this resource itself, not by its children. */
  readonly references: readonly Reference[];
  /** Key of its tree in the store. */
  readonly treeKey: string;
  /** The envelope, as stored. */
  readonly body: JsonObject;
  /** `body.properties`, empty when the document has none. */
  readonly properties: JsonObject;
}

export interface Tree {
  /** Key in the store: `virtualnetworks/blue`. */
  readonly key: string;
  /** Revision that last wrote the tree: what a commit's `expect` wants. */
  readonly revision: Revision;
  readonly root: Resource;
}

export interface Reference {
  readonly from: Resource;
  /** Path from the resource's `properties`, array positions left out: `subnet`, `dhcpOptions.servers`. */
  readonly property: string;
  /** As spelt. */
  readonly to: string;
}

export class DesiredState {
  #revision: Revision = 0;
  readonly #trees = new Map<string, Tree>();
  readonly #byRef = new Map<string, Resource>();
  readonly #byInstanceId = new Map<string, Resource>();
  readonly #byType = new Map<string, Map<string, Resource>>();
  readonly #referrers = new Map<string, Set<Reference>>();
  readonly #listeners = new Set<(entry: RevisionEntry) => void>();

  /** Revision this state shows. */
  get revision(): Revision {
    return this.#revision;
  }

  /** `key` as in the store: lower-cased, no leading slash. */
  tree(key: string): Tree | undefined {
    return this.#trees.get(key);
  }

  /** A resource at any depth, by reference in any casing. */
  byRef(ref: string): Resource | undefined {
    return this.#byRef.get(refKey(ref));
  }

  byInstanceId(instanceId: string): Resource | undefined {
    return this.#byInstanceId.get(instanceId.toLowerCase());
  }

  /** References to exactly this resource (not to its children), in no order. The set is live: copy it before awaiting. */
  referrers(ref: string): ReadonlySet<Reference> {
    return this.#referrers.get(refKey(ref)) ?? NO_REFERENCES;
  }

  /** Resources of a type such as `virtualNetworks` or `virtualNetworks/subnets` (any casing), by `Resource.key`, in no order. Live. */
  list(type: string): ReadonlyMap<string, Resource> {
    return this.#byType.get(type.toLowerCase()) ?? NO_RESOURCES;
  }

  trees(): ReadonlyMap<string, Tree> {
    return this.#trees;
  }

  /** Runs `listener` after each applied entry, when this state shows exactly that revision. Returns the way to stop. */
  subscribe(listener: (entry: RevisionEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Replaces everything by the documents of one snapshot. */
  load(entries: Iterable<Entry>, revision: Revision): void {
    for (const table of [this.#trees, this.#byRef, this.#byInstanceId, this.#byType]) table.clear();
    this.#referrers.clear();
    for (const entry of entries) this.#insert(plantTree(entry));
    this.#revision = revision;
  }

  /** The next revision. */
  apply(entry: RevisionEntry): void {
    assert(entry.revision === this.#revision + 1, 'revisions are applied in order, without gaps');
    for (const change of entry.changes) this.#replace(change, entry.revision);
    this.#revision = entry.revision;
    for (const listener of this.#listeners) listener(entry);
  }

  /** Throws AssertionError unless the tables are those a fresh build of the same documents has. */
  checkInvariants(): void {
    const fresh = new DesiredState();
    const documents = [...this.#trees.values()].map((tree) => ({
      key: tree.key,
      value: tree.root.body,
      revision: tree.revision,
    }));
    fresh.load(documents, this.#revision);
    assert(sameKeys(this.#byRef, fresh.#byRef), 'resources by reference differ');
    assert(sameKeys(this.#byInstanceId, fresh.#byInstanceId), 'resources by instanceId differ');
    assert(sameKeys(this.#byType, fresh.#byType), 'types differ');
    for (const [type, resources] of this.#byType) {
      assert(sameKeys(resources, fresh.list(type)), `resources of type ${type} differ`);
    }
    assert(sameKeys(this.#referrers, fresh.#referrers), 'referenced resources differ');
    for (const [key, references] of this.#referrers) {
      assert(references.size === fresh.referrers(key).size, `references to ${key} differ`);
      for (const { from } of references) {
        assert(this.#byRef.get(from.key) === from, `stale reference to ${key}`);
      }
    }
  }

  #replace(change: Change, revision: Revision): void {
    const previous = this.#trees.get(change.key);
    if (previous !== undefined) this.#remove(previous);
    if (change.after === undefined) return;
    this.#insert(plantTree({ key: change.key, value: change.after, revision }));
  }

  #insert(tree: Tree): void {
    this.#trees.set(tree.key, tree);
    for (const resource of resourcesOf(tree.root)) {
      this.#byRef.set(resource.key, resource);
      this.#byInstanceId.set(resource.instanceId.toLowerCase(), resource);
      entryOf(this.#byType, resource.type, newTable).set(resource.key, resource);
      for (const reference of resource.references) {
        entryOf(this.#referrers, refKey(reference.to), newSet).add(reference);
      }
    }
  }

  #remove(tree: Tree): void {
    this.#trees.delete(tree.key);
    for (const resource of resourcesOf(tree.root)) {
      this.#byRef.delete(resource.key);
      this.#byInstanceId.delete(resource.instanceId.toLowerCase());
      const ofType = this.#byType.get(resource.type);
      ofType?.delete(resource.key);
      if (ofType?.size === 0) this.#byType.delete(resource.type);
      for (const reference of resource.references) {
        const key = refKey(reference.to);
        const referrers = this.#referrers.get(key);
        referrers?.delete(reference);
        if (referrers?.size === 0) this.#referrers.delete(key);
      }
    }
  }
}

/** A resource and everything below it, parents first. */
export function* resourcesOf(resource: Resource): Generator<Resource, void, undefined> {
  yield resource;
  for (const child of resource.children) yield* resourcesOf(child);
}

/** A document as a tree that stands alone: to validate it before it is committed, for instance. */
export function plantTree(entry: Entry): Tree {
  const root = growResource(entry.value, undefined, entry.key);
  return { key: entry.key, revision: entry.revision, root };
}

interface Growing extends Resource {
  readonly children: Resource[];
  readonly references: Reference[];
}

function growResource(body: JsonObject, parent: Resource | undefined, treeKey: string): Resource {
  const ref = textOf(body, 'resourceRef');
  const properties = body['properties'];
  const resource: Growing = {
    ref,
    key: refKey(ref),
    type: typeKeyOf(ref),
    resourceId: textOf(body, 'resourceId'),
    instanceId: textOf(body, 'instanceId'),
    parent,
    children: [],
    references: [],
    treeKey,
    body,
    properties: isObject(properties) ? properties : NO_PROPERTIES,
  };
  for (const [name, value] of Object.entries(resource.properties)) growValue(value, name, resource);
  return resource;
}

function growValue(value: JsonValue, property: string, resource: Growing): void {
  if (isArray(value)) {
    for (const element of value) growValue(element, property, resource);
    return;
  }
  if (!isObject(value)) return;
  const to = value['resourceRef'];
  if (typeof to === 'string') {
    if (typeof value['instanceId'] === 'string') {
      resource.children.push(growResource(value, resource, resource.treeKey));
    } else {
      resource.references.push({ from: resource, property, to });
    }
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    growValue(inner, `${property}.${name}`, resource);
  }
}

function textOf(body: JsonObject, name: string): string {
  const text = body[name];
  assert(typeof text === 'string', `a resource in the store has a string ${name}`);
  return text;
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entryOf<V>(table: Map<string, V>, key: string, make: () => V): V {
  const present = table.get(key);
  if (present !== undefined) return present;
  const made = make();
  table.set(key, made);
  return made;
}

function newTable(): Map<string, Resource> {
  return new Map();
}

function newSet(): Set<Reference> {
  return new Set();
}

function sameKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}

const NO_PROPERTIES: JsonObject = {};
const NO_REFERENCES: ReadonlySet<Reference> = new Set();
const NO_RESOURCES: ReadonlyMap<string, Resource> = new Map();
