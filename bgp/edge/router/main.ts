/**
 * The edge's router process: forwarding by itself, so that it outlives the agent, which speaks BGP and hears the controller. Started by the agent
 * (adopt-router.ts), in its network namespace and with its rights; an agent that starts anew finds it by its socket.
 *
 *   node dist/bgp/edge/router/main.js --id edge1 --socket PATH --options '{"hasOffload":true}'
 *
 * Logs JSON lines on standard error. Ends when its agent says so, when its worker dies, when it has been without an agent for
 * ROUTER_ALONE_MAX, or by SIGTERM and SIGINT if it has none; an agent that gets them ends it by itself.
 */
import { parseArgs } from 'node:util';
import { claimControlSocket } from '../../../agent/control-socket.ts';
import { systemClock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import { roleLogger } from '../../../base/log.ts';
import { RouterServer } from './router-server.ts';
import { type RouterOptions, startWorker } from './start-router.ts';

/** Its options on the command line, as JSON. */
export type RouterArguments = Pick<RouterOptions, 'hasOffload' | 'natTimeouts'>;

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: { id: { type: 'string' }, socket: { type: 'string' }, options: { type: 'string' } },
  });
  const { id = '', socket = '', options = '{"hasOffload":true}' } = values;
  // Others may not even connect (unix(7): that takes the right to write).
  process.umask(0o077);
  await claimControlSocket(socket, {
    role: 'router',
    pathTooLong: 'SDN_EDGE_CONTROL_PATH',
    running: 'SDN_EDGE_RUNNING',
  });
  const log = roleLogger('router', id);
  const link = await startWorker({
    ...(JSON.parse(options) as RouterArguments),
    onFailed: (reason) => {
      log.fatal({ err: reason }, 'the router has failed');
      process.exit(1);
    },
    onPortLease: ({ isLeased, ...lease }) =>
      log.info(lease, isLeased ? 'NAT ports leased' : 'NAT ports are free again'),
  });
  const onEnd = (): never => process.exit(0);
  const server = new RouterServer({
    ...{ socketPath: socket, link, options, clock: systemClock, log, onEnd },
  });
  await server.listen();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!server.hasAgent) void link.close().finally(onEnd);
    });
  }
}

run().catch((thrown: unknown) => {
  process.stderr.write(`weft router: ${messageOf(thrown)}\n`);
  process.exit(1);
});
