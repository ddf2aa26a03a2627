/**
 * What MS-NCNBI lacks, under `/networking/weft/v1/`: `revisions` (list, `/{n}`, `/diff?from=&to=`, `POST /{n}/restore`), `status` (targets with
 * what they have applied, and how long a change takes to be in force), `openapi.json`, the questions of diagnostic-routes.ts, and
 * the packet captures of capture-routes.ts.
 */
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Explained } from '../diagnostics/hosts.ts';
import type { RealisedState } from '../model/realised-state.ts';
import { RestoreInvalid } from '../revisions/revision-error.ts';
import {
  diffRevisions,
  listRevisions,
  restoreRevision,
  showRevision,
  type ValidateRestore,
} from '../revisions/revision-history.ts';
import type { JsonObject, Revision, Store } from '../store/store.ts';
import { StoreRevisionForgotten, StoreRevisionUnknown } from '../store/store-error.ts';
import type { CaptureReply, CaptureRoutes } from './capture-routes.ts';
import { diagnosticRoute } from './diagnostic-routes.ts';
import { detail, fault, NorthboundFault } from './fault.ts';
import { REVISION_PAGE_LENGTH_MAX } from './limits.ts';
import type { ApiPath } from './resource-path.ts';
import { timeToProgrammed } from './time-to-programmed.ts';

export interface WeftRoutes {
  readonly store: Store;
  readonly realised: RealisedState;
  readonly explained: Explained;
  readonly captures: CaptureRoutes;
  /** Runs a task while no write is planned or under way. */
  readonly exclusive: <T>(task: () => Promise<T>) => Promise<T>;
  readonly metrics: MetricsRegistry;
  readonly validateRestore: ValidateRestore;
  readonly shows: (revision: Revision) => Promise<void>;
  readonly openApi: () => JsonObject;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: CaptureReply['body'] | undefined;
}

interface Request {
  readonly method: string;
  readonly client: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer | undefined;
}

export async function weftRoute(
  request: Request,
  path: ApiPath,
  routes: WeftRoutes,
): Promise<Reply> {
  const capture = await routes.captures.answer(request, path);
  if (capture !== undefined) return capture;
  const answer = await diagnosticRoute(request, path, routes.explained);
  if (answer !== undefined) return json(answer);
  const [first = '', second, third, ...rest] = path.segments.map((text) => text.toLowerCase());
  if (rest.length > 0) throw fault('NotFound', `there is nothing at ${path.segments.join('/')}`);
  if (first === 'revisions' && third === 'restore') {
    requireMethod(request, 'POST');
    return restore(request, routes, revisionOf(second));
  }
  requireMethod(request, 'GET');
  if (third !== undefined) throw fault('NotFound', `there is no ${first}/${second}/${third}`);
  switch (first) {
    case 'revisions':
      return revisions(path.query, routes, second);
    case 'status':
      return json(await status(routes));
    case 'openapi.json':
      return json(routes.openApi());
    default:
      throw fault('NotFound', `there is no '${first}' here`);
  }
}

async function revisions(
  query: URLSearchParams,
  { store }: WeftRoutes,
  which: string | undefined,
): Promise<Reply> {
  if (which === undefined) {
    const before = optionalRevision(query, 'before');
    const limit = Math.min(optionalRevision(query, 'limit') ?? 100, REVISION_PAGE_LENGTH_MAX);
    const page = await listRevisions(store, { limit, ...(before === undefined ? {} : { before }) });
    const next = page.next === undefined ? '' : `?before=${page.next}&limit=${limit}`;
    const nextLink = next === '' ? '' : `/networking/weft/v1/revisions${next}`;
    return json({ value: page.revisions, nextLink });
  }
  return answerRevision(async () => {
    if (which !== 'diff') return json(await showRevision(store, revisionOf(which)));
    const from = revisionOf(query.get('from') ?? undefined);
    const to = optionalRevision(query, 'to') ?? store.revision;
    return json(await diffRevisions(store, { from, to }));
  });
}

/** In the write queue like every write, so that no plan is made on a state that is about to be replaced. */
async function restore(request: Request, routes: WeftRoutes, revision: Revision): Promise<Reply> {
  const { store, validateRestore: validate } = routes;
  const cause = {
    client: request.client,
    requestId: request.headers['x-ms-client-request-id'] ?? '',
    summary: `POST /weft/v1/revisions/${revision}/restore`,
  };
  return answerRevision(() =>
    routes.exclusive(async () => {
      const entry = await restoreRevision(store, { revision, cause, validate });
      if (entry !== undefined) await routes.shows(entry.revision);
      return json({ restored: revision, revision: entry?.revision ?? store.revision });
    }),
  );
}

async function answerRevision(answer: () => Promise<Reply>): Promise<Reply> {
  try {
    return await answer();
  } catch (thrown) {
    const isGone =
      thrown instanceof StoreRevisionUnknown || thrown instanceof StoreRevisionForgotten;
    if (isGone) throw fault('NotFound', thrown.message);
    if (thrown instanceof RestoreInvalid) throw fault('ValidationError', thrown.message);
    throw thrown;
  }
}

async function status({ store, realised, metrics }: WeftRoutes): Promise<object> {
  return {
    revision: store.revision,
    compiledRevision: realised.compiledRevision,
    programmedRevision: realised.programmedRevision,
    timeToProgrammed: await timeToProgrammed(metrics),
    targets: realised.targets(),
  };
}

function requireMethod({ method }: Request, allowed: string): void {
  if (method === allowed) return;
  const message = `${method} is not supported here; ${allowed} is`;
  throw new NorthboundFault(detail('OperationNotSupported', message), {
    status: 405,
    headers: { Allow: allowed },
  });
}

function optionalRevision(query: URLSearchParams, name: string): Revision | undefined {
  const text = query.get(name);
  return text === null ? undefined : revisionOf(text, name);
}

function revisionOf(text: string | undefined, name = 'revision'): Revision {
  if (text !== undefined && /^[0-9]{1,15}$/.test(text)) return Number(text);
  throw fault('InvalidParameterValue', `'${text ?? ''}' is no ${name}`, name);
}

function json(body: object): Reply {
  return { status: 200, headers: {}, body: JSON.stringify(body) };
}
