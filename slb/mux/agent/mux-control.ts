/**
 * The mux's control API: HTTP with JSON on a unix socket that only its owner may open. People and metrics look on; nothing is changed here.
 *
 *   GET /status                              process, revisions, controller, health, BGP neighbours by state
 *   GET /addresses?address=                  virtual addresses, announced or not, with rules and backends (muxStatus)
 *   GET /trace?source=&destination=&protocol=&sourcePort=&destinationPort=&opening=
 *   GET /counters                            links, flow memory, tables
 *   GET /bgp/peers                           as the speaker has them
 *   GET /metrics                             Prometheus' text format
 *
 * Called by mux-process.ts.
 */
import type { MetricsText } from '../../../agent/control-answer.ts';
import { claimControlSocket } from '../../../agent/control-socket.ts';
import { questionView, serveControlViews, type ViewFaults } from '../../../agent/control-views.ts';
import type { Logger } from '../../../base/log.ts';
import type { MuxAgent } from './mux-agent.ts';

export interface MuxControlOptions {
  readonly path: string;
  readonly mux: MuxAgent;
  /** Body of GET /status. */
  status(): object;
  /** Body of GET /metrics. */
  metrics(): Promise<MetricsText>;
  readonly log: Logger;
}

const FAULTS: ViewFaults = {
  role: 'mux',
  pathTooLong: 'SDN_MUX_CONTROL_PATH',
  running: 'SDN_MUX_RUNNING',
  path: 'SDN_MUX_PATH',
  internal: 'SDN_MUX_INTERNAL',
};

/** Before anything that two processes of one mux must not do at once. */
export function claimMuxControl(path: string): Promise<void> {
  return claimControlSocket(path, FAULTS);
}

const KINDS = { numbers: ['protocol', 'sourcePort', 'destinationPort'], flags: ['opening'] };

/** Serves the control API on a claimed path. */
export function serveMuxControl(options: MuxControlOptions): Promise<{ close(): Promise<void> }> {
  const question = (method: string) => questionView(options.mux, method, KINDS);
  return serveControlViews({
    ...options,
    views: {
      '/addresses': question('muxStatus'),
      '/trace': question('muxTrace'),
      '/counters': question('muxCounters'),
      '/bgp/peers': question('bgpPeers'),
    },
    faults: FAULTS,
  });
}
