/** The listening socket that a controller in another namespace inherits. */
import { spawn } from 'node:child_process';
import net from 'node:net';
import test from 'ava';
import { listenOnLoopback } from '../../../fabric/loopback-socket.ts';

const SERVER = 'require("net").createServer((s) => s.end("served")).listen({ fd: 3 })';

function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1').once('error', reject);
    socket.once('data', (bytes) => resolve(String(bytes)));
  });
}

test('connections made before the server runs, and while it restarts, are served by it', async (t) => {
  const socket = await listenOnLoopback(0);
  t.teardown(() => socket.close());
  for (const round of [1, 2]) {
    const early = ask(socket.port);
    const child = spawn(process.execPath, ['-e', SERVER], { stdio: ['ignore', 2, 2, socket.fd] });
    t.is(await early, 'served', `round ${round}`);
    t.is(await ask(socket.port), 'served');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }
});

test('a port that is taken gives the next one', async (t) => {
  const first = await listenOnLoopback(0);
  t.teardown(() => first.close());
  const second = await listenOnLoopback(first.port);
  t.teardown(() => second.close());
  t.true(second.port > first.port);
});
