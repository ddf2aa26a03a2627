/**
 * The northbound as a function from request to answer, without HTTP's machinery: what http-server.ts serves and tests call. Routing is by the
 * registry, so nothing here knows a resource type by name.
 *
 * Methods — MS-NCNBI §1.3.1.1 names PATCH in a table, and POST and HEAD nowhere for resources; no resource defines them, so they are 405
 * OperationNotSupported. A request's Content-Type that is not application/json is InternalServerError, in those words, by §2.2.1.1.
 */
import { type Clock, sleep } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { randomGuid } from '../../base/guid.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { millis } from '../../base/units.ts';
import type { DesiredState, Resource } from '../model/desired-state.ts';
import { treeKeyOf } from '../model/resource-ref.ts';
import type { LiveOperations } from '../operations/live-operations.ts';
import type { AskMux, AskTarget } from '../southbound/ask-target.ts';
import type { JsonObject } from '../store/store.ts';
import { StoreError } from '../store/store-error.ts';
import {
  type ApiReply,
  type ApiRequest,
  jsonReply,
  methodRefused,
  notFound,
  parseBody,
} from './api-exchange.ts';
import type { ConnectivityChecks } from './connectivity-checks.ts';
import { connectivityRoute } from './connectivity-routes.ts';
import { errorContent, fault, NorthboundFault } from './fault.ts';
import {
  BUSY_RETRY_AFTER_SEC,
  CLIENT_REQUEST_ID_LENGTH_MAX,
  LIST_SLICE_LENGTH,
  OPERATION_RETRY_AFTER_SEC,
} from './limits.ts';
import type { NorthboundMetrics } from './metrics.ts';
import { observedPeers } from './observed-peers.ts';
import { type ReadOnlyRoutes, readOnlyRoute } from './read-only-routes.ts';
import {
  type ApiPath,
  type CollectionPath,
  parseApiPath,
  type ResourcePath,
  resolvePath,
} from './resource-path.ts';
import { slbStateRoute } from './slb-state-routes.ts';
import type { SlbStates } from './slb-states.ts';
import { type EgressReset, lastEgressReset, resetEgress } from './subnet-egress-reset.ts';
import { type ViewContext, viewOf } from './view.ts';
import { type WeftRoutes, weftRoute } from './weft-routes.ts';
import type { WriteReply, Writer } from './writer.ts';

interface IdentifiedWrite extends ApiRequest {
  readonly method: 'PUT' | 'DELETE';
  readonly client: string;
}

