/**
 * `npm run bench -- nat`: the edge router beside the kernel's own forwarding with nftables, between the same namespaces: a client in the provider
 * network sends through NAT44 to a server outside.
 *
 *   --rounds N        rounds, at least 3 for figures to be published (1)
 *   --duration SEC    of each throughput measurement (2)
 *   --mappings N      of the table whose size is measured (1,000,000)
 *
 * Both are set up before the first round and take turns. Exits with 1 when ours could not be measured.
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import { run } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { iperf } from '../iperf.ts';
import { cpuSeconds, isRealTime } from '../process-cpu.ts';
import { buildReport, formatReport, type Measure, type Sample, writeReport } from '../report.ts';
import type { Flood } from './generator.ts';
import { NatLab } from './nat-lab.ts';
import { POOL, SERVER } from './provider-edge.ts';
import type { MappingTableSize } from './table-size.ts';

const OURS = 'weft';
const KERNEL = 'kernel + nftables';
const THROUGH = 'through the edge';
/** Frames of a flow that follow each other. */
const TRAINS = [
  { scene: 'UDP 64 B, 16 frames of a flow in a row', train: 16 },
  { scene: 'UDP 64 B, no two frames of a flow in a row', train: 1 },
] as const;
const TABLE = 'mappings';
const FLOWS = 64;
const TCP_PORT = 5201;

const MEASURES: readonly Measure[] = [
  { id: 'tcp', title: 'TCP, 1 stream', unit: 'Gbit/s', better: 'higher' },
  { id: 'udp', title: 'received', unit: 'kpps', better: 'higher' },
  { id: 'edgeRate', title: 'of the edge’s time', unit: 'kpps per core', better: 'higher' },
  { id: 'frameTime', title: 'sender and edge, of a frame', unit: 'µs', better: 'lower' },
  { id: 'newFlows', title: 'new flows, one frame at a time', unit: 'k/s', better: 'higher' },
  { id: 'newMappings', title: 'new mappings, tables alone', unit: 'k/s', better: 'higher' },
  { id: 'memory', title: 'memory of all mappings', unit: 'MB', better: 'lower' },
];

interface Contestant {
  readonly name: string;
  readonly lab: NatLab;
}

async function weft(): Promise<Contestant> {
  const lab = await NatLab.build();
  const [inside, outside] = [await lab.mac('uplink0'), await lab.mac('outside0')];
  await lab.serve([process.execPath, programPath('bench/nat/edge.js'), inside, outside]);
  return { name: OURS, lab };
}

