/**
 * What differs between two documents, structurally. Paths are those of RFC 6901 (JSON Pointer) with one change: an element of an array
 * of resources is named by its resourceId instead of its position, as in `/properties/subnets/web/properties/addressPrefix`, because the
 * order of resources means nothing and a removed subnet must not make its neighbours look changed. The elements of other arrays
 * are compared by position. Called by revision-history.
 */
import type { JsonObject, JsonValue } from '../store/store.ts';

export type Difference =
  | { readonly kind: 'added'; readonly path: readonly string[]; readonly after: JsonValue }
  | { readonly kind: 'removed'; readonly path: readonly string[]; readonly before: JsonValue }
  | {
      readonly kind: 'changed';
      readonly path: readonly string[];
      readonly before: JsonValue;
      readonly after: JsonValue;
    };

/** In the order of the documents: first what `before` has, then what `after` adds. Nothing when they are equal. */
export function diffJson(
  before: JsonValue,
  after: JsonValue,
  path: readonly string[] = [],
): Difference[] {
  const members = comparableMembers(before, after);
  if (members === undefined) {
    return before === after ? [] : [{ kind: 'changed', path, before, after }];
  }
  const differences: Difference[] = [];
  for (const [name, value] of members.before) {
    const memberPath = [...path, name];
    const other = members.after.get(name);
    if (other === undefined) differences.push({ kind: 'removed', path: memberPath, before: value });
    else differences.push(...diffJson(value, other, memberPath));
  }
  for (const [name, value] of members.after) {
    if (members.before.has(name)) continue;
    differences.push({ kind: 'added', path: [...path, name], after: value });
  }
  return differences;
}

/** RFC 6901 §3: `~` and `/` in a name are written `~0` and `~1`. */
export function formatPointer(path: readonly string[]): string {
  return path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

type Members = ReadonlyMap<string, JsonValue>;

/** The parts of two objects, or of two arrays, under names that belong together; undefined for anything else. */
function comparableMembers(
  before: JsonValue,
  after: JsonValue,
): { readonly before: Members; readonly after: Members } | undefined {
  if (isObject(before) && isObject(after)) {
    return { before: new Map(Object.entries(before)), after: new Map(Object.entries(after)) };
  }
  if (!isArray(before) || !isArray(after)) return undefined;
  const byIdBefore = byResourceId(before);
  const byIdAfter = byResourceId(after);
  if (byIdBefore !== undefined && byIdAfter !== undefined) {
    return { before: byIdBefore, after: byIdAfter };
  }
  return { before: byPosition(before), after: byPosition(after) };
}

/** undefined unless every element has an id of its own. */
function byResourceId(elements: readonly JsonValue[]): Members | undefined {
  const members = new Map<string, JsonValue>();
  for (const element of elements) {
    const id = isObject(element) ? element['resourceId'] : undefined;
    if (typeof id !== 'string' || members.has(id)) return undefined;
    members.set(id, element);
  }
  return members;
}

function byPosition(elements: readonly JsonValue[]): Members {
  return new Map(elements.map((element, index) => [String(index), element]));
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
