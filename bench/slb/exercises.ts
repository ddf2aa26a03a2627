/** What is measured of a balancer in the lab, with the same programs at the same ends for each. A call is one sample of each of its measures. Called by main.ts. */
import { run } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { iperf } from '../iperf.ts';
import type { Flood } from '../nat/generator.ts';
import { cpuSeconds } from '../process-cpu.ts';
import { quantile } from '../statistics.ts';
import { CLIENT, directAddress, ECHO_PORT, IPERF_PORT, VIP, WEB_PORT } from './addresses.ts';
import type { Contestant } from './contestants.ts';
import { NOBODY } from './names.ts';
import { connections, type Load, roundTrips } from './programs.ts';
import type { Exercise } from './turns.ts';

export const LAB_THROUGHPUT = 'in the lab: TCP through a virtual address';
export const LAB_CONNECTIONS = 'in the lab: new connections, request, response, close';
export const LAB_LATENCY = 'in the lab: 64 bytes there and back, nothing else going on';

export interface LabExercise extends Exercise<Contestant> {
  /** For --only. */
  readonly id: string;
}

const STREAMS = 4;
/** Connections that the client has under way at once. */
const AT_ONCE = 64;
const FLOWS = 64;
const ROUND_TRIPS = 2000;
const PAUSE_US = 300;

export const EXERCISES: readonly LabExercise[] = [
  {
    id: 'throughput',
    scene: LAB_THROUGHPUT,
    takesPart: () => true,
    async run(contestant, sec) {
      const [upload, uploadTime] = await transfer(contestant, sec, []);
      const [download, downloadTime] = await transfer(contestant, sec, ['-R']);
      return { upload, uploadTime, download, downloadTime };
    },
  },
  {
    id: 'connections',
    scene: LAB_CONNECTIONS,
    takesPart: () => true,
    run: connect,
  },
  {
    id: 'datagrams',
    scene: 'in the lab: UDP 64 B, 16 frames of a flow in a row',
    takesPart: ({ takesDatagrams }) => takesDatagrams,
    run: (contestant, sec) => flood(contestant, 16, sec),
  },
  {
    id: 'datagrams',
    scene: 'in the lab: UDP 64 B, no two frames of a flow in a row',
    takesPart: ({ takesDatagrams }) => takesDatagrams,
    run: (contestant, sec) => flood(contestant, 1, sec),
  },
  {
    id: 'latency',
    scene: LAB_LATENCY,
    takesPart: ({ name }) => name !== NOBODY,
    run: roundTrip,
  },
];

/** Gbit/s, and milliseconds of all processors for one of them. */
async function transfer(
  { lab, address }: Contestant,
  sec: number,
  direction: readonly string[],
): Promise<readonly [rate: number, timeMs: number]> {
  const [backend = ''] = lab.backends;
  const ends = { client: { namespace: lab.client }, server: { namespace: backend, address } };
  const flags = ['-t', `${sec}`, '-P', `${STREAMS}`, ...direction];
  const pids = lab.pids();
  const before = cpuSeconds(pids);
  const { sum_received, cpu_utilization_percent: percent } = await iperf(
    ends,
    IPERF_PORT,
    flags,
    sec,
  );
  const others = cpuSeconds(pids) - before;
  const { bits_per_second: rate, seconds } = sum_received;
  const own = ((percent.host_total + percent.remote_total) / 100) * seconds;
  return [rate / 1e9, ((own + others) * 1e3) / ((rate * seconds) / 1e9)];
}

async function connect(
  { lab, address }: Contestant,
  sec: number,
): Promise<Readonly<Record<string, number>>> {
  const pids = lab.pids();
  const before = cpuSeconds(pids);
  const argv = ['load', address, `${WEB_PORT}`, `${sec}`, `${AT_ONCE}`];
  const output = await run(inNamespace(lab.client, [connections(), ...argv]));
  const { completed, failed, sec: took, cpuSec } = JSON.parse(output) as Load;
  if (completed === 0) throw new Error(`no connection completed, ${failed} failed`);
  return {
    connect: completed / took / 1000,
    connectTime: ((cpuSec + cpuSeconds(pids) - before) / completed) * 1e6,
    failed: (failed / (completed + failed)) * 100,
  };
}

async function flood(
  { lab }: Contestant,
  train: number,
  sec: number,
): Promise<Readonly<Record<string, number>>> {
  await lab.takeNoDatagrams();
  try {
    const pids = lab.program === undefined ? [] : [lab.program];
    const [before, ownBefore] = [await lab.received(), cpuSeconds(pids)];
    const generator = programPath('bench/nat/generator.js');
    const to = ['eth0', await lab.uplinkMac(), CLIENT, VIP, `${FLOWS}`, `${train}`, `${sec}`];
    const output = await run(inNamespace(lab.client, [process.execPath, generator, ...to]));
    const { sent, cpuSec } = JSON.parse(output) as Flood;
    const [received, own] = [(await lab.received()) - before, cpuSeconds(pids) - ownBefore];
    if (sent === 0 || received === 0) throw new Error(`${sent} sent, ${received} received`);
    return {
      datagrams: received / sec / 1000,
      frameTime: (cpuSec / sent + own / received) * 1e6,
      ...(own > 0 && { datagramRate: received / own / 1000 }),
    };
  } finally {
    await lab.takeDatagrams();
  }
}

/** What the balancer adds to the direct path, at each quantile; both ways are asked in turns by one program. */
async function roundTrip({ lab, address }: Contestant): Promise<Readonly<Record<string, number>>> {
  const port = `${ECHO_PORT}`;
  const ways = [address, port, directAddress(1), port];
  const times = [`${ROUND_TRIPS}`, `${PAUSE_US}`];
  const argv = [roundTrips(), 'measure', ...ways, ...times] as const;
  const output = await run(inNamespace(lab.client, argv));
  const pairs = output
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  const [through, direct] = [0, 1].map((way) => pairs.map((pair) => pair[way] ?? 0));
  const added = (share: number) => quantile(through ?? [], share) - quantile(direct ?? [], share);
  return { p50: added(0.5), p99: added(0.99) };
}
