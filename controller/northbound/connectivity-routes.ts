/**
 * `/diagnostics/ConnectivityCheck` and `/diagnostics/ConnectivityCheckResults[/{operationId}]` over HTTP — MS-NCNBI §3.1.5.22. PUT (or POST) begins
 * a check: 202 with the resource, whose connectivityCheckResult is where the result will be; operations and operationResults know it by
 * its operationId as well. Called by api.
 */

import {
  type ConnectivityCheck,
  ConnectivityCheckSchema,
} from '../../schema/northbound/connectivity-checks.ts';
import { EnvelopeSchema } from '../../schema/northbound/envelope.ts';
import { isRecord, type ReadFault, readObject } from '../../schema/northbound/read-properties.ts';
import {
  type ApiReply,
  type ApiRequest,
  jsonReply,
  methodRefused,
  notFound,
  parseBody,
} from './api-exchange.ts';
import type { ConnectivityChecks } from './connectivity-checks.ts';
import { OPERATION_RETRY_AFTER_SEC } from './limits.ts';
import { COMMON_READ_ONLY, refuseBody } from './read-body.ts';
import type { ApiPath } from './resource-path.ts';

/** Undefined where the path is none of these. */
export function connectivityRoute(
  request: ApiRequest,
  path: ApiPath,
  checks: ConnectivityChecks,
): ApiReply | undefined {
  const [first = '', second = '', id, ...rest] = path.segments;
  if (first.toLowerCase() !== 'diagnostics') return undefined;
  const name = second.toLowerCase();
  if (name === 'connectivitycheck' && id === undefined) return begin(request, path, checks);
  if (name !== 'connectivitycheckresults' || rest.length > 0) {
    throw notFound(path.segments.join('/'));
  }
  if (request.method !== 'GET') throw methodRefused(request.method, 'GET');
  if (id === undefined) return jsonReply(200, { value: checks.results(), nextLink: '' });
  const result = checks.result(id);
  if (result === undefined) throw notFound(path.segments.join('/'));
  return jsonReply(200, result);
}

function begin(request: ApiRequest, path: ApiPath, checks: ConnectivityChecks): ApiReply {
  if (request.method !== 'PUT' && request.method !== 'POST') {
    throw methodRefused(request.method, 'PUT, POST');
  }
  const { id, body } = checks.start(readCheck(parseBody(request)));
  const base = `${request.origin}/networking/${path.version}`;
  return jsonReply(202, body, {
    'x-ms-request-id': id,
    'Azure-AsyncOperation': `${base}/operations/${id}`,
    Location: `${base}/operationResults/${id}`,
    'Retry-After': String(OPERATION_RETRY_AFTER_SEC),
  });
}

function readCheck(raw: unknown): ConnectivityCheck {
  const faults: ReadFault[] = [];
  readObject(EnvelopeSchema, raw, { path: '', faults, ignored: new Set(['properties']) });
  const [, properties] =
    (isRecord(raw) ? Object.entries(raw) : []).find(
      ([name]) => name.toLowerCase() === 'properties',
    ) ?? [];
  const path = 'properties';
  const options = { path, faults, ignored: COMMON_READ_ONLY };
  const read = readObject(ConnectivityCheckSchema, properties ?? {}, options);
  refuseBody(faults);
  return read as unknown as ConnectivityCheck;
}
