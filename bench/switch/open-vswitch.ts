/**
 * Open vSwitch with its user-space datapath (`datapath_type=netdev`), the peer that does what our switch does where ours does it: TAP
 * devices of its own, moved into the stations. Two instances, one per host, each with a database and a run directory of its own, joined
 * by a veth pair of 1500 bytes that each has as a port of its provider bridge; between them VXLAN in the manner of its manual
 * ("Open vSwitch with userspace tunnelling"). Started by hand; the package's services play no part.
 *
 * With `userspace-tso-enable` stations offer super-frames. Version 3.1 drops those that would enter a tunnel, so that variant takes part
 * on one host only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defined } from '../../base/assert.ts';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import { type Argv, attempt, run } from '../../fabric/command.ts';
import { ipBatch } from '../../fabric/links.ts';
import { inNamespace } from '../../fabric/namespaces.ts';
import {
  ACROSS_HOSTS,
  ACROSS_HOSTS_GUARDED,
  type Contestant,
  SAME_HOST,
  SAME_HOST_GUARDED,
  type Scene,
  type Station,
} from './contestant.ts';
import {
  configureStation,
  createLabFolder,
  createLabNamespace,
  joinByVeth,
  sweepLab,
} from './lab.ts';
import { OPEN_PORTS } from './stateful-policy.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const PROVIDER_MTU = 1500;

/** A bridge of stations and the tunnel to its like on the other host. */
interface Bridge {
  readonly name: string;
  readonly tunnel: string;
  readonly vni: number;
}

const OPEN: Bridge = { name: 'br0', tunnel: 'vx0', vni: 42 };
/** Its packets pass the connection tracker. */
const GUARDED: Bridge = { name: 'br1', tunnel: 'vx1', vni: 43 };

const STARTED_WITHIN = seconds(10);

interface Instance {
  readonly namespace: string;
  /** Run directory. */
  readonly folder: string;
  readonly pids: readonly number[];
}

