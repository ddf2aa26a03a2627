/**
 * Requests of the main thread to a forwarding worker, which never returns to its event loop while it forwards: they are posted as messages, counted in
 * shared memory so that looking costs one load, and fetched between two bursts. Called by the entries of the workers.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** `requestCount`: one 32-bit word, requests posted so far. The result is asked before every burst: what has come since, in order. */
export function requestsOf<T>(
  parent: MessagePort,
  requestCount: SharedArrayBuffer,
): () => readonly T[] {
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
