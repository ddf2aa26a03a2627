/** One probe against real servers on the loopback: each way to fail has its reason, and none takes more time or memory than it may. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { sleep, systemClock } from '../../../../base/clock.ts';
import { type Millis, millis } from '../../../../base/units.ts';
import { type AttemptResult, startAttempt } from '../../../../dataplane/health/attempt.ts';
import { failureReason } from '../../../../dataplane/health/failure-reason.ts';
import { ProbeProtocol } from '../../../../schema/southbound/messages.ts';
import { selfSigned } from '../../../kit/self-signed.ts';

const { PROBE_TCP, PROBE_HTTP, PROBE_HTTPS } = ProbeProtocol;
const SHORT = millis(300);
/** For probes that end by themselves. */
const LONG = millis(20_000);

function probe(
  port: number,
  protocol: ProbeProtocol,
  { timeout = LONG, path = '/health' }: { timeout?: Millis; path?: string } = {},
): Promise<AttemptResult> {
  const authority = `10.0.0.4:${port}`;
  const options = { protocol, host: '127.0.0.1', port, path, authority, timeout };
  return new Promise((resolve) => {
    startAttempt(options, systemClock, resolve);
  });
}

const success = (reason: string) => ({
  kind: 'answered',
  outcome: { isSuccess: true, reason },
});
const failure = (reason: string) => ({
  kind: 'answered',
  outcome: { isSuccess: false, reason },
});

async function listening(t: ExecutionContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A server that does this with every connection. */
function raw(t: ExecutionContext, serve: (socket: Socket) => void): Promise<number> {
  return listening(t, createServer(serve));
}

/** A server that says this, and goes on listening. */
function saying(t: ExecutionContext, text: string): Promise<number> {
  return raw(t, (socket) => socket.once('data', () => socket.write(text)));
}

test('TCP: a connection is all it takes; it is closed in order', async (t) => {
  const closed: string[] = [];
  const port = await raw(t, (socket) => {
    socket.on('end', () => closed.push('FIN'));
    socket.on('error', () => closed.push('RST'));
    socket.resume();
  });
  t.deepEqual(await probe(port, PROBE_TCP), success('connected'));
  while (closed.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(closed, ['FIN']);
});

test('TCP: a backend that sends without end is reset', async (t) => {
  const port = await raw(t, (socket) => {
    const send = () => {
      while (socket.writable && socket.write(Buffer.alloc(16_384)));
    };
    socket.on('drain', send);
    socket.on('close', () => gone());
    send();
  });
  let gone: () => void = () => undefined;
  const isGone = new Promise<void>((resolve) => {
    gone = resolve;
  });
  t.deepEqual(await probe(port, PROBE_TCP), success('connected'));
  await t.notThrowsAsync(isGone);
});

test.serial('TCP: a backend that never closes is no reason to keep a connection', async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.resume());
  const port = await listening(t, server);
  t.deepEqual(await probe(port, PROBE_TCP), success('connected'));
  // Two: the server's own end stays, for it never closes.
  const count = () =>
    process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  while (count() > 1) await sleep(systemClock, millis(20));
  t.is(count(), 1);
});

test('nobody listens: the reset is the reason, whatever the protocol', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  for (const protocol of [PROBE_TCP, PROBE_HTTP, PROBE_HTTPS]) {
    t.deepEqual(await probe(port, protocol), failure('connection refused'));
  }
});

test('HTTP: 200 is up and nothing else is, a redirection neither followed nor taken for an answer', async (t) => {
  const asked: (string | undefined)[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url, request.headers.host, request.headers['user-agent']);
    const status = Number(request.url?.split('/')[1]);
    response.writeHead(status, { location: '/200' }).end(status === 204 ? undefined : 'body');
  });
  const port = await listening(t, server);
  t.deepEqual(await probe(port, PROBE_HTTP, { path: '/200/ready?deep=1' }), success('HTTP 200'));
  t.deepEqual(asked, ['/200/ready?deep=1', `10.0.0.4:${port}`, 'Load Balancer Agent']);
  for (const status of [201, 204, 301, 302, 307, 404, 500, 503]) {
    asked.length = 0;
    const told = await probe(port, PROBE_HTTP, { path: `${status}` });
    t.deepEqual(told, failure(`HTTP ${status}`));
    t.is(asked[0], `/${status}`);
    t.is(asked.length, 3, 'asked once');
  }
});

test('HTTP: what does not answer in time has no connection or no answer', async (t) => {
  const port = await raw(t, () => undefined);
  const timeout = SHORT;
  t.deepEqual(await probe(port, PROBE_HTTP, { timeout }), failure('no HTTP answer within 0.3 s'));
  t.deepEqual(await probe(port, PROBE_HTTPS, { timeout }), failure('no HTTPS answer within 0.3 s'));
});

