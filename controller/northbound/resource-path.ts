/**
 * URLs of the northbound — MS-NCNBI §1.7, §2.2.3: `/networking/<version>/<collection>[/<id>[/<collection>[/<id>…]]]`, compared without
 * letter case, because the specification itself varies it. Ids keep the spelling of the request.
 */
import { REST_VERSIONS } from '../../schema/northbound/discovery.ts';
import { refKey } from '../model/resource-ref.ts';
import { fault } from './fault.ts';
import { PATH_LENGTH_MAX, RESOURCE_ID_LENGTH_MAX } from './limits.ts';
import type { Registry } from './registry.ts';
import type { RegisteredType } from './resource-type.ts';

export interface CollectionPath {
  readonly kind: 'collection';
  readonly type: RegisteredType;
  /** Empty for a top-level collection. */
  readonly parentRef: string;
}

export interface ResourcePath {
  readonly kind: 'resource';
  readonly type: RegisteredType;
  readonly ref: string;
  readonly key: string;
  readonly resourceId: string;
}

export interface ApiPath {
  /** `v1` … `v7.1`, `weft/v1`, or empty for discovery. */
  readonly version: string;
  /** Decoded segments after the version, as spelt. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

const VERSIONS: ReadonlySet<string> = new Set(REST_VERSIONS);

/** Splits a request's URL; a NotFound fault where it is none of the northbound's. */
export function parseApiPath(url: string): ApiPath {
  if (url.length > PATH_LENGTH_MAX) {
    throw fault('BadRequest', `the URL is longer than ${PATH_LENGTH_MAX} characters`);
  }
  const [path = '', query = ''] = url.split('?', 2);
  const [root, second, ...rest] = path.split('/').slice(1).map(decodeSegment);
  if (root?.toLowerCase() !== 'networking' || second === undefined) throw unknownPath(path);
  const trimmed = rest.at(-1) === '' ? rest.slice(0, -1) : rest;
  const found = { segments: trimmed, query: new URLSearchParams(query) };
  const version = second.toLowerCase();
  if (VERSIONS.has(version)) return { version, ...found };
  if (version === 'weft' && trimmed[0]?.toLowerCase() === 'v1') {
    return { ...found, version: 'weft/v1', segments: trimmed.slice(1) };
  }
  if (version === 'discovery' && trimmed.length === 0) return { version: '', ...found };
  throw unknownPath(path);
}

/** What the segments name among the registered types. */
export function resolvePath(
  registry: Registry,
  segments: readonly string[],
): CollectionPath | ResourcePath {
  let candidates: readonly RegisteredType[] = registry.tops;
  let ref = '';
  for (let at = 0; at < segments.length; at += 2) {
    const collection = segments[at] ?? '';
    const type = candidates.find(
      (candidate) => candidate.type.collection.toLowerCase() === collection.toLowerCase(),
    );
    if (type === undefined) throw unknownPath(`/${segments.join('/')}`);
    const id = segments[at + 1];
    if (id === undefined) return { kind: 'collection', type, parentRef: ref };
    ref = `${ref}/${type.type.collection}/${id}`;
    if (at + 2 === segments.length) {
      return { kind: 'resource', type, ref, key: refKey(ref), resourceId: id };
    }
    candidates = type.children;
  }
  throw unknownPath('/');
}

const RESOURCE_ID = /^[\p{L}\p{N}_]([\p{L}\p{N}_.()-]*[\p{L}\p{N}_)-])?$/u;

/** Letters, digits and `_ . - ( )`, beginning and ending with no dot: what needs no escaping in a path. */
export function isResourceId(text: string): boolean {
  return text.length <= RESOURCE_ID_LENGTH_MAX && RESOURCE_ID.test(text);
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fault('BadRequest', 'the URL has a malformed escape sequence');
  }
}

function unknownPath(path: string): Error {
  return fault('NotFound', `there is nothing at '${path.slice(0, 128)}'`);
}
