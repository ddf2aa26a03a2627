/**
 * `npm run bench -- control`: the controller with many hosts, networks and interfaces. Real controller process, real northbound API over
 * TLS, LevelDB on disk, real streams with certificates; only the switches behind the agents are missing.
 *
 *   --nics A,B,…    sizes, ascending; ten interfaces to a virtual network (1000,5000,10000)
 *   --hosts N       simulated hosts (100)
 *   --changes N     per round and size (200)
 *   --rounds N      (3)
 *   --ports N       size of the one network that gets a port more, here and in OVN; 0: left out (5000)
 *   --seed N        of the choice of interfaces (1)
 *
 * A change is a PUT of a networkInterface with another address. It is applied when the last of the ten hosts that its network is on
 * has been handed the mapping. Exits with 1 when something could not be measured.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import { seededRng } from '../../base/rng.ts';
import {
  buildReport,
  formatReport,
  type Goal,
  type Measure,
  type Sample,
  writeReport,
} from '../report.ts';
import { median, quantile } from '../statistics.ts';
import { type OvnCentral, startOvnCentral } from './ovn.ts';
import { World } from './world.ts';

const WEFT = 'weft';
const OVN = 'OVN, northd alone';
const NETWORK_SIZE = 10;
const SUSTAINED_SEC = 4;
/** Of one round: the median counts. */
const PORTS_PER_ROUND = 3;
const GROWTH_SCENE = 'growth';

const MEASURES: readonly Measure[] = [
  { id: 'load', title: 'making the network', unit: 'writes/s', better: 'higher' },
  { id: 'p50', title: 'change to applied, one at a time, P50', unit: 'ms', better: 'lower' },
  { id: 'p99', title: 'change to applied, one at a time, P99', unit: 'ms', better: 'lower' },
  { id: 'cpu', title: 'processor time of the controller per change', unit: 'ms', better: 'lower' },
  { id: 'writes', title: 'changes applied, 16 under way', unit: 'changes/s', better: 'higher' },
  { id: 'busy-p50', title: 'change to applied, 16 under way, P50', unit: 'ms', better: 'lower' },
  { id: 'busy-p99', title: 'change to applied, 16 under way, P99', unit: 'ms', better: 'lower' },
  { id: 'rss', title: 'memory of the controller', unit: 'MB', better: 'lower' },
  { id: 'rss-max', title: 'memory of the controller at its highest', unit: 'MB', better: 'lower' },
  { id: 'add-port', title: 'one port more', unit: 'ms', better: 'lower' },
  {
    id: 'cost-growth',
    title: 'processor time per change, largest ÷ smallest',
    unit: '×',
    better: 'lower',
  },
];

interface Options {
  readonly sizes: readonly number[];
  readonly hostCount: number;
  readonly changes: number;
  readonly rounds: number;
  readonly ports: number;
  readonly seed: number;
}

interface Run {
  readonly options: Options;
  readonly samples: Sample[];
  readonly missing: Record<string, string>;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      nics: { type: 'string', default: '1000,5000,10000' },
      hosts: { type: 'string', default: '100' },
      changes: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '3' },
      ports: { type: 'string', default: '5000' },
      seed: { type: 'string', default: '1' },
    },
  });
  return {
    sizes: values.nics.split(',').map(Number),
    hostCount: Number(values.hosts),
    changes: Number(values.changes),
    rounds: Number(values.rounds),
    ports: Number(values.ports),
    seed: Number(values.seed),
  };
}

async function main(options: Options): Promise<number> {
  const run: Run = { options, samples: [], missing: {} };
  const [load = 0] = loadavg();
  await attempt(run, 'many networks', () => measureSizes(run));
  let peerVersion = 'none';
  if (options.ports > 0) {
    await attempt(run, 'one large network', async () => {
      peerVersion = await measureAddPort(run);
    });
  }
  const { changes, hostCount, rounds, seed } = options;
  const report = buildReport({
    suite: 'control',
    ours: WEFT,
    conditions: {
      ...{ hosts: hostCount, 'interfaces per network': NETWORK_SIZE, 'changes per round': changes },
      ...{ rounds, seed, OVN: peerVersion, 'load of the machine before': load.toFixed(2) },
    },
    measures: MEASURES,
    samples: run.samples,
    goals: goals(options),
    missing: run.missing,
  });
  console.log(`\n${formatReport(report)}`);
  console.log(writeReport(report));
  return Object.keys(run.missing).length === 0 ? 0 : 1;
}

function goals({ sizes, ports }: Options): Goal[] {
  const largest = sceneOf(Math.max(...sizes));
  const all: Goal[] = [
    { scene: largest, measure: 'p50', max: 10 },
    { scene: largest, measure: 'p99', max: 50 },
    { scene: largest, measure: 'rss-max', max: 500 },
  ];
  if (sizes.length > 1) all.push({ scene: GROWTH_SCENE, measure: 'cost-growth', max: 1.25 });
  if (ports > 0) all.push({ scene: portScene(ports), measure: 'add-port', peer: OVN, max: 1 });
  return all;
}

