/**
 * The metadata server behind 169.254.169.254 — HTTP on the service port's address, after Azure's Instance Metadata Service:
 *
 *   GET /metadata/versions                                        without further conditions
 *   GET /metadata/instance[/PATH]?api-version=…[&format=json|text]
 *
 * Both need the header `Metadata: true`, and a request that has passed a proxy (X-Forwarded-For) is refused: a program in the VM that
 * fetches URLs for others cannot be talked into giving this away. Wrong requests get 400 with an `error`, unknown paths 404, other
 * methods 405. A VM sees its own data only; whoever is no VM gets nothing. Called by platform-services.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from '../../base/log.ts';
import { asText, instanceMetadata, type Json, partOf } from './instance-metadata.ts';
import {
  METADATA_CONNECTIONS_MAX,
  METADATA_CONNECTIONS_PER_PORT_MAX,
  METADATA_HEADER_BYTES_MAX,
  METADATA_REQUEST_TIMEOUT,
} from './limits.ts';
import { portNumberAt } from './service-addresses.ts';
import type { ServiceDirectory } from './service-directory.ts';
import { Tally } from './tally.ts';

const API_VERSIONS: readonly string[] = ['2021-02-01'];

export interface MetadataServerOptions {
  readonly address: string;
  /** 0: any, for tests. */
  readonly port: number;
  readonly directory: ServiceDirectory;
  /** resourceId of this host's server. */
  readonly hostId: string;
  readonly log: Logger;
  /** Number of the port at a remote address; default: service-addresses. */
  readonly portNumberAt?: (remoteAddress: string | undefined) => number | undefined;
}

interface Response {
  readonly status: number;
  readonly contentType: 'application/json; charset=utf-8' | 'text/plain; charset=utf-8';
  readonly body: string;
}

export class MetadataServer {
  readonly #options: MetadataServerOptions;
  readonly #http: Server;
  readonly #connections = new Tally(METADATA_CONNECTIONS_PER_PORT_MAX);
  readonly counters = { requests: 0, refused: 0 };

  private constructor(options: MetadataServerOptions) {
    this.#options = options;
    this.#http = createServer(
      {
        maxHeaderSize: METADATA_HEADER_BYTES_MAX,
        requestTimeout: METADATA_REQUEST_TIMEOUT,
        headersTimeout: METADATA_REQUEST_TIMEOUT,
        keepAliveTimeout: METADATA_REQUEST_TIMEOUT,
      },
      (request, response) => this.#answer(request, response),
    );
    this.#http.maxConnections = METADATA_CONNECTIONS_MAX;
    this.#http.on('connection', (socket) => this.#accept(socket));
  }

  /** Rejects where the address or port cannot be had. */
  static async listen(options: MetadataServerOptions): Promise<MetadataServer> {
    const server = new MetadataServer(options);
    const { address, port, log } = options;
    await new Promise<void>((resolve, reject) => {
      server.#http.once('error', reject);
      server.#http.listen({ host: address, port, exclusive: true }, resolve);
    });
    server.#http.on('error', (err) => log.warn({ err }, 'metadata listener'));
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  #accept(socket: Socket): void {
    const number = this.#numberAt(socket.remoteAddress);
    if (number === undefined || !this.#connections.add(number)) {
      this.counters.refused += 1;
      socket.destroy();
      return;
    }
    socket.on('close', () => this.#connections.remove(number));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.counters.requests += 1;
    const { status, contentType, body } = this.#respond(request);
    // What a body would say is of no interest, and waiting for it none of our business.
    request.resume();
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(status === 405 && { allow: 'GET' }),
    });
    response.end(body);
  }

  #respond(request: IncomingMessage): Response {
    const { method, headers } = request;
    const number = this.#numberAt(request.socket.remoteAddress);
    const asker = number === undefined ? undefined : this.#options.directory.asker(number);
    if (asker === undefined) return failed(404, 'this network interface is not known');
    if (headers['metadata']?.toString().toLowerCase() !== 'true') {
      return failed(400, 'Bad request. Required metadata header not specified');
    }
    if (headers['x-forwarded-for'] !== undefined) {
      return failed(400, 'Bad request. X-Forwarded-For is not allowed');
    }
    const url = parseUrl(request.url);
    if (url === undefined) return failed(400, 'Bad request. The URL is malformed');
    if (method !== 'GET') return failed(405, `Method ${method} is not allowed`);
    const segments = url.pathname.split('/').filter((segment) => segment !== '');
    const [root, document, ...path] = segments.map((segment, index) =>
      index < 2 ? segment.toLowerCase() : segment,
    );
    if (root !== 'metadata') return failed(404, 'Not found');
    if (document === 'versions' && path.length === 0) return json({ apiVersions: API_VERSIONS });
    if (document !== 'instance') return failed(404, 'Not found');
    return instance(url.searchParams, () =>
      partOf(instanceMetadata(asker, this.#options.hostId), path),
    );
  }

  #numberAt(remoteAddress: string | undefined): number | undefined {
    return (this.#options.portNumberAt ?? portNumberAt)(remoteAddress);
  }
}

function instance(parameters: URLSearchParams, find: () => Json | undefined): Response {
  const version = parameters.get('api-version');
  const known = { 'newest-versions': API_VERSIONS };
  if (version === null) {
    return failed(400, 'Bad request. api-version was not specified in the request', known);
  }
  if (!API_VERSIONS.includes(version)) {
    return failed(400, `Bad request. api-version ${version} is not supported`, known);
  }
  const format = parameters.get('format') ?? 'json';
  if (format !== 'json' && format !== 'text') {
    return failed(400, `Bad request. format ${format} is not supported`);
  }
  const part = find();
  if (part === undefined) return failed(404, 'Not found');
  if (format === 'json') return json(part);
  return { status: 200, contentType: 'text/plain; charset=utf-8', body: asText(part) };
}

function json(value: Json): Response {
  const contentType = 'application/json; charset=utf-8';
  return { status: 200, contentType, body: JSON.stringify(value) };
}

function failed(
  status: number,
  error: string,
  more: { readonly [name: string]: Json } = {},
): Response {
  return { ...json({ error, ...more }), status };
}

function parseUrl(text: string | undefined): URL | undefined {
  try {
    return new URL(text ?? '', 'http://169.254.169.254');
  } catch {
    // The only thing it throws for is a malformed URL.
    return undefined;
  }
}
