/**
 * A forwarding worker as the main thread of its role has it: requests go out as messages, answers come back as promises. A worker that dies takes its
 * devices with it; that is reported once, every request then fails, and the process is expected to start anew. The other side is forwarding-thread.ts.
 *
 *   starting ── ready ──► running ── close ──► closing
 *       └──────── error, exit ──┴──► dead
 *
 * Called by dataplane/switch/start-switch.ts, bgp/edge/router/start-router.ts and slb/mux/forwarder/start-forwarder.ts.
 */
import { Worker } from 'node:worker_threads';
import { wake } from '../../native/burst.ts';
import { RequestBook, type RequestErrors, type ResultsOf } from './request-book.ts';
import type { WorkerAnswer, WorkerReady, WorkerSettings } from './worker-protocol.ts';

export interface ForwardingWorkerOptions<Data extends WorkerSettings, Message> {
  /** The program of the worker. */
  readonly entry: URL;
  readonly data: Omit<Data, 'requestCount'>;
  readonly errors: RequestErrors;
  /** Whatever the running worker says; an answer is seen here before its asker gets it. */
  onMessage?(message: Message): void;
  /** The worker, which has run, has died. */
  onFailed(reason: Error): void;
}

export class ForwardingWorker<
  Request extends { readonly kind: string },
  Results extends ResultsOf<Request> & { readonly close: true },
  Message extends { readonly kind: string },
  Data extends WorkerSettings = WorkerSettings,
> {
  /** Resolves when the loop runs; rejects with the reason why it does not. */
  readonly started: Promise<void>;
  readonly #options: ForwardingWorkerOptions<Data, Message>;
  readonly #worker: Worker;
  readonly #requestCount = new Int32Array(new SharedArrayBuffer(4));
  readonly #requests: RequestBook<Request, Results>;
  #wakeFd = -1;
  #state: 'starting' | 'running' | 'closing' | 'dead' = 'starting';

  constructor(options: ForwardingWorkerOptions<Data, Message>) {
    this.#options = options;
    this.#requests = new RequestBook(options.errors);
    const workerData = { ...options.data, requestCount: this.#requestCount.buffer };
    this.#worker = new Worker(options.entry, { workerData });
    this.started = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: Message | WorkerReady) => {
        if (!isReady(message)) return this.#hear(message);
        this.#wakeFd = message.wakeFd;
        this.#state = 'running';
        return resolve();
      });
      this.#worker.on('error', (reason) => this.#die(reason, reject));
      this.#worker.on('exit', () => {
        if (this.#state !== 'closing') this.#die(new Error('the worker has ended'), reject);
      });
    });
  }

  /** The loop runs and answers. */
  get isHealthy(): boolean {
    return this.#state === 'running';
  }

  /** Settles when the worker has answered, between two bursts. */
  ask<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
  ): Promise<Results[Kind]> {
    if (this.#state !== 'running') return Promise.reject(this.#options.errors.notRunning());
    return this.#requests.ask<Kind>(request, (numbered) => {
      this.#worker.postMessage(numbered);
      Atomics.add(this.#requestCount, 0, 1);
      wake(this.#wakeFd);
    });
  }

  /** Ends the worker by its request `close`. */
  async close(request: Request & { readonly kind: 'close' }): Promise<void> {
    if (this.#state !== 'running') return;
    const closed = this.ask(request);
    this.#state = 'closing';
    await closed;
    await this.#worker.terminate();
    // Of a request whose answer was still to come.
    this.#requests.fail();
  }

  #hear(message: Message): void {
    this.#options.onMessage?.(message);
    if (isAnswer(message)) this.#requests.answered(message);
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

function isReady(message: { readonly kind: string }): message is WorkerReady {
  return message.kind === 'ready';
}

function isAnswer<M extends { readonly kind: string }>(
  message: M,
): message is M & WorkerAnswer<unknown> {
  return message.kind === 'result' || message.kind === 'fault';
}
