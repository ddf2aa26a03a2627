/**
 * A forwarding worker as it sees itself: a thread that never returns to its event loop while it forwards. Requests of the main thread are posted as
 * messages, counted in shared memory so that looking costs one load, and fetched between two bursts; the frame I/O's wake descriptor ends the wait for
 * frames. Called by the entries of the workers; the other side is forwarding-worker.ts.
 */
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { defined } from '../../base/assert.ts';
import { type NativeFrameIo, nativeFrameIo } from './native-frame-io.ts';
import type { NumberedRequest, WorkerReady, WorkerSettings } from './worker-protocol.ts';

export interface ForwardingThread<Request, Message, Data extends WorkerSettings> {
  readonly data: Data;
  readonly io: NativeFrameIo;
  /** What has come since it was last asked, in order; before every burst. */
  takeRequests(): readonly NumberedRequest<Request>[];
  post(message: Message): void;
  /** The loop runs from now on. */
  ready(): void;
}

/** Of the worker that runs this. */
export function forwardingThread<
  Request,
  Message,
  Data extends WorkerSettings = WorkerSettings,
>(): ForwardingThread<Request, Message, Data> {
  const parent = defined(parentPort, 'the main thread');
  const data = workerData as Data;
  const io = nativeFrameIo({ offload: data.hasOffload ? 'on' : 'off' });
  const post = (message: Message | WorkerReady) => parent.postMessage(message);
  return {
    ...{ data, io, post },
    takeRequests: requestsOf<NumberedRequest<Request>>(parent, data.requestCount),
    ready: () => post({ kind: 'ready', wakeFd: io.wakeFd }),
  };
}

function requestsOf<T>(parent: MessagePort, requestCount: SharedArrayBuffer): () => readonly T[] {
  const posted = new Int32Array(requestCount);
  const none: readonly T[] = [];
  let taken = 0;
  return () => {
    if (Atomics.load(posted, 0) === taken) return none;
    const requests: T[] = [];
    for (let next = receiveMessageOnPort(parent); next !== undefined; ) {
      requests.push(next.message as T);
      next = receiveMessageOnPort(parent);
    }
    taken += requests.length;
    return requests;
  };
}
