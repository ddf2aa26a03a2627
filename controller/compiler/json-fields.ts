/** Reading fields of a stored document that may be anything: what is not as it should be is absent. Used by the compiler's readers. */
import { type IpPrefix, ipBytes, parseIp, parseIpPrefix } from '../../base/ip.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';

export function object(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

export function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** Undefined for an empty text, too. */
export function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Resources embedded under `properties.<name>`. */
export function children(value: JsonObject, name: string): readonly JsonObject[] {
  return list(object(value['properties'])[name]).map(object);
}

/** Lower-cased target of `{"resourceRef": …}`. */
export function reference(value: JsonValue | undefined): string | undefined {
  return text(object(value)['resourceRef'])?.toLowerCase();
}

export function references(value: JsonValue | undefined): readonly string[] {
  return list(value).flatMap((item) => reference(item) ?? []);
}

/** 4 or 16 bytes, network order. */
export function address(value: JsonValue | undefined): Uint8Array | undefined {
  const parsed = parseIp(text(value) ?? '');
  return parsed === undefined ? undefined : ipBytes(parsed);
}

export function addresses(value: JsonValue | undefined): readonly Uint8Array[] {
  return list(value).flatMap((item) => address(item) ?? []);
}

export function addressPrefix(value: JsonValue | undefined): IpPrefix | undefined {
  return parseIpPrefix(text(value) ?? '');
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
