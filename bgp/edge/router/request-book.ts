/** Requests to a router that wait for their answer, by number: the asker's end of worker-protocol.ts. Called by start-router.ts and adopt-router.ts. */
import { SdnError } from '../../../base/errors.ts';
import type { Fault, NumberedRequest, Request, Results, WorkerAnswer } from './worker-protocol.ts';

/** The router refused a request, or the system a device. */
export class RouterFault extends SdnError {
  override readonly name = 'RouterFault';

  constructor({ code, message, remedy }: Fault) {
    super(code, message, remedy === undefined ? {} : { remedy });
  }
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
}

export class RequestBook {
  readonly #waiting = new Map<number, Waiting>();
  #nextNumber = 0;

  /** Sends a request; settles when it is answered. */
  ask<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
    send: (numbered: NumberedRequest) => void,
  ): Promise<Results[Kind]> {
    const number = this.#nextNumber++;
    return new Promise<Results[Kind]>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      send({ number, request });
    });
  }

  answered(message: WorkerAnswer): void {
    const waiting = this.#waiting.get(message.number);
    this.#waiting.delete(message.number);
    if (message.kind === 'fault') waiting?.reject(new RouterFault(message.fault));
    // The result is that of the request of this number, hence of the type its asker waits for.
    else waiting?.resolve(message.value as never);
  }

  /** The router runs no more: nothing is answered. */
  fail(): void {
    for (const { reject } of this.#waiting.values()) reject(notRunning());
    this.#waiting.clear();
  }
}

export function notRunning(): SdnError {
  return new SdnError('SDN_EDGE_STOPPED', 'the router does not run', {
    remedy: 'restart the edge process; the reason is in its log',
  });
}
