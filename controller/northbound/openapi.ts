/**
 * The OpenAPI 3.1 document of the northbound, made from the registry: one path for each collection and each resource, with the schemas that
 * requests are read by. Served at /networking/weft/v1/openapi.json and checked in as docs/api.md's source.
 */
import type { TSchema } from 'typebox';
import {
  ConnectivityCheckResultSchema,
  ConnectivityCheckSchema,
} from '../../schema/northbound/connectivity-checks.ts';
import { DiscoverySchema } from '../../schema/northbound/discovery.ts';
import { EnvelopeSchema } from '../../schema/northbound/envelope.ts';
import { InternalResourceInstanceSchema } from '../../schema/northbound/internal-resource-instances.ts';
import { NetworkControllerStatisticsSchema } from '../../schema/northbound/network-controller-statistics.ts';
import { ErrorBodySchema, OperationSchema } from '../../schema/northbound/operations.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import type { Registry } from './registry.ts';
import type { RegisteredType } from './resource-type.ts';

export function openApiDocument(registry: Registry, version: string): JsonObject {
  const paths: Record<string, JsonValue> = {};
  const schemas: Record<string, JsonValue> = {
    Error: plain(ErrorBodySchema),
    Operation: plain(OperationSchema),
  };
  for (const type of registry.all) {
    schemas[schemaName(type)] = resourceSchema(type);
    const path = urlOf(type);
    paths[path] = { get: listOperation(type) };
    const id = type.type.singletonId ?? `{${idName(type)}}`;
    paths[`${path}/${id}`] = resourceOperations(type);
  }
  for (const [path, schema] of READ_ONLY) paths[path] = readOnlyOperation(path, schema);
  paths['/diagnostics/ConnectivityCheck'] = { put: checkOperation() };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Network Controller northbound',
      version,
      description: 'MS-NCNBI. Property names and paths compare without letter case.',
    },
    servers: [{ url: '/networking/v1' }],
    paths,
    components: { schemas },
  };
}

/** Resources that nobody writes (read-only-routes.ts), with the schema of their answer or of its properties. */
const READ_ONLY: readonly (readonly [string, TSchema])[] = [
  ['/networking/discovery', DiscoverySchema],
  ['/operations/{operation-id}', OperationSchema],
  ['/operationResults/{operation-id}', OperationSchema],
  ['/diagnostics/ConnectivityCheckResults/{operation-id}', ConnectivityCheckResultSchema],
  ['/internalResourceInstances/{instance-id}', InternalResourceInstanceSchema],
  ['/monitoring/networkControllerStatistics', NetworkControllerStatisticsSchema],
];

/** connectivity-routes.ts */
function checkOperation(): JsonObject {
  const properties = plain(ConnectivityCheckSchema);
  const schema = { type: 'object', required: ['properties'], properties: { properties } };
  return {
    operationId: 'put /diagnostics/ConnectivityCheck',
    requestBody: { required: true, content: jsonContent(schema) },
    responses: { 202: { description: 'the check has begun', content: jsonContent(schema) } },
  };
}

function readOnlyOperation(path: string, schema: TSchema): JsonObject {
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name);
  const parameters = names.map((name) => ({
    ...{ name, in: 'path', required: true },
    schema: { type: 'string' },
  }));
  const content = jsonContent(plain(schema));
  const responses = { 200: { description: 'as it is now', content } };
  return { get: { operationId: `get ${path}`, parameters, responses } };
}

function resourceSchema(type: RegisteredType): JsonObject {
  const { schema } = type.type;
  const children = Object.fromEntries(
    type.children.map((child) => [
      child.type.collection,
      { type: 'array', items: { $ref: `#/components/schemas/${schemaName(child)}` } },
    ]),
  );
  const own = plain(schema);
  const properties = own['properties'];
  const known = typeof properties === 'object' && properties !== null ? properties : {};
  return {
    ...plain(EnvelopeSchema),
    description: type.type.summary,
    required: ['properties'],
    properties: {
      ...objectOf(plain(EnvelopeSchema)['properties']),
      properties: {
        ...own,
        properties: {
          provisioningState: { type: 'string', readOnly: true },
          ...objectOf(known),
          ...children,
        },
      },
    },
  };
}

function listOperation(type: RegisteredType): JsonObject {
  return {
    operationId: `list ${type.path}`,
    parameters: parametersOf(type.parent),
    responses: {
      200: {
        description: 'all of them',
        content: jsonContent({
          type: 'object',
          properties: {
            value: { type: 'array', items: { $ref: `#/components/schemas/${schemaName(type)}` } },
            nextLink: { type: 'string' },
          },
        }),
      },
    },
  };
}

function resourceOperations(type: RegisteredType): JsonObject {
  const content = jsonContent({ $ref: `#/components/schemas/${schemaName(type)}` });
  const refused = {
    description: 'refused',
    content: jsonContent({ $ref: '#/components/schemas/Error' }),
  };
  const parameters = parametersOf(type);
  const operations: Record<string, JsonValue> = {
    get: {
      operationId: `get ${type.path}`,
      parameters,
      responses: { 200: { description: 'the resource', content }, 404: refused },
    },
    put: {
      operationId: `put ${type.path}`,
      parameters: [...parameters, IF_MATCH, WHAT_IF],
      requestBody: { required: true, content },
      responses: {
        200: { description: 'replaced', content },
        201: { description: 'created', content },
        400: refused,
        409: refused,
        412: refused,
      },
    },
  };
  if (type.type.singletonId !== undefined) return operations;
  return {
    ...operations,
    delete: {
      operationId: `delete ${type.path}`,
      parameters: [...parameters, IF_MATCH, WHAT_IF],
      responses: {
        200: { description: 'what it would change, with whatIf' },
        202: { description: 'being deleted; Location tells when it is done' },
        204: { description: 'it does not exist' },
        409: refused,
        412: refused,
      },
    },
  };
}

const WHAT_IF: JsonObject = {
  name: 'whatIf',
  in: 'query',
  description: 'true: the answer says what the write would change, and nothing is changed',
  schema: { type: 'boolean', default: false },
};
const IF_MATCH: JsonObject = { name: 'If-Match', in: 'header', schema: { type: 'string' } };

function parametersOf(type: RegisteredType | undefined): JsonObject[] {
  if (type === undefined) return [];
  const own = { name: idName(type), in: 'path', required: true, schema: { type: 'string' } };
  return [...parametersOf(type.parent), ...(type.type.singletonId === undefined ? [own] : [])];
}

function urlOf(type: RegisteredType): string {
  const above = type.parent === undefined ? '' : `${urlOf(type.parent)}/{${idName(type.parent)}}`;
  return `${above}/${type.type.collection}`;
}

function idName(type: RegisteredType): string {
  return `${type.path.split('/').join('-')}-id`;
}

function schemaName(type: RegisteredType): string {
  return type.path.split('/').join('.');
}

function jsonContent(schema: JsonObject): JsonObject {
  return { 'application/json': { schema } };
}

/** TypeBox keeps its own marks on a schema in properties that are not enumerable: JSON loses them. */
function plain(schema: TSchema): JsonObject {
  const copy: JsonObject = JSON.parse(JSON.stringify(schema));
  return copy;
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}
