/**
 * Network namespaces of a fabric: `weft-<fabric>-<role>`, made with iproute2 under /run/netns. A name says whose it is, so what a
 * crash left behind is found and removed by name alone. A fabric's name has no hyphen; hence no fabric's prefix is another's.
 *
 * Called by links.ts, deploy.ts, vm.ts and the test kit.
 */
import { readdir } from 'node:fs/promises';
import { assert } from '../base/assert.ts';
import { type Argv, attempt, run } from './command.ts';

const DIRECTORY = '/run/netns';
const PREFIX = 'weft-';
const FABRIC_NAME = /^[a-z0-9]{1,24}$/;
const NAMESPACE = /^weft-([a-z0-9]{1,24})-./;
const MEMBER_NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/i;

export function namespaceName(fabric: string, member: string): string {
  assert(FABRIC_NAME.test(fabric), `'${fabric}' cannot name a fabric`);
  assert(MEMBER_NAME.test(member), `'${member}' cannot name a member of a fabric`);
  return `${PREFIX}${fabric}-${member}`;
}

export function namespacePath(name: string): string {
  return `${DIRECTORY}/${name}`;
}

/** The command that runs `argv` in namespace `name`; the process started is `argv` itself, nsenter execs it. */
export function inNamespace(name: string, argv: Argv): Argv {
  return ['nsenter', `--net=${namespacePath(name)}`, '--', ...argv];
}

/** A new namespace with its loopback up. */
export async function createNamespace(name: string): Promise<void> {
  await run(['ip', 'netns', 'add', name]);
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
}

/** Ends every process in the namespace, then removes it with all its interfaces. Absent is fine. */
export async function deleteNamespace(name: string): Promise<void> {
  await killProcesses(name);
  const { code, stderr } = await attempt(['ip', 'netns', 'del', name]);
  if (code !== 0 && (await namespaceNames()).includes(name))
    throw new Error(`ip netns del ${name}: ${stderr.trim()}`);
}

/** Namespaces of the fabric that exist now. */
export async function fabricNamespaces(fabric: string): Promise<readonly string[]> {
  const prefix = namespaceName(fabric, 'x').slice(0, -1);
  return (await namespaceNames()).filter((name) => name.startsWith(prefix));
}

/** Names of all fabrics that have a namespace now. */
export async function fabricNames(): Promise<readonly string[]> {
  const names = (await namespaceNames()).flatMap((name) => NAMESPACE.exec(name)?.[1] ?? []);
  return [...new Set(names)];
}

/** Removes every namespace of the fabric; returns which there were. */
export async function sweepNamespaces(fabric: string): Promise<readonly string[]> {
  const names = await fabricNamespaces(fabric);
  await Promise.all(names.map(deleteNamespace));
  return names;
}

async function namespaceNames(): Promise<readonly string[]> {
  try {
    return await readdir(DIRECTORY);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw thrown;
  }
}

async function killProcesses(name: string): Promise<void> {
  const { stdout, code } = await attempt(['ip', 'netns', 'pids', name]);
  if (code !== 0) return; // no such namespace
  for (const line of stdout.split('\n')) {
    const pid = Number(line.trim());
    if (pid > 1 && pid !== process.pid) killQuietly(pid);
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    const gone = thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH';
    if (!gone) throw thrown;
  }
}
