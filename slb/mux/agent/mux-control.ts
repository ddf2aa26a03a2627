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
import type { ServerResponse } from 'node:http';
import { claimControlSocket, serveControlSocket } from '../../../agent/control-socket.ts';
import { messageOf, SdnError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { MuxAgent } from './mux-agent.ts';

export interface MuxControlOptions {
  readonly path: string;
  readonly mux: MuxAgent;
  /** Body of GET /status. */
  status(): object;
  /** Body of GET /metrics. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  readonly log: Logger;
}

/** Before anything that two processes of one mux must not do at once. */
export function claimMuxControl(path: string): Promise<void> {
  return claimControlSocket(path, {
    role: 'mux',
    pathTooLong: 'SDN_MUX_CONTROL_PATH',
    running: 'SDN_MUX_RUNNING',
  });
}

/** Serves the control API on a claimed path. */
export function serveMuxControl(options: MuxControlOptions): Promise<{ close(): Promise<void> }> {
  return serveControlSocket(options.path, (request, response) => {
    void handle(options, request.method ?? '', request.url ?? '/', response);
  });
}

/** Questions by path. */
const PATHS: ReadonlyMap<string, string> = new Map([
  ['/addresses', 'muxStatus'],
  ['/trace', 'muxTrace'],
  ['/counters', 'muxCounters'],
  ['/bgp/peers', 'bgpPeers'],
]);
/** Parameters that are no text. */
const NUMBERS = ['protocol', 'sourcePort', 'destinationPort'];
const CHOICES = ['opening'];

async function handle(
  options: MuxControlOptions,
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
    const question = PATHS.get(path);
    if (method === 'GET' && path === '/status') return send(response, 200, options.status());
    if (method === 'GET' && question !== undefined) {
      return send(response, 200, await options.mux.answer(question, questionOf(url.searchParams)));
    }
    send(response, 404, {
      error: {
        code: 'SDN_MUX_PATH',
        message: `${method} ${path}: there is no such operation`,
        remedy: `there are GET ${[...PATHS.keys(), '/status', '/metrics'].join(', ')}`,
      },
    });
  } catch (thrown) {
    const isKnown = thrown instanceof SdnError;
    const code = isKnown ? thrown.code : 'SDN_MUX_INTERNAL';
    const remedy = isKnown ? thrown.remedy : undefined;
    if (!isKnown) options.log.error({ err: thrown, target }, 'control request failed');
    const error = { code, message: messageOf(thrown), ...(remedy !== undefined && { remedy }) };
    send(response, isKnown ? 400 : 500, { error });
  }
}

function questionOf(parameters: URLSearchParams): Record<string, unknown> {
  return Object.fromEntries(
    [...parameters].map(([name, text]) => {
      if (NUMBERS.includes(name)) return [name, Number(text)];
      return [name, CHOICES.includes(name) ? text === 'true' : text];
    }),
  );
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  const type = 'application/json; charset=utf-8';
  response
    .writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
    .end(text);
}
