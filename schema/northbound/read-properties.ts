/**
 * Reads what a client sent against a schema of this folder: names in any letter case and under the aliases the specification
 * uses, numbers and booleans also as text, addresses in their one spelling, null as absent, read-only properties dropped. What comes out has the schema's names, order
 * and types and nothing else; what does not fit is a fault that names the property. Nothing is ever dropped silently except
 * what the specification calls read-only.
 *
 * Called by controller/northbound for every PUT; pure.
 */
import type { TSchema } from 'typebox';
import { canonicalIp, canonicalIpPrefix } from '../../base/ip.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;
export interface JsonRecord {
  readonly [name: string]: Json;
}

export type ReadFaultKind =
  | 'unknown-property'
  | 'wrong-type'
  | 'missing'
  | 'bad-value'
  | 'not-built'
  | 'bad-reference';

export interface ReadFault {
  readonly kind: ReadFaultKind;
  /** e.g. `properties.subnets[1].properties.addressPrefix` */
  readonly path: string;
  readonly message: string;
  /** The property's own code for it (`x-codes`), where it has one. */
  readonly code?: string;
}

/** Elements an array may have: more is a fault, so that one request cannot cost without bound. */
export const ARRAY_LENGTH_MAX = 65_536;
/** Characters of any one text. Long enough for a certificate chain. */
export const TEXT_LENGTH_MAX = 65_536;
/** Nesting of objects and arrays inside free-form JSON such as `tags`. */
export const FREE_FORM_DEPTH_MAX = 8;

/** The parts of JSON Schema, and the annotations of property-types.ts, that schemas here use. */
interface SchemaShape {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly items?: TSchema;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxLength?: number;
  readonly readOnly?: boolean;
  readonly writeOnly?: boolean;
  readonly 'x-references'?: readonly string[];
  readonly 'x-inert'?: readonly unknown[];
  readonly 'x-kept'?: boolean;
  readonly 'x-aliases'?: readonly string[];
  readonly 'x-back-references'?: boolean;
  readonly 'x-loose'?: boolean;
  readonly 'x-blank'?: boolean;
  readonly 'x-spelling'?: 'ip' | 'prefix';
  readonly 'x-one-or-more'?: boolean;
  readonly 'x-codes'?: { readonly bad?: string; readonly missing?: string };
}

/** A schema as the interpreter sees it: the one place where TypeBox's opaque type is opened. */
export function shapeOf(schema: TSchema): SchemaShape {
  return schema as SchemaShape;
}

/** The value, or undefined when `faults` has grown. */
export function readValue(
  schema: TSchema,
  raw: unknown,
  path: string,
  faults: ReadFault[],
): Json | undefined {
  const shape = shapeOf(schema);
  if (shape['x-references'] !== undefined) return readReference(raw, path, faults);
  if (shape.patternProperties !== undefined) {
    return isRecord(raw)
      ? readFreeForm(raw, path, faults)
      : wrongType('an object', raw, path, faults);
  }
  switch (shape.type) {
    case 'object':
      return readObject(schema, raw, { path, faults });
    case 'array':
      return readArray(shape, raw, path, faults);
    case 'string':
      return readText(shape, raw, path, faults);
    case 'integer':
    case 'number':
      return readNumber(shape, raw, path, faults);
    case 'boolean':
      return readBoolean(raw, path, faults);
    default:
      return readFreeForm(raw, path, faults);
  }
}

export interface ReadObjectOptions {
  readonly path: string;
  readonly faults: ReadFault[];
  /** Names, lower-cased, that are tolerated and ignored besides the schema's read-only ones. */
  readonly ignored?: ReadonlySet<string>;
}

export function readObject(
  schema: TSchema,
  raw: unknown,
  options: ReadObjectOptions,
): JsonRecord | undefined {
  const { path, faults } = options;
  if (!isRecord(raw)) return wrongType('an object', raw, path, faults);
  const names = namesOf(schema);
  const given = new Map<string, unknown>();
  for (const [name, value] of Object.entries(raw)) {
    const lower = name.toLowerCase();
    if (options.ignored?.has(lower) === true) continue;
    const canonical = names.get(lower);
    const at = join(path, name);
    if (canonical === undefined) {
      faults.push({ kind: 'unknown-property', path: at, message: `'${name}' is not a property` });
    } else if (given.has(canonical)) {
      faults.push({ kind: 'bad-value', path: at, message: `'${canonical}' is given twice` });
    } else if (value !== null) {
      given.set(canonical, value);
    }
  }
  return readGiven(schema, given, path, faults);
}

