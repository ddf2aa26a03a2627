/** What is measured of each way through a fabric: the same servers in the same machines, the same client, both backends at once. Called by fabric-scenes.ts. */
import { run } from '../../fabric/command.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { iperf } from '../iperf.ts';
import { familyCpuSeconds } from '../process-cpu.ts';
import type { BalancedFabric, Way } from './balanced-fabric.ts';
import { connections, type Load } from './programs.ts';
import type { Exercise } from './turns.ts';

export const FABRIC_THROUGHPUT = 'on a fabric: TCP, half of the streams to each backend';
export const FABRIC_CONNECTIONS = 'on a fabric: new connections, request, response, close';

/** To each backend. */
const STREAMS = 2;
/** Connections that the client has under way at once, to each backend. */
const AT_ONCE = 32;

export function fabricExercises(scene: BalancedFabric): readonly Exercise<Way>[] {
  return [
    {
      scene: FABRIC_THROUGHPUT,
      takesPart: () => true,
      async run(way, sec) {
        const [upload, uploadTime] = await transfer(scene, way, sec, []);
        const [download, downloadTime] = await transfer(scene, way, sec, ['-R']);
        return { upload, uploadTime, download, downloadTime };
      },
    },
    {
      scene: FABRIC_CONNECTIONS,
      takesPart: () => true,
      run: (way, sec) => connect(scene, way, sec),
    },
  ];
}

/** Gbit/s, and milliseconds of all processors for one of them: client, servers, and every process of the fabric. */
async function transfer(
  { client, backends }: BalancedFabric,
  { iperf: targets }: Way,
  sec: number,
  direction: readonly string[],
): Promise<readonly [rate: number, timeMs: number]> {
  const flags = ['-t', `${sec}`, '-P', `${STREAMS}`, ...direction];
  const before = familyCpuSeconds();
  const ends = await Promise.all(
    targets.map(({ address, port }, at) => {
      const server = { namespace: backends[at]?.namespace ?? '', address };
      return iperf({ client: { namespace: client }, server }, port, flags, sec);
    }),
  );
  const used = familyCpuSeconds() - before;
  const sums = ends.map(({ sum_received }) => sum_received);
  const rate = sum(sums.map((each) => each.bits_per_second));
  const bits = sum(sums.map((each) => each.bits_per_second * each.seconds));
  return [rate / 1e9, (used * 1e3) / (bits / 1e9)];
}

async function connect(
  { client }: BalancedFabric,
  { web, webPort }: Way,
  sec: number,
): Promise<Readonly<Record<string, number>>> {
  const before = familyCpuSeconds();
  const loads = await Promise.all(
    web.map(async (address) => {
      const argv = ['load', address, `${webPort}`, `${sec}`, `${AT_ONCE}`];
      return JSON.parse(await run(inNamespace(client, [connections(), ...argv]))) as Load;
    }),
  );
  const used = familyCpuSeconds() - before;
  const [completed, failed] = [
    sum(loads.map((each) => each.completed)),
    sum(loads.map((each) => each.failed)),
  ];
  if (completed === 0) throw new Error(`no connection completed, ${failed} failed`);
  return {
    connect: sum(loads.map((each) => each.completed / each.sec)) / 1000,
    connectTime: (used / completed) * 1e6,
    failed: (failed / (completed + failed)) * 100,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
