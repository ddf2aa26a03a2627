/**
 * Runs tests in namespaces, some files at a time, and prints one TAP stream (Test Anything Protocol 14): what each file says, indented, as a
 * subtest, then its result with its time. A file is a program that prints TAP and ends with 0.
 *
 *   node dist/tools/run-tap-files.js --jobs N --timeout SECONDS FILE...
 *
 * `tap run` does this too, but gives every Node process that a test starts, roles and command lines included, a loader that records which files
 * it reads. That doubles what their start costs, and starts are what most of these tests wait for.
 *
 * Called by tools/test.sh.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Millis, seconds } from '../base/units.ts';

/** Begun first, so that none of them runs on alone at the end: what `npm test` shows as longest. */
export const LONGEST: readonly string[] = [
  ...[
    'up-down',
    'tutorial-diagnosis',
    'tutorial-load-balancer',
    'tutorial',
    'expose',
    'slb-public',
  ],
  ...['tutorial-edge', 'subnet-egress', 'slb-clients', 'edge-bgp'],
];

/** After its time a file is asked to end, and after this long made to. */
const GRACE = seconds(10);

/** A stream that is whole has a plan. */
const PLAN = /^1\.\.\d+/m;

export interface FileResult {
  readonly output: string;
  readonly took: Millis;
  /** Why the file has failed; undefined: it has not. */
  readonly failure: string | undefined;
}

export function longestFirst(files: readonly string[]): readonly string[] {
  const rank = (file: string): number => {
    const at = LONGEST.indexOf(basename(file, '.test.js'));
    return at === -1 ? LONGEST.length : at;
  };
  return [...files].sort((a, b) => rank(a) - rank(b));
}

/** What a file with this result contributes to the stream. */
export function subtest(
  number: number,
  file: string,
  { output, took, failure }: FileResult,
): string {
  const lines = output.split('\n').filter((line) => !line.startsWith('TAP version'));
  const inner = lines.map((line) => (line === '' ? '' : `    ${line}`)).join('\n');
  const result = `${failure === undefined ? 'ok' : 'not ok'} ${number} - ${file} # time=${took}ms`;
  const why = failure === undefined ? '' : `  ---\n  message: ${JSON.stringify(failure)}\n  ...\n`;
  return `# Subtest: ${file}\n${inner.trimEnd()}\n${result}\n${why}`;
}

/** Resolves when the file's process has ended; its standard error goes to ours. */
export function runFile(file: string, timeout: Millis, clock: Clock): Promise<FileResult> {
  const started = clock.now();
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TAP_TIMEOUT: String(timeout / seconds(1)) },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  let isLate = false;
  const timers = [
    clock.after(timeout, () => {
      isLate = true;
      child.kill('SIGTERM');
    }),
    clock.after((timeout + GRACE) as Millis, () => child.kill('SIGKILL')),
  ];
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      for (const timer of timers) timer.cancel();
      const took = Math.round(clock.now() - started) as Millis;
      const ended = signal === null ? `ended with ${code}` : `ended by ${signal}`;
      const late = isLate ? `not ended within ${timeout / seconds(1)} s` : undefined;
      const unplanned = PLAN.test(output) ? undefined : 'no plan: it ended before its tests did';
      resolve({ output, took, failure: late ?? (code === 0 ? unplanned : ended) });
    });
  });
}

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      jobs: { type: 'string', default: String(availableParallelism()) },
      timeout: { type: 'string', default: '400' },
    },
    allowPositionals: true,
  });
  const files = longestFirst(positionals);
  const timeout = seconds(Number(values.timeout));
  process.stdout.write(`TAP version 14\n1..${files.length}\n`);
  let begun = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let file = files[begun++]; file !== undefined; file = files[begun++]) {
      const result = await runFile(file, timeout, systemClock);
      done += 1;
      process.stdout.write(subtest(done, file, result));
      if (result.failure !== undefined) process.exitCode = 1;
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
}

const [, script, ...args] = process.argv;
if (script === fileURLToPath(import.meta.url)) await main(args);
