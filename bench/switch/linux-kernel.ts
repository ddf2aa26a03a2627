/**
 * The kernel's own switching, the limit of what software on this machine can do: a bridge with veth ports on one host, and between two
 * hosts bridges joined by a VXLAN device each (RFC 7348) over a veth pair of 1500 bytes.
 */
import { release } from 'node:os';
import { ipBatch } from '../../fabric/links.ts';
import {
  ACROSS_HOSTS,
  type Contestant,
  SAME_HOST,
  STATION_MTU,
  type Station,
} from './contestant.ts';
import { configureStation, createLabNamespace, joinByVeth, sweepLab } from './lab.ts';

const PROVIDER_MTU = 1500;
const VNI = 42;

export async function startLinuxBridge(): Promise<Contestant> {
  const host = await createLabNamespace('bridge-host');
  await ipBatch(host, [`link add br0 mtu ${STATION_MTU} type bridge`, 'link set br0 up']);
  const client = await addStation(host, { namespace: 'bridge-a', address: '10.0.0.1' });
  const server = await addStation(host, { namespace: 'bridge-b', address: '10.0.0.2' });
  return kernelContestant('bridge + veth', 'bridge-', { name: SAME_HOST, client, server });
}

export async function startKernelVxlan(): Promise<Contestant> {
  const hosts = [
    await createLabNamespace('vxlan-h1'),
    await createLabNamespace('vxlan-h2'),
  ] as const;
  await joinByVeth(
    [
      { namespace: hosts[0], device: 'uplink0' },
      { namespace: hosts[1], device: 'uplink0' },
    ],
    PROVIDER_MTU,
  );
  for (const [index, host] of hosts.entries()) {
    await ipBatch(host, [
      `addr add 192.0.2.${index + 1}/24 dev uplink0`,
      `link add br0 mtu ${STATION_MTU} type bridge`,
      `link add vx0 type vxlan id ${VNI} local 192.0.2.${index + 1} remote 192.0.2.${2 - index} dstport 4789 dev uplink0`,
      'link set vx0 master br0',
      'link set vx0 up',
      'link set br0 up',
    ]);
  }
  const client = await addStation(hosts[0], { namespace: 'vxlan-a', address: '10.0.0.1' });
  const server = await addStation(hosts[1], { namespace: 'vxlan-b', address: '10.0.0.2' });
  return kernelContestant('kernel VXLAN', 'vxlan-', { name: ACROSS_HOSTS, client, server });
}

async function addStation(host: string, station: Station): Promise<Station> {
  const namespace = await createLabNamespace(station.namespace);
  const device = `v-${station.namespace}`;
  const ends = [
    { namespace: host, device },
    { namespace, device: 'eth0' },
  ] as const;
  await joinByVeth(ends, STATION_MTU);
  await ipBatch(host, [`link set ${device} master br0`]);
  const made = { namespace, address: station.address };
  await configureStation(made, 'eth0');
  return made;
}

function kernelContestant(
  name: string,
  lab: string,
  scene: Contestant['scenes'][number],
): Contestant {
  return {
    name,
    version: `Linux ${release()}`,
    scenes: [scene],
    processes: [],
    hostCount: 0,
    stop: () => sweepLab(lab),
  };
}
