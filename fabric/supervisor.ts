/**
 * Keeps the roles of a fabric running: starts each in its namespace, writes what it prints to its log, notices when it is ready or
 * dead, and starts it again as restart-policy.ts says. Roles die with the supervisor, whatever ends it: the kernel sends them SIGKILL
 * (PR_SET_PDEATHSIG, set by setpriv before the role is executed). Each has a session of its own, so that Ctrl-C reaches the
 * supervisor alone and the roles end in order.
 *
 * Called by fabric.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { assertNever, defined } from '../base/assert.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import { millis } from '../base/units.ts';
import type { Argv } from './command.ts';
import type { Health } from './fabric-status.ts';
import { ROLE_LOG_BYTES_MAX } from './limits.ts';
import { inNamespace } from './namespaces.ts';
import {
  type Action,
  type Event,
  INITIAL,
  nextDeadline,
  type State,
  step,
} from './restart-policy.ts';

export interface RoleSpec {
  readonly role: string;
  readonly name: string;
  readonly namespace: string;
  readonly command: Argv;
  readonly log: string;
  /** Becomes descriptor 3 of the process. */
  readonly inheritFd?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A role's process as the supervisor sees it. */
export interface RoleProcess {
  readonly spec: RoleSpec;
  /** 0 while none runs. */
  readonly pid: number;
  readonly health: Health;
  readonly restarts: number;
  /** How the last process ended, empty before that. */
  readonly lastExit: string;
}

export interface Supervisor {
  /** Starts the role; resolves when it printed its ready line, rejects when it died first. */
  start(spec: RoleSpec): Promise<void>;
  /** SIGTERM, then SIGKILL; resolves when the process has ended. An unknown name is fine. */
  stop(name: string): Promise<void>;
  stopAll(): Promise<void>;
  /** Resolves once the role's process is ready: at once if it is, else when the next one says so. */
  whenReady(name: string): Promise<void>;
  /** Sends a signal to the role's process, as an operator would; the restart policy applies. */
  signal(name: string, signal: NodeJS.Signals): void;
  roles(): readonly RoleProcess[];
}

interface Member {
  readonly spec: RoleSpec;
  state: State;
  child: ChildProcess | undefined;
  timer: Timer | undefined;
  starts: number;
  lastExit: string;
  /** Called once on ready (undefined) or on the next exit (how). */
  readonly waiting: Set<(exit: string | undefined) => void>;
}

export function createSupervisor(clock: Clock): Supervisor {
  const members = new Map<string, Member>();
  const member = (name: string): Member => defined(members.get(name), `role ${name}`);
  return {
    start(spec) {
      const existing = members.get(spec.name);
      if (existing !== undefined && existing.state.kind !== 'Stopped')
        return Promise.reject(new SdnError('SDN_ROLE_RUNNING', `${spec.name} already runs`));
      const fresh = newMember(spec);
      members.set(spec.name, fresh);
      const settled = new Promise<void>((resolve, reject) => {
        fresh.waiting.add((exit) =>
          exit === undefined ? resolve() : reject(startFailure(spec, exit)),
        );
      });
      feed(fresh, { kind: 'Start' }, clock);
      return settled;
    },
    async stop(name) {
      const found = members.get(name);
      if (found !== undefined) await stopMember(found, clock);
    },
    async stopAll() {
      // In reverse order of start: hosts say good-bye to a controller that is still there.
      for (const each of [...members.values()].reverse()) await stopMember(each, clock);
    },
    whenReady(name) {
      const { state, waiting } = member(name);
      if (state.kind === 'Running') return Promise.resolve();
      return new Promise((resolve) => {
        const listener = (exit: string | undefined): void => {
          if (exit === undefined) resolve();
          else queueMicrotask(() => waiting.add(listener));
        };
        waiting.add(listener);
      });
    },
    signal(name, signal) {
      member(name).child?.kill(signal);
    },
    roles: () => [...members.values()].map(describe),
  };
}

