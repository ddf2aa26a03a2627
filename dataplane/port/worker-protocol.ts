/**
 * What the main thread of a role and its forwarding worker say to each other, whatever the role. Requests are numbered and answered in order; a shared
 * word counts them, so that the loop between two bursts sees with one load whether there are any. Which requests there are, and what the worker says
 * besides, is each role's own: dataplane/switch, bgp/edge/router and slb/mux/forwarder have a worker-protocol.ts each.
 * Called by forwarding-worker.ts and request-book.ts (the asker), by forwarding-thread.ts and the loops (the worker).
 */
import { SdnError } from '../../base/errors.ts';

export interface NumberedRequest<Request> {
  readonly number: number;
  readonly request: Request;
}

/** An SdnError on its way between threads. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | undefined;
  /** Name of the errno where the system refused a device. */
  readonly errno?: string;
}

/** To the request with that number. */
export type WorkerAnswer<Value> =
  | { readonly kind: 'result'; readonly number: number; readonly value: Value }
  | { readonly kind: 'fault'; readonly number: number; readonly fault: Fault };

/** The loop runs; `wakeFd` ends its wait. */
export interface WorkerReady {
  readonly kind: 'ready';
  readonly wakeFd: number;
}

/** What every worker is started with; roles add their own. */
export interface WorkerSettings {
  /** One 32-bit word: requests posted so far. */
  readonly requestCount: SharedArrayBuffer;
  /** False: no super-frames anywhere. */
  readonly hasOffload: boolean;
}

/** The worker refused a request, or the system a device: as thrown in the worker. Roles give it a name of their own. */
export class WorkerFault extends SdnError {
  override readonly name: string = 'WorkerFault';
  /** Name of the errno where the system refused, e.g. 'EBUSY'. */
  readonly errno: string | undefined;

  constructor({ code, message, remedy, errno }: Fault) {
    super(code, message, remedy === undefined ? {} : { remedy });
    this.errno = errno;
  }
}

/** The request dealt with: its result, or what the system or the user got wrong. Anything else is a bug and ends the worker. */
export function answerTo<Request, Value>(
  { number, request }: NumberedRequest<Request>,
  deal: (request: Request) => Value,
): WorkerAnswer<Value> {
  try {
    return { kind: 'result', number, value: deal(request) };
  } catch (thrown) {
    if (!(thrown instanceof SdnError)) throw thrown;
    return { kind: 'fault', number, fault: faultOf(thrown) };
  }
}

export function faultOf(thrown: SdnError): Fault {
  const { code, message, remedy } = thrown;
  const hasErrno = 'errno' in thrown && typeof thrown.errno === 'string';
  return { code, message, remedy, ...(hasErrno && { errno: thrown.errno as string }) };
}
