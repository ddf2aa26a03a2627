/**
 * Entry of the edge's forwarding worker (worker_threads): one router over native frame I/O. The thread never returns to its event loop while it
 * forwards; the main thread reaches it by a message, a count in shared memory and the frame I/O's wake descriptor.
 * Started by start-router.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../../base/assert.ts';
import { systemClock } from '../../../base/clock.ts';
import { ipAddressBytes } from '../../../base/ip-words.ts';
import { systemRng } from '../../../base/rng.ts';
import { nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import { requestsOf } from '../../../dataplane/port/worker-requests.ts';
import { ownAddressFilter } from './links.ts';
import { RouterCore } from './router-core.ts';
import { RouterLoop } from './router-loop.ts';
import type { NumberedRequest, WorkerData } from './worker-protocol.ts';

function main(): void {
  const data = workerData as WorkerData;
  const parent = defined(parentPort, 'the main thread');
  const io = nativeFrameIo({ offload: data.hasOffload ? 'on' : 'off' });
  const { natTimeouts } = data;
  const core = new RouterCore({
    io,
    clock: systemClock,
    rng: systemRng,
    ...(natTimeouts !== undefined && { natTimeouts }),
  });
  const takeRequests = requestsOf<NumberedRequest>(parent, data.requestCount);
  const post = (message: unknown) => parent.postMessage(message);
  post({ kind: 'ready', wakeFd: io.wakeFd });
  const opener = {
    openLink: (name: string, own: Parameters<typeof ownAddressFilter>[0]) =>
      io.attachNetdev({ name, filter: ownAddressFilter(own) }),
    openOverlay: (address: Parameters<typeof ipAddressBytes>[0], udpPort: number) =>
      io.attachUplink({ address: ipAddressBytes(address), udpPort }),
  };
  new RouterLoop({ io, core, opener, takeRequests, post }).run();
}

main();
