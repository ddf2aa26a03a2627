/**
 * A program that runs inside VMs to prove what pings cannot: that a TCP stream arrives whole, and who sent it.
 *
 *   node tcp-probe.js serve NAME PORT         answers each connection with NAME, a line feed, and as many bytes as it asks for
 *   node tcp-probe.js fetch ADDRESS PORT N    asks for N bytes; prints {"name", "bytes", "sha256", "elapsedMs"} or fails
 *
 * The bytes are a fixed sequence, so a hash tells whether one was lost, doubled or changed on the way. Started by sample-tenant.ts.
 */
import { createHash } from 'node:crypto';
import net from 'node:net';
import { systemClock } from '../base/clock.ts';

const BLOCK_BYTES = 65_536;
/** A connection that makes no progress for so long is given up. */
const IDLE_TIMEOUT_MS = 15_000;

/** Byte i of the stream is i · 7 + i div 256, modulo 256: every position differs from its neighbours. */
function block(): Uint8Array {
  return Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

/** SHA-256 of the first `count` bytes of the stream. */
export function streamHash(count: number): string {
  const hash = createHash('sha256');
  const bytes = block();
  for (let sent = 0; sent < count; sent += BLOCK_BYTES)
    hash.update(bytes.subarray(0, Math.min(BLOCK_BYTES, count - sent)));
  return hash.digest('hex');
}

function serve(name: string, port: number): void {
  const bytes = block();
  const server = net.createServer((socket) => {
    socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy()); // the peer left: the probe at the other end reports it
    socket.once('data', (request) => {
      let left = Number(request.toString());
      socket.write(`${name}\n`);
      const pump = (): void => {
        while (left > 0) {
          const chunk = bytes.subarray(0, Math.min(BLOCK_BYTES, left));
          left -= chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', pump);
            return;
          }
        }
        socket.end();
      };
      pump();
    });
  });
  server.listen(port, () => process.stdout.write('{"event":"ready"}\n'));
}

function fetchStream(address: string, port: number, count: number): void {
  const startedAt = systemClock.now();
  const hash = createHash('sha256');
  let name: string | undefined;
  let received = 0;
  const socket = net.connect({ host: address, port, timeout: IDLE_TIMEOUT_MS });
  socket.once('connect', () => socket.write(`${count}\n`));
  socket.once('timeout', () => socket.destroy(new Error('no answer')));
  socket.once('error', (error) => {
    process.stderr.write(`${address}:${port}: ${error.message}\n`);
    process.exitCode = 1;
  });
  socket.on('data', (chunk: Buffer) => {
    let body = chunk;
    if (name === undefined) {
      // The name is short and sent in one write before anything else: it is never split.
      const end = chunk.indexOf(0x0a);
      name = chunk.toString('utf8', 0, end);
      body = chunk.subarray(end + 1);
    }
    received += body.length;
    hash.update(body);
  });
  socket.once('end', () => {
    const elapsedMs = systemClock.now() - startedAt;
    const result = { name, bytes: received, sha256: hash.digest('hex'), elapsedMs };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    socket.destroy();
  });
}

const [, , verb, first = '', second = '', third = ''] = process.argv;
if (verb === 'serve') serve(first, Number(second));
else if (verb === 'fetch') fetchStream(first, Number(second), Number(third));