/** The same namespaces, the kernel in the middle. */
async function kernel(): Promise<Contestant> {
  await run(['nft', '--version']);
  const lab = await NatLab.build();
  await lab.edge('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await lab.edge('nft', 'add', 'table', 'ip', 'nat');
  const hook = '{ type nat hook postrouting priority 100 ; }';
  await lab.edge('nft', 'add', 'chain', 'ip', 'nat', 'out', hook);
  const rule = ['oifname', 'outside0', 'snat', 'to', POOL] as const;
  await lab.edge('nft', 'add', 'rule', 'ip', 'nat', 'out', ...rule);
  return { name: KERNEL, lab };
}

async function tcp({ lab }: Contestant, sec: number): Promise<number> {
  const client = { namespace: lab.client };
  const server = { namespace: lab.server, address: SERVER };
  const end = await iperf({ client, server }, TCP_PORT, ['-t', `${sec}`], sec);
  return end.sum_received.bits_per_second / 1e9;
}

/** Of 64-byte frames that reach the server; what it does with them is not measured. */
interface SmallFrames {
  /** Thousand a second. */
  readonly udp: number;
  /** Microseconds of processor time of one, of the sender and the edge: the kernel forwards in the sender's time. */
  readonly frameTime: number;
  /** Thousand a second of the edge process's own processor time. */
  readonly edgeRate: number | undefined;
}

async function smallFrames({ lab }: Contestant, train: number, sec: number): Promise<SmallFrames> {
  const pids = lab.pid === undefined ? [] : [lab.pid];
  const [before, cpuBefore] = [await lab.received(), cpuSeconds(pids)];
  const generator = programPath('bench/nat/generator.js');
  const to = ['eth0', await lab.mac('uplink0'), '198.51.100.77', SERVER];
  const flags = [...to, `${FLOWS}`, `${train}`, `${sec}`];
  const output = await run(inNamespace(lab.client, [process.execPath, generator, ...flags]));
  const flood = JSON.parse(output) as Flood;
  const [received, edgeSec] = [(await lab.received()) - before, cpuSeconds(pids) - cpuBefore];
  return {
    udp: received / sec / 1000,
    frameTime: (flood.cpuSec / flood.sent + edgeSec / received) * 1e6,
    edgeRate: edgeSec > 0 ? received / edgeSec / 1000 : undefined,
  };
}

async function tableSize(mappings: number): Promise<MappingTableSize> {
  const program = fileURLToPath(new URL('./table-size.js', import.meta.url));
  const argv = ['--expose-gc', program, `${mappings}`];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return JSON.parse(stdout) as MappingTableSize;
}

async function oneRound(
  contestants: readonly Contestant[],
  round: number,
  sec: number,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const add = (scene: string, measure: string, contestant: Contestant, value: number) =>
    samples.push({ scene, measure, contestant: contestant.name, round, value });
  for (const contestant of contestants) add(THROUGH, 'tcp', contestant, await tcp(contestant, sec));
  for (const { scene, train } of TRAINS) {
    for (const contestant of contestants) {
      const { udp, frameTime, edgeRate } = await smallFrames(contestant, train, sec);
      add(scene, 'udp', contestant, udp);
      add(scene, 'frameTime', contestant, frameTime);
      if (edgeRate !== undefined) add(scene, 'edgeRate', contestant, edgeRate);
    }
  }
  return samples;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '1' },
      duration: { type: 'string', default: '2' },
      mappings: { type: 'string', default: '1000000' },
    },
  });
  const [loadBefore = 0] = loadavg();
  const [rounds, sec, mappings] = [values.rounds, values.duration, values.mappings].map(Number);
  const samples: Sample[] = [];
  const missing: Record<string, string> = {};
  const contestants: Contestant[] = [];
  for (const [name, start] of [
    [OURS, weft],
    [KERNEL, kernel],
  ] as const) {
    try {
      const contestant = await start();
      contestants.push(contestant);
      await contestant.lab.takeNoUdp();
      // Not measured: what runs for the first time runs slowly.
      for (const { train } of TRAINS) await smallFrames(contestant, train, 1);
    } catch (thrown) {
      missing[name] = messageOf(thrown).slice(0, 300);
    }
  }
  try {
    for (let round = 1; round <= (rounds ?? 1); round += 1) {
      samples.push(...(await oneRound(contestants, round, sec ?? 2)));
    }
  } finally {
    for (const { lab } of contestants) await lab.close();
  }
  const size = await tableSize(mappings ?? 0);
  const own = { scene: TABLE, contestant: OURS, round: 1 };
  samples.push({ ...own, measure: 'newFlows', value: size.newFlowsPerSec / 1000 });
  samples.push({ ...own, measure: 'newMappings', value: size.newMappingsPerSec / 1000 });
  samples.push({ ...own, measure: 'memory', value: size.addedBytes / 1e6 });
  const report = buildReport({
    suite: 'nat',
    ours: OURS,
    conditions: {
      ...{ durationSec: sec ?? 0, flows: FLOWS, mappings: mappings ?? 0 },
      'load of the machine before': loadBefore.toFixed(2),
      scheduling: isRealTime() ? 'real time' : 'as any program',
    },
    measures: MEASURES,
    samples,
    goals: [
      { scene: THROUGH, measure: 'tcp', min: 10 },
      { scene: TRAINS[0].scene, measure: 'udp', min: 500 },
      { scene: TRAINS[0].scene, measure: 'edgeRate', min: 500 },
      { scene: TABLE, measure: 'memory', max: 300 },
    ],
    missing,
  });
  process.stdout.write(`${formatReport(report)}\n${writeReport(report)}\n`);
  if (missing[OURS] !== undefined) process.exitCode = 1;
}

await main();
