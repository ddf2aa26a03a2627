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
import { json, type MetricsText } from '../../../agent/control-answer.ts';
import type { Operation } from '../../../agent/control-api.ts';
import { claimControlSocket } from '../../../agent/control-socket.ts';
import { questionView, serveControlViews, type ViewFaults } from '../../../agent/control-views.ts';
import type { Logger } from '../../../base/log.ts';
import type { EdgeMethod } from '../../../schema/southbound/diagnostics/edge.ts';
import { ANSWERED_ROUTES_MAX } from '../limits.ts';
import type { EdgeAgent } from './edge-agent.ts';

export interface EdgeControlOptions {
  readonly path: string;
  readonly edge: EdgeAgent;
  /** Body of GET /status. */
  status(): object;
  /** Body of GET /metrics. */
  metrics(): Promise<MetricsText>;
  readonly log: Logger;
}

const FAULTS: ViewFaults = {
  role: 'edge',
  pathTooLong: 'SDN_EDGE_CONTROL_PATH',
  running: 'SDN_EDGE_RUNNING',
  path: 'SDN_EDGE_PATH',
  internal: 'SDN_EDGE_INTERNAL',
};

/** Before anything that two processes of one edge must not do at once. */
export function claimEdgeControl(path: string): Promise<void> {
  return claimControlSocket(path, FAULTS);
}

/** Serves the control API on a claimed path. */
export function serveEdgeControl(options: EdgeControlOptions): Promise<{ close(): Promise<void> }> {
  return serveControlViews({ ...options, views: viewsOf(options.edge), faults: FAULTS });
}

const KINDS = { numbers: ['limit', 'vni', 'protocol', 'sourcePort', 'destinationPort'] };

function viewsOf(edge: EdgeAgent): Readonly<Record<string, Operation>> {
  const question = (method: EdgeMethod) => questionView(edge, method, KINDS);
  return {
    '/nat': question('natMappings'),
    '/routes': question('edgeRoutes'),
    '/neighbours': question('edgeNeighbours'),
    '/counters': question('edgeCounters'),
    '/trace': question('edgeTrace'),
    '/bgp/peers': () => json({ peers: edge.bgp.speaker?.neighbours() ?? [] }),
    '/bgp/routes': ({ parameters }) => json({ routes: routesOf(edge, parameters.get('limit')) }),
  };
}

function routesOf({ bgp }: EdgeAgent, asked: string | null): object[] {
  const limit = Math.min(Number(asked ?? 1000), ANSWERED_ROUTES_MAX);
  const routes = [];
  for (const { prefix, nextHops, neighbour } of bgp.speaker?.routes() ?? []) {
    if (routes.length >= limit) break;
    routes.push({ prefix, nextHops, neighbour });
  }
  return routes;
}
