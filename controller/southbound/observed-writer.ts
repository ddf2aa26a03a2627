/**
 * Writes observations to the store's `observed` section: one commit at a time, of everything that has come up meanwhile, the
 * latest value per key. Observations are never waited for: what a crash loses, targets report again. Called by start-southbound.ts.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { JsonObject, Store } from '../store/store.ts';
import { OBSERVED_RETRY_DELAY } from './limits.ts';

export interface ObservedWriterOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ObservedWriter {
  readonly #options: ObservedWriterOptions;
  #waiting = new Map<string, JsonObject | undefined>();
  #writing: Promise<void> | undefined;
  #retry: Timer | undefined;
  #closed = false;

  constructor(options: ObservedWriterOptions) {
    this.#options = options;
  }

  /** `value` undefined deletes. */
  put(key: string, value: JsonObject | undefined): void {
    this.#waiting.set(key, value);
    this.#flush();
  }

  /** All of them in one commit. */
  putAll(entries: ReadonlyMap<string, JsonObject | undefined>): void {
    for (const [key, value] of entries) this.#waiting.set(key, value);
    this.#flush();
  }

  /** Resolves when what has been put so far is stored, or cannot be until the store takes writes again. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Writes what is waiting, once, and nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    await this.#writing;
    if (this.#waiting.size > 0) await this.#write();
  }

  #flush(): void {
    if (this.#closed || this.#writing !== undefined || this.#retry !== undefined) return;
    this.#writing = this.#write().then((written) => {
      this.#writing = undefined;
      if (this.#waiting.size === 0) return;
      if (written) this.#flush();
      else if (!this.#closed) {
        this.#retry = this.#options.clock.after(OBSERVED_RETRY_DELAY, () => {
          this.#retry = undefined;
          this.#flush();
        });
      }
    });
  }

  async #write(): Promise<boolean> {
    const batch = this.#waiting;
    this.#waiting = new Map();
    const mutations = Array.from(batch, ([key, value]) => ({
      section: 'observed' as const,
      key,
      value,
    }));
    const cause = { client: 'southbound', requestId: '', summary: 'observed' };
    try {
      await this.#options.store.commit({ mutations, cause });
      return true;
    } catch (error) {
      this.#options.log.error({ err: error, count: batch.size }, 'observations not stored');
      for (const [key, value] of batch) if (!this.#waiting.has(key)) this.#waiting.set(key, value);
      return false;
    }
  }
}
