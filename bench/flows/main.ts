/**
 * `npm run bench -- flows`: what the flow table costs and what it survives, the forwarder alone (bench/forwarder) on one core.
 *
 *   --rounds N     (3)          --flows N     (1,000,000; rates a fifth)          --seconds N     of the hero test, each round (4)
 *
 * to another host          a million concurrent flows, each with its reverse: resident memory, new flows per second of processor time
 * same host                the same between two ports of the host, where each flow is one of the sender's and one of the receiver's
 * same host, 1,000 rules   the same with the lists and routes of bench/policy at each interface
 * hero test                hero.ts: frames lost while the policy is replaced ten times a second, longest stall, flows left after ageing
 *
 * No peer: bench/switch has new connections per second beside others.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BURST_MAX } from '../../dataplane/port/frame-io.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { sampleGoal } from '../forwarder/sample-network.ts';
import { withThousandRules } from '../policy/thousand-rules.ts';
import {
  buildReport,
  formatReport,
  type Goal,
  type Measure,
  type Sample,
  writeReport,
} from '../report.ts';
import { HERO_FLOWS, HERO_REPLACEMENTS_PER_SEC, heapBytesPerFrame, heroTest } from './hero.ts';
import { makeFlows } from './new-flows.ts';
import type { TableSize } from './table-size.ts';

const OURS = 'Weft';
const REMOTE = 'to another host';
const LOCAL = 'same host';
const LOCAL_RULES = 'same host, 1,000 rules';
const HERO = 'hero test';
const TABLE_SIZE = fileURLToPath(new URL('table-size.js', import.meta.url));
const FRAMES = 1_000_000;

const MEASURES: readonly Measure[] = [
  { id: 'process', title: 'memory of the process', unit: 'MB', better: 'lower' },
  { id: 'added', title: 'of it with the flows', unit: 'MB', better: 'lower' },
  { id: 'flow', title: 'memory per flow', unit: 'bytes', better: 'lower' },
  { id: 'new', title: 'new flows', unit: 'thousand/s per core', better: 'higher' },
  { id: 'frames', title: 'frames', unit: 'thousand/s per core', better: 'higher' },
  { id: 'replaced', title: 'policies replaced', unit: '', better: 'higher' },
  { id: 'lost', title: 'permitted frames lost', unit: '', better: 'lower' },
  { id: 'leaked', title: 'denied frames sent', unit: '', better: 'lower' },
  { id: 'stall', title: 'longest stall', unit: 'ms', better: 'lower' },
  { id: 'burst', title: 'longest burst without a replacement', unit: 'ms', better: 'lower' },
  { id: 'replace', title: 'processor time of a replacement', unit: 'ms', better: 'lower' },
  { id: 'slowest', title: 'processor time of the slowest', unit: 'ms', better: 'lower' },
  { id: 'before', title: 'flow entries at the end', unit: 'pairs', better: 'lower' },
  { id: 'aged', title: 'left of them after ageing', unit: 'pairs', better: 'lower' },
  { id: 'heap', title: 'heap per frame of a known flow', unit: 'bytes', better: 'lower' },
];

const GOALS: readonly Goal[] = [
  ...['process', 'added'].map((measure) => ({ scene: REMOTE, measure, max: 400 })),
  ...[REMOTE, LOCAL, LOCAL_RULES].map((scene) => ({ scene, measure: 'new', min: 100 })),
  ...['lost', 'leaked', 'aged'].map((measure) => ({ scene: HERO, measure, max: 0 })),
  // What the engine does for itself now and then; an object is 16 bytes at least.
  { scene: HERO, measure: 'heap', max: 0.5 },
];

function tableSize(flows: number): Record<string, number> {
  const text = execFileSync(process.execPath, ['--expose-gc', TABLE_SIZE, String(flows)]);
  const size = JSON.parse(text.toString()) as TableSize;
  return {
    process: size.processBytes / 1e6,
    added: size.addedBytes / 1e6,
    flow: size.addedBytes / flows,
    new: size.flowsPerSec / 1e3,
  };
}

function localRate(flows: number, goal: readonly Resource[]): Record<string, number> {
  return { new: makeFlows({ dst: '10.0.0.5', flows, ports: 2, goal }).flowsPerSec / 1e3 };
}

function hero(seconds: number): Record<string, number> {
  const result = heroTest(seconds);
  return {
    frames: result.framesPerSec / 1e3,
    replaced: result.replacements,
    lost: result.lost,
    leaked: result.leaked,
    stall: result.stallMsMax,
    burst: result.burstMsMax,
    replace: result.replaceMs,
    slowest: result.replaceMsMax,
    before: result.flowsBefore,
    aged: result.flowsAged,
    heap: heapBytesPerFrame(FRAMES),
  };
}

function main(): void {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, flows: { type: 'string' }, seconds: { type: 'string' } },
  });
  const rounds = Number(values.rounds ?? 3);
  const flows = wholeBursts(Number(values.flows ?? 1_000_000));
  const seconds = Number(values.seconds ?? 4);
  const fewer = wholeBursts(flows / 5);
  const scenes: Readonly<Record<string, () => Record<string, number>>> = {
    [REMOTE]: () => tableSize(flows),
    [LOCAL]: () => localRate(fewer, sampleGoal()),
    [LOCAL_RULES]: () => localRate(fewer, withThousandRules(sampleGoal())),
    [HERO]: () => hero(seconds),
  };
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const [scene, measure] of Object.entries(scenes)) {
      for (const [id, value] of Object.entries(measure())) {
        samples.push({ scene, measure: id, contestant: OURS, round, value });
      }
    }
  }
  const report = buildReport({
    suite: 'flows',
    ours: OURS,
    conditions: {
      'concurrent flows': flows,
      'seconds of the hero test': seconds,
      'flows of the hero test': HERO_FLOWS,
      'rules of its policy': 1000,
      'replacements per second': HERO_REPLACEMENTS_PER_SEC,
    },
    measures: MEASURES,
    samples,
    goals: GOALS,
    missing: {},
  });
  console.log(formatReport(report));
  console.log(writeReport(report));
}

/** At least as many. */
function wholeBursts(flows: number): number {
  return Math.ceil(flows / BURST_MAX) * BURST_MAX;
}

main();
