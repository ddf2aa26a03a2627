/**
 * A VM of a topology: runs commands in it, sends real traffic from it, injects raw frames and captures what arrives. Results are plain
 * values; judging them is the test's business, except where a method's name says that it waits or verifies.
 */

import type { Millis } from '../../base/units.ts';
import {
  type Argv,
  attempt,
  type CommandOptions,
  type CommandResult,
} from '../../fabric/command.ts';
import { programPath } from '../../fabric/roles.ts';
import { streamHash } from '../../fabric/tcp-probe.ts';
import { inVm, type VmRecord } from '../../fabric/vm.ts';
import { type Capture, startCapture } from './capture.ts';
import { eventually } from './eventually.ts';
import { type Program, startProgram } from './program.ts';

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  readonly rttAverageMs: number | undefined;
}

export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  readonly host: string;
  readonly record: VmRecord;
  /** Runs a command in the VM to its end, whatever its exit code. */
  run(argv: Argv, options?: CommandOptions): Promise<CommandResult>;
  /** Starts a program in the VM; see startProgram for `ready`. */
  start(argv: Argv, ready?: string | RegExp): Promise<Program>;
  ping(address: string, options?: PingOptions): Promise<PingResult>;
  /** Pings until an answer comes; rejects when none does. */
  reaches(target: Machine | string, within?: Millis): Promise<void>;
  /** A TCP stream of that many bytes from `server` to this VM, verified by hash; rejects unless it is whole. */
  download(server: Machine, bytes: number): Promise<{ readonly bitsPerSec: number }>;
  /** Datagrams to `server` that it answers one by one. */
  askUdp(
    server: Machine,
    options: { readonly count: number; readonly payloadBytes: number },
  ): Promise<{ readonly sent: number; readonly answered: number }>;
  /** iperf3 from this VM to `server`; `address`: by which it is reached, default its own. */
  iperf3(
    server: Machine,
    options?: {
      readonly durationSec?: number;
      readonly args?: readonly string[];
      readonly address?: string;
    },
  ): Promise<{ readonly bitsPerSec: number }>;
  /** Sends frames, from the Ethernet header on, as they are: past this VM's own network stack. */
  inject(frames: readonly Uint8Array[]): Promise<void>;
  /** Captures on the VM's interface. */
  capture(filter?: string, options?: { readonly inbound?: boolean }): Promise<Capture>;
}

export interface PingOptions {
  readonly count?: number;
  /** ICMP payload. */
  readonly payloadBytes?: number;
  readonly timeoutSec?: number;
}

const TCP_PORT = 7071;
const UDP_PORT = 7072;
const IPERF_PORT = 5201;

export function machine(record: VmRecord): Machine {
  const run: Machine['run'] = (argv, options) => attempt(inVm(record, argv), options);
  const start: Machine['start'] = (argv, ready) => startProgram(record.namespace, argv, ready);
  const ping: Machine['ping'] = async (address, options = {}) => {
    const { count = 1, payloadBytes = 56, timeoutSec = 1 } = options;
    const { stdout } = await run([
      ...(['busybox', 'ping', '-c', String(count), '-i', '0.05'] as const),
      ...['-s', String(payloadBytes), '-W', String(timeoutSec), address],
    ]);
    return parsePing(stdout);
  };
  return {
    name: record.name,
    address: record.address,
    mac: record.mac,
    host: record.host,
    record,
    run,
    start,
    ping,
    async reaches(target, within) {
      const address = typeof target === 'string' ? target : target.address;
      const answered = async (): Promise<boolean> => (await ping(address)).received > 0;
      await eventually(`${record.name} reaches ${address}`, answered, within);
    },
    async download(server, bytes) {
      return withServer(
        server,
        probe('fabric/tcp-probe.js', 'serve', server.name, String(TCP_PORT)),
        async () => {
          const fetch = probe(
            'fabric/tcp-probe.js',
            'fetch',
            server.address,
            `${TCP_PORT}`,
            `${bytes}`,
          );
          const answer = parseJson(await run(fetch)) as FetchAnswer;
          if (answer.name !== server.name || answer.sha256 !== streamHash(bytes))
            throw new Error(
              `download of ${bytes} bytes from ${server.name}: got ${answer.bytes} from ${answer.name}, damaged`,
            );
          return { bitsPerSec: (bytes * 8 * 1000) / answer.elapsedMs };
        },
      );
    },
    askUdp(server, { count, payloadBytes }) {
      return withServer(
        server,
        probe('test/kit/udp-probe.js', 'serve', `${UDP_PORT}`),
        async () => {
          const sizes = [String(count), String(payloadBytes)];
          const ask = probe(
            'test/kit/udp-probe.js',
            'ask',
            server.address,
            `${UDP_PORT}`,
            ...sizes,
          );
          return parseJson(await run(ask)) as { sent: number; answered: number };
        },
      );
    },
    iperf3(server, { durationSec = 1, args = [], address = server.address } = {}) {
      const serve: Argv = ['iperf3', '-s', '-1', '--forceflush', '-p', String(IPERF_PORT)];
      return withServer(
        server,
        serve,
        async () => {
          const answer = parseJson(
            await run([
              ...(['iperf3', '-J', '-c', address, '-p', String(IPERF_PORT)] as const),
              ...['-t', String(durationSec), ...args],
            ]),
          ) as IperfAnswer;
          const sum = answer.end.sum_received ?? answer.end.sum;
          return { bitsPerSec: sum?.bits_per_second ?? 0 };
        },
        /listening on/i,
      );
    },
    async inject(frames) {
      const injector = await start(probe('test/kit/frame-injector.js', record.device), 'ready');
      for (const frame of frames) injector.write(`${Buffer.from(frame).toString('hex')}\n`);
      const code = await injector.end();
      if (code !== 0) throw new Error(`injection into ${record.name}: ${injector.stderr()}`);
    },
    capture: (filter = '', options = {}) =>
      startCapture({
        namespace: record.namespace,
        device: record.device,
        filter,
        inbound: options.inbound ?? false,
      }),
  };
}

async function withServer<T>(
  server: Machine,
  argv: Argv,
  use: () => Promise<T>,
  ready: string | RegExp = 'ready',
): Promise<T> {
  const program = await server.start(argv, ready);
  try {
    return await use();
  } finally {
    await program.stop('SIGKILL');
  }
}

interface FetchAnswer {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly elapsedMs: number;
}

interface IperfAnswer {
  readonly end: {
    readonly sum?: { readonly bits_per_second: number };
    readonly sum_received?: { readonly bits_per_second: number };
  };
}

function probe(program: string, ...args: readonly string[]): Argv {
  return [process.execPath, programPath(program), ...args];
}

function parseJson(result: CommandResult): unknown {
  if (result.code !== 0) throw new Error(result.stderr.trim() || result.stdout.trim());
  return JSON.parse(result.stdout);
}

function parsePing(text: string): PingResult {
  const counts = /(\d+) packets transmitted, (\d+) packets received/.exec(text);
  const rtt = /min\/avg\/max = [\d.]+\/([\d.]+)\//.exec(text)?.[1];
  return {
    sent: Number(counts?.[1] ?? 0),
    received: Number(counts?.[2] ?? 0),
    rttAverageMs: rtt === undefined ? undefined : Number(rtt),
  };
}
