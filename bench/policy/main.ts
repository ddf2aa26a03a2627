/**
 * `npm run bench -- policy`: what policy costs. The forwarder alone (bench/forwarder), on one core, once with the bare sample network and once with
 * 1,000 access rules and 1,000 routes for each interface: processor time per frame of established flows, new flows per second, and
 * how long a change of all these rules takes to come into force.
 *
 *   --rounds N     (5)          --frames N     per round and scene (1,000,000; new flows a tenth)
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../../base/clock.ts';
import type { SwitchCore } from '../../dataplane/switch/switch-core.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import { type BurstRing, burstRing, type RingFrame } from '../forwarder/burst-ring.ts';
import { sampleFrame, sampleGoal, sampleSwitch } from '../forwarder/sample-network.ts';
import {
  buildReport,
  formatReport,
  type Goal,
  type Measure,
  type Sample,
  writeReport,
} from '../report.ts';
import { withThousandRules } from './thousand-rules.ts';

const POLICY = 'Weft, 1,000 rules';
const BARE = 'Weft, no policy';
const CONTESTANTS: Readonly<Record<string, () => readonly Resource[]>> = {
  [BARE]: sampleGoal,
  [POLICY]: () => withThousandRules(sampleGoal()),
};

const ESTABLISHED: Measure = {
  id: 'established',
  title: 'established flows',
  unit: 'million frames/s per core',
  better: 'higher',
};
const NEW_FLOWS: Measure = {
  id: 'new',
  title: 'new flows',
  unit: 'thousand/s per core',
  better: 'higher',
};
const CHANGE: Measure = {
  id: 'change',
  title: 'replacing every rule and route',
  unit: 'ms',
  better: 'lower',
};

const LOCAL = 'same host';
const REMOTE = 'to another host';
const ROUTED = 'to another subnet';
const DESTINATIONS: Readonly<Record<string, string>> = {
  [LOCAL]: '10.0.0.5',
  [REMOTE]: '10.0.0.6',
  [ROUTED]: '10.0.1.4',
};

const GOALS: readonly Goal[] = Object.keys(DESTINATIONS).flatMap((scene) => [
  { scene, measure: ESTABLISHED.id, peer: BARE, min: 0.9 },
  { scene, measure: NEW_FLOWS.id, min: 100 },
]);

const BURST = 64;
/** Times a burst is forwarded before the next one is loaded, so that loading does not count. */
const REPEATS = 64;
const ESTABLISHED_BURSTS = 16;
const FLOWS_MAX = 65_536;
/** A table too small for the flows that come: each frame is a new one, as it would be in a large table at any time. */
const NEW_FLOWS_MAX = 1024;
const NEW_FLOW_BURSTS = 512;

function bursts(dst: string, count: number, isTcp: boolean): RingFrame[][] {
  return Array.from({ length: count }, (_, burst) =>
    Array.from({ length: BURST }, (_unused, index) => {
      const ports = { src: 1 + burst * BURST + index, dst: 443 };
      return { device: 0, bytes: sampleFrame('10.0.0.4', dst, ports, isTcp) };
    }),
  );
}

/** Frames per second of processor time. */
function rate(
  core: SwitchCore,
  io: BurstRing,
  all: readonly (readonly RingFrame[])[],
  options: { readonly frames: number; readonly repeats: number },
): number {
  let spentMicros = 0;
  let done = 0;
  while (done < options.frames) {
    for (const burst of all) {
      io.load(burst);
      const start = process.cpuUsage();
      for (let repeat = 0; repeat < options.repeats; repeat += 1) {
        // Routing takes from the TTL each time.
        io.restore();
        core.forward(BURST);
      }
      const { user, system } = process.cpuUsage(start);
      spentMicros += user + system;
      done += BURST * options.repeats;
    }
  }
  return (done / spentMicros) * 1e6;
}

function measure(scene: string, contestant: string, round: number, frames: number): Sample[] {
  const dst = DESTINATIONS[scene] ?? '';
  const goal = CONTESTANTS[contestant]?.() ?? [];
  const sample = (of: Measure, value: number): Sample => ({
    scene,
    measure: of.id,
    contestant,
    round,
    value,
  });
  const established = bursts(dst, ESTABLISHED_BURSTS, false);
  const io = burstRing();
  const core = sampleSwitch(io, systemClock, { flowsMax: FLOWS_MAX }, goal);
  rate(core, io, established, { frames: frames / 4, repeats: REPEATS });
  const fast = rate(core, io, established, { frames, repeats: REPEATS });
  const fresh = bursts(dst, NEW_FLOW_BURSTS, true);
  const small = burstRing();
  const slowCore = sampleSwitch(small, systemClock, { flowsMax: NEW_FLOWS_MAX }, goal);
  rate(slowCore, small, fresh, { frames: frames / 40, repeats: 1 });
  const slow = rate(slowCore, small, fresh, { frames: frames / 10, repeats: 1 });
  const samples = [sample(ESTABLISHED, fast / 1e6), sample(NEW_FLOWS, slow / 1e3)];
  if (contestant === POLICY) samples.push(sample(CHANGE, changeMs(core, goal)));
  return samples;
}

/** Milliseconds until list and routes, sent anew, are in force. */
function changeMs(core: SwitchCore, goal: readonly Resource[]): number {
  const upserts = goal.filter(({ key }) => /^(acl|routetable)\//.test(key));
  const start = process.cpuUsage();
  core.applyGoal({ upserts, removes: [] });
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function main(): void {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, frames: { type: 'string' } },
  });
  const rounds = Number(values.rounds ?? 5);
  const frames = Number(values.frames ?? 1_000_000);
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const scene of Object.keys(DESTINATIONS)) {
      for (const contestant of Object.keys(CONTESTANTS)) {
        samples.push(...measure(scene, contestant, round, frames));
      }
    }
  }
  const report = buildReport({
    suite: 'policy',
    ours: POLICY,
    conditions: { frames, 'rules per list and direction': 1000, 'routes per subnet': 1000 },
    measures: [ESTABLISHED, NEW_FLOWS, CHANGE],
    samples,
    goals: GOALS,
    missing: {},
  });
  console.log(formatReport(report));
  console.log(writeReport(report));
}

main();
