/**
 * Entry of the mux's forwarding worker (worker_threads): one mux over native frame I/O. The thread never returns to its event loop while it
 * forwards; the main thread reaches it by a message, a count in shared memory and the frame I/O's wake descriptor.
 * Started by start-forwarder.ts.
 */
import { systemClock } from '../../../base/clock.ts';
import { ipAddressBytes } from '../../../base/ip-words.ts';
import { systemRng } from '../../../base/rng.ts';
import { forwardingThread } from '../../../dataplane/port/forwarding-thread.ts';
import { attachSharedLink } from '../../../dataplane/port/shared-link.ts';
import { MuxCore } from './mux-core.ts';
import { MuxLoop, type PortOpener } from './mux-loop.ts';
import { uplinkFilter } from './uplink-filter.ts';
import type { Request, WorkerMessage } from './worker-protocol.ts';

function main(): void {
  const { io, takeRequests, post, ready } = forwardingThread<Request, WorkerMessage>();
  const core = new MuxCore({
    io,
    clock: systemClock,
    rng: systemRng,
    onOverload: (overload) => post({ kind: 'overload', overload }),
  });
  const opener: PortOpener = {
    openUplink: (name, own) =>
      attachSharedLink(io, { name, own: [own], filter: uplinkFilter(own) }),
    openOverlay: (address, udpPort) =>
      io.attachUplink({ address: ipAddressBytes(address), udpPort }),
  };
  ready();
  new MuxLoop({ io, core, opener, takeRequests, post }).run();
}

main();
