/**
 * From the body of a PUT to a resource tree: the envelope, the properties by the type's schema, and the children, which keep the
 * instanceId, the spelling and the hidden state of the resource that already has their name. PUT replaces: what the body does
 * not mention is absent afterwards.
 */
import { COMMON_READ_ONLY_PROPERTIES, EnvelopeSchema } from '../../schema/northbound/envelope.ts';
import {
  isRecord,
  type JsonRecord,
  type ReadFault,
  type ReadFaultKind,
  readObject,
  shapeOf,
} from '../../schema/northbound/read-properties.ts';
import { refKey } from '../model/resource-ref.ts';
import { asErrorCode, type ErrorCode } from './error-codes.ts';
import { detail, type FaultDetail, fault, NorthboundFault } from './fault.ts';
import { RESOURCE_ID_LENGTH_MAX, TAGS_BYTES_MAX } from './limits.ts';
import { refOf } from './resource-node.ts';
import { isResourceId } from './resource-path.ts';
import type { RegisteredType, ResourceNode } from './resource-type.ts';

export interface ReadBodyOptions {
  readonly type: RegisteredType;
  readonly parent: ResourceNode | undefined;
  /** From the URL, or from the child's envelope. */
  readonly resourceId: string;
  /** Resources of the tree before the write, by key. */
  readonly previous: ReadonlyMap<string, ResourceNode>;
  readonly mintInstanceId: () => string;
}

export const COMMON_READ_ONLY: ReadonlySet<string> = new Set(
  COMMON_READ_ONLY_PROPERTIES.map((name) => name.toLowerCase()),
);

/** Throws a NorthboundFault that names every property at fault. */
export function readBody(raw: unknown, options: ReadBodyOptions): ResourceNode {
  const reader = new BodyReader(options.previous, options.mintInstanceId);
  const node = reader.node(raw, { ...options, path: '' });
  reader.finish();
  return node;
}

/** Throws what is wrong with a body, if anything is. */
export function refuseBody(wrong: readonly ReadFault[]): void {
  const faults = wrong.map(faultOf);
  const [first, ...rest] = faults;
  if (first === undefined) return;
  if (!FORMAT_CODES.has(first.code)) throw new NorthboundFault(first, { further: rest });
  // §3.1.5.35: InvalidRequestFormat on top, what exactly is wrong with the format as details.
  const top = detail('InvalidRequestFormat', first.message, first.target);
  throw new NorthboundFault(top, { further: faults });
}

interface NodeOptions {
  readonly type: RegisteredType;
  readonly parent: ResourceNode | undefined;
  readonly resourceId: string;
  readonly path: string;
}

class BodyReader {
  readonly #faults: ReadFault[] = [];
  readonly #previous: ReadonlyMap<string, ResourceNode>;
  readonly #mintInstanceId: () => string;

  constructor(previous: ReadonlyMap<string, ResourceNode>, mintInstanceId: () => string) {
    this.#previous = previous;
    this.#mintInstanceId = mintInstanceId;
  }

  finish(): void {
    refuseBody(this.#faults);
  }

  node(raw: unknown, { type, parent, resourceId, path }: NodeOptions): ResourceNode {
    const at = path === '' ? '' : `${path}.`;
    const envelope = this.#envelope(raw, path);
    checkName(type, resourceId, envelope['resourceId']);
    const requestedRef = refOf(parent, type, resourceId);
    const before = this.#previous.get(refKey(requestedRef));
    const properties = isRecord(raw) ? memberOf(raw, 'properties') : undefined;
    const { own, children } = separate(type, properties);
    const node: ResourceNode = {
      type,
      parent,
      ref: before === undefined ? requestedRef : refOf(parent, type, before.resourceId),
      key: refKey(requestedRef),
      resourceId: before?.resourceId ?? resourceId,
      instanceId: before?.instanceId ?? this.#mintInstanceId(),
      etag: before?.etag ?? '',
      tags: objectOf(envelope['tags']),
      resourceMetadata: objectOf(envelope['resourceMetadata']),
      properties: this.#properties(type, own, `${at}properties`),
      internal: before?.internal === undefined ? undefined : { ...before.internal },
      children: [],
    };
    hideWriteOnly(node);
    for (const [child, list] of children) {
      this.#children(node, child, list, `${at}properties.${child.type.collection}`);
    }
    return node;
  }

  #envelope(raw: unknown, path: string): JsonRecord {
    const ignored = new Set(['properties']);
    const envelope = readObject(EnvelopeSchema, raw, { path, faults: this.#faults, ignored });
    for (const name of ['tags', 'resourceMetadata']) {
      if (JSON.stringify(envelope?.[name] ?? null).length > TAGS_BYTES_MAX) {
        const message = `${name} may have ${TAGS_BYTES_MAX} bytes`;
        this.#faults.push({ kind: 'bad-value', path: name, message });
      }
    }
    return envelope ?? {};
  }

  #properties(
    type: RegisteredType,
    own: unknown,
    path: string,
  ): Record<string, JsonRecord[string]> {
    const read = readObject(type.type.schema, own, {
      path,
      faults: this.#faults,
      ignored: COMMON_READ_ONLY,
    });
    return type.type.normalise?.({ ...read }) ?? { ...read };
  }

  #children(parent: ResourceNode, type: RegisteredType, list: unknown, path: string): void {
    if (list === null || list === undefined) return;
    if (!Array.isArray(list)) {
      this.#faults.push({ kind: 'wrong-type', path, message: 'an array is expected' });
      return;
    }
    const seen = new Set<string>();
    for (const [index, raw] of list.entries()) {
      const at = `${path}[${index}]`;
      const resourceId = childId(raw);
      if (resourceId === undefined) {
        this.#faults.push({ kind: 'missing', path: `${at}.resourceId`, message: 'it is required' });
        continue;
      }
      if (seen.has(resourceId.toLowerCase())) {
        const message = `'${resourceId}' is given twice`;
        this.#faults.push({ kind: 'bad-value', path: at, message });
        continue;
      }
      seen.add(resourceId.toLowerCase());
      parent.children.push(this.node(raw, { type, parent, resourceId, path: at }));
    }
  }
}