export async function startOpenVswitch(options: { readonly tso: boolean }): Promise<Contestant> {
  const { tso } = options;
  const lab = tso ? 'ovstso-' : 'ovs-';
  const folder = await createLabFolder(lab);
  const instances: Instance[] = [];
  const stop = async (): Promise<void> => {
    for (const pid of instances.flatMap(({ pids }) => pids)) await attempt(['kill', `${pid}`]);
    await sweepLab(lab);
  };
  try {
    for (const host of ['h1', 'h2']) {
      instances.push(await startInstance(`${lab}${host}`, join(folder, host), tso));
    }
    return {
      name: tso ? 'OVS with TSO' : 'OVS',
      version: (await run(['ovs-vswitchd', '--version'])).split('\n')[0] ?? '',
      scenes: await joinInstances(lab, instances, tso),
      processes: instances.flatMap(({ pids }) => pids),
      hostCount: instances.length,
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function startInstance(name: string, folder: string, tso: boolean): Promise<Instance> {
  const namespace = await createLabNamespace(name);
  await mkdir(folder);
  const path = (file: string): string => join(folder, file);
  await run(['ovsdb-tool', 'create', path('conf.db'), SCHEMA]);
  const daemon = async (program: string, ...args: string[]): Promise<number> => {
    const control = path(`${program}.ctl`);
    // Without directories of its own it would take those of the installed service.
    const environment = ['env', `OVS_RUNDIR=${folder}`, `OVS_DBDIR=${folder}`] as const;
    const log = ['-vconsole:off', `--log-file=${path(`${program}.log`)}`];
    const argv: Argv = [...environment, program, ...args, `--unixctl=${control}`, ...log];
    const [nsenter, ...rest] = inNamespace(namespace, argv);
    const child = spawn(nsenter, rest, { stdio: 'ignore' });
    await appears(control, child);
    return defined(child.pid, `process of ${program}`);
  };
  const socket = `unix:${path('db.sock')}`;
  const database = await daemon('ovsdb-server', path('conf.db'), `--remote=p${socket}`);
  const setting = `other_config:userspace-tso-enable=${tso}`;
  await vsctl(folder, ['--no-wait', 'init', '--', 'set', 'Open_vSwitch', '.', setting]);
  const vswitch = await daemon('ovs-vswitchd', socket);
  return { namespace, folder, pids: [database, vswitch] };
}

async function appears(file: string, child: ChildProcess): Promise<void> {
  const start = systemClock.now();
  while (!existsSync(file)) {
    const isLate = systemClock.now() - start > STARTED_WITHIN;
    if (isLate || child.exitCode !== null) throw new Error(`${file} did not appear`);
    await sleep(systemClock, millis(10));
  }
}

async function joinInstances(
  lab: string,
  instances: readonly Instance[],
  tso: boolean,
): Promise<readonly Scene[]> {
  const [first, second] = instances;
  if (first === undefined || second === undefined) return [];
  await joinByVeth(
    [
      { namespace: first.namespace, device: 'uplink0' },
      { namespace: second.namespace, device: 'uplink0' },
    ],
    PROVIDER_MTU,
  );
  for (const [index, instance] of instances.entries()) {
    await configureBridges(instance, `192.0.2.${index + 1}`, `192.0.2.${2 - index}`);
  }
  const client = await addStation(first, OPEN, `${lab}a`, '10.0.0.1');
  const guardedClient = await addStation(first, GUARDED, `${lab}d`, '10.1.0.1');
  const server = await addStation(first, OPEN, `${lab}b`, '10.0.0.2');
  const guardedServer = await addStation(first, GUARDED, `${lab}e`, '10.1.0.2');
  const sameHost: readonly Scene[] = [
    { name: SAME_HOST, client, server },
    { name: SAME_HOST_GUARDED, client: guardedClient, server: guardedServer },
  ];
  if (tso) return sameHost;
  const distant = await addStation(second, OPEN, `${lab}c`, '10.0.0.3');
  const guardedDistant = await addStation(second, GUARDED, `${lab}f`, '10.1.0.3');
  return [
    ...sameHost,
    { name: ACROSS_HOSTS, client, server: distant },
    { name: ACROSS_HOSTS_GUARDED, client: guardedClient, server: guardedDistant },
  ];
}

/** A bridge for the stations of each kind with a tunnel of its own, and provider0 with the uplink and the tunnels' address. */
async function configureBridges(instance: Instance, local: string, remote: string): Promise<void> {
  const netdev = 'datapath_type=netdev';
  const bridge = ({ name, tunnel, vni }: Bridge): readonly string[] => [
    ...['--', 'add-br', name, '--', 'set', 'bridge', name, netdev],
    ...['--', 'add-port', name, tunnel, '--', 'set', 'interface', tunnel, 'type=vxlan'],
    ...[`options:remote_ip=${remote}`, `options:key=${vni}`],
  ];
  await vsctl(instance.folder, [
    ...['add-br', 'provider0', '--', 'set', 'bridge', 'provider0', netdev],
    ...['--', 'add-port', 'provider0', 'uplink0', ...bridge(OPEN), ...bridge(GUARDED)],
  ]);
  const control = `unix:${join(instance.folder, `${GUARDED.name}.mgmt`)}`;
  const flows = statefulFlows().join('\n');
  await run(['ovs-ofctl', '-O', 'OpenFlow14', 'replace-flows', control, '-'], { stdin: flows });
  await ipBatch(instance.namespace, [
    `addr add ${local}/24 dev provider0`,
    'link set provider0 up',
    ...[OPEN, GUARDED].map(({ name }) => `link set ${name} up`),
  ]);
}

/** stateful-policy.ts as its manual does it ("OVS Conntrack Tutorial"): every packet is tracked, then judged by the state and its port. */
function statefulFlows(): readonly string[] {
  const commit = 'actions=ct(commit),normal';
  const isNew = 'table=1,ct_state=+trk+new';
  return [
    'table=0,priority=100,arp,actions=normal',
    'table=0,priority=50,ip,actions=ct(table=1)',
    'table=1,priority=60000,ct_state=+trk+est,ip,actions=normal',
    'table=1,priority=60000,ct_state=+trk+rel,ip,actions=normal',
    ...OPEN_PORTS.map(
      (port, index) => `${isNew},priority=${50_000 - index},tcp,tp_dst=${port},${commit}`,
    ),
    `${isNew},priority=40000,icmp,${commit}`,
    'table=1,priority=1,actions=drop',
  ];
}

async function addStation(
  instance: Instance,
  bridge: Bridge,
  name: string,
  address: string,
): Promise<Station> {
  const namespace = await createLabNamespace(name);
  const device = name.replace('ovstso-', 'tso').replace('ovs-', 'tap');
  const internal = ['--', 'set', 'interface', device, 'type=internal'];
  await vsctl(instance.folder, ['add-port', bridge.name, device, ...internal]);
  await ipBatch(instance.namespace, [`link set ${device} netns ${namespace}`]);
  const station = { namespace, address };
  await configureStation(station, device);
  return station;
}

async function vsctl(folder: string, args: readonly string[]): Promise<void> {
  await run(['ovs-vsctl', `--db=unix:${join(folder, 'db.sock')}`, '--timeout=20', ...args]);
}
