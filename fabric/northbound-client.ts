/**
 * A small client of the northbound API (MS-NCNBI): GET, PUT, DELETE with the envelope, errors as typed faults, and waiting for
 * asynchronous operations (§1.3.2) so that a resolved `put` is a provisioned resource. Client certificate authentication.
 *
 * Omitted: PATCH (the API has none) and paging (`nextLink` is followed, never produced). Called by deploy.ts, sample-tenant.ts,
 * the CLI and the test kit.
 */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { type Clock, sleep, systemClock } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import {
  collect,
  exchangeJson,
  type JsonResponse,
  openBytes,
  parseBody,
  type Target,
} from './json-http.ts';
import { OPERATION_POLL_INTERVAL, OPERATION_TIMEOUT } from './limits.ts';

/** The envelope of §2.2.2. */
export interface Resource<Properties = Readonly<Record<string, unknown>>> {
  readonly resourceId: string;
  readonly resourceRef: string;
  readonly instanceId: string;
  readonly etag: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly resourceMetadata?: Readonly<Record<string, unknown>>;
  readonly properties: Properties;
}

export interface NorthboundOptions {
  /** e.g. `https://127.0.0.1:8443` */
  readonly url: string;
  /** PEM files. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** The controller's unix socket: connect there, from whichever network namespace. */
  readonly socketPath?: string;
  readonly clock?: Clock;
}

export interface WriteOptions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly clientRequestId?: string;
  /** Resolve with the first answer; do not wait for the operation to end. */
  readonly noWait?: boolean;
}

/** Paths are resource paths: `/virtualNetworks/blue`; `/networking/…` is taken as it stands. */
export interface NorthboundClient {
  readonly url: string;
  get<P = Readonly<Record<string, unknown>>>(path: string): Promise<Resource<P>>;
  /** undefined for 404. */
  find<P = Readonly<Record<string, unknown>>>(path: string): Promise<Resource<P> | undefined>;
  list<P = Readonly<Record<string, unknown>>>(path: string): Promise<readonly Resource<P>[]>;
  put<P = Readonly<Record<string, unknown>>>(
    path: string,
    body: unknown,
    options?: WriteOptions,
  ): Promise<Resource<P>>;
  delete(path: string, options?: WriteOptions): Promise<void>;
  /** The body of a success, for what is no resource: `/networking/weft/v1/…`, what-if. Anything else is the fault it names. */
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<unknown>;
  /** Any request, any answer: nothing is interpreted. */
  raw(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<JsonResponse>;
  /** The body of a success, as it comes; ends with an error where it ends too early. */
  stream(path: string): Promise<AsyncIterable<Uint8Array>>;
  close(): void;
}

/** An answer of the controller that is no success; `northboundCode` is the closed list of §3.1.5.35. */
export class NorthboundFault extends SdnError {
  override readonly name = 'NorthboundFault';
  readonly status: number;
  readonly northboundCode: string;
  readonly target: string | undefined;

  constructor(request: string, status: number, error: ErrorBody) {
    super('SDN_NORTHBOUND', `${request}: ${status} ${error.code}: ${error.message}`);
    this.status = status;
    this.northboundCode = error.code;
    this.target = error.target;
  }
}

interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
}

