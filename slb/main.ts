/**
 * The mux role: one process that takes the packets to virtual addresses and gives each to a backend's host. Forwarding happens in a worker thread
 * (mux/forwarder/), everything else here (mux/agent/). It needs CAP_NET_ADMIN and CAP_NET_RAW in its network namespace, in which the kernel must
 * not forward.
 *
 *   node dist/slb/main.js --id mux1 --state DIR --controller (unix:PATH | HOST:PORT)
 *        --ca FILE --cert FILE --key FILE --uplink INTERFACE [--control PATH] [--offload=on|off]
 *
 * Prints one line `{"event":"ready",…}` on standard output when it forwards by its saved goal state and serves its control socket; logs
 * JSON lines on standard error. SIGTERM and SIGINT end it with 0: routes are withdrawn, and what is on its way is forwarded for a moment.
 */
import { systemInterfaces } from '../agent/interfaces.ts';
import { runRole } from '../agent/role-main.ts';
import { systemClock } from '../base/clock.ts';
import { systemRng } from '../base/rng.ts';
import { startMux } from './mux/agent/mux-process.ts';
import { startForwarder } from './mux/forwarder/start-forwarder.ts';

const SOFTWARE_VERSION = '0.1.0';

runRole({
  role: 'mux',
  program: 'dist/slb/main.js',
  forwarder: 'forwarder',
  start: (options, { log, fail }) =>
    startMux(options, {
      startForwarder,
      interfaces: systemInterfaces('SDN_MUX_INTERFACE'),
      onFailed: fail,
      softwareVersion: SOFTWARE_VERSION,
      clock: systemClock,
      rng: systemRng,
      log,
    }),
});
