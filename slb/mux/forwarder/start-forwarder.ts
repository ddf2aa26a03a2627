/**
 * Starts the mux's forwarding worker and is its face on the main thread: requests go out as messages. A worker that dies takes its sockets with it;
 * that is reported once, every request then fails, and the process is expected to start anew. Called by agent/mux-process.ts and by tests.
 */
import { SdnError } from '../../../base/errors.ts';
import { ForwardingWorker } from '../../../dataplane/port/forwarding-worker.ts';
import type { RequestErrors } from '../../../dataplane/port/request-book.ts';
import { WorkerFault } from '../../../dataplane/port/worker-protocol.ts';
import type { MuxAnswer, MuxQuestionToForwarder } from './answers.ts';
import type { MuxConfiguration } from './mux-core.ts';
import type { Overload } from './overload.ts';
import type { TableChange, TableFault } from './table-change.ts';
import type { Request, Results, WorkerMessage } from './worker-protocol.ts';

/** The forwarder refused a request, or the system a device. */
export class ForwarderFault extends WorkerFault {
  override readonly name = 'ForwarderFault';
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

const ERRORS: RequestErrors = {
  refused: (fault) => new ForwarderFault(fault),
  notRunning: () =>
    new SdnError('SDN_MUX_STOPPED', 'the forwarder does not run', {
      remedy: 'restart the mux process; the reason is in its log',
    }),
};

export const startForwarder: StartForwarder = async (options) => {
  const { hasOffload, onOverload, onFailed } = options;
  const worker = new ForwardingWorker<Request, Results, WorkerMessage>({
    entry: new URL('./worker.js', import.meta.url),
    data: { hasOffload },
    errors: ERRORS,
    onMessage: (message) => {
      if (message.kind === 'overload') onOverload(message.overload);
    },
    onFailed,
  });
  await worker.started;
  return {
    get isHealthy() {
      return worker.isHealthy;
    },
    async configure(configuration) {
      await worker.ask({ kind: 'configure', configuration });
    },
    apply: (change) => worker.ask({ kind: 'apply', change }),
    ask: (question) => worker.ask({ kind: 'ask', question }),
    close: () => worker.close({ kind: 'close' }),
  };
};
