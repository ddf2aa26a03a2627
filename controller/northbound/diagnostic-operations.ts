/**
 * Diagnostics that take time, over HTTP — MS-NCNBI §3.1.5.22: PUT (or POST) of `/diagnostics/X` begins one: 202 with the resource, which says where the
 * result will be; operations and operationResults know it by its operationId as well. `/diagnostics/XResults[/{operationId}]` are the results. Called
 * by connectivity-routes and slb-state-routes.
 */
import type { JsonObject } from '../store/store.ts';
import {
  type ApiReply,
  type ApiRequest,
  jsonReply,
  methodRefused,
  notFound,
} from './api-exchange.ts';
import { OPERATION_RETRY_AFTER_SEC } from './limits.ts';
import type { ApiPath } from './resource-path.ts';

export interface DiagnosticOperations {
  /** X, in lower case. */
  readonly name: string;
  start(request: ApiRequest): { readonly id: string; readonly body: JsonObject };
  results(): readonly JsonObject[];
  result(id: string): JsonObject | undefined;
}

/** Undefined where the path is none of these. */
export function diagnosticOperation(
  request: ApiRequest,
  path: ApiPath,
  { name, start, results, result }: DiagnosticOperations,
): ApiReply | undefined {
  const [first = '', second = '', id, ...rest] = path.segments;
  if (first.toLowerCase() !== 'diagnostics') return undefined;
  const asked = second.toLowerCase();
  if (asked === name && id === undefined) return begun(request, path, start);
  if (asked !== `${name}results` || rest.length > 0) return undefined;
  if (request.method !== 'GET') throw methodRefused(request.method, 'GET');
  if (id === undefined) return jsonReply(200, { value: results(), nextLink: '' });
  const found = result(id);
  if (found === undefined) throw notFound(path.segments.join('/'));
  return jsonReply(200, found);
}

function begun(request: ApiRequest, path: ApiPath, start: DiagnosticOperations['start']): ApiReply {
  if (request.method !== 'PUT' && request.method !== 'POST') {
    throw methodRefused(request.method, 'PUT, POST');
  }
  const { id, body } = start(request);
  const base = `${request.origin}/networking/${path.version}`;
  return jsonReply(202, body, {
    'x-ms-request-id': id,
    'Azure-AsyncOperation': `${base}/operations/${id}`,
    Location: `${base}/operationResults/${id}`,
    'Retry-After': String(OPERATION_RETRY_AFTER_SEC),
  });
}
