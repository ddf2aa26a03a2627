/**
 * `up`, `down` and `status`: what `npm run up`, `npm run down` and the CLI's verbs of the same names do. They print for people and
 * return the process's exit code; the machinery is fabric.ts, which the test kit uses without any of this.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { type Clock, sleep, systemClock } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import { millis } from '../base/units.ts';
import { removeMachineLink } from './expose.ts';
import type { FabricStatus } from './fabric-status.ts';
import { exchangeJson } from './json-http.ts';
import { DOWN_TIMEOUT } from './limits.ts';
import { listenOnLoopback } from './loopback-socket.ts';
import { sweepNamespaces } from './namespaces.ts';
import { formatProgress } from './progress.ts';
import { programPath } from './roles.ts';
import { fabricSettings } from './settings.ts';
import {
  fabricName,
  readFabricRecord,
  type StateDirectory,
  stateDirectory,
} from './state-directory.ts';
import { type LineOutput, startStatusLine } from './status-line.ts';
import { summary } from './summary.ts';
import type { SupervisorConfig, SupervisorMessage } from './supervisor-config.ts';
import { availablePrivilege, userNamespacePrefix } from './unprivileged.ts';
import { forgetVms } from './vm.ts';

export interface UpOptions {
  /** State directory. */
  readonly state: string;
  /** Return once everything works, leaving a supervisor in a session of its own. */
  readonly detach: boolean;
  /** Make and prove the sample tenant. */
  readonly sample: boolean;
  /** Default 2. */
  readonly hosts?: number;
  /** First choice for the northbound's loopback port; default 8443. */
  readonly port?: number;
  /** Of the provider network; default 198.51.100.0/24. */
  readonly providerPrefix?: string;
  /** Default true. */
  readonly offload?: boolean;
  /** Default false. */
  readonly edge?: boolean;
  /** Beside an edge. Default 0. */
  readonly muxes?: number;
  /** A way from this machine to the public addresses; needs root. Default false. */
  readonly expose?: boolean;
  readonly output?: LineOutput;
  readonly clock?: Clock;
}

/** Inherited by the supervisor: the northbound's listening socket. 3 is the IPC channel. */
const LISTEN_FD = 4;
const POLL_INTERVAL = millis(50);

/** Resolves with the exit code: when everything works if detached, else when the fabric has been taken down. */
export async function up(options: UpOptions): Promise<number> {
  const output = options.output ?? process.stdout;
  const clock = options.clock ?? systemClock;
  const settings = fabricSettings(options);
  const state = stateDirectory(options.state);
  const running = await status({ state: state.root });
  if (running !== undefined) {
    if (options.expose === true && running.exposed === undefined) throw notExposed();
    output.write(
      `${summary(running, state)}\nIt was running already; to take it down: weft down\n`,
    );
    return options.detach ? 0 : 1;
  }
  refuseIfBusy(state);
  const privilege = await availablePrivilege();
  if (options.expose === true && privilege !== 'root') throw exposeNeedsRoot();
  const socket = await listenOnLoopback(settings.port);
  if (socket.port !== settings.port && settings.port !== 0)
    output.write(`port ${settings.port} is taken, the northbound will listen on ${socket.port}\n`);
  const config: SupervisorConfig = {
    name: fabricName(state.root),
    state: state.root,
    settings,
    sample: options.sample,
    foreground: !options.detach,
    unprivileged: privilege === 'user-namespace',
    listen: { fd: LISTEN_FD, port: socket.port },
  };
  const child = spawnSupervisor(state, config, socket.fd);
  socket.close();
  const code = await showStart(child, output);
  if (code !== undefined) return code;
  const started = await status({ state: state.root });
  if (started !== undefined) output.write(`${summary(started, state)}\n`);
  if (options.detach) {
    child.unref();
    return 0;
  }
  return stayInForeground({ child, state, output, clock });
}

/** Removes everything `up` made there, also what a crash left. Nothing there is fine. */
export async function down(options: {
  readonly state: string;
  readonly output?: LineOutput;
  readonly clock?: Clock;
}): Promise<number> {
  const output = options.output ?? process.stdout;
  const clock = options.clock ?? systemClock;
  const state = stateDirectory(options.state);
  const record = readFabricRecord(state);
  const asked = await requestStop(state);
  if (record !== undefined) {
    // One that is still starting does not listen yet.
    if (!asked && isSupervisor(record.supervisorPid)) process.kill(record.supervisorPid, 'SIGTERM');
    const ended = await supervisorEnded(record.supervisorPid, clock);
    if (!ended) process.kill(record.supervisorPid, 'SIGKILL'); // its roles die with it
    await supervisorEnded(record.supervisorPid, clock);
  }
  // Namespaces of a user namespace ended with the last process in it; what can be seen here is ours to remove.
  const name = record?.name ?? fabricName(state.root);
  await removeMachineLink(name);
  const swept = await sweepNamespaces(name);
  forgetVms(state);
  rmSync(state.fabricFile, { force: true });
  rmSync(state.fabricSocket, { force: true });
  if (asked) output.write('the fabric is down\n');
  else if (swept.length > 0) output.write(`removed ${swept.length} namespaces that a crash left\n`);
  else output.write('nothing was running\n');
  return 0;
}

