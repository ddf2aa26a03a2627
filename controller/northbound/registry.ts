/**
 * The registered resource types, indexed: by path segment for URLs, by type for references and back-references. Built once at start from
 * the descriptors and checked, so that a descriptor that contradicts its schema does not start.
 */
import type { TSchema } from 'typebox';
import { assert } from '../../base/assert.ts';
import { shapeOf } from '../../schema/northbound/read-properties.ts';
import type { ReferenceRule, RegisteredType, ResourceType } from './resource-type.ts';

export interface Registry {
  readonly tops: readonly RegisteredType[];
  /** Every type, parents first. */
  readonly all: readonly RegisteredType[];
  /** By `RegisteredType.key`. */
  byKey(key: string): RegisteredType | undefined;
  /** What a reference from `typeKey` under `property` means. */
  rule(typeKey: string, property: string): ReferenceRule | undefined;
}

export function createRegistry(types: readonly ResourceType[]): Registry {
  const tops = types.map((type) => register(type, undefined));
  const all = tops.flatMap(withDescendants);
  const byKey = new Map(all.map((entry) => [entry.key, entry]));
  assert(byKey.size === all.length, 'each resource type is registered once');
  const rules = new Map<string, ReferenceRule>();
  for (const entry of all) {
    for (const rule of entry.type.references ?? []) {
      const known = entry.referenceTargets.has(rule.property);
      assert(known, `${entry.path}: ${rule.property} is a reference in the schema`);
      rules.set(`${entry.key} ${rule.property}`, rule);
    }
    for (const property of entry.referenceTargets.keys()) {
      assert(rules.has(`${entry.key} ${property}`), `${entry.path}: ${property} has a rule`);
    }
  }
  return {
    tops,
    all,
    byKey: (key) => byKey.get(key),
    rule: (typeKey, property) => rules.get(`${typeKey} ${property}`),
  };
}

function register(type: ResourceType, parent: RegisteredType | undefined): RegisteredType {
  const path = parent === undefined ? type.collection : `${parent.path}/${type.collection}`;
  const children: RegisteredType[] = [];
  const { properties } = type.schema;
  const registered: RegisteredType = {
    type,
    parent,
    children,
    path,
    key: path.toLowerCase(),
    referenceTargets: new Map(targetsIn(type.schema, '')),
    backReferences: Object.entries(properties)
      .filter(([, property]) => shapeOf(property)['x-back-references'] === true)
      .map(([name]) => name),
    hasConfigurationState: 'configurationState' in properties,
  };
  for (const child of type.children ?? []) {
    const clash = Object.keys(properties).includes(child.collection);
    assert(!clash, `${path}: ${child.collection} is a child, not a property`);
    children.push(register(child, registered));
  }
  return registered;
}

function withDescendants(entry: RegisteredType): RegisteredType[] {
  return [entry, ...entry.children.flatMap(withDescendants)];
}

/** Writable references of a schema: read-only and unbuilt ones are never stored. */
function targetsIn(schema: TSchema, path: string): [string, readonly string[]][] {
  const shape = shapeOf(schema);
  if (shape.readOnly === true || shape['x-inert'] !== undefined) return [];
  const targets = shape['x-references'];
  if (targets !== undefined) return [[path, targets]];
  if (shape.items !== undefined) return targetsIn(shape.items, path);
  return Object.entries(shape.properties ?? {}).flatMap(([name, property]) =>
    targetsIn(property, path === '' ? name : `${path}.${name}`),
  );
}
