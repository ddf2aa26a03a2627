/**
 * The write path: one request through the single-writer queue — replayed if it came before, planned, admitted into its tree, committed as one
 * batch (document, operation record, reply), answered. Nothing is answered before the commit is durable and this process shows it.
 *
 * A write that may not cancel what is in progress in its tree waits a little for it to end, outside the queue, before it is a conflict:
 * operations here last as long as the compiler takes, which is milliseconds.
 */
import { assert } from '../../base/assert.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { orderedGuid, randomGuid } from '../../base/guid.ts';
import type { Rng } from '../../base/rng.ts';
import { type Millis, millis } from '../../base/units.ts';
import type { Allocations } from '../allocation/allocations.ts';
import { plantTree, type Resource, resourcesOf } from '../model/desired-state.ts';
import type { DesiredStateFeed } from '../model/desired-state-feed.ts';
import type { RealisedState } from '../model/realised-state.ts';
import { treeKeyOf } from '../model/resource-ref.ts';
import { admit, type OperationSubject } from '../operations/concurrency.ts';
import type { IdempotentReplies, ReplyKey, StoredReply } from '../operations/idempotent-replies.ts';
import type { LiveOperations } from '../operations/live-operations.ts';
import type { OperationHistory, OperationRecord } from '../operations/operation-history.ts';
import type { Mutation, Revision, Store } from '../store/store.ts';
import { detail, NorthboundFault } from './fault.ts';
import { CONFLICT_WAIT } from './limits.ts';
import { planWrite, type WritePlan, type WriteRequest } from './plan-write.ts';
import type { Registry } from './registry.ts';
import type { ReadContext } from './resource-type.ts';
import { viewOf } from './view.ts';
import type { WriteQueue } from './write-queue.ts';

export interface ClientRequest extends WriteRequest {
  /** Name from the client's certificate or token. */
  readonly client: string;
  readonly clientRequestId: string | undefined;
}

export interface WriteReply {
  readonly status: number;
  /** Undefined: nothing had to be done, and no operation was made. */
  readonly operationId: string | undefined;
  readonly etag?: string | undefined;
  /** JSON text. */
  readonly body?: string | undefined;
  readonly replayed: boolean;
}

export interface WriterParts {
  readonly store: Store;
  readonly feed: DesiredStateFeed;
  readonly allocations: Allocations;
  readonly realised: RealisedState;
  readonly registry: Registry;
  readonly queue: WriteQueue;
  readonly live: LiveOperations;
  readonly history: OperationHistory;
  readonly replies: IdempotentReplies;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly conflictWait?: Millis;
}

type Attempt =
  | { readonly kind: 'done'; readonly reply: WriteReply }
  | { readonly kind: 'conflict'; readonly with: OperationSubject };

/** Between two looks at an operation that is in the way. */
const CONFLICT_POLL: Millis = millis(5);

