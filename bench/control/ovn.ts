/**
 * OVN's central part as the peer: its northbound and southbound databases and ovn-northd, started by hand in a temporary directory, no
 * hypervisors. One logical switch with many ports, each with addresses and port security, as our interfaces have.
 *
 * `addPort` takes until ovn-northd has brought the southbound database up to date (`--wait=sb`): OVN's hypervisors would start then.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../../base/clock.ts';
import { formatIpv4 } from '../../base/ipv4.ts';
import { formatMac } from '../../base/mac.ts';
import { millis, seconds } from '../../base/units.ts';
import { machineNow } from './machine-time.ts';

const SCHEMAS = '/usr/share/ovn';
const SWITCH = 'net0';
const FIRST_MAC = 0x001d_d8b7_0000;
const FIRST_ADDRESS = 0x0a00_0100;
const BATCH = 250;
const STOP_TIMEOUT = seconds(5);

export interface OvnCentral {
  readonly version: string;
  /** Milliseconds until the southbound database shows the new port. */
  addPort(): Promise<number>;
  stop(): Promise<void>;
}

export async function startOvnCentral(portCount: number): Promise<OvnCentral> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-bench-ovn-'));
  const env = { ...process.env, OVN_RUNDIR: directory, OVS_RUNDIR: directory };
  const run = (program: string, ...args: string[]): Promise<string> => output(program, args, env);
  const pidFiles: string[] = [];
  const daemon = async (program: string, name: string, ...args: string[]): Promise<void> => {
    const pidFile = join(directory, `${name}.pid`);
    const common = [`--pidfile=${pidFile}`, `--log-file=${join(directory, `${name}.log`)}`];
    const control = `--unixctl=${join(directory, `${name}.ctl`)}`;
    await run(program, '--detach', '--no-chdir', '-vconsole:off', ...common, control, ...args);
    pidFiles.push(pidFile);
  };
  const databases = {
    nb: `unix:${join(directory, 'nb.sock')}`,
    sb: `unix:${join(directory, 'sb.sock')}`,
  };
  const stop = async (): Promise<void> => {
    for (const pidFile of pidFiles.reverse()) await terminate(pidFile);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const name of ['nb', 'sb']) {
      const file = join(directory, `${name}.db`);
      await run('ovsdb-tool', 'create', file, `${SCHEMAS}/ovn-${name}.ovsschema`);
      await daemon('ovsdb-server', name, `--remote=punix:${join(directory, `${name}.sock`)}`, file);
    }
    await daemon(
      'ovn-northd',
      'northd',
      `--ovnnb-db=${databases.nb}`,
      `--ovnsb-db=${databases.sb}`,
    );
    // As a daemon, so that a command does not begin by reading the whole database.
    await daemon('ovn-nbctl', 'nbctl', `--db=${databases.nb}`);
    const nbctl = (...args: string[]): Promise<string> =>
      run('ovs-appctl', `--target=${join(directory, 'nbctl.ctl')}`, 'run', ...args);
    await nbctl('init');
    await nbctl('ls-add', SWITCH);
    for (let from = 0; from < portCount; from += BATCH) {
      const count = Math.min(BATCH, portCount - from);
      await nbctl(
        ...Array.from({ length: count }, (_, at) => portCommand(from + at))
          .flat()
          .slice(1),
      );
    }
    await nbctl('--wait=sb', 'sync');
    let next = portCount;
    return {
      version: (await run('ovn-northd', '--version')).split('\n')[0] ?? '',
      async addPort() {
        const startedAt = machineNow();
        await nbctl('--wait=sb', ...portCommand(next++).slice(1));
        return machineNow() - startedAt;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Begins with the separator of commands. */
function portCommand(index: number): string[] {
  const name = `port${index}`;
  const addresses = `${formatMac(FIRST_MAC + index)} ${formatIpv4(FIRST_ADDRESS + index)}`;
  return [
    ...['--', 'lsp-add', SWITCH, name],
    ...['--', 'lsp-set-addresses', name, addresses],
    ...['--', 'lsp-set-port-security', name, addresses],
  ];
}

async function terminate(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
  if (pid <= 0) return;
  const deadline = systemClock.now() + STOP_TIMEOUT;
  for (let signal: NodeJS.Signals = 'SIGTERM'; signals(pid, signal); ) {
    if (systemClock.now() > deadline) signal = 'SIGKILL';
    await sleep(systemClock, millis(50));
  }
}

/** False once the process is gone. */
function signals(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

async function output(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) {
    throw new Error(
      `${program} ${args[0] ?? ''}: ${String(code)} ${Buffer.concat(errors).toString().trim()}`,
    );
  }
  return Buffer.concat(chunks).toString();
}
