/**
 * Entry of the mux's forwarding worker (worker_threads): one mux over native frame I/O. The thread never returns to its event loop while it
 * forwards; the main thread reaches it by a message, a count in shared memory and the frame I/O's wake descriptor.
 * Started by start-forwarder.ts.
 */
import { networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../../base/assert.ts';
import { systemClock } from '../../../base/clock.ts';
import { type IpWords, ipAddressBytes, parseIpWords } from '../../../base/ip-words.ts';
import { systemRng } from '../../../base/rng.ts';
import { kernelFilter } from '../../../dataplane/port/link-filters.ts';
import { nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import { requestsOf } from '../../../dataplane/port/worker-requests.ts';
import { MuxCore } from './mux-core.ts';
import { MuxLoop, type PortOpener } from './mux-loop.ts';
import { uplinkFilter } from './uplink-filter.ts';
import type { NumberedRequest, WorkerData, WorkerMessage } from './worker-protocol.ts';

/** Whatever address somebody else has given the machine stays the kernel's, too. */
function machineAddresses(): IpWords[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.flatMap(({ address }): IpWords[] => {
      const words = parseIpWords(address);
      return words === undefined ? [] : [words];
    }),
  );
}

function main(): void {
  const data = workerData as WorkerData;
  const parent = defined(parentPort, 'the main thread');
  const io = nativeFrameIo({ offload: data.hasOffload ? 'on' : 'off' });
  const post = (message: WorkerMessage) => parent.postMessage(message);
  const core = new MuxCore({
    io,
    clock: systemClock,
    rng: systemRng,
    onOverload: (overload) => post({ kind: 'overload', overload }),
  });
  const takeRequests = requestsOf<NumberedRequest>(parent, data.requestCount);
  post({ kind: 'ready', wakeFd: io.wakeFd });
  const opener: PortOpener = {
    openUplink: (name, own) => {
      const forKernel = kernelFilter([own, ...machineAddresses()]);
      return io.attachNetdev({
        name,
        filter: uplinkFilter(own),
        ...(forKernel !== undefined && { kernelFilter: forKernel }),
      });
    },
    openOverlay: (address, udpPort) =>
      io.attachUplink({ address: ipAddressBytes(address), udpPort }),
  };
  new MuxLoop({ io, core, opener, takeRequests, post }).run();
}

main();
