/**
 * A backend that answers health probes in every way there is, each on a port of its own. Run inside a VM by slb-probes.test.ts:
 *
 *   node probe-target.js KEY CERT
 *
 * Prints `ready`, then who connects as `PORT ADDRESS` lines. A line `up` or `down` on standard input says what the switchable port answers.
 */
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '../../base/clock.ts';
import { millis, seconds } from '../../base/units.ts';
import { TARGET_PORTS } from './target-ports.ts';

const [keyFile = '', certFile = ''] = process.argv.slice(2);
let isUp = true;

function http(answer: (response: ServerResponse) => void): Server {
  return createHttpServer((_request, response) => answer(response));
}

const status = (code: number, headers: Record<string, string> = {}) =>
  http((response) => response.writeHead(code, headers).end('no body that counts'));

/** Headers at once, then a byte every second, without end. */
function drip(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '1000000' });
  response.flushHeaders();
  const next = () => {
    if (response.destroyed) return;
    response.write('.');
    systemClock.after(seconds(1), next);
  };
  next();
}

/** A status line and headers a byte at a time, without end. */
function trickle(): Server {
  return createServer((socket) => {
    const text = 'HTTP/1.1 200 OK\r\nx: ';
    let at = 0;
    const next = () => {
      if (socket.destroyed) return;
      socket.write(text[at] ?? 'x');
      at += 1;
      systemClock.after(millis(50), next);
    };
    next();
  });
}

const servers: Readonly<Record<number, Server>> = {
  [TARGET_PORTS.accepts]: createServer(),
  [TARGET_PORTS.hangs]: createServer(),
  [TARGET_PORTS.unavailable]: status(503),
  [TARGET_PORTS.redirects]: status(302, { location: `http://10.1.0.4:${TARGET_PORTS.drips}/` }),
  [TARGET_PORTS.drips]: http(drip),
  [TARGET_PORTS.tls]: createHttpsServer(
    { key: readFileSync(keyFile), cert: readFileSync(certFile) },
    (_request, response) => response.end('ok'),
  ),
  [TARGET_PORTS.trickles]: trickle(),
  [TARGET_PORTS.switchable]: http((response) => response.writeHead(isUp ? 200 : 503).end()),
};

let listening = 0;
for (const [port, server] of Object.entries(servers)) {
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    process.stdout.write(`${port} ${socket.remoteAddress}\n`);
  });
  server.listen(Number(port), '::', () => {
    listening += 1;
    if (listening === Object.keys(servers).length) process.stdout.write('ready\n');
  });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  isUp = line === 'up';
});
