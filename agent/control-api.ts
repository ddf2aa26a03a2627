/**
 * A role's control API: HTTP with JSON on its control socket. The role declares its operations; here requests find theirs, and what goes wrong
 * becomes a status and `{"error":{"code","message","remedy"?}}`.
 *
 *   'GET /ports'               a path as it stands; slashes at the end of the asked one count for nothing
 *   'DELETE /ports/{portId}'   any one segment there, decoded
 *
 * Called by the control servers of host, edge and mux.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ControlAnswer } from './control-answer.ts';
import { type ControlFault, type FaultDefaults, faultAnswer } from './control-fault.ts';
import { serveControlSocket } from './control-socket.ts';

export interface ControlRequest {
  readonly parameters: URLSearchParams;
  /** The segment that stands for the braces, decoded: empty where it is no encoding of anything, or where there are none. */
  readonly segment: string;
  /** For readJson. */
  readonly incoming: IncomingMessage;
}

export type Operation = (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>;

/** By `METHOD /path`, with at most one segment in braces. */
export type Operations = Readonly<Record<string, Operation>>;

export interface ControlApi {
  /** Of the claimed socket. */
  readonly path: string;
  readonly operations: Operations;
  /** Of a request that none is for. `methods`: those that the path has. */
  unknown(method: string, path: string, methods: readonly string[]): ControlFault;
  readonly faults: FaultDefaults;
  readonly log: Logger;
}

export function serveControlApi(api: ControlApi): Promise<{ close(): Promise<void> }> {
  return serveControlSocket(api.path, (request, response) => {
    void handle(api, request, response);
  });
}

/** Paths of operations, each once, in their order. */
export function pathsOf(operations: Operations): string[] {
  return [...new Set(Object.keys(operations).map((name) => splitName(name)[1]))];
}

async function handle(
  api: ControlApi,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    send(response, await answerTo(api, incoming));
  } catch (thrown) {
    const answer = faultAnswer(thrown, api.faults);
    const { method, url } = incoming;
    if (answer.status >= 500) api.log.error({ err: thrown, method, url }, 'control request failed');
    else api.log.info({ method, url, reason: messageOf(thrown) }, 'control request refused');
    // What is left of a body that was too long is not read: the connection cannot serve another request.
    if (answer.status === 413) response.setHeader('connection', 'close');
    send(response, answer);
  }
}

async function answerTo(api: ControlApi, incoming: IncomingMessage): Promise<ControlAnswer> {
  const { method = '' } = incoming;
  const url = new URL(incoming.url ?? '/', 'http://control');
  const path = url.pathname.replace(/\/+$/, '');
  const methods: string[] = [];
  for (const [name, operation] of Object.entries(api.operations)) {
    const [operationMethod, pattern] = splitName(name);
    const segment = segmentOf(pattern, path);
    if (segment === undefined) continue;
    if (operationMethod === method) {
      return operation({ parameters: url.searchParams, segment, incoming });
    }
    methods.push(operationMethod);
  }
  throw api.unknown(method, path, methods);
}

function splitName(name: string): readonly [string, string] {
  const at = name.indexOf(' ');
  return [name.slice(0, at), name.slice(at + 1)];
}

/** What stands for the pattern's braces; undefined: the path is not of this pattern. */
function segmentOf(pattern: string, path: string): string | undefined {
  if (pattern === path) return '';
  const at = pattern.indexOf('{');
  if (at < 0 || !path.startsWith(pattern.slice(0, at))) return undefined;
  const segment = path.slice(at);
  return segment === '' || segment.includes('/') ? undefined : decode(segment);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The operation says what it should be.
    return '';
  }
}

function send(response: ServerResponse, { status, type, body, headers }: ControlAnswer): void {
  if (response.destroyed) return;
  const length = Buffer.byteLength(body);
  const ofBody = status === 204 ? {} : { 'content-type': type, 'content-length': length };
  response.writeHead(status, { ...ofBody, ...headers }).end(body);
}
