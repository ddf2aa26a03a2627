/**
 * `npm run bench -- recovery`: how long a role that is killed is missed. A whole fabric as `up` makes it; pings every 20 ms through the role, `kill -9`,
 * and the longest run of pings without an answer; of the controller, the time until a write is accepted again. What the tests claim is
 * that all this comes back; how soon is measured here, where nothing else keeps the machine busy.
 *
 *   --rounds N   (3)
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defined } from '../../base/assert.ts';
import { sleep, systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { millis, seconds } from '../../base/units.ts';
import { attempt } from '../../fabric/command.ts';
import { EDGE, OUTSIDE } from '../../fabric/edge-network.ts';
import { type Fabric, startFabric } from '../../fabric/fabric.ts';
import { inNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { CONTROLLER } from '../../fabric/roles.ts';
import {
  samplePublicAddress,
  startSampleMachines,
  writeSampleTenant,
} from '../../fabric/sample-tenant.ts';
import { fabricSettings } from '../../fabric/settings.ts';
import type { VmRecord } from '../../fabric/vm.ts';
import {
  buildReport,
  formatReport,
  type Goal,
  type Measure,
  type Sample,
  writeReport,
} from '../report.ts';

const WEFT = 'Weft';
const SILENCE: Measure = {
  id: 'silence',
  title: 'killed until back',
  unit: 'ms',
  better: 'lower',
};
/** Restart, addon, saved goal state, ports. */
const GOALS: readonly Goal[] = [{ scene: 'host', measure: SILENCE.id, max: 2000 }];
const PING_INTERVAL = millis(20);
const WATCHED = seconds(6);
const BEFORE_KILL = seconds(0.5);
const WRITE_RETRY = millis(10);
const WRITE_PATIENCE = seconds(30);
const SENDER = 'blue-web1';
const RECEIVER = 'blue-web3';

/** Who pings whom through which role. */
interface Scene {
  readonly title: string;
  readonly role: string;
  readonly from: string;
  readonly to: string;
}

async function main(rounds: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-recovery-'));
  const samples: Sample[] = [];
  const missing: Record<string, string> = {};
  const settings = fabricSettings({ port: 0, edge: true });
  const fabric = await startFabric({ name: `bench${process.pid}`, state: directory, settings });
  try {
    const vms = await startSampleMachines(fabric, await writeSampleTenant(fabric));
    const scenes = scenesOf(fabric, vms, await samplePublicAddress(fabric));
    for (const { from, to } of scenes) await reached(from, to);
    for (let round = 1; round <= rounds; round++) {
      const note = async (scene: string, measured: Promise<number>): Promise<void> => {
        try {
          const value = await measured;
          console.log(`round ${round}, ${scene}: ${value} ms`);
          samples.push({ scene, measure: SILENCE.id, contestant: WEFT, round, value });
        } catch (thrown) {
          missing[`${scene}, round ${round}`] = messageOf(thrown);
        }
      };
      for (const scene of scenes) await note(scene.title, silence(fabric, scene));
      await note('controller', untilWritten(fabric));
    }
  } finally {
    await fabric.stop();
    await rm(directory, { recursive: true, force: true });
  }
  const report = buildReport({
    suite: 'recovery',
    ours: WEFT,
    conditions: { 'ping interval, ms': PING_INTERVAL },
    measures: [SILENCE],
    samples,
    goals: GOALS,
    missing,
  });
  console.log(`\n${formatReport(report)}`);
  console.log(writeReport(report));
  return Object.keys(missing).length === 0 ? 0 : 1;
}

function scenesOf(fabric: Fabric, vms: readonly VmRecord[], publicAddress: string): Scene[] {
  const vm = (name: string) =>
    defined(
      vms.find((each) => each.name === name),
      `VM ${name}`,
    );
  const receiver = vm(RECEIVER);
  return [
    {
      title: 'host',
      role: receiver.host,
      from: vm(SENDER).namespace,
      to: receiver.address,
    },
    {
      title: 'edge',
      role: EDGE,
      from: namespaceName(fabric.name, OUTSIDE),
      to: publicAddress,
    },
  ];
}

async function reached(from: string, to: string): Promise<void> {
  const deadline = systemClock.now() + WRITE_PATIENCE;
  while ((await attempt(inNamespace(from, ['ping', '-c1', '-W1', to]))).code !== 0) {
    if (systemClock.now() > deadline) throw new Error(`${to} does not answer`);
  }
}

/** The longest time without an answer while the role is killed and started again, in milliseconds. */
async function silence(fabric: Fabric, { role, from, to }: Scene): Promise<number> {
  const count = WATCHED / PING_INTERVAL;
  const pings = attempt(
    inNamespace(from, [
      ...(['busybox', 'ping', '-W1', '-c', `${count}`, '-i'] as const),
      ...[`${PING_INTERVAL / 1000}`, to],
    ]),
  );
  await sleep(systemClock, BEFORE_KILL);
  fabric.supervisor.signal(role, 'SIGKILL');
  const { stdout } = await pings;
  const answered = [...stdout.matchAll(/ seq=(\d+) /g)].map((match) => Number(match[1]));
  const last = answered.at(-1) ?? 0;
  if (last < count - 2) throw new Error(`no answer to the last ${count - 1 - last} pings`);
  const gaps = answered.map((number, index) => number - (answered[index - 1] ?? -1) - 1);
  await fabric.supervisor.whenReady(role);
  return Math.max(...gaps) * PING_INTERVAL;
}

/** From the controller's death to the first write that it accepts, in milliseconds. */
async function untilWritten(fabric: Fabric): Promise<number> {
  const { client, supervisor } = fabric;
  const resourceId = 'recovery';
  const started = systemClock.now();
  supervisor.signal(CONTROLLER, 'SIGKILL');
  for (;;) {
    try {
      await client.put(`/accessControlLists/${resourceId}`, {
        resourceId,
        properties: { aclRules: [] },
      });
      return Math.round(systemClock.now() - started);
    } catch (thrown) {
      if (systemClock.now() - started > WRITE_PATIENCE) throw thrown;
      await sleep(systemClock, WRITE_RETRY);
    }
  }
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
process.exitCode = await main(Number(values.rounds));