export function createNorthboundClient(options: NorthboundOptions): NorthboundClient {
  const clock = options.clock ?? systemClock;
  const agent = new https.Agent({
    ca: readFileSync(options.ca),
    cert: readFileSync(options.cert),
    key: readFileSync(options.key),
    keepAlive: true,
  });
  const target: Target = {
    kind: 'tls',
    url: new URL(options.url),
    agent,
    ...(options.socketPath !== undefined && { socketPath: options.socketPath }),
  };
  const raw: NorthboundClient['raw'] = (method, path, body, headers) =>
    exchangeJson(target, { method, path: absolutePath(path), body, ...(headers && { headers }) });

  const get = async <P>(path: string): Promise<Resource<P>> =>
    asResource<P>(expectSuccess(`GET ${path}`, await raw('GET', path)).body, path);

  async function settle(request: string, response: JsonResponse): Promise<void> {
    const operation = response.headers['azure-asyncoperation'];
    if (typeof operation !== 'string') return;
    const path = new URL(operation, options.url).pathname;
    const deadline = clock.now() + OPERATION_TIMEOUT;
    while (clock.now() < deadline) {
      const answer = expectSuccess(`GET ${path}`, await raw('GET', path));
      const status = operationStatus(answer.body);
      if (status.status === 'Succeeded') return;
      if (status.status !== 'InProgress')
        throw new NorthboundFault(request, answer.status, status.error);
      await sleep(clock, OPERATION_POLL_INTERVAL);
    }
    throw new SdnError(
      'SDN_TIMEOUT',
      `${request}: still in progress after ${OPERATION_TIMEOUT} ms`,
    );
  }

  return {
    url: options.url,
    raw,
    ask: async (method, path, body, headers) =>
      expectSuccess(`${method} ${path}`, await raw(method, path, body, headers)).body,
    get,
    async find<P>(path: string) {
      const response = await raw('GET', path);
      if (response.status === 404) return undefined;
      return asResource<P>(expectSuccess(`GET ${path}`, response).body, path);
    },
    async list<P>(path: string) {
      const found: Resource<P>[] = [];
      for (let next = path; next !== ''; ) {
        const page = asPage(expectSuccess(`GET ${next}`, await raw('GET', next)).body);
        for (const entry of page.value) found.push(asResource<P>(entry, next));
        next = page.nextLink === '' ? '' : pathOf(page.nextLink, options.url);
      }
      return found;
    },
    async put<P>(path: string, body: unknown, write: WriteOptions = {}) {
      const request = `PUT ${path}`;
      const response = expectSuccess(request, await raw('PUT', path, body, writeHeaders(write)));
      const answered = asResource<P>(response.body, path);
      if (write.noWait === true || !isUpdating(answered.properties)) return answered;
      await settle(request, response);
      return get<P>(path);
    },
    async delete(path: string, write: WriteOptions = {}) {
      const request = `DELETE ${path}`;
      const response = await raw('DELETE', path, undefined, writeHeaders(write));
      expectSuccess(request, response);
      if (write.noWait !== true) await settle(request, response);
    },
    async stream(path: string) {
      const incoming = await openBytes(target, { method: 'GET', path: absolutePath(path) });
      const { statusCode: status = 0, headers } = incoming;
      if (status === 200) return incoming;
      const body = parseBody((await collect(incoming)).toString('utf8'));
      expectSuccess(`GET ${path}`, { status, headers, body });
      throw new SdnError('SDN_NORTHBOUND', `GET ${path}: ${status} is no answer to read`);
    },
    close: () => agent.destroy(),
  };
}

function absolutePath(path: string): string {
  if (path.toLowerCase().startsWith('/networking/')) return path;
  return `/networking/v1${path.startsWith('/') ? '' : '/'}${path}`;
}

function pathOf(link: string, base: string): string {
  const url = new URL(link, base);
  return url.pathname + url.search;
}

function writeHeaders(write: WriteOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (write.ifMatch !== undefined) headers['if-match'] = write.ifMatch;
  if (write.ifNoneMatch !== undefined) headers['if-none-match'] = write.ifNoneMatch;
  if (write.clientRequestId !== undefined)
    headers['x-ms-client-request-id'] = write.clientRequestId;
  return headers;
}

function expectSuccess(request: string, response: JsonResponse): JsonResponse {
  if (response.status >= 200 && response.status < 300) return response;
  throw new NorthboundFault(request, response.status, errorBody(response.body));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function errorBody(body: unknown): ErrorBody {
  const error = isObject(body) && isObject(body['error']) ? body['error'] : {};
  const { code, message, target } = error;
  return {
    code: typeof code === 'string' ? code : 'Unknown',
    message: typeof message === 'string' ? message : 'no message',
    ...(typeof target === 'string' && { target }),
  };
}

function isUpdating(properties: unknown): boolean {
  return isObject(properties) && properties['provisioningState'] === 'Updating';
}

function operationStatus(body: unknown): { status: string; error: ErrorBody } {
  // GET operations/{id} answers bare or in the envelope, depending on the API version (§3.1.5.12).
  const source = isObject(body) && isObject(body['properties']) ? body['properties'] : body;
  const status = isObject(source) ? source['status'] : undefined;
  return { status: typeof status === 'string' ? status : 'Unknown', error: errorBody(source) };
}

function asResource<P>(body: unknown, path: string): Resource<P> {
  if (!isObject(body) || !isObject(body['properties']))
    throw new SdnError('SDN_NORTHBOUND', `${path}: the answer is no resource`);
  return body as unknown as Resource<P>;
}

function asPage(body: unknown): { value: readonly unknown[]; nextLink: string } {
  const value = isObject(body) && Array.isArray(body['value']) ? body['value'] : [];
  const nextLink = isObject(body) ? body['nextLink'] : undefined;
  return { value, nextLink: typeof nextLink === 'string' ? nextLink : '' };
}
