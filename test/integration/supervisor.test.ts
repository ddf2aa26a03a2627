/** The supervisor and the fabric's namespaces, with toy roles: what dies, what is restarted, and that nothing is left behind. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { attempt, run } from '../../fabric/command.ts';
import { createProviderNetwork, joinProviderNetwork } from '../../fabric/links.ts';
import {
  createNamespace,
  deleteNamespace,
  fabricNamespaces,
  inNamespace,
  namespaceName,
  sweepNamespaces,
} from '../../fabric/namespaces.ts';
import { createSupervisor, type RoleSpec } from '../../fabric/supervisor.ts';

const READY = 'console.log(JSON.stringify({event:"ready"}));';
const FOREVER = 'setInterval(() => {}, 1000);';

function uniqueFabric(): string {
  return `t${process.pid}${Math.floor(systemClock.now() * 1000)}`;
}

async function toyRole(t: Test, program: string): Promise<RoleSpec> {
  const fabric = uniqueFabric();
  const directory = await mkdtemp(join(tmpdir(), 'weft-supervisor-'));
  const namespace = namespaceName(fabric, 'toy');
  await createNamespace(namespace);
  t.teardown(async () => {
    await sweepNamespaces(fabric);
    await rm(directory, { recursive: true, force: true });
  });
  const command = [process.execPath, '-e', program] as const;
  return { role: 'host', name: 'toy', namespace, command, log: join(directory, 'role.log') };
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await condition()) return;
    await sleep(systemClock, millis(50));
  }
  throw new Error(`not within 10 s: ${what}`);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a role runs in its namespace and writes its log', async (t) => {
  const spec = await toyRole(t, `${READY} console.error("on stderr"); ${FOREVER}`);
  const supervisor = createSupervisor(systemClock);
  await supervisor.start(spec);
  const [role] = supervisor.roles();
  t.equal(role?.health, 'healthy');
  const identified = await run(['ip', 'netns', 'identify', String(role?.pid)]);
  t.equal(identified.trim(), spec.namespace);
  await until(async () => (await readFile(spec.log, 'utf8')).includes('on stderr'), 'the log');
  t.match(await readFile(spec.log, 'utf8'), '"event":"ready"');
  await supervisor.stopAll();
  t.equal(supervisor.roles()[0]?.pid, 0);
});

test('a killed role is running again', async (t) => {
  const spec = await toyRole(t, READY + FOREVER);
  const supervisor = createSupervisor(systemClock);
  await supervisor.start(spec);
  const first = supervisor.roles()[0]?.pid;
  const killedAt = systemClock.now();
  supervisor.signal('toy', 'SIGKILL');
  await until(() => supervisor.roles()[0]?.health !== 'healthy', 'death noticed');
  await supervisor.whenReady('toy');
  t.comment(`took ${Math.round(systemClock.now() - killedAt)} ms`);
  t.not(supervisor.roles()[0]?.pid, first);
  t.equal(supervisor.roles()[0]?.restarts, 1);
  await supervisor.stopAll();
});

test('a role that ends before it is ready rejects start and names its log', async (t) => {
  const spec = await toyRole(t, 'process.exit(3)');
  const supervisor = createSupervisor(systemClock);
  await t.rejects(supervisor.start(spec), { code: 'SDN_ROLE_FAILED', remedy: spec.log });
  await supervisor.stopAll();
});

test('a role that ignores SIGTERM is killed', async (t) => {
  const spec = await toyRole(t, `process.on("SIGTERM", () => {}); ${READY} ${FOREVER}`);
  const supervisor = createSupervisor(systemClock);
  await supervisor.start(spec);
  const pid = supervisor.roles()[0]?.pid ?? 0;
  await supervisor.stopAll();
  t.notOk(alive(pid));
});

test('roles die with a supervisor that is killed', async (t) => {
  const spec = await toyRole(t, READY + FOREVER);
  const supervisorModule = new URL('../../fabric/supervisor.js', import.meta.url).href;
  const clockModule = new URL('../../base/clock.js', import.meta.url).href;
  const program = `
    const { createSupervisor } = await import(${JSON.stringify(supervisorModule)});
    const { systemClock } = await import(${JSON.stringify(clockModule)});
    const supervisor = createSupervisor(systemClock);
    await supervisor.start(${JSON.stringify(spec)});
    console.log(supervisor.roles()[0].pid);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (d) => resolve(String(d))),
  );
  const rolePid = Number(line.trim());
  t.ok(alive(rolePid), 'the role runs');
  child.kill('SIGKILL');
  await until(() => !alive(rolePid), 'the role has died');
});

test('deleting a namespace ends what runs in it and removes its name', async (t) => {
  const fabric = uniqueFabric();
  const name = namespaceName(fabric, 'vm-a');
  await createNamespace(name);
  const [program, ...args] = inNamespace(name, ['sleep', '1000']);
  const sleeper = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => sleeper.once('exit', (_, signal) => resolve(signal)));
  await until(
    async () => (await run(['ip', 'netns', 'pids', name])).trim() !== '',
    'the process is in the namespace',
  );
  await deleteNamespace(name);
  t.equal(await ended, 'SIGKILL');
  t.same(await fabricNamespaces(fabric), []);
  await deleteNamespace(name); // absent is fine
});

test('a sweep takes the whole fabric and nothing of another', async (t) => {
  const mine = uniqueFabric();
  const other = `${mine}x`;
  for (const member of ['net', 'host1', 'vm-a-b'])
    await createNamespace(namespaceName(mine, member));
  await createNamespace(namespaceName(other, 'net'));
  t.equal((await sweepNamespaces(mine)).length, 3);
  t.same(await fabricNamespaces(other), [namespaceName(other, 'net')]);
  await sweepNamespaces(other);
});

test('hosts reach each other over the provider network', async (t) => {
  const fabric = uniqueFabric();
  t.teardown(() => sweepNamespaces(fabric));
  const [network, host1, host2] = ['net', 'host1', 'host2'].map((m) =>
    namespaceName(fabric, m),
  ) as [string, string, string];
  for (const namespace of [network, host1, host2]) await createNamespace(namespace);
  await createProviderNetwork(network, 1500);
  for (const [member, portName] of [
    [host1, 'host1'],
    [host2, 'host2'],
  ] as const)
    await joinProviderNetwork({ network, member, portName, mtu: 1500 });
  await run(['ip', '-n', host1, 'addr', 'add', '198.51.100.10/24', 'dev', 'uplink0']);
  await run(['ip', '-n', host2, 'addr', 'add', '198.51.100.11/24', 'dev', 'uplink0']);
  const ping = inNamespace(host1, ['busybox', 'ping', '-c', '1', '-W', '2', '198.51.100.11']);
  await until(async () => (await attempt(ping)).code === 0, 'an answer to ping');
  t.pass('answered');
});
