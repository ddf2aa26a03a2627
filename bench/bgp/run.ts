/**
 * One scene with one contestant: two namespaces of its own, the daemon in one, all its peers in the other. Time is the tester's, memory
 * and processor time are the daemon's, from proc. Called by main.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { defined } from '../../base/assert.ts';
import { sleep, systemClock, type Timer } from '../../base/clock.ts';
import { type Millis, millis, minutes, seconds } from '../../base/units.ts';
import { ipBatch } from '../../fabric/links.ts';
import { createNamespace, deleteNamespace, inNamespace } from '../../fabric/namespaces.ts';
import { cpuSeconds } from '../process-cpu.ts';
import { type Contestant, type Scene, TARGET } from './contestant.ts';
import type { Report } from './tester.ts';

const DAEMON = 'wb-bgp-daemon';
const TESTER = 'wb-bgp-tester';
const PHASE_TIMEOUT = minutes(3);
const START_TIMEOUT = seconds(20);

export interface Outcome {
  readonly announceSec: number;
  readonly withdrawSec: number;
  readonly silenceSec: number;
  readonly cpuSec: number;
  /** With all routes, at its highest. */
  readonly residentBytesMax: number;
}

/** What an earlier run left. */
export async function sweep(): Promise<void> {
  await Promise.all([DAEMON, TESTER].map(deleteNamespace));
}

export async function runScene(contestant: Contestant, scene: Scene): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'wb-bgp-'));
  try {
    await sweep();
    await makeLink(scene);
    const daemon = await startDaemon(contestant, scene, folder);
    const pid = defined(daemon.pid, 'pid of the daemon');
    const tester = startTester(scene);
    const report = reports(tester, daemon);
    await report('up', START_TIMEOUT);
    const cpuBefore = cpuSeconds([pid]);
    tester.stdin?.write('go\n');
    const announced = await report('announced', PHASE_TIMEOUT);
    const residentBytesMax = memoryOf(pid, 'VmHWM');
    tester.stdin?.write('go\n');
    const withdrawn = await report('withdrawn', PHASE_TIMEOUT);
    return {
      announceSec: announced.elapsedSec,
      withdrawSec: withdrawn.elapsedSec,
      silenceSec: Math.max(announced.silenceSec, withdrawn.silenceSec),
      cpuSec: cpuSeconds([pid]) - cpuBefore,
      residentBytesMax,
    };
  } finally {
    await sweep();
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeLink({ sessions }: Scene): Promise<void> {
  await createNamespace(DAEMON);
  await createNamespace(TESTER);
  await ipBatch(DAEMON, [
    `link add eth0 type veth peer name eth0 netns ${TESTER}`,
    `addr add ${TARGET.ipv4}/24 dev eth0`,
    `addr add ${TARGET.ipv6}/64 dev eth0 nodad`,
    'link set eth0 up',
  ]);
  const addresses = sessions.map(({ address }) =>
    address.includes(':')
      ? `addr add ${address}/64 dev eth0 nodad`
      : `addr add ${address}/24 dev eth0`,
  );
  await ipBatch(TESTER, [...addresses, 'link set eth0 up']);
}

async function startDaemon(
  { files, command }: Contestant,
  scene: Scene,
  folder: string,
): Promise<ChildProcess> {
  await chmod(folder, 0o777); // FRR gives up root
  for (const [name, text] of Object.entries(files(scene))) {
    await writeFile(join(folder, name), text);
  }
  const [program, ...args] = command.map((word) =>
    word.startsWith('@') ? join(folder, word.slice(1)) : word,
  );
  const child = spawnIn(DAEMON, [defined(program, 'a program'), ...args]);
  child.stdout?.resume();
  for (const end = systemClock.now() + START_TIMEOUT; !isListening(child.pid ?? 0, scene); ) {
    if (child.exitCode !== null || systemClock.now() > end) {
      throw new Error(`${program} does not listen: ${wordsOf(child)}`);
    }
    await sleep(systemClock, millis(50));
  }
  return child;
}

/** Port 179 is 00B3 in proc_net_tcp, 0A is LISTEN; a socket of IPv6 may serve both families. */
function isListening(pid: number, { sessions }: Scene): boolean {
  const hasIpv6 = sessions.some(({ address }) => address.includes(':'));
  return (hasIpv6 ? ['tcp6'] : ['tcp', 'tcp6']).some((name) => {
    try {
      return / [0-9A-F]+:00B3 [0-9A-F:]+ 0A /.test(
        readFileSync(`/proc/${pid}/net/${name}`, 'utf8'),
      );
    } catch {
      return false; // not started yet
    }
  });
}

function startTester(scene: Scene): ChildProcess {
  const program = fileURLToPath(new URL('tester.js', import.meta.url));
  return spawnIn(TESTER, [process.execPath, program, JSON.stringify(scene)]);
}

/** Waits for the report of a phase; rejects when either side ends before. */
function reports(tester: ChildProcess, daemon: ChildProcess) {
  const lines = createInterface({ input: defined(tester.stdout, 'standard output') });
  const gone = (child: ChildProcess, who: string): Promise<never> =>
    once(child, 'exit').then(([code]) => {
      throw new Error(`the ${who} ended with ${String(code)}: ${wordsOf(child)}`);
    });
  const failed = Promise.race([gone(tester, 'tester'), gone(daemon, 'daemon')]);
  failed.catch(() => undefined);
  return async (phase: string, timeout: Millis): Promise<Report> => {
    const line = once(lines, 'line').then(([text]) => JSON.parse(String(text)) as Report);
    const { promise: late, timer } = deadline(timeout, `not ${phase} after ${timeout / 1000} s`);
    try {
      return await Promise.race([line, failed, late]);
    } finally {
      timer.cancel();
    }
  };
}

function deadline(
  timeout: Millis,
  why: string,
): { readonly promise: Promise<never>; readonly timer: Timer } {
  let timer: Timer = { cancel: () => undefined };
  const promise = new Promise<never>((_, reject) => {
    timer = systemClock.after(timeout, () => reject(new Error(why)));
  });
  return { promise, timer };
}

const words = new WeakMap<ChildProcess, string>();

function spawnIn(namespace: string, argv: readonly [string, ...string[]]): ChildProcess {
  const [program, ...args] = inNamespace(namespace, argv);
  const child = spawn(program, args, { stdio: 'pipe' });
  child.stderr?.on('data', (chunk: Buffer) => words.set(child, wordsOf(child) + chunk.toString()));
  return child;
}

/** The last it said on standard error. */
function wordsOf(child: ChildProcess): string {
  return (words.get(child) ?? '').slice(-300);
}

/** proc_pid_status(5); kB there are KiB. */
function memoryOf(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kibibytes = ''] = new RegExp(`^${field}:\\s+([0-9]+) kB$`, 'm').exec(status) ?? [];
  return Number(kibibytes) * 1024;
}
