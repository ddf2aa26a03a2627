/** The addon by itself: checksums, waking, listening sockets, and calls with wrong arguments. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import fc from 'fast-check';
import { addon } from '../../../native/addon.ts';
import { checksum, openBurst, wake } from '../../../native/burst.ts';
import { listenTcp } from '../../../native/socket.ts';

function slowChecksum(bytes: Uint8Array): number {
  let sum = 0;
  bytes.forEach((byte, index) => {
    sum += index % 2 === 0 ? byte * 256 : byte;
    sum = (sum & 0xffff) + (sum >> 16);
  });
  return ~sum & 0xffff;
}

test('RFC 1071 §3: the example sums to ddf2', (t) => {
  t.is(checksum(Uint8Array.of(0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7)), ~0xddf2 & 0xffff);
  t.is(checksum(new Uint8Array(0)), 0xffff);
});

test('checksums of any bytes at any alignment are right', (t) => {
  const block = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(block, fc.nat({ max: 7 }), (bytes, skip) => {
      t.is(checksum(bytes.subarray(skip)), slowChecksum(bytes.subarray(skip)));
    }),
  );
  const long = new Uint8Array(65_535).fill(0xff);
  t.is(checksum(long), slowChecksum(long));
});

test('wake ends an endless wait in another thread', async (t) => {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     import(${JSON.stringify(new URL('../../../native/burst.js', import.meta.url).href)}).then(({ openBurst }) => {
       const burst = openBurst();
       parentPort.postMessage(burst.wakeFd);
       const received = burst.exchange(0, -1);
       burst.close();
       parentPort.postMessage({ received });
     });`,
    { eval: true },
  );
  const [wakeFd] = await once(worker, 'message');
  const woken = once(worker, 'message');
  wake(Number(wakeFd));
  t.deepEqual(await woken, [{ received: 0 }]);
  await once(worker, 'exit');
});

test('a listening socket is served by node', async (t) => {
  const fd = listenTcp(Uint8Array.of(127, 0, 0, 1), 0);
  const server = createServer((socket) => socket.end('hello'));
  server.listen({ fd });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('an address with a port');
  const client = connect(address.port, '127.0.0.1');
  const [data] = await once(client, 'data');
  t.is(String(data), 'hello');
  await new Promise((resolve) => server.close(resolve));
});

test('a taken port is a fault with a remedy', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  const error = t.throws(() => listenTcp(Uint8Array.of(127, 0, 0, 1), port), {
    code: 'SDN_DEVICE',
    message: /EADDRINUSE/,
  });
  t.regex(String(error && 'remedy' in error ? error.remedy : ''), /another/);
  await new Promise((resolve) => server.close(resolve));
});

test('wrong arguments throw and do not crash', (t) => {
  const burst = openBurst();
  const wrong: readonly (() => unknown)[] = [
    () => Reflect.apply(burst.exchange, undefined, []),
    () => Reflect.apply(burst.exchange, undefined, ['1', {}]),
    () => Reflect.apply(burst.attachTap, undefined, [0]),
    () => Reflect.apply(burst.setPeer, undefined, [0, new Uint8Array(5), 1]),
    () => Reflect.apply(burst.setPeer, undefined, [0, 'x', 1]),
    () => burst.setPeer(65_536, new Uint8Array(4), 1),
    () => burst.isGone(0),
    () => burst.isGone(1e9),
    () => burst.detach(3),
    () => burst.transmitDrops(9),
    () => Reflect.apply(addon.openTap, undefined, [7]),
    () =>
      Reflect.apply(addon.openTap, undefined, [
        'a'.repeat(5000),
        null,
        null,
        true,
        true,
        true,
        true,
      ]),
    () => Reflect.apply(addon.openTap, undefined, ['a\0b', null, null, true, true, true, true]),
    () => Reflect.apply(addon.checksum, undefined, [new Uint16Array(2)]),
    () => Reflect.apply(addon.listenTcp, undefined, [new Uint8Array(3), 1, 1]),
  ];
  for (const call of wrong) t.throws(call);
  t.throws(() => burst.attachTap(-1, true, true), { code: 'EBADF' });
  burst.close();
  burst.close();
  t.throws(() => burst.exchange(0, 0), { message: /closed/ });
});

test('an ArrayBuffer outlives its burst', (t) => {
  const burst = openBurst();
  const bytes = new Uint8Array(burst.arena);
  burst.close();
  bytes[burst.scratchAt] = 5;
  t.is(bytes[burst.scratchAt], 5);
});
