/**
 * The edge role: one process that joins the provider network to the outside. Forwarding happens in a worker thread (router/), everything else here
 * (agent/). It needs CAP_NET_ADMIN and CAP_NET_RAW in its network namespace, in which the kernel must not forward.
 *
 *   node dist/bgp/edge/main.js --id edge1 --state DIR --controller (unix:PATH | HOST:PORT)
 *        --ca FILE --cert FILE --key FILE --uplink INTERFACE [--control PATH] [--offload=on|off]
 *
 * Prints one line `{"event":"ready",…}` on standard output when it forwards by its saved goal state and serves its control socket; logs
 * JSON lines on standard error. SIGTERM and SIGINT end it with 0; BGP neighbours are told.
 */
import { systemClock } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import { roleLogger } from '../../base/log.ts';
import { systemRng } from '../../base/rng.ts';
import { parseEdgeArguments } from './agent/command-line.ts';
import { systemEdgeInterfaces } from './agent/edge-interfaces.ts';
import { startEdge } from './agent/edge-process.ts';
import { startRouter } from './router/start-router.ts';

const SOFTWARE_VERSION = '0.1.0';

async function main(): Promise<void> {
  const options = parseEdgeArguments(process.argv.slice(2));
  const log = roleLogger('edge', options.id);
  const edge = await startEdge(options, {
    startRouter,
    interfaces: systemEdgeInterfaces,
    onFailed: (reason) => {
      log.fatal({ err: reason }, 'the router has failed');
      process.exit(1);
    },
    softwareVersion: SOFTWARE_VERSION,
    clock: systemClock,
    rng: systemRng,
    log,
  });
  const { id, controlPath } = options;
  const ready = { event: 'ready', role: 'edge', name: id, pid: process.pid, control: controlPath };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping');
    edge.close().then(
      () => process.exit(0),
      (thrown: unknown) => {
        log.error({ err: thrown }, 'not stopped cleanly');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((thrown: unknown) => {
  const remedy = thrown instanceof SdnError ? thrown.remedy : undefined;
  process.stderr.write(
    `weft edge: ${messageOf(thrown)}\n${remedy === undefined ? '' : `  ${remedy}\n`}`,
  );
  process.exit(thrown instanceof SdnError && thrown.code === 'SDN_USAGE' ? 2 : 1);
});
