/** fabric/qemu/guest-agent: the host's end of the command line into a guest, against a scripted guest. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { systemClock } from '../../../base/clock.ts';
import { millis } from '../../../base/units.ts';
import { connectAgent, parseAgentLine } from '../../../fabric/qemu/guest-agent.ts';
import { AGENT_COMMAND_BYTES_MAX, AGENT_COMMANDS_MAX } from '../../../fabric/qemu/limits.ts';

type Script = (line: readonly string[], socket: Socket) => void;

/** A guest that does what `script` says with each line, on a socket in a directory of its own. */
async function guest(
  script: Script,
): Promise<{ path: string; close: () => Promise<void>; server: Server }> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-agent-'));
  const path = join(directory, 'agent.sock');
  const server = createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => script(line.split(' '), socket));
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    server,
    close: async () => {
      server.close();
      await rm(directory, { recursive: true });
    },
  };
}

test('lines of the agent parse; anything else is nobody', (t) => {
  t.deepEqual(parseAgentLine('ready\r'), { kind: 'ready' });
  t.deepEqual(parseAgentLine('address 10.0.0.4/24'), { kind: 'address', address: '10.0.0.4/24' });
  t.deepEqual(parseAgentLine('out 12 a  b '), { kind: 'output', id: 12, text: 'a  b ' });
  t.deepEqual(parseAgentLine('exit 12 0'), { kind: 'exit', id: 12, status: 0 });
  for (const line of ['', 'out', 'out x y', 'exit 1', 'exit 1 no', 'address 10.0.0.4', 'ready?'])
    t.is(parseAgentLine(line), undefined, line);
});

test('an agent that was already up answers hello with what it knows', async (t) => {
  const { path, close } = await guest(([verb], socket) => {
    if (verb === 'hello') socket.write('ready\naddress 10.0.0.4/24\n');
  });
  const agent = await connectAgent(path);
  t.true(await agent.ready(millis(2000), systemClock));
  t.is(await agent.address(millis(2000), systemClock), '10.0.0.4/24');
  agent.close();
  await close();
});

test('silence is not readiness: a guest that accepts and says nothing is not up', async (t) => {
  const { path, close } = await guest(() => undefined);
  const agent = await connectAgent(path);
  t.false(await agent.ready(millis(120), systemClock));
  agent.close();
  await close();
});

test('output of two commands at once goes to the right one, and each has its own status', async (t) => {
  const started: string[] = [];
  const { path, close } = await guest(([verb, id, text], socket) => {
    if (verb !== 'run') return;
    started.push(`${id} ${Buffer.from(text ?? '', 'base64').toString()}`);
    if (started.length < 2) return;
    const [a, b] = started.map((line) => line.split(' ')[0]);
    socket.write(`out ${b} second\nout ${a} first\nexit ${b} 3\nout 999 nobody's\nexit ${a} 0\n`);
  });
  const agent = await connectAgent(path);
  const lines: string[] = [];
  const a = agent.run('one', (line) => lines.push(`a:${line}`));
  const b = agent.run('two', (line) => lines.push(`b:${line}`));
  t.deepEqual(await Promise.all([a.exit, b.exit]), [0, 3]);
  t.deepEqual(lines, ['b:second', 'a:first']);
  agent.close();
  await close();
});

test('stop asks the guest to end that command', async (t) => {
  const { path, close } = await guest(([verb, id], socket) => {
    if (verb === 'kill') socket.write(`exit ${id} 143\n`);
  });
  const agent = await connectAgent(path);
  const command = agent.run('ping 10.0.0.1', () => undefined);
  command.stop();
  t.is(await command.exit, 143);
  agent.close();
  await close();
});

test('a guest that dies rejects what was running in it', async (t) => {
  const { path, close } = await guest(([verb], socket) => {
    if (verb === 'run') socket.destroy();
  });
  const agent = await connectAgent(path);
  await t.throwsAsync(agent.run('sleep 60', () => undefined).exit, { code: 'SDN_GUEST_GONE' });
  await close();
});

test('a command longer than the line takes, and one command too many, are refused before they are sent', async (t) => {
  const { path, close } = await guest(() => undefined);
  const agent = await connectAgent(path);
  const run = (text: string): unknown => agent.run(text, () => undefined).exit.catch(() => 0);
  t.throws(() => run('x'.repeat(AGENT_COMMAND_BYTES_MAX + 1)), { code: 'SDN_GUEST_COMMAND' });
  for (let count = 0; count < AGENT_COMMANDS_MAX; count++) run('sleep 60');
  t.throws(() => run('true'), { code: 'SDN_GUEST_COMMAND' });
  agent.close();
  await close();
});
