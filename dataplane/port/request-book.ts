/**
 * Requests that wait for their answer, by number: the asker's end of worker-protocol.ts, whatever carries the messages. Nothing is repeated and nothing
 * runs out: the other end answers every request or ends, and then all that wait fail at once. Too many at a time are refused and counted.
 * Called by forwarding-worker.ts and bgp/edge/router/adopt-router.ts.
 */
import { SdnError } from '../../base/errors.ts';
import { WORKER_REQUESTS_MAX } from '../limits.ts';
import type { Fault, NumberedRequest, WorkerAnswer } from './worker-protocol.ts';

/** What each kind of request is answered with. */
export type ResultsOf<Request extends { readonly kind: string }> = {
  readonly [Kind in Request['kind']]: unknown;
};

/** Errors in the words of the role. */
export interface RequestErrors {
  /** The other end has refused a request. */
  refused(fault: Fault): Error;
  /** There is no other end, or no more. */
  notRunning(): Error;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
}

export class RequestBook<
  Request extends { readonly kind: string },
  Results extends ResultsOf<Request>,
> {
  readonly #errors: RequestErrors;
  readonly #waitingMax: number;
  readonly #waiting = new Map<number, Waiting>();
  #nextNumber = 0;
  #turnedAway = 0;

  constructor(errors: RequestErrors, waitingMax: number = WORKER_REQUESTS_MAX) {
    this.#errors = errors;
    this.#waitingMax = waitingMax;
  }

  /** Requests without an answer yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Requests that were not sent since too many waited. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** Sends a request; settles when it is answered. Rejects with SDN_WORKER_BUSY where too many wait. */
  ask<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
    send: (numbered: NumberedRequest<Request>) => void,
  ): Promise<Results[Kind]> {
    if (this.#waiting.size >= this.#waitingMax) {
      this.#turnedAway += 1;
      return Promise.reject(tooMany(this.#waitingMax));
    }
    const number = this.#nextNumber++;
    return new Promise<Results[Kind]>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      send({ number, request });
    });
  }

  /** An answer to nobody, or a second one, is nothing. */
  answered(answer: WorkerAnswer<unknown>): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if (answer.kind === 'fault') waiting?.reject(this.#errors.refused(answer.fault));
    // The result is that of the request of this number, hence of the type its asker waits for.
    else waiting?.resolve(answer.value as never);
  }

  /** The other end runs no more: nothing is answered. */
  fail(): void {
    for (const { reject } of this.#waiting.values()) reject(this.#errors.notRunning());
    this.#waiting.clear();
  }
}

function tooMany(waitingMax: number): SdnError {
  return new SdnError('SDN_WORKER_BUSY', `${waitingMax} requests wait for the forwarding worker`, {
    remedy: 'ask again later, and less at a time',
  });
}