function readGiven(
  schema: TSchema,
  given: ReadonlyMap<string, unknown>,
  path: string,
  faults: ReadFault[],
): JsonRecord {
  const { properties = {}, required = [] } = shapeOf(schema);
  const result: Record<string, Json> = {};
  for (const [name, property] of Object.entries(properties)) {
    const shape = shapeOf(property);
    const at = join(path, name);
    const raw = given.get(name);
    const value = raw === '' && shape['x-blank'] === true ? undefined : raw;
    if (shape.readOnly === true) continue;
    if (value === undefined) {
      if (required.includes(name)) {
        const code = shape['x-codes']?.missing;
        const message = `'${name}' is required`;
        faults.push({ kind: 'missing', path: at, message, ...(code !== undefined && { code }) });
      }
      continue;
    }
    const inert = shape['x-inert'];
    if (inert !== undefined) {
      if (!inert.some((harmless) => sameJson(harmless, value))) {
        const message = `'${name}' belongs to a feature that this controller does not have`;
        faults.push({ kind: 'not-built', path: at, message });
      }
      continue;
    }
    const found: ReadFault[] = [];
    const read = readValue(property, value, at, found);
    const code = shape['x-codes']?.bad;
    faults.push(...(code === undefined ? found : found.map((fault) => ({ ...fault, code }))));
    if (read !== undefined) result[name] = read;
  }
  return result;
}

function readArray(
  shape: SchemaShape,
  raw: unknown,
  path: string,
  faults: ReadFault[],
): Json | undefined {
  if (!Array.isArray(raw)) {
    const isOne = isRecord(raw) || typeof raw === 'string' || typeof raw === 'number';
    if (shape['x-one-or-more'] === true && isOne) {
      return readArray(shape, [raw], path, faults);
    }
    return wrongType('an array', raw, path, faults);
  }
  const few = raw.length < (shape.minItems ?? 0);
  if (few || raw.length > ARRAY_LENGTH_MAX) {
    const bounds = `${shape.minItems ?? 0} to ${ARRAY_LENGTH_MAX}`;
    faults.push({ kind: 'bad-value', path, message: `${bounds} elements are allowed` });
    return undefined;
  }
  const result: Json[] = [];
  for (const [index, element] of raw.entries()) {
    const at = `${path}[${index}]`;
    const read =
      shape.items === undefined ? undefined : readValue(shape.items, element, at, faults);
    if (read !== undefined) result.push(read);
  }
  return result;
}

function readText(
  shape: SchemaShape,
  raw: unknown,
  path: string,
  faults: ReadFault[],
): Json | undefined {
  const loose = shape['x-loose'] === true && (typeof raw === 'number' || typeof raw === 'boolean');
  const text = loose ? String(raw) : raw;
  if (typeof text !== 'string') return wrongType('a text', raw, path, faults);
  if (text.length > (shape.maxLength ?? TEXT_LENGTH_MAX)) {
    const message = `at most ${shape.maxLength ?? TEXT_LENGTH_MAX} characters are allowed`;
    faults.push({ kind: 'bad-value', path, message });
    return undefined;
  }
  if (shape['x-spelling'] === 'ip') return canonicalIp(text);
  if (shape['x-spelling'] === 'prefix') return canonicalIpPrefix(text);
  if (shape.enum === undefined) return text;
  const word = shape.enum.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
  if (word === undefined) {
    const message = `'${clip(text)}' is not one of ${shape.enum.join(', ')}`;
    faults.push({ kind: 'bad-value', path, message });
  }
  return word;
}

const DECIMAL = /^-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,9})?$/;

