/**
 * One JSON request over HTTP to a role on this machine: over a unix socket (host control, supervisor) or TLS (northbound).
 * Bounded in time and size. Called by northbound-client.ts, host-control.ts and commands.ts.
 */
import http from 'node:http';
import https from 'node:https';
import { SdnError } from '../base/errors.ts';
import type { Millis } from '../base/units.ts';
import { REQUEST_TIMEOUT, RESPONSE_BYTES_MAX } from './limits.ts';

export type Target =
  | { readonly kind: 'unix'; readonly socketPath: string }
  /** `socketPath`: connect there; the URL still names whom the certificate must be for. */
  | {
      readonly kind: 'tls';
      readonly url: URL;
      readonly agent: https.Agent;
      readonly socketPath?: string;
    };

export interface JsonRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeout?: Millis;
}

export interface JsonResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** undefined when the response has no body. */
  readonly body: unknown;
}

/** An answer that is not JSON. */
export interface BytesResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** Rejects with SDN_UNREACHABLE when nobody answers; any HTTP status is an answer. */
export async function exchangeJson(target: Target, request: JsonRequest): Promise<JsonResponse> {
  const { status, headers, bytes } = await exchangeBytes(target, request);
  return { status, headers, body: parseBody(bytes.toString('utf8')) };
}

/** As exchangeJson, with the answer's body as it came. */
export function exchangeBytes(target: Target, request: JsonRequest): Promise<BytesResponse> {
  const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers: http.OutgoingHttpHeaders = { accept: 'application/json', ...request.headers };
  if (payload !== undefined) {
    headers['content-type'] ??= 'application/json; charset=UTF-8';
    headers['content-length'] = Buffer.byteLength(payload);
  }
  const options = {
    method: request.method,
    path: request.path,
    headers,
    timeout: request.timeout ?? REQUEST_TIMEOUT,
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(unreachable(target, request, cause));
    const outgoing = requestTo(target, options);
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.once('error', fail);
    outgoing.once('response', (incoming) => {
      collect(incoming).then((bytes) => {
        const { statusCode: status = 0, headers: received } = incoming;
        resolve({ status, headers: received, bytes });
      }, fail);
    });
    outgoing.end(payload);
  });
}

/** As exchangeBytes, with the answer's body as it comes; nobody hurries one that is quiet for a while. */
export function openBytes(target: Target, request: JsonRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method: request.method, path: request.path, headers: request.headers ?? {} };
    const outgoing = requestTo(target, options);
    outgoing.once('error', (cause: unknown) => reject(unreachable(target, request, cause)));
    outgoing.once('response', resolve);
    outgoing.end();
  });
}

function requestTo(target: Target, options: http.RequestOptions): http.ClientRequest {
  if (target.kind === 'unix') return http.request({ ...options, socketPath: target.socketPath });
  const { url, agent, socketPath } = target;
  return https.request(url, {
    ...options,
    agent,
    ...(socketPath !== undefined && { socketPath }),
  });
}

function unreachable(target: Target, request: JsonRequest, cause: unknown): SdnError {
  const where = target.kind === 'unix' ? target.socketPath : target.url.origin;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SdnError(
    'SDN_UNREACHABLE',
    `${request.method} ${request.path} at ${where}: ${reason}`,
    {
      cause,
      remedy: 'see whether the fabric runs: weft status',
    },
  );
}

export async function collect(incoming: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > RESPONSE_BYTES_MAX) throw new Error(`answer exceeds ${RESPONSE_BYTES_MAX} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** The text itself where it is not JSON. */
export function parseBody(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
