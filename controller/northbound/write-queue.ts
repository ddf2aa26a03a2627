/**
 * One write at a time for the whole installation: validation and allocation see a state that nobody changes meanwhile. Bounded: a write
 * that finds no place is refused at once, counted, and told when to come back.
 */
import { detail, NorthboundFault } from './fault.ts';
import { BUSY_RETRY_AFTER_SEC, WRITE_QUEUE_LENGTH_MAX } from './limits.ts';

export class WriteQueue {
  readonly #lengthMax: number;
  #tail: Promise<unknown> = Promise.resolve();
  #length = 0;
  #refusedCount = 0;

  constructor(lengthMax: number = WRITE_QUEUE_LENGTH_MAX) {
    this.#lengthMax = lengthMax;
  }

  /** Waiting or running. */
  get length(): number {
    return this.#length;
  }

  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Runs `task` after all that were accepted before it, whatever became of them. */
  run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#length >= this.#lengthMax) {
      this.#refusedCount++;
      return Promise.reject(busy());
    }
    this.#length++;
    const result = this.#tail.then(task);
    this.#tail = result.then(
      () => this.#length--,
      () => this.#length--,
    );
    return result;
  }

  /** Resolves when everything accepted so far has ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}

function busy(): NorthboundFault {
  const message = `more than ${WRITE_QUEUE_LENGTH_MAX} writes are waiting`;
  return new NorthboundFault(detail('ServiceUnavailable', message), {
    headers: { 'Retry-After': String(BUSY_RETRY_AFTER_SEC) },
  });
}
