/**
 * References, both ways: what a changed resource points at must exist and have a type its schema allows, and what a write takes away
 * must not be pointed at. A reference to a type that is not registered is refused, because nothing could honour it.
 */
import { refKey, typeKeyOf } from '../model/resource-ref.ts';
import { detail, type FaultDetail } from './fault.ts';
import type { Registry } from './registry.ts';
import { findNode, referencesIn } from './resource-node.ts';
import type { ReadContext, ResourceNode } from './resource-type.ts';

interface ReferenceContext extends ReadContext {
  readonly registry: Registry;
}

export function checkReferences(
  node: ResourceNode,
  root: ResourceNode | undefined,
  context: ReferenceContext,
): FaultDetail[] {
  return [...referencesIn(node.properties)].flatMap(({ property, to }) => {
    const at = `${node.ref} properties.${property}`;
    const targets = node.type.referenceTargets.get(property) ?? [];
    const available = targets.filter((target) => context.registry.byKey(target.toLowerCase()));
    if (available.length === 0) {
      const message = `${at}: this controller has no ${targets.join(' or ')} to refer to`;
      return [detail('InvalidResourceReference', message, to)];
    }
    if (!available.some((target) => target.toLowerCase() === typeKeyOf(to))) {
      const message = `${at}: '${to}' is not a reference to ${available.join(' or ')}`;
      return [detail('InvalidJsonReferenceWrongType', message, to)];
    }
    const rule = context.registry.rule(node.type.key, property);
    const found = context.desired.byRef(to) !== undefined;
    if (
      found ||
      rule?.inUse === undefined ||
      (root !== undefined && findNode(root, refKey(to)) !== undefined)
    )
      return [];
    return [detail(rule.dangling ?? 'InvalidResourceReference', `${at}: there is no ${to}`, to)];
  });
}

/** Why `node` cannot go: references to it that will still stand after the write. */
export function checkRemovals(
  node: ResourceNode,
  removed: readonly ResourceNode[],
  root: ResourceNode | undefined,
  context: ReferenceContext,
): FaultDetail[] {
  const gone = new Set(removed.map(({ key }) => key));
  for (const { from, property } of context.desired.referrers(node.ref)) {
    if (gone.has(from.key)) continue;
    const rewritten = root === undefined ? undefined : findNode(root, from.key);
    if (rewritten !== undefined && !refersTo(rewritten, node.key)) continue;
    const rule = context.registry.rule(from.type, property);
    if (rule !== undefined && rule.inUse === undefined) continue;
    const code = rule?.inUse ?? 'ResourceInUse';
    return [detail(code, `${node.ref} is in use by ${from.ref}`, node.ref)];
  }
  return [];
}

function refersTo(node: ResourceNode, key: string): boolean {
  return [...referencesIn(node.properties)].some(({ to }) => refKey(to) === key);
}
