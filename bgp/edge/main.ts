/**
 * The edge role: joins the provider network to the outside. Forwarding happens in a process of its own (router/), which this one starts and which
 * outlives it when it crashes; everything else happens here (agent/). It needs CAP_NET_ADMIN and CAP_NET_RAW in its network namespace, in which the kernel must not forward.
 *
 *   node dist/bgp/edge/main.js --id edge1 --state DIR --controller (unix:PATH | HOST:PORT)
 *        --ca FILE --cert FILE --key FILE --uplink INTERFACE [--control PATH] [--offload=on|off]
 *
 * Prints one line `{"event":"ready",…}` on standard output when it forwards by its saved goal state and serves its control socket; logs
 * JSON lines on standard error. SIGTERM and SIGINT end it with 0, and the router with it; BGP neighbours are told.
 */
import { join } from 'node:path';
import { systemInterfaces } from '../../agent/interfaces.ts';
import { runRole } from '../../agent/role-main.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRng } from '../../base/rng.ts';
import { startEdge } from './agent/edge-process.ts';
import { adoptingRouter } from './router/adopt-router.ts';

const SOFTWARE_VERSION = '0.1.0';

runRole({
  role: 'edge',
  program: 'dist/bgp/edge/main.js',
  forwarder: 'router',
  start: (options, { log, fail }) =>
    startEdge(options, {
      startRouter: adoptingRouter({
        id: options.id,
        socketPath: routerSocketOf(options.controlPath),
        logPath: join(options.stateDirectory, 'router.log'),
        clock: systemClock,
        log,
      }),
      interfaces: systemInterfaces('SDN_EDGE_INTERFACE'),
      onFailed: fail,
      softwareVersion: SOFTWARE_VERSION,
      clock: systemClock,
      rng: systemRng,
      log,
    }),
});

/** Beside the control socket: that path was chosen to be short enough. */
function routerSocketOf(controlPath: string): string {
  return `${controlPath.replace(/\.sock$/, '')}-router.sock`;
}
