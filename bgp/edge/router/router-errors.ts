/** What goes wrong with a router's requests, in the edge's words. Called by start-router.ts and adopt-router.ts. */
import { SdnError } from '../../../base/errors.ts';
import type { RequestErrors } from '../../../dataplane/port/request-book.ts';
import { WorkerFault } from '../../../dataplane/port/worker-protocol.ts';

/** The router refused a request, or the system a device. */
export class RouterFault extends WorkerFault {
  override readonly name = 'RouterFault';
}

export const ROUTER_ERRORS: RequestErrors = {
  refused: (fault) => new RouterFault(fault),
  notRunning: () =>
    new SdnError('SDN_EDGE_STOPPED', 'the router does not run', {
      remedy: 'restart the edge process; the reason is in its log',
    }),
};