export class Writer {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Throws a NorthboundFault for a request that is refused; nothing is then written. */
  async write(request: ClientRequest): Promise<WriteReply> {
    const { queue, clock, conflictWait = CONFLICT_WAIT } = this.#parts;
    const deadline = clock.now() + conflictWait;
    for (;;) {
      const attempt = await queue.run(() => this.#attempt(request));
      if (attempt.kind === 'done') return attempt.reply;
      if (clock.now() >= deadline) throw conflict(attempt.with);
      await sleep(clock, CONFLICT_POLL);
    }
  }

  async #attempt(request: ClientRequest): Promise<Attempt> {
    const replyKey = replyKeyOf(request);
    const earlier = replyKey === undefined ? undefined : this.#parts.replies.find(replyKey);
    if (earlier !== undefined) return { kind: 'done', reply: this.#replay(request, earlier) };
    const plan = planWrite(request, this.#planContext());
    if (plan === undefined) return { kind: 'done', reply: NOTHING_DONE };
    const settled = this.#parts.realised.compiledRevision;
    const running = this.#parts.live.of(plan.treeKey, settled);
    const admission = admit(running, { method: request.method, key: request.path.key });
    if (admission.kind === 'conflict') return admission;
    const reply = await this.#commit({ request, plan, canceled: admission.canceled, replyKey });
    return { kind: 'done', reply };
  }

  async #commit(write: AdmittedWrite): Promise<WriteReply> {
    const { store, feed, history, replies, live, realised } = this.#parts;
    const { request, plan, canceled, replyKey } = write;
    const revision = store.revision + 1;
    const record = this.#record(write, revision);
    const reply = this.#reply(write, record);
    const historyPlan = await history.plan(
      record,
      canceled.map(({ id }) => id),
    );
    const entry = await store.commit({
      mutations: [
        { section: 'desired', key: plan.treeKey, value: plan.document },
        ...plan.companions.map(({ key, value }): Mutation => ({ section: 'desired', key, value })),
        ...historyPlan.mutations,
        ...(replyKey === undefined ? [] : [replies.mutation(replyKey, reply)]),
      ],
      expect: [{ key: plan.treeKey, revision: plan.expected }],
      cause: {
        client: request.client,
        requestId: request.clientRequestId ?? record.id,
        summary: `${request.method} ${plan.ref}`,
      },
    });
    assert(entry?.revision === revision, 'writes to desired state are serial');
    history.started(historyPlan);
    if (replyKey !== undefined) replies.keep(replyKey, reply);
    const operation = {
      id: record.id,
      method: record.method,
      key: request.path.key,
      treeKey: plan.treeKey,
      revision,
      removed: plan.removed,
    };
    live.start(operation, canceled, realised.compiledRevision);
    await feed.reached(revision);
    return { ...reply, replayed: false };
  }

  #record({ request, plan }: AdmittedWrite, revision: Revision): OperationRecord {
    const startedAt = this.#parts.clock.wallNow();
    const id = orderedGuid(this.#parts.rng, startedAt);
    return { id, method: request.method, resourceRef: plan.ref, revision, startedAt };
  }

  /** The answer as it will be given, made before the commit so that the commit can hold it for a retry. */
  #reply({ request, plan }: AdmittedWrite, record: OperationRecord): StoredReply {
    if (request.method === 'DELETE') {
      return { status: 202, operationId: record.id, etag: undefined, body: undefined };
    }
    const resource = plannedResource(plan, request.path.key);
    const running: OperationSubject = { id: record.id, method: 'PUT', key: request.path.key };
    return {
      status: plan.created ? 201 : 200,
      operationId: record.id,
      etag: etagOf(resource),
      body: JSON.stringify(viewOf(resource, this.#readContext(), [running])),
    };
  }

  #replay(request: ClientRequest, earlier: StoredReply): WriteReply {
    if (earlier.body !== undefined || request.method === 'DELETE') {
      return { ...earlier, replayed: true };
    }
    const resource = this.#parts.feed.state.byRef(request.path.ref);
    const body =
      resource === undefined
        ? undefined
        : JSON.stringify(viewOf(resource, this.#readContext(), []));
    return { ...earlier, body, replayed: true };
  }

  #readContext(): ReadContext & { readonly registry: Registry } {
    const { feed, allocations, realised, registry } = this.#parts;
    return { desired: feed.state, allocations, realised, registry };
  }

  #planContext() {
    const { rng } = this.#parts;
    return {
      ...this.#readContext(),
      mintInstanceId: () => randomGuid(rng),
      mintEtag: () => `W/"${randomGuid(rng)}"`,
    };
  }
}

interface AdmittedWrite {
  readonly request: ClientRequest;
  readonly plan: WritePlan;
  readonly canceled: readonly OperationSubject[];
  readonly replyKey: ReplyKey | undefined;
}

const NOTHING_DONE: WriteReply = {
  status: 204,
  operationId: undefined,
  replayed: false,
};

function plannedResource(plan: WritePlan, key: string): Resource {
  assert(plan.document !== undefined, 'a PUT leaves a document');
  const { root } = plantTree({ key: plan.treeKey, value: plan.document, revision: 0 });
  const resource = [...resourcesOf(root)].find((candidate) => candidate.key === key);
  assert(resource !== undefined, 'a PUT leaves its resource in the tree');
  return resource;
}

function etagOf(resource: Resource): string | undefined {
  const etag = resource.body['etag'];
  return typeof etag === 'string' ? etag : undefined;
}

function replyKeyOf({ client, method, path, clientRequestId }: ClientRequest) {
  return clientRequestId === undefined
    ? undefined
    : { client, method, resourceKey: path.key, clientRequestId };
}

function conflict(running: OperationSubject): NorthboundFault {
  const uri = `/networking/v1/operations/${running.id}`;
  const message =
    'Another operation on this or dependent resource is in progress. ' +
    `To retrieve the status of the operation, use uri: ${uri}.`;
  return new NorthboundFault(detail('AnotherOperationInProgress', message, treeKeyOf(running.key)));
}
