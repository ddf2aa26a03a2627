/**
 * `npm run bench -- slb`: the load balancer beside HAProxy, which a user would take instead. On a fabric: HAProxy runs in a machine of the same virtual
 * network. In a lab: the mux's forwarding alone, beside HAProxy and the kernel's DNAT by nftables, which is its limit, on bare links. Both are also
 * measured with nobody between, which is the limit of client and backends.
 *
 *   --rounds N        rounds, at least 3 for figures to be published (3)
 *   --duration SEC    of each measurement (2)
 *   --only A,B        of path, probes (on a fabric), throughput, connections, datagrams, latency (in the lab), tables, programming (all)
 *
 * All of a kind are set up before its first round and take turns. Exits with 1 when ours could not be measured.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { buildReport, formatReport, type Goal, writeReport } from '../report.ts';
import { treeVersion } from '../tree-version.ts';
import { sweepLabs } from './balancer-lab.ts';
import { closingAfter } from './closing-after.ts';
import { CONTESTANTS, type Contestant } from './contestants.ts';
import { PROGRAMMING, programming, TABLES, tables } from './control-plane.ts';
import { EXERCISES, LAB_CONNECTIONS, LAB_LATENCY, LAB_THROUGHPUT } from './exercises.ts';
import { FABRIC_CONNECTIONS, FABRIC_THROUGHPUT } from './fabric-exercises.ts';
import { FABRIC, fabricScenes } from './fabric-scenes.ts';
import { haproxyVersion } from './haproxy.ts';
import { MEASURES } from './measures.ts';
import { HAPROXY, WEFT } from './names.ts';
import { COMES_BACK, GOES_DOWN } from './probe-results.ts';
import { buildPrograms } from './programs.ts';
import { Recorder } from './recorder.ts';
import { takeTurns } from './turns.ts';

/** Of the control plane: as many as leave the whole run within three and a half minutes. */
const PROGRAMMING_ROUNDS_MAX = 2;

const GOALS: readonly Goal[] = [
  { scene: FABRIC_THROUGHPUT, measure: 'upload', peer: HAPROXY, min: 2 },
  { scene: FABRIC_THROUGHPUT, measure: 'download', peer: HAPROXY, min: 2 },
  { scene: FABRIC_THROUGHPUT, measure: 'uploadRate', peer: HAPROXY, min: 2 },
  { scene: FABRIC_THROUGHPUT, measure: 'downloadRate', peer: HAPROXY, min: 2 },
  { scene: FABRIC_CONNECTIONS, measure: 'connect', peer: HAPROXY, min: 3 },
  { scene: FABRIC_CONNECTIONS, measure: 'balancerRate', peer: HAPROXY, min: 3 },
  { scene: GOES_DOWN, measure: 'muxesMax', max: 1000 },
  { scene: COMES_BACK, measure: 'muxesMax', max: 1000 },
  { scene: LAB_THROUGHPUT, measure: 'upload', peer: HAPROXY, min: 2 },
  { scene: LAB_THROUGHPUT, measure: 'download', peer: HAPROXY, min: 2 },
  { scene: LAB_THROUGHPUT, measure: 'downloadRate', peer: HAPROXY, min: 2 },
  { scene: LAB_CONNECTIONS, measure: 'balancerRate', peer: HAPROXY, min: 3 },
  { scene: LAB_LATENCY, measure: 'p99', max: 300 },
  { scene: TABLES, measure: 'made', max: 20 },
  { scene: PROGRAMMING, measure: 'programmed', max: 5 },
];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      duration: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
    },
  });
  const [rounds, sec] = [Number(values.rounds), Number(values.duration)];
  const only = values.only === '' ? undefined : values.only.split(',');
  const isWanted = (id: string) => only === undefined || only.includes(id);
  const [loadBefore = 0] = loadavg();
  await sweepLabs();
  await buildPrograms();
  const recorder = new Recorder();
  if (isWanted('tables')) await tables(recorder);
  for (let round = 1; round <= Math.min(rounds, PROGRAMMING_ROUNDS_MAX); round += 1) {
    if (isWanted('programming')) await programming(round, recorder);
  }
  await fabricScenes({ rounds, sec, isWanted }, recorder);
  const exercises = EXERCISES.filter(({ id }) => isWanted(id));
  if (exercises.length > 0) {
    await inLabs(recorder, (contestants) =>
      takeTurns({ contestants, exercises, rounds, sec }, recorder),
    );
  }
  const { samples, missing } = recorder;
  const report = buildReport({
    suite: 'slb',
    ours: WEFT,
    conditions: {
      'seconds of a measurement': sec,
      'load of the machine before': loadBefore.toFixed(2),
      [WEFT]: await treeVersion(),
      [HAPROXY]: await haproxyVersion(),
    },
    measures: MEASURES,
    samples,
    // Of a whole run all: what could not be measured is not reached.
    goals: GOALS.filter(
      ({ scene }) => only === undefined || samples.some((sample) => sample.scene === scene),
    ),
    missing,
  });
  console.log(`\n${formatReport(report)}`);
  console.log(writeReport(report));
  return missing[WEFT] === undefined && missing[FABRIC] === undefined ? 0 : 1;
}

/** `body` with all contestants of the lab that could be set up. */
async function inLabs(
  recorder: Recorder,
  body: (contestants: readonly Contestant[]) => Promise<void>,
): Promise<void> {
  const contestants: Contestant[] = [];
  const close = async () => {
    for (const each of contestants.splice(0)) await each.close();
  };
  await closingAfter(close, async () => {
    for (const [name, start] of Object.entries(CONTESTANTS)) {
      const contestant = await recorder.attempt(name, start);
      if (contestant !== undefined) contestants.push(contestant);
    }
    await body(contestants);
  });
}

process.exitCode = await main();
