/**
 * Starts the mux's forwarding worker and is its face on the main thread: requests go out as messages. A worker that dies takes its sockets with it;
 * that is reported once, every request then fails, and the process is expected to start anew. Called by agent/mux-process.ts and by tests.
 */
import { Worker } from 'node:worker_threads';
import { SdnError } from '../../../base/errors.ts';
import { wake } from '../../../native/burst.ts';
import type { MuxAnswer, MuxQuestionToForwarder } from './answers.ts';
import type { MuxConfiguration } from './mux-core.ts';
import type { Overload } from './overload.ts';
import type { TableChange, TableFault } from './table-change.ts';
import type { Fault, Request, Results, WorkerData, WorkerMessage } from './worker-protocol.ts';

/** The forwarder refused a request, or the system a device. */
export class ForwarderFault extends SdnError {
  override readonly name = 'ForwarderFault';

  constructor({ code, message, remedy }: Fault) {
    super(code, message, remedy === undefined ? {} : { remedy });
  }
}

export interface ForwarderHandle {
  configure(configuration: MuxConfiguration): Promise<void>;
  apply(change: TableChange): Promise<readonly TableFault[]>;
  ask(question: MuxQuestionToForwarder): Promise<MuxAnswer>;
  readonly isHealthy: boolean;
  close(): Promise<void>;
}

export interface ForwarderOptions {
  readonly hasOffload: boolean;
  /** A virtual address takes what the others need. */
  onOverload(overload: Overload): void;
  /** The worker has died. */
  onFailed(reason: Error): void;
}

export type StartForwarder = (options: ForwarderOptions) => Promise<ForwarderHandle>;

export const startForwarder: StartForwarder = (options) =>
  new Promise((resolve, reject) => {
    new WorkerForwarder(options, resolve, reject);
  });

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
}

class WorkerForwarder implements ForwarderHandle {
  readonly #options: ForwarderOptions;
  readonly #worker: Worker;
  readonly #requestCount = new Int32Array(new SharedArrayBuffer(4));
  readonly #waiting = new Map<number, Waiting>();
  #nextNumber = 0;
  #wakeFd = -1;
  #state: 'starting' | 'running' | 'closing' | 'dead' = 'starting';

  constructor(
    options: ForwarderOptions,
    started: (handle: ForwarderHandle) => void,
    failed: (reason: Error) => void,
  ) {
    this.#options = options;
    const data: WorkerData = {
      requestCount: this.#requestCount.buffer as SharedArrayBuffer,
      hasOffload: options.hasOffload,
    };
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data });
    this.#worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') {
        this.#wakeFd = message.wakeFd;
        this.#state = 'running';
        started(this);
      } else if (message.kind === 'overload') options.onOverload(message.overload);
      else this.#settle(message);
    });
    this.#worker.on('error', (reason) => this.#die(reason, failed));
    this.#worker.on('exit', () => {
      if (this.#state !== 'closing') this.#die(new Error('the worker has ended'), failed);
    });
  }

  get isHealthy(): boolean {
    return this.#state === 'running';
  }

  async configure(configuration: MuxConfiguration): Promise<void> {
    await this.#ask({ kind: 'configure', configuration });
  }

  apply(change: TableChange): Promise<readonly TableFault[]> {
    return this.#ask({ kind: 'apply', change });
  }

  ask(question: MuxQuestionToForwarder): Promise<MuxAnswer> {
    return this.#ask({ kind: 'ask', question });
  }

  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    const closed = this.#ask({ kind: 'close' });
    this.#state = 'closing';
    await closed;
    await this.#worker.terminate();
  }

  #settle(message: WorkerMessage & { readonly kind: 'result' | 'fault' }): void {
    const waiting = this.#waiting.get(message.number);
    this.#waiting.delete(message.number);
    if (message.kind === 'fault') waiting?.reject(new ForwarderFault(message.fault));
    // The result is that of the request of this number, hence of the type its asker waits for.
    else waiting?.resolve(message.value as never);
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
  return new SdnError('SDN_MUX_STOPPED', 'the forwarder does not run', {
    remedy: 'restart the mux process; the reason is in its log',
  });
}
