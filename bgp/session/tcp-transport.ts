/**
 * The kernel's TCP as a Transport, by node:net. Supported: IPv4, IPv6, a local address, Nagle off (a KEEPALIVE must not wait); MD5
 * signatures (RFC 2385) and TTL security (RFC 5082) where the caller brings the socket options that Node lacks.
 */
import { createServer, type Server, Socket } from 'node:net';
import { defined } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import {
  IPV4_MAPPED_BITS,
  ipAddressBytes,
  ipWordsToBytes,
  isIpv4Words,
  parseIpWords,
  prefixHasWords,
} from '../../base/ip-words.ts';
import { ACCEPT_BACKLOG, LINGER_TIME } from '../limits.ts';
import { type PeerSecurity, type SocketOptions, TTL_MAX, ttlMinOf } from './peer-security.ts';
import type {
  ClosedBy,
  Connection,
  ConnectionHandlers,
  SecuredPeers,
  Transport,
} from './transport.ts';

export function tcpTransport(clock: Clock, options?: SocketOptions): Transport {
  return {
    isSecurable: options !== undefined,
    connect({ remoteAddress, remotePort, localAddress, security }, handlers) {
      const socket = unconnected(remoteAddress, security, options);
      socket.connect({
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
      const secured = new Map<string, SecuredPeers>();
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
        const connection = new TcpConnection(socket, clock);
        limitHops(socket, connection.remoteAddress, secured, options);
        onConnection(connection);
      });
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        // `::` without IPv4: who wants both names 0.0.0.0 too.
        const where = { host: address, port, ipv6Only: address.includes(':') };
        server.listen({ ...where, backlog: ACCEPT_BACKLOG }, () => {
          const bound = server.address();
          // Answers to a peer that is on this link must look as near as they are.
          options?.setTtl(fdOf(server), TTL_MAX);
          resolve({
            port: typeof bound === 'object' && bound !== null ? bound.port : port,
            secure: (peers, security) => secure(server, secured, { peers, security }, options),
            close: () => new Promise((done) => server.close(() => done())),
          });
        });
      });
    },
  };
}

/** A socket for one peer, with what must be set before the first segment. */
function unconnected(
  remoteAddress: string,
  { md5Key, hopsMax }: PeerSecurity,
  options: SocketOptions | undefined,
): Socket {
  if (options === undefined || (md5Key === undefined && hopsMax === undefined)) return new Socket();
  const words = defined(parseIpWords(remoteAddress), 'the address of a peer');
  const address = ipAddressBytes(words);
  const fd = options.openTcpSocket(isIpv4Words(words) ? 4 : 6);
  if (md5Key !== undefined) {
    options.setTcpMd5Key(fd, { address, prefixLen: address.length * 8 }, md5Key);
  }
  if (hopsMax !== undefined) {
    options.setTtl(fd, TTL_MAX);
    options.setTtlMin(fd, ttlMinOf(hopsMax));
  }
  return new Socket({ fd, readable: true, writable: true, ...UNCONNECTED });
}

/** Undocumented, but what Node itself does for a socket it has yet to connect: nothing is read before. */
const UNCONNECTED = { manualStart: true } as const;

function secure(
  server: Server,
  secured: Map<string, SecuredPeers>,
  {
    peers,
    security,
  }: Pick<SecuredPeers, 'peers'> & { readonly security: PeerSecurity | undefined },
  options: SocketOptions | undefined,
): void {
  const key = `${peers.words.join()}/${peers.len}`;
  const before = secured.get(key);
  if (security === undefined) secured.delete(key);
  else secured.set(key, { peers, security });
  const { md5Key } = security ?? {};
  if (options === undefined || (md5Key === undefined && before?.security.md5Key === undefined)) {
    return;
  }
  const isIpv4 = isIpv4Words(peers.words);
  const reach = reachOf(server);
  // A listener of one family has no peers of the other.
  if (reach === (isIpv4 ? 'ipv6' : 'ipv4')) return;
  const address = reach === 'both' ? ipWordsToBytes(peers.words) : ipAddressBytes(peers.words);
  const prefixLen = isIpv4 ? peers.len - IPV4_MAPPED_BITS : peers.len;
  options.setTcpMd5Key(fdOf(server), { address, prefixLen }, md5Key ?? new Uint8Array());
}

/** From the first segment after the handshake on; without those no peer gets anywhere. */
function limitHops(
  socket: Socket,
  remoteAddress: string,
  secured: ReadonlyMap<string, SecuredPeers>,
  options: SocketOptions | undefined,
): void {
  const words = parseIpWords(remoteAddress);
  if (options === undefined || words === undefined) return;
  const [nearest] = [...secured.values()]
    .filter(({ peers }) => prefixHasWords(peers, words))
    .sort((a, b) => b.peers.len - a.peers.len);
  const { hopsMax } = nearest?.security ?? {};
  if (hopsMax !== undefined) options.setTtlMin(fdOf(socket), ttlMinOf(hopsMax));
}

/** Peers of which family can connect; '::' takes both. */
function reachOf(server: Server): 'ipv4' | 'ipv6' | 'both' {
  const bound = server.address();
  if (typeof bound !== 'object' || bound?.family !== 'IPv6') return 'ipv4';
  return bound.address === '::' ? 'both' : 'ipv6';
}

/** Node keeps the descriptor in the handle; there is no documented way to it. */
function fdOf(owner: Server | Socket): number {
  const { _handle: handle } = owner as unknown as { readonly _handle?: { readonly fd: number } };
  return defined(handle, 'an open socket').fd;
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

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
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
