/**
 * What is measured between two stations, with the same stock programs for every contestant: iperf3, ping, and a C loop that
 * connects, exchanges a byte and closes (connect-rate.c). Each call is one sample.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Argv, attempt, run } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { iperf, withServer } from '../iperf.ts';
import type { Measure, Sample } from '../report.ts';
import { median } from '../statistics.ts';
import type { Scene } from './contestant.ts';

/** Values of one sample by the measure's id. */
export type Values = Readonly<Record<string, number>>;

/** One program run between client and server, which yields one or more measures. */
export interface Exercise {
  readonly id: string;
  readonly measures: readonly Measure[];
  /** Whether it says something about a filter that keeps the state of connections. */
  readonly isStateful: boolean;
  run(scene: Scene, durationSec: number): Promise<Values>;
}

const TCP_PORT = 5201;
const UDP_PORT = 5202;
const CONNECT_PORT = 5203;
/** TCP ports that a filter between the stations must let through. */
export const MEASURED_PORTS: readonly number[] = [TCP_PORT, CONNECT_PORT];
const UDP_BYTES = 64;
const PING_COUNT = 20_000;

export const exercises: readonly Exercise[] = [
  {
    id: 'tcp',
    isStateful: true,
    measures: [higher('tcp', 'TCP, 1 stream', 'Gbit/s')],
    async run(scene, durationSec) {
      const end = await iperf(scene, TCP_PORT, ['-t', `${durationSec}`], durationSec);
      return { tcp: end.sum_received.bits_per_second / 1e9 };
    },
  },
  {
    id: 'udp',
    isStateful: false,
    measures: [
      higher('udp', 'UDP 64 B, received', 'Mbit/s'),
      higher('udpPackets', 'UDP 64 B, received', 'kpps'),
    ],
    async run(scene, durationSec) {
      const flood = ['-u', '-l', `${UDP_BYTES}`, '-b', '0', '-t', `${durationSec}`];
      const { sum_received: received } = await iperf(scene, UDP_PORT, flood, durationSec);
      const packets = (received.packets ?? 0) - (received.lost_packets ?? 0);
      const perSecond = packets / received.seconds;
      return { udp: (perSecond * UDP_BYTES * 8) / 1e6, udpPackets: perSecond / 1e3 };
    },
  },
  {
    id: 'rtt',
    isStateful: false,
    measures: [
      lower('rtt', 'flood ping, average', 'µs'),
      lower('rttMedian', 'flood ping, median', 'µs'),
    ],
    async run(scene, durationSec) {
      // -i 0 is a flood that prints every reply. Its exit code only tells whether the time sufficed for all of them.
      const count = ['-c', `${PING_COUNT}`, '-w', `${2 * durationSec}`];
      const argv: Argv = ['ping', '-n', '-i', '0', ...count, scene.server.address];
      const { stdout } = await attempt(inNamespace(scene.client.namespace, argv));
      const times = [...stdout.matchAll(/ time=([0-9.]+) ms/g)].map((match) => Number(match[1]));
      if (times.length === 0) throw new Error(`no answer from ${scene.server.address}`);
      const average = times.reduce((sum, time) => sum + time, 0) / times.length;
      return { rtt: average * 1e3, rttMedian: median(times) * 1e3 };
    },
  },
  {
    id: 'connect',
    isStateful: true,
    measures: [higher('connect', 'new TCP connections', '1/s')],
    async run(scene, durationSec) {
      const { address } = scene.server;
      const server = [connectRate(), 'server', `${CONNECT_PORT}`] as const;
      const client = [
        connectRate(),
        'client',
        address,
        `${CONNECT_PORT}`,
        `${durationSec}`,
      ] as const;
      const output = await withServer(scene.server, server, 'ready', () =>
        run(inNamespace(scene.client.namespace, client)),
      );
      return { connect: Number(output) };
    },
  },
];

/** Builds connect-rate.c; idempotent. */
export async function buildPrograms(): Promise<void> {
  mkdirSync(new URL('./', import.meta.url), { recursive: true });
  const source = fileURLToPath(new URL('../../../bench/switch/connect-rate.c', import.meta.url));
  await run(['cc', '-O2', '-Wall', '-o', connectRate(), source]);
}

/** The samples of one exercise in one round. */
export function samplesOf(
  exercise: Exercise,
  values: Values,
  of: { readonly scene: string; readonly contestant: string; readonly round: number },
): Sample[] {
  return exercise.measures.map(({ id }) => ({
    ...of,
    measure: id,
    value: values[id] ?? Number.NaN,
  }));
}

function connectRate(): string {
  return fileURLToPath(new URL('./connect-rate', import.meta.url));
}

function higher(id: string, title: string, unit: string): Measure {
  return { id, title, unit, better: 'higher' };
}

function lower(id: string, title: string, unit: string): Measure {
  return { id, title, unit, better: 'lower' };
}
