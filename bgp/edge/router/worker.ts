/**
 * Entry of the edge's forwarding worker (worker_threads): one router over native frame I/O. The thread never returns to its event loop while it
 * forwards; the main thread reaches it by a message, a count in shared memory and the frame I/O's wake descriptor.
 * Started by start-router.ts.
 */
import { systemClock } from '../../../base/clock.ts';
import { ipAddressBytes } from '../../../base/ip-words.ts';
import { systemRng } from '../../../base/rng.ts';
import { forwardingThread } from '../../../dataplane/port/forwarding-thread.ts';
import { ownAddressFilter } from '../../../dataplane/port/link-filters.ts';
import { attachSharedLink } from '../../../dataplane/port/shared-link.ts';
import { RouterCore } from './router-core.ts';
import { type LinkOpener, RouterLoop } from './router-loop.ts';
import type { Request, WorkerData, WorkerMessage } from './worker-protocol.ts';

function main(): void {
  const thread = forwardingThread<Request, WorkerMessage, WorkerData>();
  const { io, takeRequests, post } = thread;
  const { natTimeouts } = thread.data;
  const core = new RouterCore({
    io,
    clock: systemClock,
    rng: systemRng,
    ...(natTimeouts !== undefined && { natTimeouts }),
    onPortLease: (lease) => post({ kind: 'ports', lease }),
  });
  const opener: LinkOpener = {
    openLink: (name, own) => attachSharedLink(io, { name, own, filter: ownAddressFilter(own) }),
    openOverlay: (address, udpPort) =>
      io.attachUplink({ address: ipAddressBytes(address), udpPort }),
  };
  thread.ready();
  new RouterLoop({ io, core, opener, takeRequests, post }).run();
}

main();
