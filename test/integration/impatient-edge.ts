/**
 * bgp/edge/main.ts with NAT timeouts of a few seconds, so that a test sees mappings go: UDP 4 s, TCP being opened or ended 2 s, established 600 s,
 * ICMP 3 s. Started by edge-flows.test.ts.
 */
import { systemInterfaces } from '../../agent/interfaces.ts';
import { runRole } from '../../agent/role-main.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRng } from '../../base/rng.ts';
import { startEdge } from '../../bgp/edge/agent/edge-process.ts';
import { startRouter } from '../../bgp/edge/router/start-router.ts';

runRole({
  role: 'edge',
  program: 'dist/test/integration/impatient-edge.js',
  forwarder: 'router',
  start: (options, { log, fail }) =>
    startEdge(options, {
      startRouter,
      interfaces: systemInterfaces('SDN_EDGE_INTERFACE'),
      natTimeouts: { tcpEstablishedSec: 600, tcpTransitorySec: 2, udpSec: 4, icmpSec: 3 },
      onFailed: fail,
      softwareVersion: '0.0.0',
      clock: systemClock,
      rng: systemRng,
      log,
    }),
});
