/**
 * A server behind a load balancer that says who it is, on any number of ports.
 *
 *   node named-service.js NAME KEY CERT tcp:8080 udp:8080 http:8090 https:8443 …
 *
 *   tcp      says NAME to each connection, then answers with whatever comes
 *   udp      answers each datagram with NAME
 *   http(s)  answers every request with `NAME ADDRESS`, the address being the client's
 *
 * Prints a ready line; then `tcp:8080 ECONNRESET` for each TCP connection that ends badly. `down tcp:8080` and `up tcp:8080` on standard input: a TCP
 * port is closed, what is connected stays; HTTP answers 503. Started by services.ts.
 */
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';

const [, , name = '', keyFile = '', certFile = '', ...endpoints] = process.argv;
const BACKLOG = 4096;
const down = new Set<string>();
const listeners = new Map<string, { readonly server: Server; readonly port: number }>();

function tcp(endpoint: string): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', (error) => {
      const code = 'code' in error ? String(error.code) : error.message;
      process.stdout.write(`${endpoint} ${code}\n`);
      socket.destroy();
    });
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
}

function answering(endpoint: string): RequestListener {
  return ({ socket }, response) => {
    const client = socket.remoteAddress?.replace('::ffff:', '') ?? '';
    response.writeHead(down.has(endpoint) ? 503 : 200).end(`${name} ${client}\n`);
  };
}

function serverOf(endpoint: string, kind: string): Server {
  if (kind === 'http') return createHttpServer(answering(endpoint));
  if (kind === 'tcp') return tcp(endpoint);
  const pair = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  return createHttpsServer(pair, answering(endpoint));
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => {
    server.listen({ port, host: '::', backlog: BACKLOG }, resolve);
  });
}

function serveUdp(port: number): Promise<void> {
  const socket = dgram.createSocket('udp6');
  socket.on('message', (_message, from) => socket.send(name, from.port, from.address));
  return new Promise((resolve) => {
    socket.bind(port, '::', resolve);
  });
}

for (const endpoint of endpoints) {
  const [kind = '', portText = ''] = endpoint.split(':');
  const port = Number(portText);
  if (kind === 'udp') {
    await serveUdp(port);
    continue;
  }
  const server = serverOf(endpoint, kind);
  listeners.set(endpoint, { server, port });
  await listen(server, port);
}
process.stdout.write('{"event":"ready"}\n');

createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb = '', endpoint = ''] = line.split(' ');
  const listener = listeners.get(endpoint);
  if (verb === 'down') down.add(endpoint);
  else down.delete(endpoint);
  if (!endpoint.startsWith('tcp:') || listener === undefined) return;
  const { server, port } = listener;
  if (verb === 'down') server.close();
  else void listen(server, port);
});
