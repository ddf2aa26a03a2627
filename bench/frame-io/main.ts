/**
 * `npm run bench -- frame-io`: packet I/O without a switch, to tell what of `bench -- switch` is the I/O's and what the pipeline's. The
 * least possible forwarder (forwarder.ts) between two TAPs, and between TAP and uplink on two hosts, beside the kernel's bridge and VXLAN.
 *
 *   --rounds N   (3)      --duration SEC   (4)      --exercises A,B   tcp, udp, rtt, connect (all)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { buildReport, formatReport, type Sample, writeReport } from '../report.ts';
import {
  ACROSS_HOSTS,
  type Contestant,
  SAME_HOST,
  type Scene,
  type Station,
} from '../switch/contestant.ts';
import {
  configureStation,
  createLabNamespace,
  joinByVeth,
  proveReachable,
  sweepLab,
} from '../switch/lab.ts';
import { startKernelVxlan, startLinuxBridge } from '../switch/linux-kernel.ts';
import { buildPrograms, exercises, samplesOf } from '../switch/traffic.ts';

const OURS = 'FrameIo alone';
const FORWARDER = fileURLToPath(new URL('./forwarder.js', import.meta.url));
const PROVIDER_MTU = 1500;

/** Ready once it has printed its line. */
async function startForwarder(
  host: string,
  ports: readonly [string, string],
): Promise<ChildProcess> {
  const [program, ...args] = inNamespace(host, [process.execPath, FORWARDER, ...ports]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error('the forwarder did not start');
    }),
  ]);
  return child;
}

async function configure(namespace: string, address: string): Promise<Station> {
  const station = { namespace, address };
  await configureStation(station, 'tap0');
  return station;
}

async function sameHost(programs: ChildProcess[]): Promise<Scene> {
  const a = await createLabNamespace('frameio-a');
  const b = await createLabNamespace('frameio-b');
  const host = await createLabNamespace('frameio-h');
  programs.push(await startForwarder(host, [`tap:${a}:tap0`, `tap:${b}:tap0`]));
  return {
    name: SAME_HOST,
    client: await configure(a, '10.0.0.1'),
    server: await configure(b, '10.0.0.2'),
  };
}

async function acrossHosts(programs: ChildProcess[]): Promise<Scene> {
  const hosts = [
    await createLabNamespace('frameio-h1'),
    await createLabNamespace('frameio-h2'),
  ] as const;
  const [first, second] = hosts.map((namespace) => ({ namespace, device: 'uplink0' }));
  if (first !== undefined && second !== undefined) await joinByVeth([first, second], PROVIDER_MTU);
  const stations: Station[] = [];
  for (const [index, host] of hosts.entries()) {
    const own = `192.0.2.${index + 1}`;
    await run(['ip', '-n', host, 'addr', 'add', `${own}/24`, 'dev', 'uplink0']);
    const station = await createLabNamespace(`frameio-s${index + 1}`);
    const ports = [`tap:${station}:tap0`, `uplink:${own}:192.0.2.${2 - index}`] as const;
    programs.push(await startForwarder(host, ports));
    stations.push(await configure(station, `10.0.0.${index + 1}`));
  }
  const [client, server] = stations;
  if (client === undefined || server === undefined) throw new Error('two stations');
  return { name: ACROSS_HOSTS, client, server };
}

async function startFrameIo(): Promise<Contestant> {
  const programs: ChildProcess[] = [];
  const scenes = [await sameHost(programs), await acrossHosts(programs)];
  return {
    name: OURS,
    version: 'this tree',
    scenes,
    processes: programs.flatMap(({ pid }) => pid ?? []),
    hostCount: programs.length,
    async stop() {
      for (const program of programs) program.kill('SIGKILL');
      await sweepLab('frameio-');
    },
  };
}

async function play(contestants: readonly Contestant[], rounds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const exercise of exercises.filter(({ id }) => wanted.includes(id))) {
      for (const contestant of contestants) {
        for (const scene of contestant.scenes) {
          const values = await exercise.run(scene, durationSec);
          const of = { scene: scene.name, contestant: contestant.name, round };
          samples.push(...samplesOf(exercise, values, of));
          console.log(
            `round ${round}, ${scene.name}, ${contestant.name}: ${JSON.stringify(values)}`,
          );
        }
      }
    }
  }
  return samples;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    duration: { type: 'string', default: '4' },
    exercises: { type: 'string', default: exercises.map(({ id }) => id).join(',') },
  },
});
const durationSec = Number(values.duration);
const wanted = values.exercises.split(',');

await sweepLab('frameio-');
await buildPrograms();
const contestants: Contestant[] = [];
try {
  for (const start of [startFrameIo, startLinuxBridge, startKernelVxlan]) {
    const contestant = await start();
    contestants.push(contestant);
    for (const { client, server } of contestant.scenes) await proveReachable(client, server);
  }
  const report = buildReport({
    suite: 'frame-io',
    ours: OURS,
    conditions: { seconds: durationSec },
    measures: exercises.flatMap(({ measures }) => measures),
    samples: await play(contestants, Number(values.rounds)),
    goals: [],
    missing: {},
  });
  console.log(`\n${formatReport(report)}`);
  console.log(writeReport(report));
} finally {
  await Promise.all(contestants.map((contestant) => contestant.stop()));
}