async function measureSizes(run: Run): Promise<void> {
  const { hostCount, rounds, seed, sizes } = run.options;
  const shape = { hostCount, networkSize: NETWORK_SIZE };
  const world = await World.start({ shape, rng: seededRng(seed) });
  const costs = new Map<number, number[]>();
  try {
    for (const size of sizes) {
      const scene = sceneOf(size);
      record(run, { scene, measure: 'load', round: 1, value: await world.grow(size) });
      console.log(`${scene}: made`);
      // Not measured: compilers and caches of every process meet the new size.
      await world.changes(run.options.changes);
      for (let round = 1; round <= rounds; round++) {
        const cost = await measureRound(run, world, { scene, round });
        costs.set(size, [...(costs.get(size) ?? []), cost]);
      }
    }
  } finally {
    await world.stop();
  }
  if (sizes.length < 2) return;
  const smallest = costs.get(Math.min(...sizes)) ?? [];
  const largest = costs.get(Math.max(...sizes)) ?? [];
  for (const [at, value] of largest.entries()) {
    const round = at + 1;
    record(run, {
      scene: GROWTH_SCENE,
      measure: 'cost-growth',
      round,
      value: value / median(smallest),
    });
  }
}

/** Returns the controller's processor time per change. */
async function measureRound(
  run: Run,
  world: World,
  { scene, round }: { readonly scene: string; readonly round: number },
): Promise<number> {
  const { controller } = world;
  const cpuBefore = controller.cpuSec();
  const latencies = await world.changes(run.options.changes);
  const cost = ((controller.cpuSec() - cpuBefore) * 1000) / latencies.length;
  const busy = await world.sustained(SUSTAINED_SEC);
  const values = {
    p50: median(latencies),
    p99: quantile(latencies, 0.99),
    cpu: cost,
    writes: busy.writesPerSec,
    'busy-p50': median(busy.latenciesMs),
    'busy-p99': quantile(busy.latenciesMs, 0.99),
    rss: controller.residentBytes() / 1e6,
    'rss-max': controller.residentBytesMax() / 1e6,
  };
  for (const [measure, value] of Object.entries(values))
    record(run, { scene, measure, round, value });
  const figures = Object.entries(values).map(
    ([measure, value]) => `${measure} ${value.toFixed(2)}`,
  );
  console.log(`round ${round}, ${scene}: ${figures.join(', ')}`);
  return cost;
}

/** Returns the peer's version. */
async function measureAddPort(run: Run): Promise<string> {
  const { hostCount, ports, rounds, seed } = run.options;
  const shape = { hostCount, networkSize: ports };
  const world = await World.start({ shape, rng: seededRng(seed) });
  let ovn: OvnCentral | undefined;
  try {
    await world.grow(ports);
    console.log(`${portScene(ports)}: made`);
    await attempt(run, OVN, async () => {
      ovn = await startOvnCentral(ports);
      console.log(`${OVN}: made, ${ovn.version}`);
    });
    for (let round = 1; round <= rounds; round++) {
      await addPorts(run, { contestant: WEFT, round, add: () => world.addPort() });
      const peer = ovn;
      if (peer === undefined) continue;
      await addPorts(run, { contestant: OVN, round, add: () => peer.addPort() });
    }
    return ovn?.version ?? 'none';
  } finally {
    await ovn?.stop();
    await world.stop();
  }
}

async function addPorts(
  run: Run,
  turn: { readonly contestant: string; readonly round: number; add(): Promise<number> },
): Promise<void> {
  const times: number[] = [];
  for (let at = 0; at < PORTS_PER_ROUND; at++) times.push(await turn.add());
  const { contestant, round } = turn;
  const value = median(times);
  run.samples.push({
    scene: portScene(run.options.ports),
    measure: 'add-port',
    contestant,
    round,
    value,
  });
  console.log(`round ${round}, ${contestant}: one port more ${value.toFixed(1)} ms`);
}

function record(run: Run, sample: Omit<Sample, 'contestant'>): void {
  run.samples.push({ ...sample, contestant: WEFT });
}

async function attempt(run: Run, name: string, measure: () => Promise<void>): Promise<void> {
  try {
    await measure();
  } catch (thrown) {
    run.missing[name] = messageOf(thrown);
    console.log(`${name}: ${messageOf(thrown)}`);
  }
}

function sceneOf(nicCount: number): string {
  return `${nicCount} interfaces in ${Math.ceil(nicCount / NETWORK_SIZE)} networks`;
}

function portScene(ports: number): string {
  return `a network of ${ports} ports`;
}

process.exitCode = await main(readOptions());
