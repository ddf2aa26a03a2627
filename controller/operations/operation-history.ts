/**
 * operations and operationResults as records — MS-NCNBI §3.1.5.12, §3.1.5.13. A record is written once, in the commit of its write, and again
 * only when the operation is canceled. Its status follows from its revision: in progress until the compiler has taken that in.
 * Identifiers sort by time, so the oldest are the first keys.
 */
import type { ErrorContent, OperationStatus } from '../../schema/northbound/operations.ts';
import type { JsonObject, Mutation, Revision, Store } from '../store/store.ts';
import { OPERATION_EVICTION_BATCH, OPERATION_HISTORY_MAX } from './limits.ts';

export interface OperationRecord {
  readonly id: string;
  readonly method: 'PUT' | 'DELETE';
  readonly resourceRef: string;
  readonly revision: Revision;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Set when another operation took its place. */
  readonly canceledBy?: string;
}

export interface OperationOutcome {
  readonly record: OperationRecord;
  readonly status: OperationStatus;
  readonly error: ErrorContent | undefined;
}

const PREFIX = 'operation/';
const COUNT_KEY = 'history';

export class OperationHistory {
  readonly #store: Store;
  readonly #max: number;
  #count: number;

  private constructor(store: Store, count: number, max: number) {
    this.#store = store;
    this.#count = count;
    this.#max = max;
  }

  static async open(store: Store, max: number = OPERATION_HISTORY_MAX): Promise<OperationHistory> {
    const entry = await store.get('operations', COUNT_KEY);
    const count = entry?.value['count'];
    return new OperationHistory(store, typeof count === 'number' ? count : 0, max);
  }

  get count(): number {
    return this.#count;
  }

  /** For the commit that starts `record`: itself, those it cancels, the oldest where there are too many, and the count. */
  async start(
    record: OperationRecord,
    canceled: readonly OperationRecord[],
  ): Promise<readonly Mutation[]> {
    const evicted = this.#count >= this.#max ? await this.#oldest() : [];
    this.#count += 1 - evicted.length;
    return [
      put(record),
      ...canceled.map((other) => put({ ...other, canceledBy: record.id })),
      ...evicted,
      { section: 'operations', key: COUNT_KEY, value: { count: this.#count } },
    ];
  }

  /** `settled`: latest revision the compiler has taken in. */
  async find(id: string, settled: Revision): Promise<OperationOutcome | undefined> {
    const record = await this.#read(id);
    if (record === undefined) return undefined;
    if (record.canceledBy !== undefined) {
      const message = `The operation was canceled by operation ${record.canceledBy}.`;
      return { record, status: 'Canceled', error: { code: 'Canceled', message } };
    }
    const status = record.revision > settled ? 'InProgress' : 'Succeeded';
    return { record, status, error: undefined };
  }

  async #read(id: string): Promise<OperationRecord | undefined> {
    const entry = await this.#store.get('operations', `${PREFIX}${id.toLowerCase()}`);
    return entry === undefined ? undefined : recordOf(entry.value);
  }

  async #oldest(): Promise<Mutation[]> {
    const mutations: Mutation[] = [];
    const count = Math.min(OPERATION_EVICTION_BATCH, this.#max);
    for await (const { key } of this.#store.range('operations', PREFIX)) {
      mutations.push({ section: 'operations', key, value: undefined });
      if (mutations.length === count) break;
    }
    return mutations;
  }
}

function put(record: OperationRecord): Mutation {
  return { section: 'operations', key: `${PREFIX}${record.id}`, value: { ...record } };
}

function recordOf(value: JsonObject): OperationRecord {
  return value as unknown as OperationRecord;
}
