/** What the surrounding process gives to the command line, so that a test can stand in for it. Called by main and the tests. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Clock, systemClock } from '../base/clock.ts';

export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface Shell {
  /** The command line, without program and script. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Whether a person types. */
  readonly isInteractive: boolean;
  /** All of standard input, for `-f -`. */
  readStdin(): Promise<string>;
  /** Runs a program on our own terminal and resolves with its exit code. */
  runHere(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<number>;
  readonly clock: Clock;
}

export function processShell(): Shell {
  return {
    args: process.argv.slice(2),
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    isInteractive: process.stdin.isTTY === true && process.stdout.isTTY === true,
    readStdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
    runHere,
    clock: systemClock,
  };
}

function runHere(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [program = '', ...args] = argv;
  // Ctrl-C reaches the program by itself; we stay to pass on what it ends with.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  return new Promise<number>((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  }).finally(() => process.off('SIGINT', ignore));
}
