/**
 * From a request to the document it would commit: read, check, allocate, new etags. Pure but for minting identifiers; throws the
 * NorthboundFault that answers a request which cannot be. The order of checks is the order in which a client is told:
 * preconditions (§1.3.1.1), format, references, immutability, use by others, the type's own rules, allocation.
 *
 * Etags (§1.3.1.1): one new value per write, worn by the resource, its descendants and its ancestors; siblings and resources
 * that merely refer to it keep theirs.
 */
import { type Claim, claimsOf } from '../allocation/claims.ts';
import type { Resource } from '../model/desired-state.ts';
import { treeKeyOf } from '../model/resource-ref.ts';
import type { JsonObject, Revision } from '../store/store.ts';
import { checkReferences, checkRemovals } from './check-references.ts';
import { detail, type FaultDetail, fault, refuse } from './fault.ts';
import { checkDelete, checkPut, type Preconditions } from './preconditions.ts';
import { readBody } from './read-body.ts';
import type { Registry } from './registry.ts';
import { documentOf, loadNode, nodesOf } from './resource-node.ts';
import type { ResourcePath } from './resource-path.ts';
import type { DocumentChange, ReadContext, RegisteredType, ResourceNode } from './resource-type.ts';

export interface PlanContext extends ReadContext {
  readonly registry: Registry;
  readonly mintInstanceId: () => string;
  readonly mintEtag: () => string;
}

export interface WriteRequest extends Preconditions {
  readonly method: 'PUT' | 'DELETE';
  readonly path: ResourcePath;
  /** Parsed JSON of a PUT. */
  readonly body: unknown;
}

export interface WritePlan {
  readonly created: boolean;
  readonly treeKey: string;
  /** Undefined: the whole tree goes. */
  readonly document: JsonObject | undefined;
  /** Other trees that change with it. */
  readonly companions: readonly DocumentChange[];
  /** Revision of the tree that was planned on; 0: it did not exist. */
  readonly expected: Revision;
  /** Reference as the tree spells it. */
  readonly ref: string;
  /** What a DELETE takes away. */
  readonly removed: Resource | undefined;
}

/** `undefined`: a DELETE of what does not exist, which is 204 and no revision. */
export function planWrite(request: WriteRequest, context: PlanContext): WritePlan | undefined {
  return request.method === 'PUT' ? planPut(request, context) : planDelete(request, context);
}

function planPut(request: WriteRequest, context: PlanContext): WritePlan {
  const { path } = request;
  const before = loadTree(path, context);
  const target = before?.nodes.get(path.key);
  checkPut(request, target?.etag);
  const parent = parentOf(path, context);
  const written = readBody(request.body, {
    type: path.type,
    parent,
    resourceId: path.resourceId,
    previous: before?.nodes ?? new Map(),
    mintInstanceId: context.mintInstanceId,
  });
  if (parent !== undefined) graft(parent, written);
  const root = rootOf(written);
  const plan = { before, root, changed: [...nodesOf(written)], context };
  validate(plan);
  const companions = allocate(plan);
  restamp(written, context.mintEtag());
  return {
    created: target === undefined,
    treeKey: treeKeyOf(path.ref),
    document: documentOf(root),
    companions,
    expected: before?.revision ?? 0,
    ref: written.ref,
    removed: undefined,
  };
}

function planDelete(request: WriteRequest, context: PlanContext): WritePlan | undefined {
  const { path } = request;
  const removed = context.desired.byRef(path.ref);
  const before = loadTree(path, context);
  const target = before?.nodes.get(path.key);
  if (removed === undefined || before === undefined || target === undefined) return undefined;
  if (path.type.type.singletonId !== undefined) {
    throw fault('OperationNotSupported', `${path.type.path} is a singleton and stays`, target.ref);
  }
  checkDelete(request, target.etag);
  const parent = parentOf(path, context);
  if (parent !== undefined) {
    parent.children = parent.children.filter((child) => child.key !== target.key);
  }
  const root = parent === undefined ? undefined : rootOf(parent);
  validate({ before, root, changed: [], context });
  if (parent !== undefined) restampUpwards(parent, context.mintEtag());
  return {
    created: false,
    treeKey: before.key,
    document: root === undefined ? undefined : documentOf(root),
    companions: [],
    expected: before.revision,
    ref: target.ref,
    removed,
  };
}

interface LoadedTree {
  readonly key: string;
  readonly revision: Revision;
  readonly root: Resource;
  readonly nodes: ReadonlyMap<string, ResourceNode>;
}

/** A tree about to be written. `root` undefined: it goes. */
interface Draft {
  readonly before: LoadedTree | undefined;
  readonly root: ResourceNode | undefined;
  /** Nodes that the write creates or replaces. */
  readonly changed: readonly ResourceNode[];
  readonly context: PlanContext;
}

function loadTree(path: ResourcePath, { desired }: PlanContext): LoadedTree | undefined {
  const tree = desired.tree(treeKeyOf(path.ref));
  if (tree === undefined) return undefined;
  const root = loadNode(topOf(path.type), tree.root.body);
  const nodes = new Map([...nodesOf(root)].map((node) => [node.key, node]));
  return { key: tree.key, revision: tree.revision, root: tree.root, nodes };
}

