/**
 * Answers kept for requests that come again — MS-NCNBI §1.3.1.2, §2.2.1.2.5: a write with the x-ms-client-request-id of an earlier one is
 * a retry and gets the same answer. The specification compares the identifier alone; here the client, the method and the
 * resource must agree too, so that two clients who choose alike do not see each other's answers.
 *
 * A ring of slots in the store, written in the commit of the write it answers; in memory a map. Only success is kept: a
 * refused write has changed nothing and may be tried again.
 */
import type { JsonObject, Mutation, Store } from '../store/store.ts';

export interface StoredReply {
  readonly status: number;
  readonly operationId: string;
  readonly etag?: string | undefined;
  /** JSON text; undefined where the answer has no body, or one too long to keep. */
  readonly body?: string | undefined;
}

export interface ReplyKey {
  readonly client: string;
  readonly method: string;
  readonly resourceKey: string;
  readonly clientRequestId: string;
}

/** Characters of a body that is kept; a longer answer is made again from the resource as it is. */
const REPLY_BODY_LENGTH_MAX = 16_384;
const PREFIX = 'reply/';

export class IdempotentReplies {
  readonly #max: number;
  /** In order of insertion: the first is the oldest. */
  readonly #replies = new Map<string, StoredReply>();
  #sequence = 0;

  private constructor(max: number) {
    this.#max = max;
  }

  static async open(store: Store, max: number): Promise<IdempotentReplies> {
    const replies = new IdempotentReplies(max);
    const slots: JsonObject[] = [];
    for await (const { value } of store.range('operations', PREFIX)) slots.push(value);
    slots.sort((a, b) => Number(a['sequence']) - Number(b['sequence']));
    for (const slot of slots) {
      replies.#keep(String(slot['key']), slot['reply'] as unknown as StoredReply);
      replies.#sequence = Number(slot['sequence']) + 1;
    }
    return replies;
  }

  get size(): number {
    return this.#replies.size;
  }

  find(key: ReplyKey): StoredReply | undefined {
    return this.#replies.get(textOf(key));
  }

  /** For the commit of the write that `reply` answers. */
  mutation(key: ReplyKey, reply: StoredReply): Mutation {
    const sequence = this.#sequence++;
    const slot = String(sequence % this.#max).padStart(8, '0');
    const { status, operationId, etag, body } = clip(reply);
    const stored = {
      status,
      operationId,
      ...(etag === undefined ? {} : { etag }),
      ...(body === undefined ? {} : { body }),
    };
    return {
      section: 'operations',
      key: `${PREFIX}${slot}`,
      value: { sequence, key: textOf(key), reply: stored },
    };
  }

  /** Once the commit is durable. */
  keep(key: ReplyKey, reply: StoredReply): void {
    this.#keep(textOf(key), clip(reply));
  }

  #keep(key: string, reply: StoredReply): void {
    this.#replies.delete(key);
    this.#replies.set(key, reply);
    if (this.#replies.size <= this.#max) return;
    const [oldest] = this.#replies.keys();
    if (oldest !== undefined) this.#replies.delete(oldest);
  }
}

function clip(reply: StoredReply): StoredReply {
  const long = reply.body !== undefined && reply.body.length > REPLY_BODY_LENGTH_MAX;
  return long ? { ...reply, body: undefined } : reply;
}

function textOf({ client, method, resourceKey, clientRequestId }: ReplyKey): string {
  return JSON.stringify([client, method, resourceKey, clientRequestId]);
}
