/**
 * The life of a role's process, from its command line to its end: one line `{"event":"ready",…}` on standard output when it serves, JSON lines
 * of log on standard error, 0 after SIGTERM or SIGINT, 2 for a mistake in the command line, 1 for any other failure. Called by the
 * roles' main.ts.
 */
import { messageOf, SdnError } from '../base/errors.ts';
import { type Logger, roleLogger } from '../base/log.ts';
import { parseRoleArguments, type RoleArguments } from './role-arguments.ts';

export interface RoleProgram {
  /** `host`, `edge` */
  readonly role: string;
  /** As one would type it: `dist/dataplane/main.js`. */
  readonly program: string;
  /** What forwards: `switch`, `router`. */
  readonly forwarder: string;
  /** Resolves when it serves. `fail` ends the process: it cannot go on and should start anew. */
  start(
    options: RoleArguments,
    context: { readonly log: Logger; fail(reason: Error): void },
  ): Promise<{ close(): Promise<void> }>;
}

export function runRole(program: RoleProgram): void {
  run(program).catch((thrown: unknown) => {
    const remedy = thrown instanceof SdnError ? thrown.remedy : undefined;
    process.stderr.write(
      `weft ${program.role}: ${messageOf(thrown)}\n${remedy === undefined ? '' : `  ${remedy}\n`}`,
    );
    process.exit(thrown instanceof SdnError && thrown.code === 'SDN_USAGE' ? 2 : 1);
  });
}

async function run({ role, program, forwarder, start }: RoleProgram): Promise<void> {
  const options = parseRoleArguments(process.argv.slice(2), program);
  const log = roleLogger(role, options.id);
  const running = await start(options, {
    log,
    fail: (reason) => {
      log.fatal({ err: reason }, `the ${forwarder} has failed`);
      process.exit(1);
    },
  });
  const { id, controlPath } = options;
  const ready = { event: 'ready', role, name: id, pid: process.pid, control: controlPath };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping');
    running.close().then(
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
