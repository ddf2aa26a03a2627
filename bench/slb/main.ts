/**
 * `npm run bench -- slb`: the mux beside HAProxy, which a user would take instead, and the kernel's DNAT by nftables, which is its limit. New
 * connections and throughput are also measured with nobody between, which is the limit of client and backends.
 *
 *   --rounds N        rounds, at least 3 for figures to be published (3)
 *   --duration SEC    of each measurement (1)
 *   --only A,B        of throughput, connections, datagrams, latency, tables, programming, path (all)
 *
 * All are set up before the first round and take turns. Exits with 1 when ours could not be measured.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import { attempt } from '../../fabric/command.ts';
import {
  buildReport,
  formatFigure,
  formatReport,
  type Goal,
  type Sample,
  writeReport,
} from '../report.ts';
import { median } from '../statistics.ts';
import { treeVersion } from '../tree-version.ts';
import { sweepLabs } from './balancer-lab.ts';
import { CONTESTANTS, type Contestant, HAPROXY, NOBODY, WEFT } from './contestants.ts';
import { EXERCISES, type Exercise, MEASURES } from './exercises.ts';
import { program } from './programming.ts';
import { buildPrograms } from './programs.ts';
import { changeTables } from './tables.ts';
import { buildWholePath } from './whole-path.ts';

const THROUGHPUT = 'TCP through a virtual address';
const CONNECTIONS = 'new connections, request, response, close';
const LATENCY = '64 bytes there and back, nothing else going on';

const TABLES = 'a pool of 1,000 backends changes';
const PROGRAMMING = '1,000 addresses with 100 backends each';
const WHOLE_PATH = 'the whole path: edge, mux, host, machine';
const BACKENDS_OF_TABLE = 1_000;
/** Of the control plane: as many as leave the whole run within three minutes. */
const PROGRAMMING_ROUNDS_MAX = 2;

const GOALS: readonly Goal[] = [
  { scene: THROUGHPUT, measure: 'upload', peer: HAPROXY, min: 2 },
  { scene: THROUGHPUT, measure: 'download', peer: HAPROXY, min: 2 },
  { scene: THROUGHPUT, measure: 'downloadRate', peer: HAPROXY, min: 2 },
  { scene: CONNECTIONS, measure: 'balancerRate', peer: HAPROXY, min: 3 },
  { scene: LATENCY, measure: 'p99', max: 300 },
  { scene: TABLES, measure: 'made', max: 20 },
  { scene: PROGRAMMING, measure: 'programmed', max: 5 },
];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      duration: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
    },
  });
  const [rounds, sec] = [Number(values.rounds), Number(values.duration)];
  const only = values.only === '' ? undefined : values.only.split(',');
  const isWanted = (id: string) => only === undefined || only.includes(id);
  const exercises = EXERCISES.filter(({ id }) => isWanted(id));
  const [loadBefore = 0] = loadavg();
  await sweepLabs();
  await buildPrograms();
  const missing: Record<string, string> = {};
  const contestants: Contestant[] = [];
  const samples: Sample[] = [];
  const close = async () => {
    for (const each of contestants.splice(0)) await each.close();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void close().finally(() => process.exit(1)));
  }
  try {
    if (isWanted('tables')) samples.push(...(await tables()));
    for (let round = 1; round <= Math.min(rounds, PROGRAMMING_ROUNDS_MAX); round += 1) {
      if (isWanted('programming')) samples.push(...(await programming(round, missing)));
    }
    if (isWanted('path')) samples.push(...(await wholePath(rounds, sec, missing)));
    const wanted = exercises.length === 0 ? [] : Object.entries(CONTESTANTS);
    for (const [name, start] of wanted) {
      try {
        contestants.push(await start());
      } catch (thrown) {
        missing[name] = messageOf(thrown).slice(0, 300);
        console.log(`${name}: ${missing[name]}`);
      }
    }
    // Not measured: what runs for the first time runs slowly.
    for (const each of contestants) {
      for (const exercise of exercises)
        await play({ exercise, contestant: each, round: 0, sec: 1 }, missing);
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const exercise of exercises) {
        const turns: Sample[] = [];
        for (const contestant of contestants) {
          turns.push(...(await play({ exercise, contestant, round, sec }, missing)));
        }
        samples.push(...turns, ...balancersPart(turns));
      }
    }
  } finally {
    await close();
  }
  const report = buildReport({
    suite: 'slb',
    ours: WEFT,
    conditions: {
      'seconds of a measurement': sec,
      'load of the machine before': loadBefore.toFixed(2),
      ...(await versions()),
    },
    measures: MEASURES,
    samples,
    goals: GOALS.filter(({ scene }) => samples.some((sample) => sample.scene === scene)),
    missing,
  });
  console.log(`\n${formatReport(report)}`);
  console.log(writeReport(report));
  return missing[WEFT] === undefined ? 0 : 1;
}

