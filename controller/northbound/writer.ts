/**
 * The write path: one request through the single-writer queue — replayed if it came before, planned, admitted into its tree, committed as one
 * batch (document, operation record, reply), answered. Planning is serial; commits overlap, so that they share a flush to disk.
 * Nothing is answered before its commit is durable and what clients read shows it.
 *
 * A write that may not cancel what is in progress in its tree waits a little for it to end, outside the queue, before it is a conflict:
 * operations here last as long as the compiler takes, which is milliseconds.
 */
import { assert } from '../../base/assert.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { orderedGuid, randomGuid } from '../../base/guid.ts';
import { HeaderSpaceError } from '../../base/header-diagram.ts';
import type { Rng } from '../../base/rng.ts';
import { type Millis, millis } from '../../base/units.ts';
import type { WhatIfAnswer } from '../../schema/northbound/what-if.ts';
import { plantTree, type Resource, resourcesOf } from '../model/desired-state.ts';
import type { RealisedState } from '../model/realised-state.ts';
import { treeKeyOf } from '../model/resource-ref.ts';
import { admit, type OperationSubject } from '../operations/concurrency.ts';
import type { IdempotentReplies, StoredReply } from '../operations/idempotent-replies.ts';
import type { LiveOperation, LiveOperations } from '../operations/live-operations.ts';
import type { OperationHistory, OperationRecord } from '../operations/operation-history.ts';
import type { Mutation } from '../store/store.ts';
import type { WhatIf, WriteEffect } from '../what-if/answer.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import { detail, fault, NorthboundFault } from './fault.ts';
import { CONFLICT_WAIT } from './limits.ts';
import { type PlanContext, planWrite, type WritePlan, type WriteRequest } from './plan-write.ts';
import type { PlanningState } from './planning-state.ts';
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
  readonly pipeline: CommitPipeline;
  readonly planning: PlanningState;
  readonly realised: RealisedState;
  readonly registry: Registry;
  readonly queue: WriteQueue;
  readonly live: LiveOperations;
  readonly history: OperationHistory;
  readonly replies: IdempotentReplies;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly whatIf: WhatIf;
  readonly conflictWait?: Millis;
}

type Attempt =
  | { readonly kind: 'done'; readonly reply: WriteReply }
  /** Planned and on its way to disk. */
  | { readonly kind: 'committing'; readonly settled: Promise<WriteReply> }
  | { readonly kind: 'conflict'; readonly with: LiveOperation };

/** Between two looks at an operation that is in the way. */
const CONFLICT_POLL: Millis = millis(5);

