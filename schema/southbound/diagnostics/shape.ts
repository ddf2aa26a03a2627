/**
 * Whether JSON has the shape that a question must have. The schemas of questions are written in TypeBox beside those of answers; a role that forwards
 * has no other use for that library, whose loading was a third of the role's start, and so takes them as data (question-shapes.ts) and checks
 * them here. Supported is what those data contain, and nothing else of JSON Schema: the generator refuses the rest.
 *
 * Called by the roles that answer questions: dataplane/host-agent, bgp/control, bgp/edge, slb/mux.
 */

/** Keywords mean what JSON Schema (2020-12) says of them. */
export interface Shape {
  readonly type?: 'object' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly const?: string | number | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Characters. */
  readonly maxLength?: number;
  readonly anyOf?: readonly Shape[];
}

/** Every keyword of Shape. */
export const SHAPE_KEYWORDS: readonly (keyof Shape)[] = [
  ...(['type', 'properties', 'required', 'additionalProperties', 'const'] as const),
  ...(['minimum', 'maximum', 'maxLength', 'anyOf'] as const),
];

/** What is wrong with `value`, which is JSON, in words that begin with its place; undefined: it is of the shape. */
export function shapeFault(shape: Shape, value: unknown): string | undefined {
  return faultAt('', shape, value);
}

function faultAt(path: string, shape: Shape, value: unknown): string | undefined {
  const { type, anyOf } = shape;
  const fault = (says: string): string => `${path === '' ? 'the body' : path} ${says}`;
  if (anyOf !== undefined) return faultOfEach(path, anyOf, value);
  if (type !== undefined && !isOf(type, value)) return fault(`must be ${type}`);
  if (shape.const !== undefined && value !== shape.const) return fault(`must be ${shape.const}`);
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = shape;
    if (value < minimum) return fault(`must be >= ${minimum}`);
    if (value > maximum) return fault(`must be <= ${maximum}`);
  }
  if (typeof value === 'string' && isLonger(value, shape.maxLength ?? Infinity)) {
    return fault(`must not have more than ${shape.maxLength} characters`);
  }
  return isObject(value) ? faultWithin(path, shape, value) : undefined;
}

/** Of the first one that it could have been; undefined: it is of one. */
function faultOfEach(path: string, shapes: readonly Shape[], value: unknown): string | undefined {
  let first: string | undefined;
  for (const shape of shapes) {
    const fault = faultAt(path, shape, value);
    if (fault === undefined) return undefined;
    first ??= fault;
  }
  return first;
}

function faultWithin(
  path: string,
  { properties = {}, required = [], additionalProperties }: Shape,
  value: Readonly<Record<string, unknown>>,
): string | undefined {
  const missing = required.filter((name) => !Object.hasOwn(value, name));
  if (missing.length > 0) {
    return `${path === '' ? 'the body' : path} must have required properties ${missing.join(', ')}`;
  }
  for (const name of Object.keys(value)) {
    const shape = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (shape === undefined && additionalProperties === false) {
      return `${path}/${name} is no property that is known`;
    }
    const fault = shape === undefined ? undefined : faultAt(`${path}/${name}`, shape, value[name]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function isOf(type: NonNullable<Shape['type']>, value: unknown): boolean {
  if (type === 'object') return isObject(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Characters are Unicode's, not UTF-16's units. */
function isLonger(text: string, charactersMax: number): boolean {
  return text.length > charactersMax && [...text].length > charactersMax;
}
