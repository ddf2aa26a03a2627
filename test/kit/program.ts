/**
 * Programs that run for a while inside a namespace: servers, captures. They end with the test, whatever ends it (PR_SET_PDEATHSIG).
 */
import { spawn } from 'node:child_process';
import { systemClock } from '../../base/clock.ts';
import type { Argv } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { PROGRAM_OUTPUT_BYTES_MAX, PROGRAM_READY_TIMEOUT } from './limits.ts';

export interface Program {
  readonly pid: number;
  /** What it has written so far. */
  stdout(): Buffer;
  stderr(): string;
  /** Writes to its standard input. */
  write(bytes: Uint8Array | string): void;
  /** Closes its standard input and resolves with its exit code. */
  end(): Promise<number>;
  /** Sends the signal (default SIGTERM) and resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Resolves when the program has written `ready` to stdout or stderr, at once if that is undefined; rejects when it ends first. */
export function startProgram(
  namespace: string,
  argv: Argv,
  ready?: string | RegExp,
): Promise<Program> {
  const [program, ...args] = inNamespace(namespace, [
    'setpriv',
    '--pdeathsig',
    'KILL',
    '--',
    ...argv,
  ]);
  const child = spawn(program, args, { stdio: 'pipe' });
  const out: Buffer[] = [];
  let outBytes = 0;
  let err = '';
  const ended = new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? -1));
  });
  child.stdin.on('error', () => undefined); // it ended before it read everything: its exit code tells
  const running: Program = {
    pid: child.pid ?? 0,
    stdout: () => Buffer.concat(out),
    stderr: () => err,
    write: (bytes) => void child.stdin.write(bytes),
    end() {
      child.stdin.end();
      return ended;
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await ended;
    },
  };
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new Error(`${argv.join(' ')}: ${why}\n${err}${Buffer.concat(out).toString()}`));
    const timer = systemClock.after(PROGRAM_READY_TIMEOUT, () => {
      child.kill('SIGKILL');
      fail('never ready');
    });
    const settle = (): void => {
      timer.cancel();
      resolve(running);
    };
    const look = (): void => {
      const text = `${err}${Buffer.concat(out).toString('latin1')}`;
      if (ready === undefined || matches(text, ready)) settle();
    };
    child.stdout.on('data', (chunk: Buffer) => {
      outBytes += chunk.length;
      if (outBytes > PROGRAM_OUTPUT_BYTES_MAX) child.kill('SIGKILL');
      else out.push(chunk);
      look();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
      look();
    });
    child.once('error', (error) => fail(error.message));
    void ended.then((code) => {
      timer.cancel();
      fail(`ended with ${code}`);
    });
    if (ready === undefined) settle();
  });
}

function matches(text: string, what: string | RegExp): boolean {
  return typeof what === 'string' ? text.includes(what) : what.test(text);
}
