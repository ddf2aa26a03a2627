/**
 * Resources that nobody writes: discovery (§3.1.5.30), operations (§3.1.5.12), operationResults (§3.1.5.13), internalResourceInstances
 * (§3.1.5.24) and monitoring/networkControllerStatistics (§3.1.5.23). Each is computed from state that exists anyway.
 */
import { REST_VERSIONS } from '../../schema/northbound/discovery.ts';
import type { Resource } from '../model/desired-state.ts';
import type { OperationHistory, OperationOutcome } from '../operations/operation-history.ts';
import type { JsonObject } from '../store/store.ts';
import type { ConnectivityChecks } from './connectivity-checks.ts';
import { asErrorCode } from './error-codes.ts';
import { detail, fault, NorthboundFault } from './fault.ts';
import { OPERATION_RETRY_AFTER_SEC } from './limits.ts';
import type { ApiPath } from './resource-path.ts';
import type { SlbStates } from './slb-states.ts';
import { statisticsOf } from './statistics.ts';
import type { ViewContext } from './view.ts';

export interface ReadOnlyRoutes {
  readonly view: ViewContext;
  readonly history: OperationHistory;
  readonly checks: ConnectivityChecks;
  readonly slbStates: SlbStates;
  /** instanceId of this installation. */
  readonly installationId: string;
  /** X.Y.Z */
  readonly version: string;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** Undefined where the path is none of these. */
export async function readOnlyRoute(
  request: { readonly method: string },
  path: ApiPath,
  routes: ReadOnlyRoutes,
): Promise<Reply | undefined> {
  const [first = '', id, ...rest] = path.segments;
  const route = path.version === '' ? discovery : ROUTES[first.toLowerCase()];
  if (route === undefined) return undefined;
  if (request.method !== 'GET') {
    const message = `${request.method} is not supported here; GET is`;
    throw new NorthboundFault(detail('OperationNotSupported', message), {
      status: 405,
      headers: { Allow: 'GET' },
    });
  }
  if (rest.length > 0) throw fault('NotFound', `there is nothing below ${first}/${id}`);
  return route(routes, id);
}

type Route = (routes: ReadOnlyRoutes, id: string | undefined) => Reply | Promise<Reply>;

const ROUTES: Readonly<Record<string, Route>> = {
  operations: operation,
  operationresults: operationResult,
  internalresourceinstances: instances,
  monitoring,
};

function discovery({ installationId, version }: ReadOnlyRoutes): Reply {
  const versions = REST_VERSIONS.map((token) => token.toUpperCase());
  return json({
    resourceRef: '/discovery/discovery',
    resourceId: 'discovery',
    instanceId: installationId,
    etag: `W/"${installationId}"`,
    properties: {
      provisioningState: 'Succeeded',
      networkControllerVersion: version,
      supportedRestVersions: versions,
      currentRestVersion: versions.at(-1) ?? '',
    },
  });
}

async function operation(routes: ReadOnlyRoutes, id: string | undefined): Promise<Reply> {
  const { status, error } = await outcomeOf(routes, id);
  return json({ status, ...(error === undefined ? {} : { error: { ...error } }) });
}

/** §1.3.2.1: 202 while it runs, then what the request would have been answered had it been synchronous. */
async function operationResult(routes: ReadOnlyRoutes, id: string | undefined): Promise<Reply> {
  const { record, status, error } = await outcomeOf(routes, id);
  if (status === 'InProgress') {
    const headers = { 'Retry-After': String(OPERATION_RETRY_AFTER_SEC) };
    return { status: 202, headers, body: JSON.stringify({ status }) };
  }
  if (error !== undefined) {
    const code = asErrorCode(error.code) ?? 'Canceled';
    throw new NorthboundFault(detail(code, error.message, record.resourceRef));
  }
  return record.method === 'DELETE' ? { status: 204, headers: {} } : json({ status });
}

async function outcomeOf(
  routes: ReadOnlyRoutes,
  id: string | undefined,
): Promise<OperationOutcome> {
  const settled = routes.view.realised.compiledRevision;
  const outcome =
    id === undefined
      ? undefined
      : (routes.checks.operation(id) ??
        routes.slbStates.operation(id) ??
        (await routes.history.find(id, settled)));
  if (outcome === undefined) throw fault('NotFound', `there is no operation '${id ?? ''}'`);
  return outcome;
}

function instances({ view }: ReadOnlyRoutes, id: string | undefined): Reply {
  if (id === undefined) {
    const all = [...view.desired.trees().values()].flatMap(({ root }) => withDescendants(root));
    return json({ value: all.map(instanceOf), nextLink: '' });
  }
  const resource = view.desired.byInstanceId(id);
  if (resource === undefined) throw fault('NotFound', `there is no instance '${id}'`);
  return json(instanceOf(resource));
}

function instanceOf({ instanceId, ref }: Resource): JsonObject {
  return {
    resourceRef: `/internalResourceInstances/${instanceId}`,
    resourceId: instanceId,
    instanceId,
    properties: { provisioningState: 'Succeeded', resourceReference: ref },
  };
}

function withDescendants(resource: Resource): Resource[] {
  return [resource, ...resource.children.flatMap(withDescendants)];
}

function monitoring({ view, installationId }: ReadOnlyRoutes, id: string | undefined): Reply {
  if (id?.toLowerCase() !== 'networkcontrollerstatistics') {
    throw fault('NotFound', 'there is only monitoring/networkControllerStatistics');
  }
  return json({
    resourceRef: '/monitoring/networkControllerStatistics/',
    instanceId: installationId,
    properties: { provisioningState: 'Succeeded', ...statisticsOf(view) },
  });
}

function json(body: JsonObject): Reply {
  const etag = body['etag'];
  const headers: Record<string, string> = typeof etag === 'string' ? { ETag: etag } : {};
  return { status: 200, headers, body: JSON.stringify(body) };
}
