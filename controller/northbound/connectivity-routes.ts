/**
 * `/diagnostics/ConnectivityCheck` and `/diagnostics/ConnectivityCheckResults[/{operationId}]` over HTTP — MS-NCNBI §3.1.5.22, as diagnostic-operations
 * has it: connectivityCheckResult is where the result will be. Nothing else is below `/diagnostics`. Called by api.
 */

import {
  type ConnectivityCheck,
  ConnectivityCheckSchema,
} from '../../schema/northbound/connectivity-checks.ts';
import { EnvelopeSchema } from '../../schema/northbound/envelope.ts';
import { isRecord, type ReadFault, readObject } from '../../schema/northbound/read-properties.ts';
import { type ApiReply, type ApiRequest, notFound, parseBody } from './api-exchange.ts';
import type { ConnectivityChecks } from './connectivity-checks.ts';
import { diagnosticOperation } from './diagnostic-operations.ts';
import { COMMON_READ_ONLY, refuseBody } from './read-body.ts';
import type { ApiPath } from './resource-path.ts';

/** Undefined where the path is none of these. */
export function connectivityRoute(
  request: ApiRequest,
  path: ApiPath,
  checks: ConnectivityChecks,
): ApiReply | undefined {
  const reply = diagnosticOperation(request, path, {
    name: 'connectivitycheck',
    start: (asked) => checks.start(readCheck(parseBody(asked))),
    results: () => checks.results(),
    result: (id) => checks.result(id),
  });
  if (reply !== undefined || path.segments[0]?.toLowerCase() !== 'diagnostics') return reply;
  throw notFound(path.segments.join('/'));
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
