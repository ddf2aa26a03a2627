/**
 * `npm run bench -- switch`: our switch beside the kernel's bridge and VXLAN and beside Open vSwitch, on one host and across two, without
 * policy and with a hundred stateful rules (Open vSwitch: its user-space connection tracker).
 *
 *   --rounds N        rounds, at least 3 for figures to be published (3)
 *   --duration SEC    of each throughput measurement (4)
 *   --only A,B        contestants: weft, bridge, vxlan, ovs, ovs-tso (all)
 *   --exercises A,B   tcp, udp, rtt, connect, idle (all)
 *
 * All contestants are set up before the first round and take turns, exercise by exercise, so that whatever else the machine does
 * meets all of them alike. Exits with 1 when ours could not be measured.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { sleep, systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { seconds } from '../../base/units.ts';
import { cpuSeconds } from '../process-cpu.ts';
import {
  buildReport,
  formatReport,
  type Goal,
  type Measure,
  type Sample,
  writeReport,
} from '../report.ts';
import {
  ACROSS_HOSTS,
  ACROSS_HOSTS_GUARDED,
  type Contestant,
  SAME_HOST,
  SAME_HOST_GUARDED,
  SCENES,
  STATION_MTU,
} from './contestant.ts';
import { proveReachable, sweepLab } from './lab.ts';
import { startKernelVxlan, startLinuxBridge } from './linux-kernel.ts';
import { startOpenVswitch } from './open-vswitch.ts';
import { buildPrograms, type Exercise, exercises, samplesOf } from './traffic.ts';
import { startWeft, WEFT } from './weft.ts';

const STARTERS: Readonly<Record<string, () => Promise<Contestant>>> = {
  bridge: startLinuxBridge,
  vxlan: startKernelVxlan,
  ovs: () => startOpenVswitch({ tso: false }),
  'ovs-tso': () => startOpenVswitch({ tso: true }),
  weft: startWeft,
};

const IDLE: Measure = {
  id: 'idle',
  title: 'processor, nobody talking',
  unit: '% of a core per host',
  better: 'lower',
};
const REASON_CHARS_MAX = 300;
const IDLE_SCENE = 'idle';

const GUARDED: readonly string[] = [SAME_HOST_GUARDED, ACROSS_HOSTS_GUARDED];

const GOALS: readonly Goal[] = [
  { scene: SAME_HOST, measure: 'tcp', peer: 'bridge + veth', min: 0.5 },
  { scene: SAME_HOST, measure: 'tcp', peer: 'OVS with TSO', min: 1.1 },
  { scene: SAME_HOST, measure: 'udp', peer: 'OVS with TSO', min: 1.2 },
  { scene: SAME_HOST, measure: 'rtt', peer: 'OVS', max: 1 },
  { scene: SAME_HOST, measure: 'rtt', peer: 'OVS with TSO', max: 1 },
  { scene: ACROSS_HOSTS, measure: 'tcp', peer: 'OVS', min: 3 },
  { scene: ACROSS_HOSTS, measure: 'tcp', peer: 'kernel VXLAN', min: 0.25 },
  { scene: SAME_HOST_GUARDED, measure: 'connect', peer: 'OVS', min: 1 },
  { scene: SAME_HOST_GUARDED, measure: 'connect', peer: 'OVS with TSO', min: 1 },
  { scene: ACROSS_HOSTS_GUARDED, measure: 'connect', peer: 'OVS', min: 1 },
  { scene: IDLE_SCENE, measure: 'idle', max: 1 },
];

interface Options {
  readonly rounds: number;
  readonly durationSec: number;
  readonly contestants: readonly string[];
  readonly exercises: readonly string[];
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      duration: { type: 'string', default: '4' },
      only: { type: 'string', default: Object.keys(STARTERS).join(',') },
      exercises: { type: 'string', default: [...exercises.map(({ id }) => id), 'idle'].join(',') },
    },
  });
  return {
    rounds: Number(values.rounds),
    durationSec: Number(values.duration),
    contestants: values.only.split(','),
    exercises: values.exercises.split(','),
  };
}

async function main(options: Options): Promise<number> {
  await sweepLab();
  await buildPrograms();
  const missing: Record<string, string> = {};
  const contestants: Contestant[] = [];
  const samples: Sample[] = [];
  const [loadBefore = 0] = loadavg();
  const stopAll = async (): Promise<void> => {
    await Promise.all(contestants.splice(0).map((contestant) => contestant.stop()));
    await sweepLab();
  };
  let isInterrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isInterrupted = true;
      void stopAll().finally(() => process.exit(1));
    });
  }
  try {
    for (const name of options.contestants) await start(name, contestants, missing);
    for (let round = 1; round <= options.rounds; round++) {
      samples.push(...(await playRound(round, contestants, options, missing)));
    }
    if (isInterrupted) return 1;
    const report = buildReport({
      suite: 'switch',
      ours: WEFT,
      conditions: {
        seconds: options.durationSec,
        'station MTU': STATION_MTU,
        'load of the machine before': loadBefore,
        ...Object.fromEntries(contestants.map(({ name, version }) => [name, version])),
      },
      measures: [...exercises.flatMap(({ measures }) => measures), IDLE],
      samples,
      goals: contestants.some(({ name }) => name === WEFT) ? GOALS : [],
      missing,
    });
    console.log(`\n${formatReport(report)}`);
    console.log(writeReport(report));
  } finally {
    await stopAll();
  }
  return Object.keys(missing).length === 0 ? 0 : 1;
}

async function start(
  name: string,
  contestants: Contestant[],
  missing: Record<string, string>,
): Promise<void> {
  try {
    const starter = STARTERS[name];
    if (starter === undefined) throw new Error(`there are ${Object.keys(STARTERS).join(', ')}`);
    const contestant = await starter();
    contestants.push(contestant);
    for (const { client, server } of contestant.scenes) {
      await proveReachable(client, server);
    }
    console.log(`${contestant.name}: ready, ${contestant.version}`);
  } catch (thrown) {
    missing[name] = reasonOf(thrown);
    console.log(`${name}: ${missing[name]}`);
  }
}

/** A program's last words are at the end, after all it printed. */
function reasonOf(thrown: unknown): string {
  const message = messageOf(thrown);
  return message.length <= REASON_CHARS_MAX ? message : `…${message.slice(-REASON_CHARS_MAX)}`;
}

