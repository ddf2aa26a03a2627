/**
 * `weft up` and `weft down` as a user meets them: the sample tenant proves itself, Ctrl-C and `down` leave nothing, and what a killed
 * supervisor leaves the next command removes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { seconds } from '../../base/units.ts';
import { type Argv, attempt, type CommandResult, run } from '../../fabric/command.ts';
import { status } from '../../fabric/commands.ts';
import { fabricNamespaces } from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { fabricName } from '../../fabric/state-directory.ts';
import { eventually } from '../kit/eventually.ts';

const START_TIMEOUT = seconds(90);

interface Installation {
  readonly state: string;
  readonly name: string;
  weft(...args: readonly string[]): Promise<CommandResult>;
}

async function installation(t: Test): Promise<Installation> {
  const state = await mkdtemp(join(tmpdir(), 'weft-up-'));
  const weft: Installation['weft'] = (...args) =>
    attempt([process.execPath, programPath('cli/main.js'), '--state', state, ...args], {
      timeout: START_TIMEOUT,
    });
  t.teardown(async () => {
    await weft('down');
    await rm(state, { recursive: true, force: true });
  });
  return { state, name: fabricName(state), weft };
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

test('up --detach, status, down', async (t) => {
  const { state, name, weft } = await installation(t);
  const up = await weft('up', '--detach', '--port', '18443');
  t.equal(up.code, 0, up.stderr);
  t.match(up.stdout, /16 checks hold/, 'the sample tenant is proved');
  t.notMatch(up.stdout, '✘');
  t.match(up.stdout, /https:\/\/127\.0\.0\.1:\d+/);

  const shown = JSON.parse((await weft('--json', 'status')).stdout) as {
    roles: Record<string, unknown>[];
  };
  t.same(shown.roles.map((role) => role['name']).sort(), [
    ...['controller', 'edge', 'host1', 'host2', 'mux1', 'mux2'],
  ]);
  for (const role of shown.roles) {
    t.equal(role['health'], 'healthy', String(role['name']));
    t.ok(Number(role['pid']) > 1 && String(role['address']) !== '', JSON.stringify(role));
  }

  const again = await weft('up', '--detach');
  t.equal(again.code, 0, 'a second up --detach finds it running');

  const pids = (await status({ state }))?.roles.map(({ pid }) => pid) ?? [];
  const down = await weft('down');
  t.equal(down.code, 0, down.stderr);
  t.same(await fabricNamespaces(name), [], 'no namespace is left');
  for (const pid of pids) t.notOk(isAlive(pid), `process ${pid} has ended`);
  t.notOk(existsSync(join(state, 'fabric.json')));
  t.equal((await weft('status')).code, 1, 'status says that nothing runs');

  const second = await weft('up', '--detach', '--port', '18443');
  t.equal(second.code, 0, `the same state again: ${second.stderr}`);
  t.match(second.stdout, /16 checks hold/);
});

test('a port that is taken is told and the next one used', async (t) => {
  const { weft, state } = await installation(t);
  const { createServer } = await import('node:net');
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(18543, '127.0.0.1', resolve));
  t.teardown(() => squatter.close());
  const up = await weft('up', '--detach', '--no-sample', '--no-edge', '--port', '18543');
  t.equal(up.code, 0, up.stderr);
  t.match(up.stdout, 'port 18543 is taken');
  t.equal((await status({ state }))?.northbound, 'https://127.0.0.1:18544');
});

test('a fabric keeps the provider prefix it was made with', async (t) => {
  const { weft } = await installation(t);
  const sizes = [
    '--hosts',
    '1',
    '--no-sample',
    '--no-edge',
    '--detach',
    '--port',
    '18593',
  ] as const;
  const first = await weft('up', ...sizes, '--provider-prefix', '100.64.7.0/24');
  t.equal(first.code, 0, first.stderr);
  t.match((await weft('status')).stdout, /100\.64\.7\.10/);
  await weft('down');
  const other = await weft('up', ...sizes, '--provider-prefix', '100.64.8.0/24');
  t.equal(other.code, 1);
  t.match(other.stderr, 'is 100.64.7.0/24, not 100.64.8.0/24');
});

test('down while it starts ends it; a second up meanwhile is refused', async (t) => {
  const { state, name, weft } = await installation(t);
  const starting = weft('up', '--detach', '--port', '18693');
  await eventually('it has begun', () => existsSync(join(state, 'fabric.json')), START_TIMEOUT);
  const second = await weft('up', '--detach', '--port', '18693');
  t.match(second.stderr, 'is just bringing this fabric up');
  t.equal((await weft('down')).code, 0);
  t.not((await starting).code, 0);
  t.same(await fabricNamespaces(name), []);
});

test('supervisor killed outright: its roles end, and down removes what is left', async (t) => {
  const { state, name, weft } = await installation(t);
  const up = await weft('up', '--detach', '--no-sample', '--port', '18643');
  t.equal(up.code, 0, up.stderr);
  const before = await status({ state });
  if (before === undefined) throw new Error('no status');
  process.kill(before.fabric.supervisorPid, 'SIGKILL');
  for (const { pid, name: role } of before.roles)
    await eventually(`${role} has ended`, () => !isAlive(pid));
  t.not((await fabricNamespaces(name)).length, 0, 'namespaces were left');
  const restarted = await weft('up', '--detach', '--no-sample', '--port', '18643');
  t.equal(restarted.code, 0, `up after a crash: ${restarted.stderr}`);
  t.match(restarted.stdout, 'stale ones removed first');
  const after = await status({ state });
  process.kill(after?.fabric.supervisorPid ?? 0, 'SIGKILL');
  const down = await weft('down');
  t.equal(down.code, 0, down.stderr);
  t.same(await fabricNamespaces(name), []);
});

test('in the foreground, Ctrl-C removes everything; so does the death of the terminal', async (t) => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const { state, name } = await installation(t);
    const child: ChildProcess = spawn(
      process.execPath,
      [
        programPath('cli/main.js'),
        '--state',
        state,
        'up',
        '--no-sample',
        '--no-edge',
        '--port',
        '18743',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
    });
    await eventually('up is up', () => output.includes('Try next'), START_TIMEOUT);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
    await eventually('no namespace is left', async () => {
      return (await fabricNamespaces(name)).length === 0;
    });
    await eventually(
      'the supervisor has ended',
      async () => (await status({ state })) === undefined,
    );
    t.pass(signal);
  }
});

test('interrupted while it starts, it leaves nothing', async (t) => {
  const { state, name } = await installation(t);
  const child = spawn(
    process.execPath,
    [programPath('cli/main.js'), '--state', state, 'up', '--no-sample', '--port', '18843'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  await eventually('step 4 has begun', () => output.includes('[4/'), START_TIMEOUT);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  t.not(await ended, 0);
  await eventually('no namespace is left', async () => (await fabricNamespaces(name)).length === 0);
});

test('without root: the same in a user namespace, with the API reachable from outside', async (t) => {
  const { state, weft } = await installation(t);
  if ((await attempt(asNobody('unshare', '--user', '--net', 'true'))).code !== 0) {
    t.comment('this kernel allows no user namespaces');
    return;
  }
  await run(['chown', '65534:65534', state]);
  const weftAsNobody = (...args: readonly string[]): Promise<CommandResult> =>
    attempt(asNobody(process.execPath, programPath('cli/main.js'), '--state', state, ...args), {
      timeout: START_TIMEOUT,
    });
  const up = await weftAsNobody('up', '--detach', '--port', '18943');
  t.equal(up.code, 0, up.stderr);
  t.match(up.stdout, /16 checks hold/);
  const networks = await weft('--json', 'vnet', 'list');
  t.match(networks.stdout, 'blue', 'the northbound is reachable from outside');
  const ping = ['busybox', 'ping', '-c', '1', '10.1.1.5'];
  const pinged = await weftAsNobody('vm', 'exec', 'blue-web1', '--', ...ping);
  t.equal(pinged.code, 0, `a command in a VM: ${pinged.stderr}${pinged.stdout}`);
  const down = await weftAsNobody('down');
  t.equal(down.code, 0, down.stderr);
  t.equal((await weft('status')).code, 1);
});

/** As a user without any right, whose /dev/net/tun is as most distributions have it; nothing of this test runner's environment. */
function asNobody(...argv: readonly string[]): Argv {
  const devices =
    'mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"';
  return [
    ...(['env', '-i', `PATH=${process.env['PATH'] ?? ''}`, 'HOME=/nonexistent'] as const),
    ...['unshare', '--mount', 'sh', '-c', devices, 'sh'],
    ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--', ...argv],
  ];
}
