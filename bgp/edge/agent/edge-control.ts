/**
 * The edge's control API: HTTP with JSON on a unix socket that only its owner may open. People and metrics look on; nothing is changed here.
 *
 *   GET /status                              process, revisions, controller, health, BGP neighbours by state
 *   GET /nat?inside=&limit=                  mappings
 *   GET /routes?destination=&limit=          forwarding table
 *   GET /neighbours                          who is next to it
 *   GET /counters                            links, translation, tables
 *   GET /trace?vni=|link=&source=&destination=&protocol=&sourcePort=&destinationPort=
 *   GET /bgp/peers, GET /bgp/routes?limit=   as the speaker has them
 *   GET /metrics                             Prometheus' text format
 *
 * Called by edge-process.ts.
 */
import type { ServerResponse } from 'node:http';
import { claimControlSocket, serveControlSocket } from '../../../agent/control-socket.ts';
import { messageOf, SdnError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { ANSWERED_ROUTES_MAX } from '../limits.ts';
import type { EdgeAgent } from './edge-agent.ts';

export interface EdgeControlOptions {
  readonly path: string;
  readonly edge: EdgeAgent;
  /** Body of GET /status. */
  status(): object;
  /** Body of GET /metrics. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  readonly log: Logger;
}

/** Before anything that two processes of one edge must not do at once. */
export function claimEdgeControl(path: string): Promise<void> {
  return claimControlSocket(path, {
    role: 'edge',
    pathTooLong: 'SDN_EDGE_CONTROL_PATH',
    running: 'SDN_EDGE_RUNNING',
  });
}

/** Serves the control API on a claimed path. */
export function serveEdgeControl(options: EdgeControlOptions): Promise<{ close(): Promise<void> }> {
  return serveControlSocket(options.path, (request, response) => {
    void handle(options, request.method ?? '', request.url ?? '/', response);
  });
}

async function handle(
  options: EdgeControlOptions,
  method: string,
  target: string,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(target, 'http://control');
    const path = url.pathname.replace(/\/+$/, '');
    if (method === 'GET' && path === '/metrics') {
      const { contentType, text } = await options.metrics();
      response.writeHead(200, { 'content-type': contentType }).end(text);
      return;
    }
    const body = method === 'GET' ? await answerTo(options, path, url.searchParams) : undefined;
    if (body !== undefined) return send(response, 200, body);
    send(response, 404, {
      error: {
        code: 'SDN_EDGE_PATH',
        message: `${method} ${path}: there is no such operation`,
        remedy: `there are GET ${[...PATHS.keys(), '/status', '/bgp/peers', '/bgp/routes', '/metrics'].join(', ')}`,
      },
    });
  } catch (thrown) {
    const isKnown = thrown instanceof SdnError;
    const code = isKnown ? thrown.code : 'SDN_EDGE_INTERNAL';
    const remedy = isKnown ? thrown.remedy : undefined;
    if (!isKnown) options.log.error({ err: thrown, target }, 'control request failed');
    const error = { code, message: messageOf(thrown), ...(remedy !== undefined && { remedy }) };
    send(response, isKnown ? 400 : 500, { error });
  }
}

/** Questions of schema/southbound/diagnostics/edge.ts by path. */
const PATHS: ReadonlyMap<string, string> = new Map([
  ['/nat', 'natMappings'],
  ['/routes', 'edgeRoutes'],
  ['/neighbours', 'edgeNeighbours'],
  ['/counters', 'edgeCounters'],
  ['/trace', 'edgeTrace'],
]);
/** Parameters that are numbers. */
const NUMBERS = ['limit', 'vni', 'protocol', 'sourcePort', 'destinationPort'];

async function answerTo(
  { edge, status }: EdgeControlOptions,
  path: string,
  parameters: URLSearchParams,
): Promise<unknown> {
  const question = Object.fromEntries(
    [...parameters].map(([name, text]) => [name, NUMBERS.includes(name) ? Number(text) : text]),
  );
  const method = PATHS.get(path);
  if (method !== undefined) return edge.answer(method, question);
  const { speaker } = edge.bgp;
  switch (path) {
    case '/status':
      return status();
    case '/bgp/peers':
      return { peers: speaker?.neighbours() ?? [] };
    case '/bgp/routes': {
      const limit = Math.min(Number(parameters.get('limit') ?? 1000), ANSWERED_ROUTES_MAX);
      const routes = [];
      for (const { prefix, nextHops, neighbour } of speaker?.routes() ?? []) {
        if (routes.length >= limit) break;
        routes.push({ prefix, nextHops, neighbour });
      }
      return { routes };
    }
    default:
      return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const text = `${JSON.stringify(body, jsonValue)}\n`;
  const type = 'application/json; charset=utf-8';
  response
    .writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
    .end(text);
}

/** Big numbers of counters as numbers; what has no JSON form as text. */
function jsonValue(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