export interface ApiParts {
  readonly view: ViewContext;
  readonly writer: Writer;
  readonly live: LiveOperations;
  readonly readOnly: ReadOnlyRoutes;
  readonly egressReset: EgressReset;
  readonly weft: WeftRoutes;
  readonly checks: ConnectivityChecks;
  readonly slbStates: SlbStates;
  readonly askMux: AskMux;
  /** Asks a host's switch what it does. */
  readonly ask: AskTarget;
  readonly metrics: NorthboundMetrics;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export class Api {
  readonly #parts: ApiParts;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  /** Never rejects: whatever happens has an answer. */
  async handle(request: ApiRequest): Promise<ApiReply> {
    const stop = this.#parts.metrics.requestTime.startTimer();
    const reply = await this.#answer(request);
    stop();
    this.#parts.metrics.requests.inc({ method: request.method, status: reply.status });
    return withCommonHeaders(request, reply, () => randomGuid(this.#parts.rng));
  }

  async #answer(request: ApiRequest): Promise<ApiReply> {
    try {
      return await this.#route(request);
    } catch (thrown) {
      return this.#refusal(request, thrown);
    }
  }

  async #route(request: ApiRequest): Promise<ApiReply> {
    const client = request.identify();
    const path = parseApiPath(request.url);
    if (path.version === 'weft/v1')
      return weftRoute({ ...request, client }, path, this.#parts.weft);
    const collected = slbStateRoute(request, path, this.#parts.slbStates);
    if (collected !== undefined) return collected;
    const checked = connectivityRoute(request, path, this.#parts.checks);
    if (checked !== undefined) return checked;
    const fixed = await readOnlyRoute(request, path, this.#parts.readOnly);
    if (fixed !== undefined) return fixed;
    if (path.segments.length === 1 && /^subnetEgressReset$/i.test(path.segments[0] ?? '')) {
      return this.#egressReset(request);
    }
    const target = resolvePath(this.#parts.view.registry, path.segments);
    switch (request.method) {
      case 'GET':
        return target.kind === 'collection' ? this.#list(path, target) : this.#get(path, target);
      case 'PUT':
      case 'DELETE':
        if (target.kind === 'collection') throw methodRefused(request.method, 'GET');
        return this.#write({ ...request, client, method: request.method }, path, target);
      default:
        throw methodRefused(
          request.method,
          target.kind === 'collection' ? 'GET' : RESOURCE_METHODS,
        );
    }
  }

  async #egressReset(request: ApiRequest): Promise<ApiReply> {
    const { egressReset } = this.#parts;
    switch (request.method) {
      case 'GET':
        return jsonReply(200, await lastEgressReset(egressReset));
      case 'PUT':
        return jsonReply(200, await resetEgress(parseBody(request), egressReset));
      default:
        throw methodRefused(request.method, 'GET, PUT');
    }
  }

  async #get({ version }: ApiPath, path: ResourcePath): Promise<ApiReply> {
    const { live, ask, askMux, clock, weft } = this.#parts;
    const { desired, realised } = this.#parts.view;
    const settled = realised.compiledRevision;
    const treeKey = treeKeyOf(path.ref);
    const resource = desired.byRef(path.ref) ?? live.deleting(treeKey, path.key, settled);
    if (resource === undefined) throw notFound(path.ref);
    const peers = await observedPeers(weft.explained, path.type.key, path.ref);
    const view = { ...this.#parts.view, peers };
    const shown = this.#view(resource, view);
    const observed = await path.type.type.observe?.(resource, {
      ...view,
      ask,
      askMux,
      clock,
      version,
    });
    const body = observed === undefined ? shown : withProperties(shown, observed);
    const etag = resource.body['etag'];
    return jsonReply(200, body, typeof etag === 'string' ? { ETag: etag } : {});
  }

  /** In slices, so that nobody waits behind a long list; each resource is shown as it was when the list was begun. */
  async #list({ version }: ApiPath, path: CollectionPath): Promise<ApiReply> {
    const { ask, askMux, clock } = this.#parts;
    const peers = await observedPeers(this.#parts.weft.explained, path.type.key, path.parentRef);
    const view = { ...this.#parts.view, peers };
    const resources = membersOf(view.desired, path);
    const { type } = path.type;
    const context = { ...view, ask, askMux, clock, version };
    const observed =
      type.observeListed === undefined
        ? []
        : await Promise.all(resources.map((each) => type.observeListed?.(each, context)));
    const texts: string[] = [];
    for (const [index, resource] of resources.entries()) {
      if (index > 0 && index % LIST_SLICE_LENGTH === 0) await sleep(clock, millis(0));
      const shown = this.#view(resource, view);
      const more = observed[index];
      texts.push(JSON.stringify(more === undefined ? shown : withProperties(shown, more)));
    }
    return { status: 200, headers: {}, body: `{"value":[${texts.join(',')}],"nextLink":""}` };
  }

  /** A context of its own for each answer: descriptors keep what they work out for it. */
  #view(resource: Resource, view: ViewContext = { ...this.#parts.view }): JsonObject {
    const running = this.#parts.live.of(resource.treeKey, view.realised.compiledRevision);
    return viewOf(resource, view, running);
  }

  async #write(request: IdentifiedWrite, path: ApiPath, target: ResourcePath): Promise<ApiReply> {
    const { method } = request;
    const body = method === 'PUT' ? parseBody(request) : undefined;
    if (isWhatIf(path.query)) {
      const ifMatch = request.headers['if-match'];
      const ifNoneMatch = request.headers['if-none-match'];
      const write = { method, path: target, body, ifMatch, ifNoneMatch };
      const answer = await this.#parts.writer.whatIf(write);
      return { status: 200, headers: {}, body: JSON.stringify(answer) };
    }
    const clientRequestId = clientRequestIdOf(request);
    const reply = await this.#parts.writer.write({
      method,
      path: target,
      body,
      ifMatch: request.headers['if-match'],
      ifNoneMatch: request.headers['if-none-match'],
      client: request.client,
      clientRequestId,
    });
    if (reply.replayed) this.#parts.metrics.replays.inc();
    return writeReply(reply, `${request.origin}/networking/${path.version}`);
  }

  #refusal(request: ApiRequest, thrown: unknown): ApiReply {
    if (thrown instanceof NorthboundFault) {
      return jsonReply(thrown.status, { error: { ...errorContent(thrown) } }, thrown.headers);
    }
    const { log } = this.#parts;
    log.error({ method: request.method, url: request.url, reason: messageOf(thrown) }, 'failed');
    if (thrown instanceof StoreError) {
      const content = errorContent(fault('ServiceUnavailable', 'the store does not take writes'));
      const retry = { 'Retry-After': String(BUSY_RETRY_AFTER_SEC) };
      return jsonReply(503, { error: { ...content } }, retry);
    }
    const content = errorContent(fault('InternalServerError', 'an unknown error occurred'));
    return jsonReply(500, { error: { ...content } });
  }
}

const RESOURCE_METHODS = 'GET, PUT, DELETE';

function withProperties(shown: JsonObject, more: JsonObject): JsonObject {
  const { properties } = shown;
  const own = typeof properties === 'object' && !Array.isArray(properties) ? properties : {};
  return { ...shown, properties: { ...own, ...more } };
}

function membersOf(desired: DesiredState, { type, parentRef }: CollectionPath): Resource[] {
  if (parentRef === '') {
    return [...desired.list(type.key).values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  const parent = desired.byRef(parentRef);
  if (parent === undefined) throw notFound(parentRef);
  return parent.children.filter((child) => child.type === type.key);
}

/** `?whatIf=true`: say what the write would change, and change nothing. */
function isWhatIf(query: URLSearchParams): boolean {
  const [, value] = [...query].find(([name]) => name.toLowerCase() === 'whatif') ?? [];
  if (value === undefined || value.toLowerCase() === 'false') return false;
  if (value.toLowerCase() === 'true') return true;
  // A slip of the pen must not become a write.
  throw fault('InvalidParameterValue', `whatIf is true or false, not '${value}'`, 'whatIf');
}

function clientRequestIdOf({ headers }: ApiRequest): string | undefined {
  const id = headers['x-ms-client-request-id']?.trim();
  return id === undefined || id === '' || id.length > CLIENT_REQUEST_ID_LENGTH_MAX ? undefined : id;
}

function writeReply(reply: WriteReply, base: string): ApiReply {
  const { status, operationId, etag, body } = reply;
  return {
    status,
    headers: {
      ...(etag === undefined ? {} : { ETag: etag }),
      ...(operationId === undefined
        ? {}
        : {
            'x-ms-request-id': operationId,
            'Azure-AsyncOperation': `${base}/operations/${operationId}`,
          }),
      ...(status === 202
        ? {
            Location: `${base}/operationResults/${operationId}`,
            'Retry-After': String(OPERATION_RETRY_AFTER_SEC),
          }
        : {}),
    },
    body,
  };
}

/** §2.2.1.3. */
function withCommonHeaders(
  { headers }: ApiRequest,
  reply: ApiReply,
  mintRequestId: () => string,
): ApiReply {
  const clientRequestId = headers['x-ms-client-request-id'];
  const isEchoed = headers['x-ms-return-client-request-id']?.toUpperCase() !== 'FALSE';
  const echo = clientRequestId !== undefined && isEchoed ? clientRequestId : undefined;
  return {
    status: reply.status,
    headers: {
      'x-ms-request-id': mintRequestId(),
      ...(echo === undefined ? {} : { 'x-ms-client-request-id': echo }),
      ...(reply.body === undefined ? {} : { 'Content-Type': 'application/json; charset=utf-8' }),
      Server: 'Microsoft-HTTPAPI/2.0',
      ...reply.headers,
    },
    body: reply.body,
  };
}
