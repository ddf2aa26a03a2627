/**
 * Puts the northbound together on a store that a DesiredStateFeed follows, and creates the singletons that the specification has from the
 * first start. Called by controller/main and, with a memory store, by tests.
 */
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Clock } from '../../base/clock.ts';
import { randomGuid } from '../../base/guid.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import type { Millis } from '../../base/units.ts';
import type { DesiredStateFeed } from '../model/desired-state-feed.ts';
import type { RealisedState } from '../model/realised-state.ts';
import { refKey } from '../model/resource-ref.ts';
import { IdempotentReplies } from '../operations/idempotent-replies.ts';
import { LiveOperations } from '../operations/live-operations.ts';
import { OperationHistory } from '../operations/operation-history.ts';
import type { AskEdge, AskMux, AskTarget } from '../southbound/ask-target.ts';
import type { Change, Store } from '../store/store.ts';
import type { WhatIf } from '../what-if/answer.ts';
import { Api } from './api.ts';
import { CaptureRoutes } from './capture-routes.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import { ConnectivityChecks } from './connectivity-checks.ts';
import { IDEMPOTENT_REPLIES_MAX } from './limits.ts';
import { northboundMetrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { PlanningState } from './planning-state.ts';
import { createRegistry, type Registry } from './registry.ts';
import { RESOURCE_TYPES } from './resource-types.ts';
import { SlbStates } from './slb-states.ts';
import { WriteQueue } from './write-queue.ts';
import { Writer } from './writer.ts';

export interface NorthboundOptions {
  readonly store: Store;
  readonly feed: DesiredStateFeed;
  readonly realised: RealisedState;
  /** Asks a host's switch what it does. */
  readonly ask: AskTarget;
  readonly askEdge: AskEdge;
  readonly askMux: AskMux;
  readonly whatIf: WhatIf;
  /** Has a virtual subnet's egress count from zero. */
  readonly resetEgress: (subnetInstanceId: string) => Promise<void>;
  readonly metrics: MetricsRegistry;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** X.Y.Z of this software. */
  readonly version: string;
  readonly queueLengthMax?: number;
  readonly conflictWait?: Millis;
  readonly operationsMax?: number;
  readonly repliesMax?: number;
}

export interface Northbound {
  readonly api: Api;
  /** Waits for accepted writes. */
  close(): Promise<void>;
}

export async function startNorthbound(options: NorthboundOptions): Promise<Northbound> {
  const { store, feed, realised, rng } = options;
  const registry = createRegistry(RESOURCE_TYPES);
  const planning = new PlanningState();
  const pipeline = new CommitPipeline({ ...options, planning });
  const queue = new WriteQueue(options.queueLengthMax);
  const live = new LiveOperations();
  const history = await OperationHistory.open(store, options.operationsMax);
  const replies = await IdempotentReplies.open(store, options.repliesMax ?? IDEMPOTENT_REPLIES_MAX);
  const view = { desired: feed.state, allocations: planning.allocations, realised, registry };
  const parts = { pipeline, planning, registry, queue, live, history, replies };
  const writer = new Writer({ ...options, ...parts });
  const metrics = northboundMetrics(options.metrics, {
    queuedWrites: () => queue.length,
    refusedWrites: () => queue.refusedCount,
    operations: () => history.count,
    resources: () => feed.state.trees().size,
  });
  planning.reload(feed.state);
  await createSingletons(writer, registry, feed);
  const installationId = await installationIdOf(store, rng);
  const explained = {
    desired: feed.state,
    realised,
    ask: options.ask,
    askEdge: options.askEdge,
    askMux: options.askMux,
    rng,
  };
  const slbStates = new SlbStates({ ...options, desired: feed.state });
  const checks = new ConnectivityChecks({ explained, clock: options.clock });
  const api = new Api({
    view,
    writer,
    live,
    readOnly: { view, history, checks, slbStates, installationId, version: options.version },
    checks,
    slbStates,
    ask: options.ask,
    askMux: options.askMux,
    egressReset: { desired: feed.state, store, rng, reset: options.resetEgress },
    weft: {
      store,
      realised,
      explained,
      captures: new CaptureRoutes(explained, options.clock),
      exclusive: (task) => writer.exclusive(task),
      metrics: options.metrics,
      validateRestore: async (changes) => unknownTypes(changes, registry),
      shows: (revision) => feed.reached(revision),
      openApi: () => openApiDocument(registry, options.version),
    },
    metrics,
    clock: options.clock,
    rng,
    log: options.log,
  });
  return {
    api,
    close: () => writer.idle(),
  };
}

async function createSingletons(
  writer: Writer,
  registry: Registry,
  feed: DesiredStateFeed,
): Promise<void> {
  for (const type of registry.tops) {
    const { singletonId, initial, collection } = type.type;
    const ref = `/${collection}/${singletonId}`;
    if (singletonId === undefined || initial === undefined) continue;
    if (feed.state.byRef(ref) !== undefined) continue;
    await writer.write({
      method: 'PUT',
      path: { kind: 'resource', type, ref, key: refKey(ref), resourceId: singletonId },
      body: { properties: initial },
      ifMatch: undefined,
      ifNoneMatch: undefined,
      client: 'controller',
      clientRequestId: undefined,
    });
  }
}

/** What an earlier or later version of this software wrote cannot be served by this one. */
function unknownTypes(changes: readonly Change[], registry: Registry): string[] {
  return changes.flatMap(({ key, after }) => {
    const known = registry.byKey(key.split('/', 1)[0] ?? '') !== undefined;
    return known || after === undefined ? [] : [`${key} is of a type that is not known here`];
  });
}

const INSTALLATION_KEY = 'northbound/installation';

async function installationIdOf(store: Store, rng: Rng): Promise<string> {
  const entry = await store.get('meta', INSTALLATION_KEY);
  const known = entry?.value['instanceId'];
  if (typeof known === 'string') return known;
  const instanceId = randomGuid(rng);
  await store.commit({
    mutations: [{ section: 'meta', key: INSTALLATION_KEY, value: { instanceId } }],
    cause: { client: 'controller', requestId: instanceId, summary: 'first start' },
  });
  return instanceId;
}