function newMember(spec: RoleSpec): Member {
  const nobody = { child: undefined, timer: undefined, starts: 0, lastExit: '' };
  return { spec, state: INITIAL, ...nobody, waiting: new Set() };
}

async function stopMember(member: Member, clock: Clock): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    if (member.child === undefined) resolve();
    else member.child.once('close', () => resolve());
  });
  feed(member, { kind: 'Stop' }, clock);
  await ended;
}

function feed(member: Member, event: Event, clock: Clock): void {
  const { next, actions } = step(member.state, event, clock.now());
  member.state = next;
  for (const action of actions) perform(member, action, clock);
  schedule(member, clock);
}

function schedule(member: Member, clock: Clock): void {
  member.timer?.cancel();
  const deadline = nextDeadline(member.state);
  member.timer =
    deadline === undefined
      ? undefined
      : clock.after(millis(Math.max(0, deadline - clock.now())), () =>
          feed(member, { kind: 'Deadline' }, clock),
        );
}

function perform(member: Member, action: Action, clock: Clock): void {
  switch (action) {
    case 'spawn':
      spawnRole(member, clock);
      return;
    case 'terminate':
      member.child?.kill('SIGTERM');
      return;
    case 'kill':
      member.child?.kill('SIGKILL');
      return;
    default:
      assertNever(action);
  }
}

function spawnRole(member: Member, clock: Clock): void {
  const { spec } = member;
  const log = openLog(spec.log);
  const [program, ...args] = inNamespace(spec.namespace, [
    'setpriv',
    '--pdeathsig',
    'KILL',
    '--',
    ...spec.command,
  ]);
  writeSync(log, `--- start ${member.starts}: ${spec.command.join(' ')}\n`);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', log, ...(spec.inheritFd === undefined ? [] : [spec.inheritFd])],
    env: { ...process.env, ...spec.environment },
    detached: true,
  });
  member.child = child;
  member.starts += 1;
  child.once('error', (error) => {
    member.lastExit = error.message;
  });
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      writeSync(log, `${line}\n`);
      if (isReadyLine(line)) becomeReady(member, clock);
    });
  }
  child.once('close', (code, signal) => {
    member.lastExit = signal === null ? `exit code ${code ?? 'unknown'}` : signal;
    member.child = undefined;
    writeSync(log, `--- ended: ${member.lastExit}\n`);
    closeSync(log);
    notify(member, member.lastExit);
    feed(member, { kind: 'Exited' }, clock);
  });
}

function becomeReady(member: Member, clock: Clock): void {
  feed(member, { kind: 'Ready' }, clock);
  notify(member, undefined);
}

function notify(member: Member, exit: string | undefined): void {
  for (const listener of member.waiting) listener(exit);
  member.waiting.clear();
}

/** Appends to the role's log; one that has grown too long is set aside first, in place of the one set aside before. */
function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROLE_LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

function isReadyLine(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    const value: unknown = JSON.parse(line);
    return (
      typeof value === 'object' && value !== null && 'event' in value && value.event === 'ready'
    );
  } catch {
    return false; // not JSON: some other line
  }
}

function describe(member: Member): RoleProcess {
  return {
    spec: member.spec,
    pid: member.child?.pid ?? 0,
    health: healthOf(member.state),
    restarts: Math.max(0, member.starts - 1),
    lastExit: member.lastExit,
  };
}

function healthOf(state: State): Health {
  switch (state.kind) {
    case 'Stopped':
    case 'Stopping':
      return 'stopped';
    case 'Starting':
      return state.failures === 0 ? 'starting' : 'restarting';
    case 'Waiting':
      return 'restarting';
    case 'Running':
      return 'healthy';
    default:
      return assertNever(state);
  }
}

function startFailure(spec: RoleSpec, exit: string): SdnError {
  return new SdnError('SDN_ROLE_FAILED', `${spec.name} ended before it was ready: ${exit}`, {
    remedy: `its log says why: ${spec.log}`,
  });
}
