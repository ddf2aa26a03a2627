/**
 * `/diagnostics/SlbState` and `/diagnostics/SlbStateResults[/{operationId}]` over HTTP — MS-NCNBI §3.1.5.22.3, §3.1.5.22.4. PUT (or POST) of an
 * empty body begins: 202 with the resource, whose slbStateResult is where the result will be. Called by api.
 */
import {
  type ApiReply,
  type ApiRequest,
  jsonReply,
  methodRefused,
  notFound,
} from './api-exchange.ts';
import { OPERATION_RETRY_AFTER_SEC } from './limits.ts';
import type { ApiPath } from './resource-path.ts';
import type { SlbStates } from './slb-states.ts';

/** Undefined where the path is none of these. */
export function slbStateRoute(
  request: ApiRequest,
  path: ApiPath,
  states: SlbStates,
): ApiReply | undefined {
  const [first = '', second = '', id, ...rest] = path.segments;
  const name = second.toLowerCase();
  if (first.toLowerCase() !== 'diagnostics' || !name.startsWith('slbstate')) return undefined;
  if (name === 'slbstate' && id === undefined) return begin(request, path, states);
  if (name !== 'slbstateresults' || rest.length > 0) throw notFound(path.segments.join('/'));
  if (request.method !== 'GET') throw methodRefused(request.method, 'GET');
  if (id === undefined) return jsonReply(200, { value: states.results(), nextLink: '' });
  const result = states.result(id);
  if (result === undefined) throw notFound(path.segments.join('/'));
  return jsonReply(200, result);
}

function begin(request: ApiRequest, path: ApiPath, states: SlbStates): ApiReply {
  if (request.method !== 'PUT' && request.method !== 'POST') {
    throw methodRefused(request.method, 'PUT, POST');
  }
  const { id, body } = states.start();
  const base = `${request.origin}/networking/${path.version}`;
  return jsonReply(202, body, {
    'x-ms-request-id': id,
    'Azure-AsyncOperation': `${base}/operations/${id}`,
    Location: `${base}/operationResults/${id}`,
    'Retry-After': String(OPERATION_RETRY_AFTER_SEC),
  });
}
