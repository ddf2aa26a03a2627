/**
 * Starts the edge's forwarding worker and is its face on the main thread: requests go out as messages. A worker that dies takes its sockets with it; that is reported once, every request then fails, and the process is expected to start anew.
 * Called by agent/edge-process.ts and by tests and benches.
 */
import { Worker } from 'node:worker_threads';
import { SdnError } from '../../../base/errors.ts';
import { wake } from '../../../native/burst.ts';
import type { Resource } from '../../../schema/southbound/messages.ts';
import type { LearnedRoute } from '../../control/learned-route.ts';
import type { NatTimeouts } from '../nat44/mapping-table.ts';
import type { RouterAnswer, RouterQuestion } from './answers.ts';
import type {
  Fault,
  Request,
  Results,
  RouterConfiguration,
  WorkerData,
  WorkerMessage,
} from './worker-protocol.ts';

/** The router refused a request, or the system a device. */
export class RouterFault extends SdnError {
  override readonly name = 'RouterFault';

  constructor({ code, message, remedy }: Fault) {
    super(code, message, remedy === undefined ? {} : { remedy });
  }
}

export interface RouterHandle {
  configure(configuration: RouterConfiguration): Promise<void>;
  apply(upserts: readonly Resource[], removes: readonly string[]): Promise<Results['apply']>;
  learn(routes: readonly LearnedRoute[]): Promise<void>;
  ask(question: RouterQuestion): Promise<RouterAnswer>;
  readonly isHealthy: boolean;
  close(): Promise<void>;
}

export interface RouterOptions {
  readonly hasOffload: boolean;
  readonly natTimeouts?: NatTimeouts;
  /** The worker has died. */
  onFailed(reason: Error): void;
}

export type StartRouter = (options: RouterOptions) => Promise<RouterHandle>;

export const startRouter: StartRouter = (options) =>
  new Promise((resolve, reject) => {
    new WorkerRouter(options, resolve, reject);
  });

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
}

class WorkerRouter implements RouterHandle {
  readonly #options: RouterOptions;
  readonly #worker: Worker;
  readonly #requestCount = new Int32Array(new SharedArrayBuffer(4));
  readonly #waiting = new Map<number, Waiting>();
  #nextNumber = 0;
  #wakeFd = -1;
  #state: 'starting' | 'running' | 'closing' | 'dead' = 'starting';

  constructor(
    options: RouterOptions,
    started: (handle: RouterHandle) => void,
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
      if (message.kind === 'ready') {
        this.#wakeFd = message.wakeFd;
        this.#state = 'running';
        started(this);
        return;
      }
      const waiting = this.#waiting.get(message.number);
      this.#waiting.delete(message.number);
      if (message.kind === 'fault') waiting?.reject(new RouterFault(message.fault));
      // The result is that of the request of this number, hence of the type its asker waits for.
      else waiting?.resolve(message.value as never);
    });
    this.#worker.on('error', (reason) => this.#die(reason, failed));
    this.#worker.on('exit', () => {
      if (this.#state !== 'closing') this.#die(new Error('the worker has ended'), failed);
    });
  }

  get isHealthy(): boolean {
    return this.#state === 'running';
  }

  async configure(configuration: RouterConfiguration): Promise<void> {
    await this.#ask({ kind: 'configure', configuration });
  }

  apply(upserts: readonly Resource[], removes: readonly string[]): Promise<Results['apply']> {
    return this.#ask({ kind: 'apply', upserts, removes });
  }

  async learn(routes: readonly LearnedRoute[]): Promise<void> {
    await this.#ask({ kind: 'learn', routes });
  }

  ask(question: RouterQuestion): Promise<RouterAnswer> {
    return this.#ask({ kind: 'ask', question });
  }

  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    const closed = this.#ask({ kind: 'close' });
    this.#state = 'closing';
    await closed;
    await this.#worker.terminate();
  }

  #ask<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
  ): Promise<Results[Kind]> {
    if (this.#state !== 'running') return Promise.reject(notRunning());
    const number = this.#nextNumber++;
    return new Promise<Results[Kind]>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, request });
      Atomics.add(this.#requestCount, 0, 1);
      wake(this.#wakeFd);
    });
  }

  #die(reason: Error, failed: (reason: Error) => void): void {
    if (this.#state === 'dead') return;
    const wasStarting = this.#state === 'starting';
    this.#state = 'dead';
    for (const { reject } of this.#waiting.values()) reject(notRunning());
    this.#waiting.clear();
    if (wasStarting) failed(reason);
    else this.#options.onFailed(reason);
  }
}

function notRunning(): SdnError {
  return new SdnError('SDN_EDGE_STOPPED', 'the router does not run', {
    remedy: 'restart the edge process; the reason is in its log',
  });
}
