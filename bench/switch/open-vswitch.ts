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
  type Contestant,
  SAME_HOST,
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

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const PROVIDER_MTU = 1500;
const VNI = 42;
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
  const a = await addStation(first, `${lab}a`, '10.0.0.1');
  const b = await addStation(first, `${lab}b`, '10.0.0.2');
  const sameHost: Scene = { name: SAME_HOST, client: a, server: b };
  if (tso) return [sameHost];
  const c = await addStation(second, `${lab}c`, '10.0.0.3');
  return [sameHost, { name: ACROSS_HOSTS, client: a, server: c }];
}

/** br0 holds the stations and the tunnel, provider0 the uplink and the tunnel's own address. */
async function configureBridges(instance: Instance, local: string, remote: string): Promise<void> {
  const netdev = 'datapath_type=netdev';
  await vsctl(instance.folder, [
    ...['add-br', 'provider0', '--', 'set', 'bridge', 'provider0', netdev],
    ...['--', 'add-port', 'provider0', 'uplink0'],
    ...['--', 'add-br', 'br0', '--', 'set', 'bridge', 'br0', netdev],
    ...['--', 'add-port', 'br0', 'vx0', '--', 'set', 'interface', 'vx0', 'type=vxlan'],
    ...[`options:remote_ip=${remote}`, `options:key=${VNI}`],
  ]);
  await ipBatch(instance.namespace, [
    `addr add ${local}/24 dev provider0`,
    'link set provider0 up',
    'link set br0 up',
  ]);
}

async function addStation(instance: Instance, name: string, address: string): Promise<Station> {
  const namespace = await createLabNamespace(name);
  const device = name.replace('ovstso-', 'tso').replace('ovs-', 'tap');
  const internal = ['--', 'set', 'interface', device, 'type=internal'];
  await vsctl(instance.folder, ['add-port', 'br0', device, ...internal]);
  await ipBatch(instance.namespace, [`link set ${device} netns ${namespace}`]);
  const station = { namespace, address };
  await configureStation(station, device);
  return station;
}

async function vsctl(folder: string, args: readonly string[]): Promise<void> {
  await run(['ovs-vsctl', `--db=unix:${join(folder, 'db.sock')}`, '--timeout=20', ...args]);
}
