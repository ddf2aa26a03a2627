/**
 * The kernel's TCP as a Transport, by node:net. Supported: IPv4, IPv6, a local address, Nagle off (a KEEPALIVE must not wait). Omitted: TTL
 * security (RFC 5082) and MD5 (RFC 2385), for which Node has no socket option: a transport of the native addon would carry them.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { ACCEPT_BACKLOG, LINGER_TIME } from '../limits.ts';
import type { ClosedBy, Connection, ConnectionHandlers, Transport } from './transport.ts';

export function tcpTransport(clock: Clock): Transport {
  return {
    connect({ remoteAddress, remotePort, localAddress }, handlers) {
      const socket = createConnection({
        host: remoteAddress,
        port: remotePort,
        noDelay: true,
        ...(localAddress !== undefined && { localAddress }),
      });
      const connection = new TcpConnection(socket, clock);
      connection.attach(handlers);
      return connection;
    },
    listen({ address, port }, onConnection) {
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
        onConnection(new TcpConnection(socket, clock)),
      );
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: address, port, backlog: ACCEPT_BACKLOG }, () => {
          const bound = server.address();
          resolve({
            port: typeof bound === 'object' && bound !== null ? bound.port : port,
            close: () => new Promise((done) => server.close(() => done())),
          });
        });
      });
    },
  };
}

class TcpConnection implements Connection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  #handlers: ConnectionHandlers | undefined;
  #cause: ClosedBy = { kind: 'ended' };

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('error', (error) => {
      this.#cause = causeOf(error);
    });
    socket.on('connect', () => this.#handlers?.onConnected());
    socket.on('data', (bytes: Buffer) => this.#handlers?.onData(bytes));
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#ended());
  }

  get localAddress(): string {
    return unmapped(this.#socket.localAddress ?? '');
  }

  get remoteAddress(): string {
    return unmapped(this.#socket.remoteAddress ?? '');
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (!this.#socket.connecting) this.#socket.resume();
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes, (error) => {
      if (error === undefined || error === null) this.#handlers?.onProgress();
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#handlers = undefined;
    const socket = this.#socket;
    if (socket.connecting) {
      socket.destroy();
      return;
    }
    socket.end();
    socket.resume(); // what still comes is thrown away: with it unread the kernel would reset, and the peer lose our last words
    const cutOff = this.#clock.after(LINGER_TIME, () => socket.destroy(), { background: true });
    socket.once('close', () => cutOff.cancel());
  }

  #ended(): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    this.#socket.destroy();
    handlers?.onClosed(this.#cause);
  }
}

function causeOf(error: Error): ClosedBy {
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ECONNREFUSED':
      return { kind: 'refused' };
    case 'ETIMEDOUT':
      return { kind: 'timeout' };
    case 'ECONNRESET':
    case 'EPIPE':
      return { kind: 'ended' };
    default:
      return { kind: 'unreachable', detail: error.message };
  }
}

/** A socket for both families shows IPv4 peers as ::ffff:a.b.c.d. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
