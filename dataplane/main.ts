/**
 * The host role: one process per machine that runs VMs. Forwarding happens in a worker thread (switch/), everything else here
 * (host-agent/). It needs CAP_NET_ADMIN in its network namespace, and CAP_SYS_ADMIN to reach those of VMs.
 *
 *   node dist/dataplane/main.js --id host1 --state DIR --controller (unix:PATH | HOST:PORT)
 *        --ca FILE --cert FILE --key FILE --uplink INTERFACE [--control PATH] [--offload=on|off]
 *
 * Prints one line `{"event":"ready",…}` on standard output when it forwards by its saved goal state and serves its control socket; logs
 * JSON lines on standard error. SIGTERM and SIGINT end it with 0; VMs keep their interfaces and the next start attaches them again.
 */
import { runRole } from '../agent/role-main.ts';
import { systemClock } from '../base/clock.ts';
import { systemRng } from '../base/rng.ts';
import { deleteTap } from '../native/tap-device.ts';
import { startHost } from './host-agent/host-process.ts';
import { systemInterfaces } from './host-agent/ip-command.ts';
import { startSwitch } from './switch/start-switch.ts';

const SOFTWARE_VERSION = '0.1.0';

runRole({
  role: 'host',
  program: 'dist/dataplane/main.js',
  forwarder: 'switch',
  start: (options, { log, fail }) =>
    startHost(options, {
      startSwitch,
      interfaces: systemInterfaces,
      deleteTap,
      onFailed: fail,
      softwareVersion: SOFTWARE_VERSION,
      clock: systemClock,
      rng: systemRng,
      log,
    }),
});