/** The parent of a child's path in a tree of its own, which the write then changes; undefined for a top-level resource. */
function parentOf(path: ResourcePath, context: PlanContext): ResourceNode | undefined {
  if (path.type.parent === undefined) return undefined;
  const tree = loadTree(path, context);
  const parentKey = path.key.split('/').slice(0, -2).join('/');
  const parent = tree?.nodes.get(parentKey);
  if (parent === undefined) {
    throw fault('NotFound', `there is no ${parentKey} to hold it`, parentKey);
  }
  return parent;
}

function graft(parent: ResourceNode, child: ResourceNode): void {
  const at = parent.children.findIndex((sibling) => sibling.key === child.key);
  if (at === -1) parent.children.push(child);
  else parent.children[at] = child;
}

function validate(draft: Draft): void {
  const { before, root, changed, context } = draft;
  const refuse = (faults: readonly FaultDetail[]) => refuseSpelt(faults, draft);
  const removed = removedNodes(before, root);
  refuse(changed.flatMap((node) => checkReferences(node, root, context)));
  refuse(changed.flatMap((node) => checkImmutable(node, before?.nodes.get(node.key))));
  refuse(removed.flatMap((node) => checkRemovals(node, removed, root, context)));
  if (root === undefined) {
    refuse(removed.flatMap((node) => guardRemoval(node, node, context)));
    return;
  }
  refuse(removed.flatMap((node) => guardRemoval(node, root, context)));
  // Ancestors of what changed are asked too: a subnet that overlaps its sibling is their parent's concern.
  for (const node of nodesOf(root)) {
    const previous = before?.nodes.get(node.key);
    refuse(node.type.type.validate?.(node, { ...context, previous, root }) ?? []);
  }
}

/** Rules compare keys, which are in lower case, and name by them what they find. Who reads the refusal knows resources as they were written. */
function refuseSpelt(faults: readonly FaultDetail[], { root, context }: Draft): void {
  if (faults.length === 0) return;
  const written = new Map<string, string>();
  if (root !== undefined) for (const { key, ref } of nodesOf(root)) written.set(key, ref);
  const spelt = (key: string): string => written.get(key) ?? context.desired.byRef(key)?.ref ?? key;
  refuse(faults.map((each) => ({ ...each, message: each.message.replace(KEY, spelt) })));
}

/** `/loadbalancers/web/probes/http` in a sentence. */
const KEY = /\/[a-z]+\/[^\s,;:'"]+/g;

function guardRemoval(
  node: ResourceNode,
  root: ResourceNode,
  context: PlanContext,
): readonly FaultDetail[] {
  const refused = node.type.type.guardRemoval?.(node, { ...context, previous: node, root });
  return refused === undefined ? [] : [refused];
}

function allocate(write: Draft): readonly DocumentChange[] {
  const { before, root, changed, context } = write;
  if (root === undefined) return [];
  const draft = context.allocations.draft(releasedClaims(before, root, changed));
  for (const node of changed) {
    const previous = before?.nodes.get(node.key);
    const faults = node.type.type.allocate?.(node, { ...context, previous, root, draft }) ?? [];
    refuseSpelt(faults, write);
  }
  return root.type.type.companions?.(root, { ...context, draft }) ?? [];
}

/** What resources held that the write changes or removes; the rest of the tree keeps what it has. */
function releasedClaims(
  before: LoadedTree | undefined,
  root: ResourceNode,
  changed: readonly ResourceNode[],
): readonly Claim[] {
  if (before === undefined) return [];
  const kept = new Set([...nodesOf(root)].map(({ key }) => key));
  for (const { key } of changed) kept.delete(key);
  return claimsOf(before.root).filter(({ owner }) => !kept.has(owner));
}

function removedNodes(before: LoadedTree | undefined, root: ResourceNode | undefined) {
  const all = [...(before?.nodes.values() ?? [])];
  if (root === undefined) return all;
  const left = new Set([...nodesOf(root)].map(({ key }) => key));
  return all.filter(({ key }) => !left.has(key));
}

function checkImmutable(
  node: ResourceNode,
  previous: ResourceNode | undefined,
): readonly FaultDetail[] {
  if (previous === undefined) return [];
  return (node.type.type.immutable ?? []).flatMap(({ property, code, absent }) => {
    const was = previous.properties[property] ?? absent;
    const will = node.properties[property] ?? absent;
    if (JSON.stringify(was) === JSON.stringify(will)) return [];
    const message = `${property} of ${node.ref} cannot change once it is created`;
    return [detail(code, message, `properties.${property}`)];
  });
}

function restamp(node: ResourceNode, etag: string): void {
  for (const descendant of nodesOf(node)) descendant.etag = etag;
  if (node.parent !== undefined) restampUpwards(node.parent, etag);
}

function restampUpwards(node: ResourceNode, etag: string): void {
  for (let at: ResourceNode | undefined = node; at !== undefined; at = at.parent) at.etag = etag;
}

function rootOf(node: ResourceNode): ResourceNode {
  return node.parent === undefined ? node : rootOf(node.parent);
}

function topOf(type: RegisteredType): RegisteredType {
  return type.parent === undefined ? type : topOf(type.parent);
}
