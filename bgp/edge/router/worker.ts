/**
 * Entry of the edge's forwarding worker (worker_threads): one router over native frame I/O. The thread never returns to its event loop while it
 * forwards; the main thread reaches it by a message, a count in shared memory and the frame I/O's wake descriptor.
 * Started by start-router.ts.
 */
import { networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../../base/assert.ts';
import { systemClock } from '../../../base/clock.ts';
import { type IpWords, ipAddressBytes, parseIpWords } from '../../../base/ip-words.ts';
import { systemRng } from '../../../base/rng.ts';
import { kernelFilter, ownAddressFilter } from '../../../dataplane/port/link-filters.ts';
import { type NativeFrameIo, nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import { requestsOf } from '../../../dataplane/port/worker-requests.ts';
import { RouterCore } from './router-core.ts';
import { RouterLoop } from './router-loop.ts';
import type { NumberedRequest, WorkerData, WorkerMessage } from './worker-protocol.ts';

/** An interface of the router's; whatever address somebody else has given the machine stays the kernel's, too. */
function openLink(io: NativeFrameIo, name: string, own: readonly IpWords[]): number {
  const others = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.flatMap(({ address }): IpWords[] => {
      const words = parseIpWords(address);
      return words === undefined ? [] : [words];
    }),
  );
  const forKernel = kernelFilter([...own, ...others]);
  return io.attachNetdev({
    name,
    filter: ownAddressFilter(own),
    ...(forKernel !== undefined && { kernelFilter: forKernel }),
  });
}

function main(): void {
  const data = workerData as WorkerData;
  const parent = defined(parentPort, 'the main thread');
  const post = (message: WorkerMessage) => parent.postMessage(message);
  const io = nativeFrameIo({ offload: data.hasOffload ? 'on' : 'off' });
  const { natTimeouts } = data;
  const core = new RouterCore({
    io,
    clock: systemClock,
    rng: systemRng,
    ...(natTimeouts !== undefined && { natTimeouts }),
    onPortLease: (lease) => post({ kind: 'ports', lease }),
  });
  const takeRequests = requestsOf<NumberedRequest>(parent, data.requestCount);
  post({ kind: 'ready', wakeFd: io.wakeFd });
  const opener = {
    openLink: (name: string, own: readonly IpWords[]) => openLink(io, name, own),
    openOverlay: (address: IpWords, udpPort: number) =>
      io.attachUplink({ address: ipAddressBytes(address), udpPort }),
  };
  new RouterLoop({ io, core, opener, takeRequests, post }).run();
}

main();
