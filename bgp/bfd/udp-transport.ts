/** The kernel's UDP as a BfdTransport, by node:dgram. The check of the TTL, which Node lacks, comes from whoever makes it. RFC 5881 §5. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { defined } from '../../base/assert.ts';
import { below, type Rng } from '../../base/rng.ts';
import {
  BFD_PORT,
  type BfdSender,
  type BfdTransport,
  SOURCE_PORT_MAX,
  SOURCE_PORT_MIN,
} from './transport.ts';

export interface DatagramOptions {
  /** Only datagrams of this TTL, or hop limit, reach the socket from now on. */
  acceptTtlOnly(fd: number, ttl: number): void;
}

const TTL = 255;
/** Source ports tried before one is left to the kernel to refuse. */
const PORT_TRIES = 16;

export function udpTransport(rng: Rng, options: DatagramOptions): BfdTransport {
  const sockets: Socket[] = [];
  return {
    async listen(onPacket) {
      for (const type of ['udp4', 'udp6'] as const) {
        const socket = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' });
        sockets.push(socket);
        socket.on('message', (bytes, { address }) => onPacket(bytes, withoutZone(address)));
        socket.bind(BFD_PORT);
        await once(socket, 'listening');
        options.acceptTtlOnly(fdOf(socket), TTL);
      }
    },
    open: ({ localAddress, remoteAddress }) => new Sender(rng, localAddress, remoteAddress),
    async close() {
      await Promise.all(
        sockets.splice(0).map(async (socket) => {
          const closed = once(socket, 'close');
          socket.close();
          await closed;
        }),
      );
    },
  };
}

class Sender implements BfdSender {
  readonly #rng: Rng;
  readonly #localAddress: string;
  readonly #remoteAddress: string;
  #socket: Socket | undefined;
  #isReady = false;
  #isClosed = false;

  constructor(rng: Rng, localAddress: string, remoteAddress: string) {
    this.#rng = rng;
    this.#localAddress = localAddress;
    this.#remoteAddress = remoteAddress;
    this.#bind(PORT_TRIES);
  }

  /** What cannot be sent is lost, as on the wire. */
  send(bytes: Uint8Array): void {
    if (this.#isReady) this.#socket?.send(bytes, BFD_PORT, this.#remoteAddress, () => undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
    this.#socket = undefined;
  }

  #bind(tries: number): void {
    const socket = createSocket(this.#remoteAddress.includes(':') ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('error', () => {
      if (this.#isReady || this.#isClosed) return;
      socket.close();
      if (tries > 0) this.#bind(tries - 1);
      else this.#socket = undefined;
    });
    socket.on('listening', () => {
      socket.setTTL(TTL);
      this.#isReady = true;
    });
    const port = SOURCE_PORT_MIN + below(this.#rng, SOURCE_PORT_MAX - SOURCE_PORT_MIN + 1);
    socket.bind({ address: this.#localAddress, port, exclusive: true });
  }
}

function withoutZone(address: string): string {
  return address.split('%')[0] ?? address;
}

/** Node keeps the descriptor in the handle; there is no documented way to it. */
function fdOf(socket: Socket): number {
  const symbol = Object.getOwnPropertySymbols(socket).find((each) =>
    String(each).includes('state symbol'),
  );
  const state = (
    socket as unknown as Record<symbol, { readonly handle?: { readonly fd: number } }>
  )[defined(symbol, 'the state of a socket')];
  return defined(state?.handle, 'an open socket').fd;
}
