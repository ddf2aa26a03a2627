/**
 * The host's control API: HTTP with JSON on a unix socket that only its owner may open. Whoever runs VMs on this host asks here for
 * ports; people and metrics look on.
 *
 *   GET    /status                    process, revisions, controller, health
 *   GET    /ports                     attached ports
 *   POST   /ports {portId, device, name, netns?}
 *   DELETE /ports/{portId}
 *   GET    /flows?portId=&limit=
 *   GET    /counters                  per port and of the uplink
 *   POST   /captures {filter, snapLen?, packetsMax?, bytesMax?, secondsMax?}      control-captures.ts
 *   GET    /captures, GET and DELETE /captures/{id}
 *   GET    /metrics                   the same in Prometheus' text format
 *
 * Called by host-process.ts.
 */
import { json, type MetricsText, metricsAnswer, NOTHING } from '../../agent/control-answer.ts';
import {
  type ControlRequest,
  type Operations,
  pathsOf,
  serveControlApi,
} from '../../agent/control-api.ts';
import { readJson } from '../../agent/control-body.ts';
import { ControlFault } from '../../agent/control-fault.ts';
import { claimControlSocket } from '../../agent/control-socket.ts';
import type { Logger } from '../../base/log.ts';
import { captureOperations } from './control-captures.ts';
import { checkPortId, parseAttachRequest, parseFlowsRequest } from './control-request.ts';
import type { HostAgent } from './host-agent.ts';
import { REQUEST_BYTES_MAX } from './limits.ts';

export interface ControlOptions {
  readonly path: string;
  readonly host: HostAgent;
  /** Body of GET /status. */
  status(): object;
  /** Body of GET /metrics. */
  metrics(): Promise<MetricsText>;
  readonly log: Logger;
}

/** Before anything that two processes of one host must not do at once. */
export function claimControlPath(path: string): Promise<void> {
  return claimControlSocket(path, {
    role: 'host',
    pathTooLong: 'SDN_HOST_CONTROL_PATH',
    running: 'SDN_HOST_RUNNING',
  });
}

/** Serves the control API on a claimed path. */
export function serveControl(options: ControlOptions): Promise<{ close(): Promise<void> }> {
  const { path, log } = options;
  const operations = operationsOf(options);
  return serveControlApi({
    path,
    operations,
    unknown: (method, asked, methods) => unknownOperation(operations, method, asked, methods),
    faults: { status: 500, internal: 'SDN_HOST_INTERNAL' },
    log,
  });
}

function operationsOf({ host, status, metrics }: ControlOptions): Operations {
  return {
    'GET /status': () => json(status()),
    'GET /ports': () => json({ ports: host.ports() }),
    'POST /ports': async (request) =>
      json(await host.attach(parseAttachRequest(await bodyOf(request))), 201),
    'DELETE /ports/{portId}': async ({ segment }) => {
      await host.detach(checkPortId(segment));
      return NOTHING;
    },
    'GET /flows': async ({ parameters }) =>
      json({ flows: await host.flows(parseFlowsRequest(parameters)) }),
    'GET /counters': () => json(host.counters()),
    ...captureOperations(host, bodyOf),
    'GET /metrics': async () => metricsAnswer(await metrics()),
  };
}

function bodyOf({ incoming }: ControlRequest): Promise<unknown> {
  return readJson(incoming, {
    bytesMax: REQUEST_BYTES_MAX,
    tooLong: 'SDN_HOST_BODY_TOO_LONG',
    malformed: 'SDN_HOST_BAD_REQUEST',
  });
}

function unknownOperation(
  operations: Operations,
  method: string,
  path: string,
  methods: readonly string[],
): ControlFault {
  if (methods.length > 0) {
    const text = `${method} ${path}: no such method here`;
    return new ControlFault(405, 'SDN_HOST_METHOD', text, { remedy: `use ${methods.join(', ')}` });
  }
  return new ControlFault(404, 'SDN_HOST_PATH', `${method} ${path}: no such path`, {
    remedy: `there are ${pathsOf(operations).join(', ')}`,
  });
}
