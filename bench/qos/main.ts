/**
 * `npm run bench -- qos`: how exactly a bandwidth limit is kept, beside the kernel's token bucket. One TCP stream, and a flood of UDP at twice the
 * rate, through an interface that may send (outbound) or receive (inbound) so much. What the receiver gets is compared with what the limit
 * lets through; a limit counts the bytes of Ethernet frames, so headers are added to what iperf3 counts.
 *
 *   --rounds N        (3)        --duration SEC    of each measurement (4)
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import { iperf } from '../iperf.ts';
import {
  buildReport,
  formatReport,
  type Goal,
  type Measure,
  type Sample,
  writeReport,
} from '../report.ts';
import { STATION_MTU } from '../switch/contestant.ts';
import { sweepLab } from '../switch/lab.ts';
import type { Direction, LimitingContestant } from './contestant.ts';
import { startTrafficControl } from './traffic-control.ts';
import { startWeft, WEFT } from './weft.ts';

const LIMITS_MBPS = [10, 100, 1_000, 5_000] as const;
const DIRECTIONS: readonly Direction[] = ['outbound', 'inbound'];
const TCP: Measure = {
  id: 'tcp',
  title: 'TCP, 1 stream',
  unit: '% of the limit',
  better: 'higher',
};
const UDP: Measure = { id: 'udp', title: 'UDP flood', unit: '% of the limit', better: 'higher' };

/** "Accurate within 5 %", both ways. */
const GOALS: readonly Goal[] = DIRECTIONS.flatMap((direction) =>
  LIMITS_MBPS.flatMap((mbps) =>
    [TCP, UDP].flatMap(({ id }) => [
      { scene: sceneOf(direction, mbps), measure: id, min: 95 },
      { scene: sceneOf(direction, mbps), measure: id, max: 105 },
    ]),
  ),
);

const PORT = 5201;
const ETHERNET_BYTES = 14;
/** IPv4, TCP, and its timestamps option. */
const TCP_HEADER_BYTES = 20 + 20 + 12;
const UDP_HEADER_BYTES = 20 + 8;
const UDP_BYTES = 1_400;
/** Of what is sent to what may pass. */
const FLOOD = 2;
/** What iperf3 makes of such datagrams with a core to itself, with room to spare. */
const FLOOD_MBPS_MAX = 500;

interface Turn {
  readonly contestant: LimitingContestant;
  readonly direction: Direction;
  readonly mbps: number;
  readonly round: number;
}

async function main(rounds: number, durationSec: number): Promise<number> {
  await sweepLab();
  const contestants: LimitingContestant[] = [];
  const missing: Record<string, string> = {};
  const samples: Sample[] = [];
  try {
    for (const start of [startWeft, startTrafficControl]) contestants.push(await start());
    for (const turn of turns(rounds, contestants)) {
      try {
        samples.push(...(await play(turn, durationSec)));
      } catch (thrown) {
        const { contestant, direction, mbps, round } = turn;
        missing[`${contestant.name}, ${sceneOf(direction, mbps)}, round ${round}`] =
          messageOf(thrown);
      }
    }
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()));
    await sweepLab();
  }
  const versions = contestants.map(({ name, version }) => [name, version]);
  const report = buildReport({
    suite: 'qos',
    ours: WEFT,
    conditions: { seconds: durationSec, ...Object.fromEntries(versions) },
    measures: [TCP, UDP],
    samples,
    goals: GOALS.filter(({ scene, measure }) => isMeasured(samples, scene, measure)),
    missing,
  });
  console.log(`\n${formatReport(report)}`);
  console.log(writeReport(report));
  return Object.keys(missing).length === 0 ? 0 : 1;
}

/** A limit that the flood cannot exceed is tried with TCP only. */
function isMeasured(samples: readonly Sample[], scene: string, measure: string): boolean {
  return samples.some((sample) => sample.scene === scene && sample.measure === measure);
}

function* turns(rounds: number, contestants: readonly LimitingContestant[]): Generator<Turn> {
  for (let round = 1; round <= rounds; round++) {
    for (const direction of DIRECTIONS) {
      for (const mbps of LIMITS_MBPS) {
        for (const contestant of contestants) yield { contestant, direction, mbps, round };
      }
    }
  }
}

async function play(
  { contestant, direction, mbps, round }: Turn,
  durationSec: number,
): Promise<Sample[]> {
  await contestant.limit(direction, mbps);
  const scene = sceneOf(direction, mbps);
  const sample = ({ id }: Measure, goodputMbps: number, overhead: number): Sample => {
    const value = (100 * goodputMbps * overhead) / mbps;
    console.log(`round ${round}, ${scene}, ${contestant.name}: ${id} ${value.toFixed(1)} %`);
    return { scene, measure: id, contestant: contestant.name, round, value };
  };
  const time = ['-t', `${durationSec}`];
  // From the first second on: what a loss holds back in one interval counts in the next.
  const tcp = await iperf(contestant, PORT, time, durationSec);
  const segment = STATION_MTU - TCP_HEADER_BYTES;
  const samples = [sample(TCP, mbpsOf(tcp.sum_received), (STATION_MTU + ETHERNET_BYTES) / segment)];
  if (FLOOD * mbps > FLOOD_MBPS_MAX) return samples;
  const flood = ['-u', '-l', `${UDP_BYTES}`, '-b', `${FLOOD * mbps}M`, ...time];
  const udp = await iperf(contestant, PORT, flood, durationSec);
  const { packets = 0, lost_packets: lost = 0, seconds } = udp.sum_received;
  const received = ((packets - lost) * UDP_BYTES * 8) / seconds / 1e6;
  const frame = UDP_BYTES + UDP_HEADER_BYTES + ETHERNET_BYTES;
  samples.push(sample(UDP, received, frame / UDP_BYTES));
  return samples;
}

function mbpsOf({ bits_per_second: bps }: { readonly bits_per_second: number }): number {
  return bps / 1e6;
}

function sceneOf(direction: Direction, mbps: number): string {
  return `${direction}, ${mbps.toLocaleString('en')} Mbit/s`;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    duration: { type: 'string', default: '4' },
  },
});
process.exitCode = await main(Number(values.rounds), Number(values.duration));
