/**
 * What a difference may show to a client: nothing of `internal`, where the controller keeps its own notes on a resource, and no secret. That a
 * secret changed is shown, what it was or is never. MS-NCNBI gives secrets as write-only properties: `value` of a credential
 * (§3.1.5.4) and `sharedSecret` of an IPsec connection. Called by revision-history.
 */
import type { JsonObject, JsonValue } from '../store/store.ts';
import type { Difference } from './json-diff.ts';

export const SECRET_SHOWN = '(secret)';

const SECRET_NAMES: ReadonlySet<string> = new Set(['sharedsecret', 'sharedkey', 'password']);
const SECRET_OF_CREDENTIALS = 'value';

/** `key`: of the tree in the store. Undefined where nothing may be shown. */
export function discloseDifference(key: string, difference: Difference): Difference | undefined {
  if (isInternal(difference.path)) return undefined;
  const disclose = (value: JsonValue): JsonValue =>
    difference.path.some((name) => isSecret(key, name)) ? SECRET_SHOWN : discloseValue(key, value);
  switch (difference.kind) {
    case 'added':
      return { ...difference, after: disclose(difference.after) };
    case 'removed':
      return { ...difference, before: disclose(difference.before) };
    case 'changed': {
      const { before, after } = difference;
      return { ...difference, before: disclose(before), after: disclose(after) };
    }
  }
}

/** A document as a client may see it. */
export function discloseDocument(key: string, document: JsonObject): JsonObject {
  return discloseMembers(key, document);
}

/** `internal` of a tree, or of a child in it; what clients put into tags and metadata is theirs. */
function isInternal(path: Difference['path']): boolean {
  const at = path.indexOf('internal');
  return at >= 0 && !path.slice(0, at).some((name) => FREE_FORM.has(String(name)));
}

const FREE_FORM: ReadonlySet<string> = new Set(['tags', 'resourceMetadata']);

function discloseValue(key: string, value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (isArray(value)) return value.map((element) => discloseValue(key, element));
  return discloseMembers(key, value);
}

function discloseMembers(key: string, object: JsonObject): JsonObject {
  const isResource = 'resourceRef' in object && 'properties' in object;
  return Object.fromEntries(
    Object.entries(object)
      .filter(([name]) => !(isResource && name === 'internal'))
      .map(([name, value]) => [
        name,
        isSecret(key, name) ? SECRET_SHOWN : discloseValue(key, value),
      ]),
  );
}

function isSecret(key: string, name: string): boolean {
  return (
    SECRET_NAMES.has(name.toLowerCase()) ||
    (name === SECRET_OF_CREDENTIALS && key.startsWith('credentials/'))
  );
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