async function tables(): Promise<Sample[]> {
  const changes = await changeTables(BACKENDS_OF_TABLE);
  const of = { scene: TABLES, contestant: WEFT, round: 1 };
  const figures: Readonly<Record<string, number>> = {
    made: median(changes.map(({ madeMs }) => madeMs)),
    inForce: median(changes.map(({ inForceMs }) => inForceMs)),
  };
  return told(of, figures);
}

async function programming(round: number, missing: Record<string, string>): Promise<Sample[]> {
  try {
    const shape = { balancers: 10, addressesOfEach: 100, backendsOfEach: 100, poolsOfEach: 1 };
    const { writtenSec, announcedSec, controllerSec, muxSec } = await program(shape);
    return told(
      { scene: PROGRAMMING, contestant: WEFT, round },
      {
        written: writtenSec,
        programmed: announcedSec,
        after: announcedSec - writtenSec,
        controller: controllerSec,
        mux: muxSec,
      },
    );
  } catch (thrown) {
    const key = `${PROGRAMMING}, round ${round}`;
    missing[key] = messageOf(thrown).slice(0, 300);
    console.log(`${key}: ${missing[key]}`);
    return [];
  }
}

async function wholePath(
  rounds: number,
  sec: number,
  missing: Record<string, string>,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  try {
    const path = await buildWholePath();
    try {
      for (let round = 1; round <= rounds; round += 1) {
        const upload = await path.upload(sec);
        const download = await path.download(sec);
        const connect = await path.connect(sec);
        const of = { scene: WHOLE_PATH, contestant: WEFT, round };
        samples.push(...told(of, { upload, download, connect }));
      }
    } finally {
      await path.close();
    }
  } catch (thrown) {
    missing[WHOLE_PATH] = messageOf(thrown).slice(0, 300);
    console.log(`${WHOLE_PATH}: ${missing[WHOLE_PATH]}`);
  }
  return samples;
}

/** Samples of these values, told on the screen. */
function told(
  of: Pick<Sample, 'scene' | 'contestant' | 'round'>,
  values: Readonly<Record<string, number>>,
): Sample[] {
  const all = Object.entries(values);
  const figures = all.map(([id, value]) => `${id} ${formatFigure(value)}`).join(', ');
  console.log(`round ${of.round}, ${of.scene}, ${of.contestant}: ${figures}`);
  return all.map(([measure, value]) => ({ ...of, measure, value }));
}

interface Turn {
  readonly exercise: Exercise;
  readonly contestant: Contestant;
  /** 0: not measured. */
  readonly round: number;
  readonly sec: number;
}

async function play(
  { exercise, contestant, round, sec }: Turn,
  missing: Record<string, string>,
): Promise<Sample[]> {
  if (!exercise.takesPart(contestant)) return [];
  const { name } = contestant;
  try {
    const values = await exercise.run(contestant, sec);
    return round === 0 ? [] : told({ scene: exercise.scene, contestant: name, round }, values);
  } catch (thrown) {
    const key = `${name}, ${exercise.scene}, round ${round}`;
    missing[key] = messageOf(thrown).slice(0, 300);
    console.log(`${key}: ${missing[key]}`);
    return [];
  }
}

/** Of the time that a connection takes on all processors, what it takes less with nobody between. */
function balancersPart(turns: readonly Sample[]): Sample[] {
  return PARTS.flatMap(({ time: id, own, rate }) => {
    const times = turns.filter(({ measure }) => measure === id);
    const ends = times.find(({ contestant }) => contestant === NOBODY)?.value;
    if (ends === undefined) return [];
    return times.flatMap((time) => {
      const value = time.value - ends;
      // In a run that others disturb it may be anything.
      if (time.contestant === NOBODY || value <= 0) return [];
      return [
        { ...time, measure: own, value },
        { ...time, measure: rate, value: 1000 / value },
      ];
    });
  });
}

/** Of a Gbit the times are in milliseconds, of a connection in microseconds: a thousand divided by them is Gbit/s, and thousands of connections. */
const PARTS = [
  { time: 'uploadTime', own: 'uploadOwnTime', rate: 'uploadRate' },
  { time: 'downloadTime', own: 'downloadOwnTime', rate: 'downloadRate' },
  { time: 'connectTime', own: 'balancerTime', rate: 'balancerRate' },
] as const;

async function versions(): Promise<Record<string, string>> {
  const { stdout } = await attempt(['haproxy', '-v']);
  const [line = ''] = stdout.split('\n');
  const [, version = 'unknown'] = /version ([^ ]+)/.exec(line) ?? [];
  return { [WEFT]: await treeVersion(), [HAPROXY]: version };
}

process.exitCode = await main();
