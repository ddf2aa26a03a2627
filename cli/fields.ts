/**
 * Reading of resources whose shape is the controller's business: a missing or differently typed member reads as empty, because a
 * table with a dash in it helps more than a refusal to print. Called by every command that shows a resource.
 */

import { formatMac, parseMac } from '../base/mac.ts';

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member at `path`, undefined when any step is missing. Names compare exactly. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isObject(inner) ? inner[name] : undefined), value);
}

/** Strings as they are, numbers and booleans as text, anything else as ''. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  if (typeof found === 'string') return found;
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : '';
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** Texts of a list, joined for one cell. */
export function joinedAt(value: unknown, ...path: readonly string[]): string {
  return listAt(value, ...path)
    .map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry)))
    .join(', ');
}

/** A MAC address as Linux writes it; the API's own form has no separators. */
export function macAt(value: unknown, ...path: readonly string[]): string {
  const text = textAt(value, ...path);
  const mac = parseMac(text);
  return mac === undefined ? text : formatMac(mac);
}

/** `subnets` of `/virtualNetworks/blue/subnets/web` is `web`: the name that follows a collection, compared without case. */
export function nameIn(resourceRef: string, collection: string): string {
  const segments = resourceRef.split('/');
  const index = segments.findIndex((each) => each.toLowerCase() === collection.toLowerCase());
  return index < 0 ? '' : (segments[index + 1] ?? '');
}

/** The last segment of a reference: the resource's own name. */
export function lastName(resourceRef: string): string {
  return resourceRef.slice(resourceRef.lastIndexOf('/') + 1);
}
