/**
 * `/diagnostics/SlbState` and `/diagnostics/SlbStateResults[/{operationId}]` over HTTP — MS-NCNBI §3.1.5.22.3, §3.1.5.22.4, as diagnostic-operations has
 * it: the body is empty, slbStateResult is where the result will be. Called by api.
 */
import type { ApiReply, ApiRequest } from './api-exchange.ts';
import { diagnosticOperation } from './diagnostic-operations.ts';
import type { ApiPath } from './resource-path.ts';
import type { SlbStates } from './slb-states.ts';

/** Undefined where the path is none of these. */
export function slbStateRoute(
  request: ApiRequest,
  path: ApiPath,
  states: SlbStates,
): ApiReply | undefined {
  return diagnosticOperation(request, path, {
    name: 'slbstate',
    start: () => states.start(),
    results: () => states.results(),
    result: (id) => states.result(id),
  });
}
