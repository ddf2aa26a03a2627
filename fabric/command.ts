/**
 * Runs programs of the machine (ip, nsenter, …) and says clearly what failed: the command line and its own last words. Bounded in
 * time and output. Called by everything in fabric/ and by the test kit.
 */
import { execFile } from 'node:child_process';
import { SdnError } from '../base/errors.ts';
import type { Millis } from '../base/units.ts';
import { COMMAND_OUTPUT_BYTES_MAX, COMMAND_TIMEOUT } from './limits.ts';

export interface CommandOptions {
  readonly stdin?: string;
  readonly timeout?: Millis;
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; 128 + signal number where a signal ended it, as a shell tells it. */
  readonly code: number;
}

/** Program and arguments. */
export type Argv = readonly [string, ...string[]];

/** Standard output of a command that must succeed. */
export async function run(argv: Argv, options: CommandOptions = {}): Promise<string> {
  const result = await attempt(argv, options);
  if (result.code === 0) return result.stdout;
  const words = result.stderr.trim() || result.stdout.trim() || 'no output';
  throw new SdnError(
    'SDN_COMMAND_FAILED',
    `${argv.join(' ')}: ${words} (exit code ${result.code})`,
  );
}

/** The result of a command that may fail; only a program that cannot be started rejects. */
export function attempt(argv: Argv, options: CommandOptions = {}): Promise<CommandResult> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        timeout: options.timeout ?? COMMAND_TIMEOUT,
        killSignal: 'SIGKILL',
        maxBuffer: COMMAND_OUTPUT_BYTES_MAX,
        ...(options.signal && { signal: options.signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ stdout, stderr, code: 0 });
        if (error.code === 'ENOENT') return reject(missingProgram(program));
        const code = typeof error.code === 'number' ? error.code : KILLED_EXIT_CODE;
        const note = error.killed ? `\nkilled: ran longer than it may, or printed too much` : '';
        return resolve({ stdout, stderr: stderr + note, code });
      },
    );
    // A program that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin?.once('error', () => undefined);
    child.stdin?.end(options.stdin ?? '');
  });
}

/** 128 + SIGKILL. */
const KILLED_EXIT_CODE = 137;

/** Debian package of each program that the fabric runs. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  busybox: 'busybox',
  dhclient: 'isc-dhcp-client',
  iperf3: 'iperf3',
  ethtool: 'ethtool',
  ping: 'iputils-ping',
};

export function missingProgram(program: string): SdnError {
  const name = PACKAGES[program];
  return new SdnError('SDN_REQUIREMENT_MISSING', `the program '${program}' is not installed`, {
    ...(name !== undefined && { remedy: `apt-get install -y --no-install-recommends ${name}` }),
  });
}
