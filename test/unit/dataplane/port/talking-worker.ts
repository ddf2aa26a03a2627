/** Entry of a worker that forwards nothing and does what it is asked: the part of a role in forwarding-worker.test.ts. */
import { SdnError } from '../../../../base/errors.ts';
import { forwardingThread } from '../../../../dataplane/port/forwarding-thread.ts';
import {
  faultOf,
  type WorkerAnswer,
  type WorkerSettings,
} from '../../../../dataplane/port/worker-protocol.ts';

export type TalkingRequest =
  | { readonly kind: 'double'; readonly number: number }
  | { readonly kind: 'refuse' }
  /** Never answered. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'close' };

export interface TalkingResults {
  readonly double: number;
  readonly refuse: never;
  readonly ignore: never;
  readonly crash: never;
  readonly close: true;
}

export type TalkingMessage =
  | WorkerAnswer<number | true>
  | { readonly kind: 'notice'; readonly text: string };

export interface TalkingSettings extends WorkerSettings {
  readonly greeting: string;
  /** It ends before its loop runs. */
  readonly fails: boolean;
}

function main(): void {
  const thread = forwardingThread<TalkingRequest, TalkingMessage, TalkingSettings>();
  const { io, data, post, takeRequests } = thread;
  if (data.fails) throw new SdnError('SDN_DEVICE', 'it cannot begin');
  thread.ready();
  post({ kind: 'notice', text: data.greeting });
  for (let isRunning = true; isRunning; ) {
    // No limit: it goes on only when it is woken.
    io.exchange(0, -1);
    for (const { number, request } of takeRequests()) {
      if (request.kind === 'crash') throw new Error('crashed as asked');
      if (request.kind === 'double') {
        post({ kind: 'result', number, value: request.number * 2 });
      } else if (request.kind === 'refuse') {
        const refusal = Object.assign(new SdnError('SDN_DEVICE', 'no', { remedy: 'do' }), {
          errno: 'EBUSY',
        });
        post({ kind: 'fault', number, fault: faultOf(refusal) });
      } else if (request.kind === 'close') {
        post({ kind: 'result', number, value: true });
        isRunning = false;
      }
    }
  }
}

main();
