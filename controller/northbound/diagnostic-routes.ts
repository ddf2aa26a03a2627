/**
 * Questions about what the network does, under `/networking/weft/v1/`: each is put to those who forward and answered from the tables
 * that they forward by (controller/diagnostics). Nothing here changes anything; a check sends packets. Called by weft-routes; docs/api.md
 * lists DIAGNOSTIC_ROUTES.
 */
import { messageOf } from '../../base/errors.ts';
import type { Explained } from '../diagnostics/hosts.ts';
import { QuestionFault } from '../southbound/questions.ts';
import { methodRefused } from './api-exchange.ts';
import type { DiagnosticRoute } from './diagnostic-route.ts';
import { EDGE_ROUTES } from './edge-routes.ts';
import { fault, type NorthboundFault } from './fault.ts';
import { MUX_ROUTES } from './mux-routes.ts';
import { PACKET_ROUTES } from './packet-routes.ts';
import { POLICY_ROUTES } from './policy-routes.ts';
import type { ApiPath } from './resource-path.ts';
import { TRAFFIC_ROUTES } from './traffic-routes.ts';

export const DIAGNOSTIC_ROUTES: readonly DiagnosticRoute[] = [
  ...TRAFFIC_ROUTES,
  ...POLICY_ROUTES,
  ...PACKET_ROUTES,
  ...EDGE_ROUTES,
  ...MUX_ROUTES,
];

/** Undefined where the path is none of these. */
export async function diagnosticRoute(
  { method, body }: { readonly method: string; readonly body: Buffer | undefined },
  path: ApiPath,
  context: Explained,
): Promise<object | undefined> {
  const match = DIAGNOSTIC_ROUTES.flatMap((route) => {
    const id = idIn(route.path, path.segments);
    return id === undefined ? [] : [{ route, id }];
  });
  const [first] = match;
  if (first === undefined) return undefined;
  const found = match.find(({ route }) => route.method === method);
  if (found === undefined) throw methodRefused(method, first.route.method);
  try {
    const call = { id: found.id, query: path.query, body: parsedBody(found.route, body) };
    return await found.route.answer(context, call);
  } catch (thrown) {
    if (thrown instanceof QuestionFault) throw northboundFault(thrown);
    throw thrown;
  }
}

function parsedBody({ method }: DiagnosticRoute, body: Buffer | undefined): unknown {
  if (method === 'GET') return undefined;
  try {
    return JSON.parse(body?.toString('utf8') ?? '');
  } catch (thrown) {
    throw fault('InvalidRequestFormat', `the body is not JSON: ${messageOf(thrown)}`);
  }
}

/** What stands in the place of `{id}` ('' where there is none); undefined where the path does not match. */
function idIn(pattern: string, segments: readonly string[]): string | undefined {
  const parts = pattern.split('/');
  if (parts.length !== segments.length) return undefined;
  let id = '';
  for (const [at, part] of parts.entries()) {
    const segment = segments[at] ?? '';
    if (part === '{id}') id = segment;
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
  }
  return id;
}

/** The host's own words; what it stands for here follows from who could do better. */
function northboundFault({ code, message, target }: QuestionFault): NorthboundFault {
  switch (code) {
    case 'SDN_HOST_PORT_UNKNOWN':
    case 'SDN_SWITCH_PORT_UNKNOWN':
    case 'SDN_BGP_NOT_RUNNING':
      return fault('ReferencedResourceNotProvisioned', message, target);
    case 'SDN_BGP_CONFIG':
    case 'SDN_BGP_NEIGHBOUR_UNKNOWN':
    case 'SDN_QUESTION_INVALID':
      return fault('InvalidParameterValue', message, target);
    default:
      return fault('ServiceUnavailable', `${message} (${code})`, target);
  }
}
