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
 * Faults: host-fault.ts. Called by main.ts.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { claimControlSocket, serveControlSocket } from '../../agent/control-socket.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type ControlAnswer, json, NOTHING } from './control-answer.ts';
import { answerCapture } from './control-captures.ts';
import { checkPortId, parseAttachRequest, parseFlowsRequest } from './control-request.ts';
import type { HostAgent } from './host-agent.ts';
import { badRequest, faultAnswer, HostFault } from './host-fault.ts';
import { REQUEST_BYTES_MAX } from './limits.ts';

export interface ControlOptions {
  readonly path: string;
  readonly host: HostAgent;
  /** Body of GET /status. */
  status(): object;
  /** Body of GET /metrics. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
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
  return serveControlSocket(options.path, (request, response) => {
    void handle(options, request, response);
  });
}

async function handle(
  options: ControlOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const answer = await route(options, request);
    send(response, answer);
  } catch (thrown) {
    const { status, body } = faultAnswer(thrown);
    const { method, url } = request;
    if (status >= 500) options.log.error({ err: thrown, method, url }, 'control request failed');
    else options.log.info({ method, url, reason: messageOf(thrown) }, 'control request refused');
    // What is left of a body that was too long is not read: the connection cannot serve another request.
    if (status === 413) response.setHeader('connection', 'close');
    send(response, json(body, status));
  }
}

async function route(options: ControlOptions, request: IncomingMessage): Promise<ControlAnswer> {
  const { host } = options;
  const url = new URL(request.url ?? '/', 'http://control');
  const resource = url.pathname.replace(/\/+$/, '');
  const operation = `${request.method} ${resource}`;
  switch (operation) {
    case 'GET /status':
      return json(options.status());
    case 'GET /ports':
      return json({ ports: host.ports() });
    case 'POST /ports':
      return json(await host.attach(parseAttachRequest(await readJson(request))), 201);
    case 'GET /flows':
      return json({ flows: await host.flows(parseFlowsRequest(url.searchParams)) });
    case 'GET /counters':
      return json(host.counters());
    case 'GET /metrics': {
      const { contentType, text } = await options.metrics();
      return { status: 200, type: contentType, body: text };
    }
    default:
  }
  const portId = /^\/ports\/([^/]+)$/.exec(resource)?.[1];
  if (request.method === 'DELETE' && portId !== undefined) {
    await host.detach(checkPortId(decode(portId)));
    return NOTHING;
  }
  if (resource === '/captures' || resource.startsWith('/captures/')) {
    const answer = await answerCapture(host, request.method ?? '', resource, () =>
      readJson(request),
    );
    if (answer !== undefined) return answer;
  }
  throw unknownOperation(operation, resource, portId !== undefined);
}

const METHODS: Readonly<Record<string, string>> = {
  '/status': 'GET',
  '/ports': 'GET, POST',
  '/flows': 'GET',
  '/counters': 'GET',
  '/captures': 'GET, POST',
  '/metrics': 'GET',
};

function unknownOperation(operation: string, resource: string, isPort: boolean): HostFault {
  const methods = isPort ? 'DELETE' : METHODS[resource];
  if (methods !== undefined) {
    const text = `${operation}: no such method here`;
    return new HostFault(405, 'SDN_HOST_METHOD', text, { remedy: `use ${methods}` });
  }
  return new HostFault(404, 'SDN_HOST_PATH', `${operation}: no such path`, {
    remedy: `there are ${Object.keys(METHODS).join(', ')} and /ports/{portId}`,
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not an encoding of anything: checkPortId says what it should be.
    return '';
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    const chunk = part as Buffer;
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) {
      const text = `the body is longer than ${REQUEST_BYTES_MAX} bytes`;
      throw new HostFault(413, 'SDN_HOST_BODY_TOO_LONG', text);
    }
    parts.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
  } catch (cause) {
    throw badRequest(`the body is not JSON: ${messageOf(cause)}`, 'send a JSON object');
  }
}

function send(response: ServerResponse, answer: ControlAnswer): void {
  if (response.destroyed) return;
  const { status, type, body } = answer;
  const length = Buffer.byteLength(body);
  const headers = status === 204 ? {} : { 'content-type': type, 'content-length': length };
  response.writeHead(status, { ...headers, ...answer.headers }).end(body);
}