export class Writer {
  readonly #parts: WriterParts;
  /** Answers on their way, for retries that arrive before the first request has its own. */
  readonly #pending = new Map<string, Promise<WriteReply>>();

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
      if (attempt.kind === 'committing') return attempt.settled;
      if (clock.now() >= deadline) throw conflict(attempt.with);
      await sleep(clock, CONFLICT_POLL);
    }
  }

  /**
   * What the write would change, with the status it would be answered with; nothing is written. Throws what the write itself would be
   * refused with. Judged on what is compiled, so what is under way is waited for.
   */
  async whatIf(request: WriteRequest): Promise<WhatIfAnswer> {
    const { effect, status } = await this.#parts.queue.run(() => this.#preview(request));
    try {
      return { status, ...(await effect) };
    } catch (thrown) {
      if (!(thrown instanceof HeaderSpaceError)) throw thrown;
      throw fault('OperationNotSupported', `this what-if cannot be answered: ${thrown.message}`);
    }
  }

  /** Runs `task`, which commits to desired state by itself, while no write is planned or under way. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#parts.queue.run(() => this.#parts.pipeline.exclusive(task));
  }

  /** Resolves when every write accepted so far has been answered. */
  async idle(): Promise<void> {
    await this.#parts.queue.idle();
    await this.#parts.pipeline.settle();
  }

  /** In the queue, so that no write comes between the plan and the comparison. */
  async #preview(request: WriteRequest): Promise<StartedPreview> {
    const { pipeline, planning, realised, clock, conflictWait = CONFLICT_WAIT } = this.#parts;
    await pipeline.settle();
    await pipeline.ready();
    const plan = planWrite(request, this.#planContext());
    const deadline = clock.now() + conflictWait;
    while (realised.compiledRevision < planning.revision) {
      if (clock.now() >= deadline)
        throw fault('ServiceUnavailable', 'earlier writes are still being compiled');
      await sleep(clock, CONFLICT_POLL);
    }
    const documents =
      plan === undefined ? [] : [{ key: plan.treeKey, value: plan.document }, ...plan.companions];
    const status = plan === undefined ? 204 : statusOf(request.method, plan);
    return { effect: this.#parts.whatIf(documents), status };
  }

  async #attempt(request: ClientRequest): Promise<Attempt> {
    const { pipeline, live, realised } = this.#parts;
    await pipeline.ready();
    const earlier = this.#earlier(request);
    if (earlier !== undefined) return earlier;
    const plan = planWrite(request, this.#planContext());
    if (plan === undefined) return { kind: 'done', reply: NOTHING_DONE };
    const running = live.of(plan.treeKey, realised.compiledRevision);
    const admission = admit(running, { method: request.method, key: request.path.key });
    if (admission.kind === 'conflict') return admission;
    return { kind: 'committing', ...(await this.#start(request, plan, admission.canceled)) };
  }

  /** Applies the plan to the planning state and sends its commit off; the promise inside is that of the answer. */
  async #start(
    request: ClientRequest,
    plan: WritePlan,
    canceled: readonly LiveOperation[],
  ): Promise<StartedWrite> {
    const { pipeline, live, history, realised } = this.#parts;
    const record = this.#record(request, plan);
    const reply = this.#reply(request, plan, record);
    const recorded = await history.start(
      record,
      canceled.map((operation) => operation.record),
    );
    const { id, method, revision } = record;
    const { key } = request.path;
    const { treeKey, removed } = plan;
    const operation: LiveOperation = { id, method, key, treeKey, revision, record, removed };
    live.start(operation, canceled, realised.compiledRevision);
    const shown = pipeline.commit({
      documents: [{ key: treeKey, value: plan.document }, ...plan.companions],
      further: [...recorded, ...this.#replyMutations(request, reply)],
      cause: {
        client: request.client,
        requestId: request.clientRequestId ?? id,
        summary: `${method} ${plan.ref}`,
      },
    });
    shown.catch(() => live.drop(operation));
    return { settled: this.#answer(request, reply, shown) };
  }

  /** Remembers the reply for retries: as pending until it is durable, as given from then on. */
  async #answer(
    request: ClientRequest,
    reply: StoredReply,
    shown: Promise<void>,
  ): Promise<WriteReply> {
    const replyKey = replyKeyOf(request);
    const answered = shown.then(() => ({ ...reply, replayed: false }));
    if (replyKey === undefined) return answered;
    const text = JSON.stringify(replyKey);
    this.#pending.set(text, answered);
    try {
      const given = await answered;
      this.#parts.replies.keep(replyKey, reply);
      return given;
    } finally {
      this.#pending.delete(text);
    }
  }

  #replyMutations(request: ClientRequest, reply: StoredReply): Mutation[] {
    const replyKey = replyKeyOf(request);
    return replyKey === undefined ? [] : [this.#parts.replies.mutation(replyKey, reply)];
  }

  #record({ method }: ClientRequest, plan: WritePlan): OperationRecord {
    const { clock, rng, pipeline } = this.#parts;
    const startedAt = clock.wallNow();
    const id = orderedGuid(rng, startedAt);
    return { id, method, resourceRef: plan.ref, revision: pipeline.nextRevision, startedAt };
  }

  /** The answer as it will be given, made before the commit so that the commit can hold it for a retry. */
  #reply(request: ClientRequest, plan: WritePlan, record: OperationRecord): StoredReply {
    if (request.method === 'DELETE') {
      return { status: statusOf(request.method, plan), operationId: record.id };
    }
    const resource = plannedResource(plan, request.path.key);
    const running: OperationSubject = { id: record.id, method: 'PUT', key: request.path.key };
    return {
      status: statusOf(request.method, plan),
      operationId: record.id,
      etag: etagOf(resource),
      body: JSON.stringify(viewOf(resource, this.#readContext(), [running])),
    };
  }

  /** What a retry is told: the answer of the first request, once it is durable. */
  #earlier(request: ClientRequest): Attempt | undefined {
    const replyKey = replyKeyOf(request);
    if (replyKey === undefined) return undefined;
    const stored = this.#parts.replies.find(replyKey);
    if (stored !== undefined) return { kind: 'done', reply: this.#replay(request, stored) };
    const pending = this.#pending.get(JSON.stringify(replyKey));
    if (pending === undefined) return undefined;
    return { kind: 'committing', settled: pending.then((reply) => ({ ...reply, replayed: true })) };
  }

  /** A body too long to be kept is made again from the resource as it is. */
  #replay({ method, path }: ClientRequest, earlier: StoredReply): WriteReply {
    if (earlier.body !== undefined || method === 'DELETE') return { ...earlier, replayed: true };
    const resource = this.#parts.planning.desired.byRef(path.ref);
    if (resource === undefined) return { ...earlier, replayed: true };
    const body = JSON.stringify(viewOf(resource, this.#readContext(), []));
    return { ...earlier, body, replayed: true };
  }

  #readContext(): ReadContext & { readonly registry: Registry } {
    const { planning, realised, registry } = this.#parts;
    return { desired: planning.desired, allocations: planning.allocations, realised, registry };
  }

  #planContext(): PlanContext {
    const { rng } = this.#parts;
    return {
      ...this.#readContext(),
      mintInstanceId: () => randomGuid(rng),
      mintEtag: () => `W/"${randomGuid(rng)}"`,
    };
  }
}

/** In an object: a promise alone would be waited for where it is passed on, and the queue with it. */
interface StartedWrite {
  readonly settled: Promise<WriteReply>;
}

interface StartedPreview {
  readonly effect: Promise<WriteEffect>;
  readonly status: number;
}

function statusOf(method: WriteRequest['method'], plan: WritePlan): number {
  if (method === 'DELETE') return 202;
  return plan.created ? 201 : 200;
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