/** Children leave the properties before those are read by the schema. */
function separate(
  type: RegisteredType,
  properties: unknown,
): { readonly own: unknown; readonly children: Map<RegisteredType, unknown> } {
  const children = new Map<RegisteredType, unknown>();
  if (properties === undefined || properties === null) return { own: {}, children };
  if (!isRecord(properties)) return { own: properties, children };
  const own: [string, unknown][] = [];
  for (const [name, value] of Object.entries(properties)) {
    const child = type.children.find(
      (candidate) => candidate.type.collection.toLowerCase() === name.toLowerCase(),
    );
    if (child === undefined) own.push([name, value]);
    else children.set(child, value);
  }
  return { own: Object.fromEntries(own), children };
}

/** The child's own word, else the last segment of its resourceRef. */
function childId(raw: unknown): string | undefined {
  if (!isRecord(raw)) return undefined;
  const id = memberOf(raw, 'resourceId');
  if (typeof id === 'string') return id;
  const ref = memberOf(raw, 'resourceRef');
  return typeof ref === 'string' ? ref.split('/').at(-1) : undefined;
}

function checkName(type: RegisteredType, resourceId: string, stated: unknown): void {
  if (typeof stated === 'string' && stated.toLowerCase() !== resourceId.toLowerCase()) {
    const message = `resourceId '${stated}' is not the one in the URL, '${resourceId}'`;
    throw fault('InvalidParameterValue', message, 'resourceId');
  }
  const { singletonId } = type.type;
  const wrong = singletonId !== undefined && singletonId !== resourceId.toLowerCase();
  if (wrong || !isResourceId(resourceId)) {
    const allowed =
      singletonId ?? `letters, digits and _ . - ( ), at most ${RESOURCE_ID_LENGTH_MAX}`;
    throw fault('InvalidResourceName', `'${resourceId}' is no name here: ${allowed}`, 'resourceId');
  }
}

const CODE_OF: Readonly<Record<ReadFaultKind, ErrorCode>> = {
  'unknown-property': 'InvalidJson',
  'wrong-type': 'InvalidJson',
  'bad-reference': 'InvalidJsonReferenceFormat',
  missing: 'RequiredParamMissing',
  'bad-value': 'InvalidParameterValue',
  'not-built': 'OperationNotSupported',
};

const FORMAT_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'InvalidJson',
  'InvalidJsonReferenceFormat',
]);

function faultOf({ kind, path, message, code }: ReadFault): FaultDetail {
  return { code: asErrorCode(code) ?? CODE_OF[kind], message: `${path}: ${message}`, target: path };
}

function memberOf(raw: Readonly<Record<string, unknown>>, name: string): unknown {
  const lower = name.toLowerCase();
  return Object.entries(raw).find(([candidate]) => candidate.toLowerCase() === lower)?.[1];
}

function objectOf(value: JsonRecord[string] | undefined): JsonRecord | undefined {
  return isRecord(value) ? (value as JsonRecord) : undefined;
}

/** What a client writes and never reads back goes beside the properties; absent, what is there stays. */
function hideWriteOnly(node: ResourceNode): void {
  for (const [name, property] of Object.entries(node.type.type.schema.properties)) {
    const value = node.properties[name];
    if (shapeOf(property).writeOnly !== true || value === undefined) continue;
    node.internal = { ...node.internal, [name]: value };
    delete node.properties[name];
  }
}
