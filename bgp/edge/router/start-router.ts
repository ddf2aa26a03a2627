/**
 * Starts the edge's forwarding worker and is its face on the main thread: requests go out as messages. A worker that dies takes its sockets with it; that
 * is reported once, every request then fails, and the process is expected to start anew. Called by main.ts and by benches.
 */
import { Worker } from 'node:worker_threads';
import { wake } from '../../../native/burst.ts';
import type { NatTimeouts } from '../nat44/mapping-table.ts';
import type { PortLease } from '../nat44/port-lease.ts';
import { notRunning, RequestBook } from './request-book.ts';
import { type RouterHandle, type RouterLink, routerHandle } from './router-handle.ts';
import type { Request, Results, WorkerData, WorkerMessage } from './worker-protocol.ts';

export interface RouterOptions {
  readonly hasOffload: boolean;
  readonly natTimeouts?: NatTimeouts;
  /** The worker has died. */
  onFailed(reason: Error): void;
  onPortLease?(lease: PortLease): void;
}

export type StartRouter = (options: RouterOptions) => Promise<RouterHandle>;

export const startRouter: StartRouter = async (options) => routerHandle(await startWorker(options));

export function startWorker(options: RouterOptions): Promise<RouterLink> {
  return new Promise((resolve, reject) => {
    new WorkerLink(options, resolve, reject);
  });
}

class WorkerLink implements RouterLink {
  readonly isAdopted = false;
  readonly pid: number = process.pid;
  readonly #options: RouterOptions;
  readonly #worker: Worker;
  readonly #requestCount = new Int32Array(new SharedArrayBuffer(4));
  readonly #requests = new RequestBook();
  #wakeFd = -1;
  #state: 'starting' | 'running' | 'closing' | 'dead' = 'starting';

  constructor(
    options: RouterOptions,
    started: (link: RouterLink) => void,
    failed: (reason: Error) => void,
  ) {
    this.#options = options;
    const data: WorkerData = {
      requestCount: this.#requestCount.buffer as SharedArrayBuffer,
      hasOffload: options.hasOffload,
      natTimeouts: options.natTimeouts,
    };
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data });
    this.#worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ports') return options.onPortLease?.(message.lease);
      if (message.kind !== 'ready') return this.#requests.answered(message);
      this.#wakeFd = message.wakeFd;
      this.#state = 'running';
      return started(this);
    });
    this.#worker.on('error', (reason) => this.#die(reason, failed));
    this.#worker.on('exit', () => {
      if (this.#state !== 'closing') this.#die(new Error('the worker has ended'), failed);
    });
  }

  get isHealthy(): boolean {
    return this.#state === 'running';
  }

  request<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
  ): Promise<Results[Kind]> {
    if (this.#state !== 'running') return Promise.reject(notRunning());
    return this.#requests.ask<Kind>(request, (numbered) => {
      this.#worker.postMessage(numbered);
      Atomics.add(this.#requestCount, 0, 1);
      wake(this.#wakeFd);
    });
  }

  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    const closed = this.request({ kind: 'close' });
    this.#state = 'closing';
    await closed;
    await this.#worker.terminate();
  }

  #die(reason: Error, failed: (reason: Error) => void): void {
    if (this.#state === 'dead') return;
    const wasStarting = this.#state === 'starting';
    this.#state = 'dead';
    this.#requests.fail();
    if (wasStarting) failed(reason);
    else this.#options.onFailed(reason);
  }
}
