/**
 * Entry of the forwarding worker (worker_threads): one switch over native frame I/O. The thread never returns to its event loop while it
 * forwards; the main thread reaches it by a message, a count in shared memory and the frame I/O's wake descriptor.
 * Started by start-switch.
 */
import { systemClock } from '../../base/clock.ts';
import { systemRng } from '../../base/rng.ts';
import { forwardingThread } from '../port/forwarding-thread.ts';
import type { NativeFrameIo } from '../port/native-frame-io.ts';
import { Counters } from './counters.ts';
import { type DeviceOpener, ForwardingLoop } from './forwarding-loop.ts';
import { SwitchCore } from './switch-core.ts';
import type { Request, WorkerData, WorkerMessage } from './worker-protocol.ts';

function main(): void {
  const thread = forwardingThread<Request, WorkerMessage, WorkerData>();
  const { io, takeRequests, post } = thread;
  const counters = new Counters(thread.data.counters);
  const core = new SwitchCore({ io, clock: systemClock, rng: systemRng, counters });
  thread.ready();
  new ForwardingLoop({ io, core, devices: opener(io), takeRequests, post }).run();
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
