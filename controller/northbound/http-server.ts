/**
 * The northbound's HTTPS listener: TLS with a client certificate (OU `client` or `controller`) or a bearer token, bodies bounded, everything
 * else left to Api. Fastify keeps the connection's rules (limits, timeouts, parsing of HTTP); one wildcard route hands every request
 * over, because paths here compare without letter case and end where the registry says.
 *
 * `/metrics` (Prometheus) is served on the same listener, under the same authentication.
 */
import type { Server } from 'node:https';
import { Readable } from 'node:stream';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Registry } from 'prom-client';
import type { Api } from './api.ts';
import { type Authenticator, createAuthenticator, type TokenTable } from './authentication.ts';
import { detail, errorContent, NorthboundFault } from './fault.ts';
import {
  BODY_BYTES_MAX,
  CONNECTIONS_MAX,
  HEADER_BYTES_MAX,
  KEEP_ALIVE,
  REQUEST_TIMEOUT,
} from './limits.ts';
import { openUnixDoor, type UnixDoor } from './unix-door.ts';

export interface HttpServerOptions {
  readonly api: Api;
  readonly metrics: Registry;
  /** PEM. */
  readonly tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
  /** Undefined: only client certificates are accepted. */
  readonly tokens: TokenTable | undefined;
}

export type ListenTarget =
  | { readonly kind: 'address'; readonly host: string; readonly port: number }
  /** A listening socket that somebody opened for this process. */
  | { readonly kind: 'descriptor'; readonly fd: number };

export interface HttpServer {
  /** Resolves with `host:port` once connections are accepted. */
  listen(target: ListenTarget): Promise<string>;
  /** Accepts on a unix socket too, with the same TLS: it is reached from any network namespace (unix-door.ts). */
  listenOnUnix(path: string): Promise<void>;
  /** Ends when requests in flight have been answered. */
  close(): Promise<void>;
}

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const authenticate = createAuthenticator(options.tokens);
  const app = Fastify({
    https: {
      ca: options.tls.ca,
      cert: options.tls.cert,
      key: options.tls.key,
      requestCert: true,
      // With tokens a client may come without a certificate; then the token decides.
      rejectUnauthorized: options.tokens === undefined,
      minVersion: 'TLSv1.2',
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE,
    exposeHeadRoutes: false,
    // What Fastify refuses before there is a route, such as a URL with a broken escape.
    frameworkErrors: (thrown, _request, reply) => answerError(reply, thrown),
    logger: false,
  });
  // Bodies stay bytes: which type is acceptable, and what a malformed one is answered, is the northbound's to say.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.get('/metrics', (request, reply) => answerMetrics(request, reply, authenticate, options));
  const streams = new Set<Readable>();
  const noteStream = (stream: Readable) => {
    streams.add(stream);
    stream.once('close', () => streams.delete(stream));
  };
  const answer = (request: FastifyRequest, reply: FastifyReply) =>
    answerApi(request, reply, authenticate, options.api, noteStream);
  app.all('/*', answer);
  app.setNotFoundHandler(answer);
  app.setErrorHandler((thrown: FastifyError, _request, reply) => answerError(reply, thrown));
  let isClosing = false;
  app.addHook('onSend', async (_request, reply, payload) => {
    // Else a client that keeps its connection would keep the process.
    if (isClosing) reply.header('Connection', 'close');
    return payload;
  });
  await app.ready();
  const server = app.server as Server;
  server.maxConnections = CONNECTIONS_MAX;
  let door: UnixDoor | undefined;
  return {
    listen: (target) => listen(server, target),
    async listenOnUnix(path) {
      door = await openUnixDoor(server, path);
    },
    async close() {
      isClosing = true;
      // Answers that have no end of their own.
      for (const stream of streams) stream.destroy(new Error('the controller ends'));
      door?.close();
      await close(app, server);
    },
  };
}

async function answerApi(
  request: FastifyRequest,
  reply: FastifyReply,
  authenticate: Authenticator,
  api: Api,
  noteStream: (stream: Readable) => void,
): Promise<FastifyReply> {
  const { status, headers, body } = await api.handle({
    method: request.method,
    url: request.url,
    headers: singleHeaders(request),
    body: Buffer.isBuffer(request.body) ? request.body : undefined,
    identify: () => authenticate(request.raw),
    origin: `https://${request.headers.host ?? 'localhost'}`,
  });
  if (body instanceof Readable) noteStream(body);
  return reply.code(status).headers(headers).send(body);
}

async function answerMetrics(
  request: FastifyRequest,
  reply: FastifyReply,
  authenticate: Authenticator,
  { metrics }: HttpServerOptions,
): Promise<FastifyReply> {
  authenticate(request.raw);
  return reply.header('Content-Type', metrics.contentType).send(await metrics.metrics());
}

function answerError(reply: FastifyReply, thrown: FastifyError): FastifyReply {
  const refused = thrown instanceof NorthboundFault ? thrown : faultOf(thrown);
  const body = JSON.stringify({ error: errorContent(refused) });
  return reply
    .code(refused.status)
    .headers({ ...refused.headers, Server: 'Microsoft-HTTPAPI/2.0' })
    .header('Content-Type', 'application/json; charset=utf-8')
    .send(body);
}

/** Fastify's own refusals: a body too large is 413, other misuse of HTTP its 4xx, anything else ours. */
function faultOf(thrown: FastifyError): NorthboundFault {
  const status = thrown.statusCode ?? 500;
  if (status === 413) {
    const message = `the body is larger than ${BODY_BYTES_MAX} bytes`;
    return new NorthboundFault(detail('InvalidRequestFormat', message), { status });
  }
  if (status === 415) {
    const message = 'Content-Type must be application/json; charset=UTF-8';
    return new NorthboundFault(detail('InternalServerError', message, 'Content-Type'));
  }
  if (status >= 400 && status < 500) {
    return new NorthboundFault(detail('BadRequest', thrown.message), { status });
  }
  return new NorthboundFault(detail('InternalServerError', 'an unknown error occurred'));
}

function singleHeaders(request: FastifyRequest): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}

function listen(server: Server, target: ListenTarget): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      target.kind === 'descriptor' ? { fd: target.fd } : { host: target.host, port: target.port },
      () => {
        server.off('error', reject);
        const bound = server.address();
        const isTcp = typeof bound === 'object' && bound !== null;
        resolve(isTcp ? `${hostText(bound.address)}:${bound.port}` : String(bound));
      },
    );
  });
}

function hostText(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

async function close(app: FastifyInstance, server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  await ended;
  await app.close();
}