test('HTTP: headers a byte at a time are no answer', async (t) => {
  const port = await raw(t, (socket) => {
    const text = `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(4000)}`;
    let at = 0;
    const drip = () => {
      socket.write(text[at] ?? 'y');
      at += 1;
      if (!socket.destroyed) systemClock.after(millis(5), drip);
    };
    drip();
  });
  const told = await probe(port, PROBE_HTTP, { timeout: SHORT });
  t.deepEqual(told, failure('no HTTP answer within 0.3 s'));
});

test('HTTP: the body is not waited for, be it slow, endless or cut off', async (t) => {
  for (const rest of ['', 'a'.repeat(100_000)]) {
    const port = await raw(t, (socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n${rest}`);
      });
    });
    t.deepEqual(await probe(port, PROBE_HTTP), success('HTTP 200'));
  }
});

test('HTTP: answers that are none, too long, or never the final one', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['SSH-2.0-OpenSSH_9.6\r\n', /^no HTTP answer: Expected HTTP/],
    ['HTTP/1.1 OK\r\n\r\n', /^no HTTP answer: /],
    [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, /^HTTP headers are too long$/],
    ['HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100), /^9 answers of status 103 and no final one$/],
    ['HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', /^HTTP 101$/],
  ];
  for (const [text, reason] of cases) {
    const told = await probe(await saying(t, text), PROBE_HTTP);
    t.true(told.kind === 'answered' && !told.outcome.isSuccess);
    t.regex(told.kind === 'answered' ? told.outcome.reason : '', reason);
  }
});

test('HTTP: a backend that closes or resets says so', async (t) => {
  const closing = await raw(t, (socket) => socket.once('data', () => socket.end()));
  t.deepEqual(await probe(closing, PROBE_HTTP), failure('closed without an answer'));
  const resetting = await raw(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  t.deepEqual(await probe(resetting, PROBE_HTTP), failure('connection reset'));
});

test('HTTPS: a certificate that nobody vouches for is good enough; what speaks no TLS is told', async (t) => {
  const { key, cert } = await selfSigned();
  let serverName: unknown = '';
  const server = createTlsServer({ key, cert }, (socket) => {
    serverName = socket.servername;
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  });
  const port = await listening(t, server);
  t.deepEqual(await probe(port, PROBE_HTTPS), success('HTTP 200'));
  t.is(serverName, false, 'an address is no server name');
  const plain = await raw(t, (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')),
  );
  const told = await probe(plain, PROBE_HTTPS);
  t.regex(told.kind === 'answered' ? told.outcome.reason : '', /^TLS handshake failed: /);
});

test('a path that no request may have is a reason, not a fault', async (t) => {
  const told = await probe(1, PROBE_HTTP, { path: '/a b\r\nx: y' });
  t.like(told, { kind: 'answered', outcome: { isSuccess: false } });
});

test('what this host lacks says nothing of the backend', async (t) => {
  const options = {
    protocol: PROBE_TCP,
    host: '255.255.255.255',
    port: 1,
    path: '',
    authority: '',
  };
  const told = await new Promise<AttemptResult>((resolve) => {
    startAttempt({ ...options, timeout: LONG }, systemClock, resolve);
  });
  t.is(told.kind, 'unable');
});

test('a cancelled probe tells nothing', async (t) => {
  const port = await raw(t, () => undefined);
  const options = { protocol: PROBE_HTTP, host: '127.0.0.1', port, path: '/', authority: 'x' };
  const attempt = startAttempt({ ...options, timeout: SHORT }, systemClock, () => t.fail());
  attempt.cancel();
  await sleep(systemClock, millis(SHORT * 2));
  t.pass();
});

test('whatever bytes a backend answers, the probe ends with a line of bounded length', async (t) => {
  let answer: Uint8Array = new Uint8Array();
  const port = await raw(t, (socket) => socket.once('data', () => socket.end(answer)));
  const prefixes = ['', 'HTTP/1.1 ', 'HTTP/1.1 200 ', 'HTTP/1.1 200 OK\r\n'];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...prefixes),
      fc.uint8Array({ maxLength: 200 }),
      async (prefix, bytes) => {
        answer = Buffer.concat([Buffer.from(prefix), bytes]);
        const told = await probe(port, PROBE_HTTP);
        t.is(told.kind, 'answered');
        const reason = told.kind === 'answered' ? told.outcome.reason : '';
        t.true(reason.length > 0 && reason.length <= 200 && !/[\r\n]/.test(reason));
      },
    ),
    { numRuns: 150 },
  );
});

test('a reason is one line', (t) => {
  t.is(failureReason(new Error(`a\r\nb\u0000c${'x'.repeat(500)}`)).length, 200);
  t.is(failureReason(new Error('a\r\n\u001b[31mb')), 'a [31mb');
});