/** Every exercise in every scene by every contestant, taking turns. */
async function playRound(
  round: number,
  contestants: readonly Contestant[],
  options: Options,
  missing: Record<string, string>,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const exercise of exercises.filter(({ id }) => options.exercises.includes(id))) {
    for (const scene of SCENES.filter((name) => exercise.isStateful || !GUARDED.includes(name))) {
      for (const contestant of contestants) {
        const turn = { exercise, scene, contestant, round };
        try {
          samples.push(...(await playTurn(turn, options.durationSec)));
        } catch (thrown) {
          const key = `${contestant.name}, ${scene}, ${exercise.id}, round ${round}`;
          missing[key] = reasonOf(thrown);
          console.log(`${key}: ${missing[key]}`);
        }
      }
    }
  }
  if (options.exercises.includes('idle')) {
    samples.push(...(await measureIdle(round, contestants, options.durationSec)));
  }
  return samples;
}

async function playTurn(
  turn: {
    readonly exercise: Exercise;
    readonly scene: string;
    readonly contestant: Contestant;
    readonly round: number;
  },
  durationSec: number,
): Promise<Sample[]> {
  const { exercise, contestant, round } = turn;
  const scene = contestant.scenes.find(({ name }) => name === turn.scene);
  if (scene === undefined) return [];
  const values = await exercise.run(scene, durationSec);
  const of = { scene: scene.name, contestant: contestant.name, round };
  const samples = samplesOf(exercise, values, of);
  const figures = samples.map(({ measure, value }) => `${measure} ${value.toFixed(2)}`);
  console.log(`round ${round}, ${scene.name}, ${contestant.name}: ${figures.join(', ')}`);
  return samples;
}

/** Processor time of the forwarding processes while nothing is sent. */
async function measureIdle(
  round: number,
  contestants: readonly Contestant[],
  durationSec: number,
): Promise<Sample[]> {
  const active = contestants.filter(({ processes }) => processes.length > 0);
  const before = active.map(({ processes }) => cpuSeconds(processes));
  const start = systemClock.now();
  await sleep(systemClock, seconds(durationSec));
  const elapsedSec = (systemClock.now() - start) / 1000;
  return active.map(({ name, processes, hostCount }, index) => {
    const usedSec = cpuSeconds(processes) - (before[index] ?? 0);
    const value = (100 * usedSec) / elapsedSec / hostCount;
    return { scene: IDLE_SCENE, measure: IDLE.id, contestant: name, round, value };
  });
}

process.exitCode = await main(readOptions());
