/**
 * Stock programs between two stations: iperf3, and any program that serves at one while something else runs at the other. Called by the
 * suites that send real traffic.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { sleep, systemClock } from '../base/clock.ts';
import { type Millis, millis, seconds } from '../base/units.ts';
import { type Argv, run } from '../fabric/command.ts';
import { inNamespace } from '../fabric/namespaces.ts';

const STARTED_WITHIN: Millis = seconds(10);
/** Beyond the duration itself: connecting, exchanging results, a busy machine. */
const GRACE_SEC = 30;

/** A network namespace with an address. */
interface Station {
  /** Name under /run/netns. */
  readonly namespace: string;
  readonly address: string;
}

interface Ends {
  readonly client: Pick<Station, 'namespace'>;
  readonly server: Station;
}

/** What `-J` tells at the end of a run. */
export interface IperfEnd {
  readonly sum_received: {
    readonly seconds: number;
    readonly bits_per_second: number;
    /** UDP only: sent, as the receiver's sequence numbers tell. */
    readonly packets?: number;
    readonly lost_packets?: number;
  };
  /** Processor time of the programs, in percent of the run's. */
  readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number };
}

/** iperf3 from client to server, for `durationSec` beside what `args` leave out. */
export async function iperf(
  scene: Ends,
  port: number,
  args: readonly string[],
  durationSec: number,
): Promise<IperfEnd> {
  const server = ['iperf3', '-s', '-1', '--forceflush', '-p', `${port}`] as const;
  const client = ['iperf3', '-c', scene.server.address, '-p', `${port}`, '-J', ...args] as const;
  const timeout = seconds(durationSec + GRACE_SEC);
  const output = await withServer(scene.server, server, 'listening', () =>
    run(inNamespace(scene.client.namespace, client), { timeout }),
  );
  const { end }: { readonly end: IperfEnd } = JSON.parse(output);
  return end;
}

/** Runs `body` while `argv` serves at the station, from when it has printed `readyWord` on. */
export async function withServer<T>(
  station: Station,
  argv: Argv,
  readyWord: string,
  body: () => Promise<T>,
): Promise<T> {
  const [program, ...args] = inNamespace(station.namespace, argv);
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await ready(server, readyWord);
    return await body();
  } finally {
    server.kill('SIGKILL');
  }
}

async function ready(server: ChildProcess, word: string): Promise<void> {
  let output = '';
  server.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const start = systemClock.now();
  while (!output.includes(word)) {
    if (server.exitCode !== null) throw new Error(`${server.spawnargs.join(' ')} ended: ${output}`);
    if (systemClock.now() - start > STARTED_WITHIN) {
      throw new Error(`${server.spawnargs.join(' ')} never said '${word}'`);
    }
    await sleep(systemClock, millis(10));
  }
}
