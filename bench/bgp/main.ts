/**
 * `npm run bench -- bgp`: our speaker beside BIRD 2, FRR and GoBGP. Each daemon gets the same bytes from the same feeders, selects, and tells
 * two receivers; then everything is withdrawn.
 *
 *   --rounds N        rounds, at least 3 for figures to be published (3); GoBGP takes part in the first, in the small scene
 *   --only A,B        contestants: weft, bird, frr, gobgp (all)
 *   --quick           a tenth of the routes
 *
 * Time is from the first byte of a feeder to the last prefix at the last receiver. Silence is the longest time in which some peer heard
 * nothing: the sessions' hold time is 3 s, and one that is lost makes the run fail. Exits with 1 when ours could not be measured.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import {
  buildReport,
  formatReport,
  type Goal,
  type Measure,
  type Sample,
  writeReport,
} from '../report.ts';
import { type Contestant, fullTable, HOLD_TIME_SEC, manyPeers, type Scene } from './contestant.ts';
import { BIRD, CONTESTANTS, FRR, WEFT } from './daemons.ts';
import { type Outcome, runScene, sweep } from './run.ts';

interface MeasureOf extends Measure {
  value(outcome: Outcome): number;
}

const MEASURES: readonly MeasureOf[] = [
  {
    ...{ id: 'announce', title: 'first route in to all routes out', unit: 's', better: 'lower' },
    value: ({ announceSec }) => announceSec,
  },
  {
    ...{ id: 'withdraw', title: 'all withdrawn', unit: 's', better: 'lower' },
    value: ({ withdrawSec }) => withdrawSec,
  },
  {
    ...{ id: 'cpu', title: 'processor time for both', unit: 's', better: 'lower' },
    value: ({ cpuSec }) => cpuSec,
  },
  {
    ...{ id: 'rss', title: 'memory with all routes, at its highest', unit: 'MB', better: 'lower' },
    value: ({ residentBytesMax }) => residentBytesMax / 1e6,
  },
  {
    ...{ id: 'silence', title: 'longest silence toward a peer', unit: 's', better: 'lower' },
    value: ({ silenceSec }) => silenceSec,
  },
];

interface Options {
  readonly rounds: number;
  readonly contestants: readonly string[];
  readonly scale: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', default: Object.keys(CONTESTANTS).join(',') },
      quick: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: Number(values.rounds),
    contestants: values.only.split(','),
    scale: values.quick ? 0.1 : 1,
  };
}

async function main({ rounds, contestants: names, scale }: Options): Promise<number> {
  const large = [fullTable(1_000_000 * scale, 200_000 * scale), manyPeers(10, 100_000 * scale)];
  const scenes = [...large, fullTable(50_000, 10_000)];
  const missing: Record<string, string> = {};
  const samples: Sample[] = [];
  const [loadBefore = 0] = loadavg();
  const contestants = names.flatMap((name): readonly Contestant[] => {
    const found = CONTESTANTS[name];
    if (found === undefined) missing[name] = `there are ${Object.keys(CONTESTANTS).join(', ')}`;
    return found === undefined ? [] : [found];
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void sweep().finally(() => process.exit(1)));
  }
  for (let round = 1; round <= rounds; round++) {
    for (const scene of scenes) {
      for (const contestant of contestants) {
        if (!takesPart(contestant, scene, round)) continue;
        samples.push(...(await play({ contestant, scene, round }, missing)));
      }
    }
  }
  const versions = await Promise.all(
    contestants.map(async (each) => [each.name, await each.version()] as const),
  );
  const report = buildReport({
    suite: 'bgp',
    ours: WEFT,
    conditions: {
      'hold time, seconds': HOLD_TIME_SEC,
      'receivers of every route': 2,
      'load of the machine before': loadBefore.toFixed(2),
      ...Object.fromEntries(versions),
    },
    measures: MEASURES,
    samples,
    goals: large.flatMap(goalsIn),
    missing,
  });
  console.log(`\n${formatReport(report)}`);
  console.log(writeReport(report));
  return samples.some(({ contestant }) => contestant === WEFT) ? 0 : 1;
}

function takesPart({ routesMax }: Contestant, { sessions }: Scene, round: number): boolean {
  if (routesMax === undefined) return true;
  return round === 1 && sessions.reduce((sum, { count }) => sum + count, 0) <= routesMax;
}

function goalsIn({ name: scene }: Scene): Goal[] {
  return [
    { scene, measure: 'announce', peer: FRR, max: 0.3 },
    { scene, measure: 'announce', peer: BIRD, max: 2 },
    { scene, measure: 'rss', peer: FRR, max: 1 },
    { scene, measure: 'silence', max: HOLD_TIME_SEC },
  ];
}

async function play(
  turn: { readonly contestant: Contestant; readonly scene: Scene; readonly round: number },
  missing: Record<string, string>,
): Promise<Sample[]> {
  const { contestant, scene, round } = turn;
  try {
    const outcome = await runScene(contestant, scene);
    const of = { scene: scene.name, contestant: contestant.name, round };
    const figures = MEASURES.map((each) => `${each.id} ${each.value(outcome).toFixed(2)}`);
    console.log(`round ${round}, ${scene.name}, ${contestant.name}: ${figures.join(', ')}`);
    return MEASURES.map((each) => ({ ...of, measure: each.id, value: each.value(outcome) }));
  } catch (thrown) {
    const key = `${contestant.name}, ${scene.name}, round ${round}`;
    missing[key] = messageOf(thrown);
    console.log(`${key}: ${missing[key]}`);
    return [];
  }
}

process.exitCode = await main(readOptions());
