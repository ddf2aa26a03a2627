/**
 * Starts the edge's forwarding worker and is its face on the main thread: requests go out as messages. A worker that dies takes its sockets with it; that
 * is reported once, every request then fails, and the process is expected to start anew. Called by main.ts and by benches.
 */
import { ForwardingWorker } from '../../../dataplane/port/forwarding-worker.ts';
import type { NatTimeouts } from '../nat44/mapping-table.ts';
import type { PortLease } from '../nat44/port-lease.ts';
import { ROUTER_ERRORS } from './router-errors.ts';
import { type RouterHandle, type RouterLink, routerHandle } from './router-handle.ts';
import type { Request, Results, WorkerData, WorkerMessage } from './worker-protocol.ts';

export interface RouterOptions {
  readonly hasOffload: boolean;
  readonly natTimeouts?: NatTimeouts;
  /** The worker has died. */
  onFailed(reason: Error): void;
  onPortLease?(lease: PortLease): void;
}

export type StartRouter = (options: RouterOptions) => Promise<RouterHandle>;

export const startRouter: StartRouter = async (options) => routerHandle(await startWorker(options));

export async function startWorker(options: RouterOptions): Promise<RouterLink> {
  const { hasOffload, natTimeouts, onFailed, onPortLease } = options;
  const worker = new ForwardingWorker<Request, Results, WorkerMessage, WorkerData>({
    entry: new URL('./worker.js', import.meta.url),
    data: { hasOffload, natTimeouts },
    errors: ROUTER_ERRORS,
    onMessage: (message) => {
      if (message.kind === 'ports') onPortLease?.(message.lease);
    },
    onFailed,
  });
  await worker.started;
  return {
    isAdopted: false,
    pid: process.pid,
    get isHealthy() {
      return worker.isHealthy;
    },
    request<Kind extends Request['kind']>(request: Request & { readonly kind: Kind }) {
      return worker.ask<Kind>(request);
    },
    close: () => worker.close({ kind: 'close' }),
  };
}
