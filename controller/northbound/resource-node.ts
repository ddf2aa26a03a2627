/**
 * A resource tree while a write works on it: nodes that can be changed, made from a stored document or from a request's body, and turned
 * back into the document. Children live under `properties.<collection>` in documents and answers, and in `children` here.
 *
 * Called by the write path and by descriptors' hooks.
 */
import type { Static, TSchema } from 'typebox';
import { assert } from '../../base/assert.ts';
import { refKey } from '../model/resource-ref.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import type { RegisteredType, ResourceNode } from './resource-type.ts';

export function refOf(parent: ResourceNode | undefined, type: RegisteredType, id: string): string {
  return `${parent?.ref ?? ''}/${type.type.collection}/${id}`;
}

/** The tree of a stored document. */
export function loadNode(
  type: RegisteredType,
  document: JsonObject,
  parent?: ResourceNode,
): ResourceNode {
  const ref = textOf(document, 'resourceRef');
  const properties = { ...objectOf(document['properties']) };
  const internal = document['internal'];
  const node: ResourceNode = {
    type,
    parent,
    ref,
    key: refKey(ref),
    resourceId: textOf(document, 'resourceId'),
    instanceId: textOf(document, 'instanceId'),
    etag: textOf(document, 'etag'),
    tags: optionalObject(document['tags']),
    resourceMetadata: optionalObject(document['resourceMetadata']),
    properties,
    internal: internal === undefined ? undefined : { ...objectOf(internal) },
    children: [],
  };
  for (const child of type.children) {
    const documents = properties[child.type.collection];
    delete properties[child.type.collection];
    for (const entry of arrayOf(documents)) {
      node.children.push(loadNode(child, objectOf(entry), node));
    }
  }
  return node;
}

/** The document of a tree, in the order of MS-NCNBI §2.2.2. */
export function documentOf(node: ResourceNode): JsonObject {
  return {
    resourceId: node.resourceId,
    resourceRef: node.ref,
    instanceId: node.instanceId,
    etag: node.etag,
    ...(node.tags === undefined ? {} : { tags: node.tags }),
    ...(node.resourceMetadata === undefined ? {} : { resourceMetadata: node.resourceMetadata }),
    properties: { ...node.properties, ...childDocuments(node) },
    ...(node.internal === undefined ? {} : { internal: node.internal }),
  };
}

function childDocuments(node: ResourceNode): Record<string, JsonValue> {
  const documents: Record<string, JsonValue> = {};
  for (const type of node.type.children) {
    documents[type.type.collection] = childrenOf(node, type).map(documentOf);
  }
  return documents;
}

export function childrenOf(node: ResourceNode, type: RegisteredType): ResourceNode[] {
  return node.children.filter((child) => child.type === type);
}

/** The children of one collection, by its name. */
export function childrenIn(node: ResourceNode, collection: string): ResourceNode[] {
  return node.children.filter((child) => child.type.type.collection === collection);
}

/** The node and everything below it, parents first. */
export function* nodesOf(node: ResourceNode): Generator<ResourceNode, void, undefined> {
  yield node;
  for (const child of node.children) yield* nodesOf(child);
}

export function findNode(root: ResourceNode, key: string): ResourceNode | undefined {
  if (root.key === key) return root;
  for (const child of root.children) {
    if (child.key === key || key.startsWith(`${child.key}/`)) return findNode(child, key);
  }
  return undefined;
}

/** The node's properties under its schema's static type: what read-properties.ts let through is what that type says. */
export function typed<T extends TSchema>(
  _schema: T,
  holder: { readonly properties: JsonObject },
): Static<T> {
  return holder.properties as unknown as Static<T>;
}

/** References inside properties, with the path that DesiredState gives them. */
export function* referencesIn(
  properties: JsonObject,
): Generator<{ readonly property: string; readonly to: string }, void, undefined> {
  for (const [name, value] of Object.entries(properties)) yield* referencesInValue(value, name);
}

function* referencesInValue(
  value: JsonValue,
  property: string,
): Generator<{ readonly property: string; readonly to: string }, void, undefined> {
  if (typeof value !== 'object' || value === null) return;
  if (isArray(value)) {
    for (const element of value) yield* referencesInValue(element, property);
    return;
  }
  const to = value['resourceRef'];
  if (typeof to === 'string') {
    yield { property, to };
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    yield* referencesInValue(inner, `${property}.${name}`);
  }
}

function textOf(document: JsonObject, name: string): string {
  const text = document[name];
  assert(typeof text === 'string', `a stored resource has a string ${name}`);
  return text;
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return optionalObject(value) ?? {};
}

function optionalObject(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !isArray(value) ? value : undefined;
}

function arrayOf(value: JsonValue | undefined): readonly JsonValue[] {
  return value !== undefined && value !== null && isArray(value) ? value : [];
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
