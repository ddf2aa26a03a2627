/**
 * The kernel's own limit: a token bucket (`tc … tbf`) on a veth pair, at the client's end for what it sends, at the bridge's end for what the
 * server receives.
 */
import { release } from 'node:os';
import { type Argv, attempt, run } from '../../fabric/command.ts';
import { ipBatch } from '../../fabric/links.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import { STATION_MTU, type Station } from '../switch/contestant.ts';
import { configureStation, createLabNamespace, joinByVeth, sweepLab } from '../switch/lab.ts';
import type { LimitingContestant } from './contestant.ts';

const LAB = 'tbf-';
/** A bucket of so many milliseconds' worth, and at least of two super-frames. */
const BURST_MS = 20;
const BURST_BYTES_MIN = 128 * 1024;
const BITS_PER_MS_AND_MBPS = 1_000;

export async function startTrafficControl(): Promise<LimitingContestant> {
  const host = await createLabNamespace(`${LAB}host`);
  await ipBatch(host, [`link add br0 mtu ${STATION_MTU} type bridge`, 'link set br0 up']);
  const client = await addStation(host, 'a', '10.0.0.1');
  const server = await addStation(host, 'b', '10.0.0.2');
  const places = {
    outbound: { namespace: client.namespace, device: 'eth0' },
    inbound: { namespace: host, device: portOf('b') },
  };
  return {
    name: 'tc tbf',
    version: `Linux ${release()}`,
    client,
    server,
    async limit(direction, mbps) {
      for (const { namespace, device } of Object.values(places)) {
        await attempt(inNamespace(namespace, ['tc', 'qdisc', 'del', 'dev', device, 'root']));
      }
      const { namespace, device } = places[direction];
      const burst = Math.max(BURST_BYTES_MIN, (mbps * BITS_PER_MS_AND_MBPS * BURST_MS) / 8);
      const bucket = ['tbf', 'rate', `${mbps}mbit`, 'burst', `${burst}`, 'latency', '50ms'];
      const argv: Argv = ['tc', 'qdisc', 'add', 'dev', device, 'root', ...bucket];
      await run(inNamespace(namespace, argv));
    },
    stop: () => sweepLab(LAB),
  };
}

async function addStation(host: string, name: string, address: string): Promise<Station> {
  const namespace = await createLabNamespace(`${LAB}${name}`);
  const ends = [
    { namespace: host, device: portOf(name) },
    { namespace, device: 'eth0' },
  ] as const;
  await joinByVeth(ends, STATION_MTU);
  await ipBatch(host, [`link set ${portOf(name)} master br0`]);
  const station = { namespace, address };
  await configureStation(station, 'eth0');
  return station;
}

/** The bridge's end of a station's pair. */
function portOf(name: string): string {
  return `v-${name}`;
}