function readNumber(
  shape: SchemaShape,
  raw: unknown,
  path: string,
  faults: ReadFault[],
): Json | undefined {
  const value = typeof raw === 'string' && DECIMAL.test(raw.trim()) ? Number(raw.trim()) : raw;
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    return wrongType(shape.type === 'integer' ? 'a whole number' : 'a number', raw, path, faults);
  }
  if (shape.type === 'integer' && !Number.isSafeInteger(value)) {
    return wrongType('a whole number', raw, path, faults);
  }
  const { minimum = -Infinity, maximum = Infinity } = shape;
  if (value < minimum || value > maximum) {
    faults.push({ kind: 'bad-value', path, message: `${value} is not in ${minimum}…${maximum}` });
    return undefined;
  }
  return value;
}

function readBoolean(raw: unknown, path: string, faults: ReadFault[]): Json | undefined {
  if (typeof raw === 'boolean') return raw;
  if (typeof raw === 'string' && /^(true|false)$/i.test(raw)) return raw.toLowerCase() === 'true';
  return wrongType('true or false', raw, path, faults);
}

const REFERENCE = /^\/?[^/\s]+\/[^/\s]+(\/[^/\s]+\/[^/\s]+)*$/;

/** Some clients refer by URL path; a reference is relative to it (MS-NCNBI §2.2.2). */
const VERSION_PREFIX = /^\/networking\/v[0-9.]+(?=\/)/i;

/** Only the form is checked here; whether the target exists and has the right type is the controller's to say. */
function readReference(raw: unknown, path: string, faults: ReadFault[]): Json | undefined {
  if (!isRecord(raw)) return wrongType('a reference', raw, path, faults);
  const entries = Object.entries(raw);
  const ref = entries.find(([name]) => name.toLowerCase() === 'resourceref')?.[1];
  if (typeof ref !== 'string' || !REFERENCE.test(ref) || ref.length > TEXT_LENGTH_MAX) {
    const message = 'a reference has the form {"resourceRef": "/type/id"}';
    faults.push({ kind: 'bad-reference', path, message });
    return undefined;
  }
  const absolute = ref.startsWith('/') ? ref : `/${ref}`;
  return { resourceRef: absolute.replace(VERSION_PREFIX, '') };
}

/** Any JSON, bounded in depth; `__proto__` is no name, because copying it would not make a property. */
function readFreeForm(raw: unknown, path: string, faults: ReadFault[]): Json | undefined {
  const fault = freeFormFault(raw, FREE_FORM_DEPTH_MAX);
  if (fault === undefined) return raw as Json;
  faults.push({ kind: 'bad-value', path, message: fault });
  return undefined;
}

function freeFormFault(raw: unknown, depthLeft: number): string | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  if (depthLeft === 0) return `nested deeper than ${FREE_FORM_DEPTH_MAX}`;
  for (const [name, value] of Object.entries(raw)) {
    if (name === '__proto__') return `'__proto__' is not a name`;
    const fault = freeFormFault(value, depthLeft - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const NAMES = new WeakMap<TSchema, ReadonlyMap<string, string>>();

/** Lower-cased name or alias → name as the schema spells it. */
function namesOf(schema: TSchema): ReadonlyMap<string, string> {
  const known = NAMES.get(schema);
  if (known !== undefined) return known;
  const names = new Map<string, string>();
  for (const [name, property] of Object.entries(shapeOf(schema).properties ?? {})) {
    names.set(name.toLowerCase(), name);
    for (const alias of shapeOf(property)['x-aliases'] ?? []) names.set(alias.toLowerCase(), name);
  }
  NAMES.set(schema, names);
  return names;
}

function wrongType(wanted: string, raw: unknown, path: string, faults: ReadFault[]): undefined {
  faults.push({ kind: 'wrong-type', path, message: `${wanted} is expected, not ${nameOf(raw)}` });
  return undefined;
}

function nameOf(raw: unknown): string {
  if (raw === null) return 'null';
  if (Array.isArray(raw)) return 'an array';
  return typeof raw === 'object' ? 'an object' : `${typeof raw} '${clip(String(raw))}'`;
}

function clip(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

function join(path: string, name: string): string {
  return path === '' ? clip(name) : `${path}.${clip(name)}`;
}

export function isRecord(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
