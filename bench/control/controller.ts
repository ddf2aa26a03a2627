/** A real controller, `controller/main.js`, in a directory of its own, with its certificates; and how much of the machine it takes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { defined } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { createNorthboundClient, type NorthboundClient } from '../../fabric/northbound-client.ts';
import { openCertificateAuthority } from '../../identity/certificate-authority.ts';
import { cpuSeconds } from '../process-cpu.ts';
import type { HostFiles } from './host-process.ts';

export interface BenchController {
  readonly client: NorthboundClient;
  /** For agents. */
  readonly southbound: string;
  /** Certificates and state of a host, or of another role's process. */
  host(id: string, kind?: 'host' | 'mux'): Promise<HostFiles>;
  cpuSec(): number;
  residentBytes(): number;
  residentBytesMax(): number;
  stop(): Promise<void>;
}

export async function startController(): Promise<BenchController> {
  const state = await mkdtemp(join(tmpdir(), 'weft-bench-control-'));
  const authority = await openCertificateAuthority({
    directory: join(state, 'pki'),
    clock: systemClock,
  });
  const own = await authority.ensure({ name: 'controller', kind: 'controller' });
  const admin = await authority.ensure({ name: 'admin', kind: 'client' });
  const southbound = `unix:${join(state, 'southbound.sock')}`;
  const program = fileURLToPath(new URL('../../controller/main.js', import.meta.url));
  const files = ['--ca', own.ca, '--cert', own.cert, '--key', own.key];
  const addresses = ['--listen', '127.0.0.1:0', '--southbound', southbound];
  const log = openSync(join(state, 'controller.log'), 'a');
  const child = spawn(process.execPath, [program, '--state', state, ...files, ...addresses], {
    stdio: ['ignore', 'pipe', log],
    env: { ...process.env, WEFT_LOG: 'warn' },
  });
  const pid = defined(child.pid, 'pid of the controller');
  const url = await readyUrl(child).catch((error: unknown) => {
    throw new Error(`${String(error)}; see ${join(state, 'controller.log')}`);
  });
  const client = createNorthboundClient({ url, ca: admin.ca, cert: admin.cert, key: admin.key });
  return {
    client,
    southbound,
    async host(id, kind = 'host') {
      const { ca, cert, key } = await authority.ensure({ name: id, kind });
      return { id, ca, cert, key, savedGoal: join(state, id, 'goal-state.bin') };
    },
    cpuSec: () => cpuSeconds([pid]),
    residentBytes: () => memoryOf(pid, 'VmRSS'),
    residentBytesMax: () => memoryOf(pid, 'VmHWM'),
    async stop() {
      client.close();
      if (child.exitCode === null) {
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
      }
      await rm(state, { recursive: true, force: true });
    },
  };
}

async function readyUrl(child: ChildProcess): Promise<string> {
  const output = defined(child.stdout, 'standard output');
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the controller ended with ${String(code)} before it was ready`);
  });
  const line = once(createInterface({ input: output }), 'line').then(([first]) => String(first));
  const ready: { readonly northbound?: string } = JSON.parse(await Promise.race([line, gone]));
  gone.catch(() => undefined);
  return defined(ready.northbound, 'address of the northbound');
}

/** proc_pid_status(5); kB there are KiB. */
function memoryOf(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kibibytes = ''] = new RegExp(`^${field}:\\s+([0-9]+) kB$`, 'm').exec(status) ?? [];
  return Number(kibibytes) * 1024;
}