/** undefined when no fabric runs with that state directory. */
export async function status(options: {
  readonly state: string;
}): Promise<FabricStatus | undefined> {
  const { fabricSocket } = stateDirectory(options.state);
  try {
    const response = await exchangeJson(
      { kind: 'unix', socketPath: fabricSocket },
      { method: 'GET', path: '/status' },
    );
    return response.body as FabricStatus;
  } catch (thrown) {
    if (thrown instanceof SdnError && isNobodyThere(thrown.cause)) return undefined;
    throw thrown;
  }
}

/** No socket, or nobody at it: a supervisor that is there and slow is something else. */
function isNobodyThere(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  return cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED';
}

/** A supervisor that lives but does not answer yet would lose its namespaces to a second one. */
function refuseIfBusy(state: StateDirectory): void {
  const record = readFabricRecord(state);
  if (record === undefined || !isSupervisor(record.supervisorPid)) return;
  throw new SdnError(
    'SDN_FABRIC_BUSY',
    `process ${record.supervisorPid} is just bringing this fabric up, or taking it down`,
    { remedy: 'wait for it, or end it: weft down' },
  );
}

function notExposed(): SdnError {
  return new SdnError('SDN_FABRIC_BUSY', 'the fabric is running already, without --expose', {
    remedy: 'weft down, then weft up --expose: networks and addresses are kept, VMs are not',
  });
}

function exposeNeedsRoot(): SdnError {
  return new SdnError(
    'SDN_REQUIREMENT_MISSING',
    '--expose gives this machine an interface and a route, which this user may not',
    {
      remedy:
        'run as root, or leave out --expose: weft inside outside -- COMMAND works for everybody',
    },
  );
}

function spawnSupervisor(
  state: StateDirectory,
  config: SupervisorConfig,
  listenFd: number,
): ChildProcess {
  mkdirSync(state.root, { recursive: true, mode: 0o700 });
  const log = openSync(state.supervisorLog, 'a', 0o600);
  const argv = [process.execPath, programPath('fabric/main.js'), JSON.stringify(config)];
  const [program = process.execPath, ...args] = config.unprivileged
    ? [...userNamespacePrefix(), ...argv]
    : argv;
  const child = spawn(program, args, {
    stdio: ['ignore', log, log, 'ipc', listenFd],
    detached: true,
  });
  closeSync(log);
  return child;
}

/** Shows progress until the fabric is ready; an exit code when it will never be. */
function showStart(child: ChildProcess, output: LineOutput): Promise<number | undefined> {
  const interrupt = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      child.removeAllListeners();
      finish();
    };
    child.on('message', (message: SupervisorMessage) => {
      if (message.kind === 'progress') output.write(`${formatProgress(message.event)}\n`);
      else if (message.kind === 'ready') settle(() => resolve(undefined));
      else if (message.kind === 'failed') settle(() => reject(failure(message)));
    });
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', (code) => settle(() => resolve(code === 0 ? INTERRUPTED : (code ?? 1))));
  });
}

/** Exit code after Ctrl-C: 128 + SIGINT. */
const INTERRUPTED = 130;

function failure(message: SupervisorMessage & { kind: 'failed' }): SdnError {
  const { code, message: text, remedy } = message;
  return new SdnError(code, text, remedy === undefined ? {} : { remedy });
}

async function stayInForeground(parts: {
  readonly child: ChildProcess;
  readonly state: StateDirectory;
  readonly output: LineOutput;
  readonly clock: Clock;
}): Promise<number> {
  const { child, state, output, clock } = parts;
  const line = startStatusLine({ output, clock, read: () => status({ state: state.root }) });
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code) => resolve(code ?? 1));
  });
  let interrupts = 0;
  const interrupt = (): void => {
    interrupts += 1;
    if (interrupts > 1) return;
    line.print('taking the fabric down …');
    child.kill('SIGTERM');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  const code = await ended;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
  line.stop();
  output.write(code === 0 ? 'everything is removed\n' : `the supervisor ended with ${code}\n`);
  return code;
}

/** False when nobody was there to ask. */
async function requestStop(state: StateDirectory): Promise<boolean> {
  try {
    await exchangeJson(
      { kind: 'unix', socketPath: state.fabricSocket },
      { method: 'POST', path: '/stop' },
    );
    return true;
  } catch (thrown) {
    if (thrown instanceof SdnError && thrown.code === 'SDN_UNREACHABLE') return false;
    throw thrown;
  }
}

async function supervisorEnded(pid: number, clock: Clock): Promise<boolean> {
  const deadline = clock.now() + DOWN_TIMEOUT;
  while (isSupervisor(pid)) {
    if (clock.now() > deadline) return false;
    await sleep(clock, POLL_INTERVAL);
  }
  return true;
}

/** Whether that process is a supervisor and not a stranger who was given the number since. */
function isSupervisor(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('fabric/main.js');
  } catch {
    return false; // no such process
  }
}
