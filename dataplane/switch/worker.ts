/**
 * Entry of the forwarding worker (worker_threads): one switch over native frame I/O. The thread never returns to its event loop while it
 * forwards; the main thread reaches it by a message, a count in shared memory and the frame I/O's wake descriptor.
 * Started by start-switch.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRng } from '../../base/rng.ts';
import { type NativeFrameIo, nativeFrameIo } from '../port/native-frame-io.ts';
import { requestsOf } from '../port/worker-requests.ts';
import { Counters } from './counters.ts';
import { type DeviceOpener, ForwardingLoop } from './forwarding-loop.ts';
import { SwitchCore } from './switch-core.ts';
import type { NumberedRequest, WorkerData } from './worker-protocol.ts';

function main(): void {
  const data = workerData as WorkerData;
  const parent = defined(parentPort, 'the main thread');
  const io = nativeFrameIo({ offload: data.hasOffload ? 'on' : 'off' });
  const counters = new Counters(data.counters);
  const core = new SwitchCore({ io, clock: systemClock, rng: systemRng, counters });
  const takeRequests = requestsOf<NumberedRequest>(parent, data.requestCount);
  const post = (message: unknown) => parent.postMessage(message);
  post({ kind: 'ready', wakeFd: io.wakeFd });
  const devices = opener(io);
  new ForwardingLoop({ io, core, devices, takeRequests, post }).run();
}

function opener(io: NativeFrameIo): DeviceOpener {
  return {
    open({ kind, name, namespace, mustExist }) {
      const where = namespace === undefined ? {} : { namespace };
      if (kind === 'tap') return io.attachTap({ name, mustExist, ...where });
      return { port: io.attachNetdev({ name, ...where }), wasCreated: false };
    },
    openUplink: ({ providerAddress, vxlanPort }) =>
      io.attachUplink({ address: providerAddress, udpPort: vxlanPort }),
  };
}

main();
