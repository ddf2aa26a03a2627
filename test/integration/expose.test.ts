/**
 * `weft up --expose` as a user meets it: a browser on the machine reaches a VM by its public address, nothing stays after `down` or a
 * crash, and a machine whose routes stand in the way is left alone. A namespace stands for the machine's own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { seconds } from '../../base/units.ts';
import { type Argv, attempt, type CommandResult, run } from '../../fabric/command.ts';
import { status } from '../../fabric/commands.ts';
import {
  createNamespace,
  deleteNamespace,
  fabricNamespaces,
  inNamespace,
} from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { fabricName } from '../../fabric/state-directory.ts';
import { eventually } from '../kit/eventually.ts';

const START_TIMEOUT = seconds(90);
const ADDRESS = '203.0.113.1';

interface Machine {
  readonly state: string;
  readonly name: string;
  /** A command on the machine. */
  does(...argv: Argv): Promise<CommandResult>;
  weft(...args: readonly string[]): Promise<CommandResult>;
  /** Interfaces other than loopback, and routes. */
  belongings(): Promise<string>;
}

async function machine(t: Test): Promise<Machine> {
  const state = await mkdtemp(join(tmpdir(), 'weft-expose-'));
  const name = fabricName(state);
  const namespace = `machine-${name}`;
  await createNamespace(namespace);
  const does: Machine['does'] = (...argv) =>
    attempt(inNamespace(namespace, argv), { timeout: START_TIMEOUT });
  const weft: Machine['weft'] = (...args) =>
    does(process.execPath, programPath('cli/main.js'), '--state', state, ...args);
  t.teardown(async () => {
    await weft('down');
    await deleteNamespace(namespace);
    await rm(state, { recursive: true, force: true });
  });
  return {
    ...{ state, name, does, weft },
    async belongings() {
      const links = await run(['ip', '-n', namespace, '-brief', 'link', 'show', 'type', 'veth']);
      const routes = await run(['ip', '-n', namespace, '-4', 'route', 'show']);
      const routes6 = await run(['ip', '-n', namespace, '-6', 'route', 'show', 'proto', 'boot']);
      return links + routes + routes6;
    },
  };
}

test('the machine reaches a VM by its public address, and after down nothing is left', async (t) => {
  const { name, does, weft, belongings } = await machine(t);
  const up = await weft('up', '--detach', '--expose', '--port', '19043');
  t.equal(up.code, 0, up.stderr);
  t.match(
    up.stdout,
    `From this machine: http://${ADDRESS} and the rest of 203.0.113.0/24 and 2001`,
  );
  t.match((await weft('status')).stdout, `from this machine: http://${ADDRESS}`);
  t.match(await belongings(), `203.0.113.0/24 via 100.64.255.253 dev weft-${name}`);
  t.match(await belongings(), `2001:db8:203::/64 via fd57:4546:5401::1 dev weft-${name}`);

  const ping = await does('busybox', 'ping', '-c', '3', '-W', '2', ADDRESS);
  t.equal(ping.code, 0, ping.stdout + ping.stderr);
  const nobody = await does('ping', '-6', '-c', '1', '-W', '5', '2001:db8:203::99');
  t.match(nobody.stdout, /From 2001:db8:ffff::2 .*unreachable/i, 'the edge knows no such address');
  const folder = await mkdtemp(join(tmpdir(), 'weft-page-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await run(['sh', '-c', `echo 'a page of blue-web3' > ${folder}/index.html`]);
  const serve = `busybox httpd -p 80 -h ${folder} </dev/null >/dev/null 2>&1`;
  const served = await weft('vm', 'exec', 'blue-web3', '--', 'sh', '-c', serve);
  t.equal(served.code, 0, served.stderr);
  const page = await does('curl', '-sS', '-m', '10', '--noproxy', '*', `http://${ADDRESS}/`);
  t.equal(page.stdout, 'a page of blue-web3\n', page.stderr);

  const again = await weft('up', '--detach', '--expose');
  t.equal(again.code, 0, 'exposed already');
  const down = await weft('down');
  t.equal(down.code, 0, down.stderr);
  t.equal(await belongings(), '');
  t.same(await fabricNamespaces(name), []);
});

test('what a crash leaves is no conflict for the next up, and goes with down', async (t) => {
  const { state, name, weft, belongings } = await machine(t);
  const sizes = ['up', '--detach', '--no-sample', '--hosts', '1', '--port', '19143'] as const;
  const crash = async (): Promise<void> => {
    const pid = (await status({ state }))?.fabric.supervisorPid ?? 0;
    process.kill(pid, 'SIGKILL');
    await eventually('it has ended', async () => (await status({ state })) === undefined);
    t.match(await belongings(), '203.0.113.0/24', 'the route was left');
  };
  t.equal((await weft(...sizes, '--expose')).code, 0);
  await crash();
  const restarted = await weft(...sizes, '--expose');
  t.equal(restarted.code, 0, restarted.stderr);
  await crash();
  t.equal((await weft('down')).code, 0);
  t.equal(await belongings(), '');

  t.equal((await weft(...sizes)).code, 0);
  t.equal(await belongings(), '', 'not exposed unless asked for');
  const late = await weft(...sizes, '--expose');
  t.equal(late.code, 1);
  t.match(late.stderr, 'running already, without --expose');
  t.not((await fabricNamespaces(name)).length, 0, 'it goes on running');
});

test('a machine that has such a route is refused, and nothing is made', async (t) => {
  const { name, does, weft, belongings } = await machine(t);
  await does('ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
  for (const end of ['lan0', 'lan1']) await does('ip', 'link', 'set', end, 'up');
  await does('ip', 'route', 'add', 'default', 'dev', 'lan0');
  for (const route of ['203.0.113.64/26', '100.64.0.0/10', '2001:db8:200::/40']) {
    await does('ip', 'route', 'add', route, 'dev', 'lan0');
    const before = await belongings();
    const up = await weft('up', '--detach', '--no-sample', '--expose', '--port', '19243');
    t.equal(up.code, 1, route);
    t.match(up.stderr, `this machine has a route to ${route} by lan0 already`);
    t.match(up.stderr, 'weft inside outside', 'with its remedy');
    t.equal(await belongings(), before);
    t.same(await fabricNamespaces(name), []);
    await does('ip', 'route', 'del', route);
  }
});

test('a user who may not change the machine is refused, and nothing is made', async (t) => {
  const { state, name, does, belongings } = await machine(t);
  const before = await belongings();
  const weft = [process.execPath, programPath('cli/main.js'), '--state', state] as const;
  const up = ['up', '--detach', '--no-sample', '--expose', '--port', '19343'];
  const { code, stderr } = await does('setpriv', '--bounding-set=-sys_admin', '--', ...weft, ...up);
  t.equal(code, 1);
  t.match(stderr, 'an interface and a route, which this user may not');
  t.match(stderr, 'run as root, or leave out --expose', 'with its remedy');
  t.equal(await belongings(), before);
  t.same(await fabricNamespaces(name), []);
});
