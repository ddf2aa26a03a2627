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
import { systemClock } from '../base/clock.ts';
import { messageOf, SdnError } from '../base/errors.ts';
import { roleLogger } from '../base/log.ts';
import { systemRng } from '../base/rng.ts';
import { deleteTap } from '../native/tap-device.ts';
import { parseHostArguments } from './host-agent/command-line.ts';
import { startHost } from './host-agent/host-process.ts';
import { systemInterfaces } from './host-agent/ip-command.ts';
import { startSwitch } from './switch/start-switch.ts';

const SOFTWARE_VERSION = '0.1.0';

async function main(): Promise<void> {
  const options = parseHostArguments(process.argv.slice(2));
  const log = roleLogger('host', options.id);
  const host = await startHost(options, {
    startSwitch,
    interfaces: systemInterfaces,
    deleteTap,
    onFailed: (reason) => {
      log.fatal({ err: reason }, 'the switch has failed');
      process.exit(1);
    },
    softwareVersion: SOFTWARE_VERSION,
    clock: systemClock,
    rng: systemRng,
    log,
  });
  const { id, controlPath } = options;
  const ready = { event: 'ready', role: 'host', name: id, pid: process.pid, control: controlPath };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping');
    host.close().then(
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
    `weft host: ${messageOf(thrown)}\n${remedy === undefined ? '' : `  ${remedy}\n`}`,
  );
  process.exit(thrown instanceof SdnError && thrown.code === 'SDN_USAGE' ? 2 : 1);
});
