/**
 * The namespaces and folders of the benchmark, all named `wb-…`: made here, and removed here by name, also those a crash left.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../fabric/command.ts';
import { ipBatch } from '../../fabric/links.ts';
import { createNamespace, deleteNamespace } from '../../fabric/namespaces.ts';
import { STATION_MTU, type Station } from './contestant.ts';

const PREFIX = 'wb-';

/** A fresh namespace `wb-NAME`. */
export async function createLabNamespace(name: string): Promise<string> {
  const namespace = `${PREFIX}${name}`;
  await deleteNamespace(namespace);
  await createNamespace(namespace);
  return namespace;
}

/** A fresh folder `wb-NAME…`. */
export function createLabFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `${PREFIX}${name}`));
}

/**
 * Removes the namespaces and folders whose name begins with `wb-NAME`, and what runs in them; all of the lab without a name. One
 * benchmark runs at a time.
 */
export async function sweepLab(name = ''): Promise<void> {
  const isOwn = (each: string): boolean => each.startsWith(`${PREFIX}${name}`);
  const namespaces = await readdir('/run/netns').catch(() => []);
  await Promise.all(namespaces.filter(isOwn).map(deleteNamespace));
  const folders = (await readdir(tmpdir())).filter(isOwn);
  await Promise.all(
    folders.map((folder) => rm(join(tmpdir(), folder), { recursive: true, force: true })),
  );
}

/** A veth pair between two namespaces, up. */
export async function joinByVeth(
  ends: readonly [{ namespace: string; device: string }, { namespace: string; device: string }],
  mtu: number,
): Promise<void> {
  const [a, b] = ends;
  const peer = `peer name ${b.device} mtu ${mtu} netns ${b.namespace}`;
  await ipBatch(a.namespace, [
    `link add ${a.device} mtu ${mtu} type veth ${peer}`,
    `link set ${a.device} up`,
  ]);
  await ipBatch(b.namespace, [`link set ${b.device} up`]);
}

/** Gives the only interface of a station its name, MTU and address. */
export async function configureStation(station: Station, device: string): Promise<void> {
  const { namespace, address } = station;
  const renamed = device === 'eth0' ? [] : [`link set ${device} name eth0`];
  await ipBatch(namespace, [
    ...renamed,
    `link set eth0 mtu ${STATION_MTU}`,
    `addr add ${address}/24 dev eth0`,
    'link set eth0 up',
  ]);
}

/** One packet each way, so that every table on the way is filled; rejects when nothing comes back. */
export async function proveReachable(client: Station, server: Station): Promise<void> {
  const { namespace } = client;
  await run(['ip', 'netns', 'exec', namespace, 'ping', '-c', '1', '-w', '10', server.address]);
}
