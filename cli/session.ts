/**
 * What the commands of one invocation share: the global options, the fabric's state directory, one connection to the controller, and
 * the two ways of printing. `print` takes the value for programs (`--json`) and the text for people; notes and progress go to standard
 * error, so that standard output stays what was asked for. Called by every command.
 */
import type { Command } from 'commander';
import { SdnError } from '../base/errors.ts';
import { createNorthboundClient, type NorthboundClient } from '../fabric/northbound-client.ts';
import {
  defaultStateDirectory,
  type FabricRecord,
  readFabricRecord,
  type StateDirectory,
  stateDirectory,
} from '../fabric/state-directory.ts';
import { INSIDE_VARIABLE } from '../fabric/unprivileged.ts';
import { PROGRESS_DELAY, PROGRESS_REDRAW_INTERVAL } from './limits.ts';
import type { Shell } from './shell.ts';

/** Names of the certificate files and of the controller's URL: what `weft env` prints. */
export interface Access {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Session {
  readonly shell: Shell;
  readonly json: boolean;
  readonly state: StateDirectory;
  /** Becomes the process's exit code. */
  exitCode: number;
  /** The fabric that runs with this state directory. */
  fabric(): FabricRecord;
  access(): Access;
  northbound(): NorthboundClient;
  print(value: unknown, people: () => string): void;
  /** A line for people, on standard error; silent with --json. */
  note(line: string): void;
  /** `work`, with a line that says what is being waited for once it takes a while. */
  waiting<T>(label: string | (() => string), work: Promise<T>): Promise<T>;
  close(): void;
}

export function openSession(root: Command, shell: Shell): Session {
  const options = (): { state?: string; url?: string; json?: boolean } => root.opts();
  let client: NorthboundClient | undefined;
  const session: Session = {
    shell,
    exitCode: 0,
    get json() {
      return options().json === true;
    },
    get state() {
      return stateDirectory(options().state ?? defaultStateDirectory({ ...shell.env }));
    },
    fabric: () => {
      const record = readFabricRecord(session.state);
      if (record === undefined) throw noFabric(session.state);
      return record;
    },
    access: () => accessOf(session, options().url),
    northbound: () => {
      client ??= createNorthboundClient({
        ...readable(session.access()),
        // Inside a fabric without root, loopback is the fabric's own: the controller is reached by its socket.
        ...(isInside(shell) && { socketPath: session.state.northboundSocket }),
        clock: shell.clock,
      });
      return client;
    },
    print: (value, people) => {
      shell.stdout.write(session.json ? `${JSON.stringify(value, null, 2)}\n` : people());
    },
    note: (line) => {
      if (!session.json) shell.stderr.write(`${line}\n`);
    },
    waiting: (label, work) => withProgress(session, label, work),
    close: () => client?.close(),
  };
  return session;
}

function isInside(shell: Shell): boolean {
  return shell.env[INSIDE_VARIABLE] === '1';
}

/** Options before environment before the state directory's own files. */
function accessOf(session: Session, url: string | undefined): Access {
  const { env } = session.shell;
  const admin = session.state.role('admin');
  return {
    url: url ?? env['WEFT_NC_URL'] ?? session.fabric().northbound,
    ca: env['WEFT_CA'] ?? session.state.caCertificate,
    cert: env['WEFT_CERT'] ?? admin.certificate,
    key: env['WEFT_KEY'] ?? admin.key,
  };
}

function readable(access: Access): Access {
  if (URL.canParse(access.url) && new URL(access.url).protocol === 'https:') return access;
  throw new SdnError('SDN_CLI_URL', `${access.url} is not an https URL`, {
    remedy: 'Name the controller as https://HOST:PORT, with --url or WEFT_NC_URL.',
  });
}

function noFabric(state: StateDirectory): SdnError {
  return new SdnError('SDN_NO_FABRIC', `no fabric runs with the state directory ${state.root}`, {
    remedy: 'Start one with `weft up --detach`, or name its directory with --state.',
  });
}

async function withProgress<T>(
  session: Session,
  label: string | (() => string),
  work: Promise<T>,
): Promise<T> {
  const { stderr, clock } = session.shell;
  if (session.json) return work;
  const startedAt = clock.now();
  const isTty = stderr.isTTY === true;
  let drawn = '';
  const draw = (): void => {
    const seconds = ((clock.now() - startedAt) / 1000).toFixed(0);
    const text = typeof label === 'string' ? label : label();
    if (isTty) stderr.write(`\r\x1b[K${text} … ${seconds} s`);
    else if (text !== drawn) stderr.write(`${text} …\n`);
    drawn = text;
    timer = clock.after(PROGRESS_REDRAW_INTERVAL, draw, { background: true });
  };
  let timer = clock.after(PROGRESS_DELAY, draw, { background: true });
  try {
    return await work;
  } finally {
    timer.cancel();
    if (drawn !== '' && isTty) stderr.write('\r\x1b[K');
  }
}
