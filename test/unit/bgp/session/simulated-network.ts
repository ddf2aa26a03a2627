/**
 * TCP between speakers of one test, on a clock that the test moves: every chunk takes `latency`, nothing is lost, and a host that is
 * `frozen` reads nothing while what is written to it piles up as pendingBytes, as in a kernel whose window is closed.
 */
import type { Clock } from '../../../../base/clock.ts';
import { type Millis, millis } from '../../../../base/units.ts';
import type {
  ClosedBy,
  Connection,
  ConnectionHandlers,
  Transport,
} from '../../../../bgp/session/transport.ts';

/** Of every host that connects. */
const CONNECTOR_PORT = 50_000;

type Ends = Pick<Connection, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>;

export class SimulatedNetwork {
  readonly #clock: Clock;
  readonly latency: Millis;
  readonly #listeners = new Map<string, (connection: Connection) => void>();
  readonly frozen: Set<string> = new Set();
  readonly ends: SimulatedEnd[] = [];

  constructor(clock: Clock, latency: Millis = millis(1)) {
    this.#clock = clock;
    this.latency = latency;
  }

  /** The transport of the host with this address. */
  host(address: string): Transport {
    return {
      isSecurable: false,
      connect: ({ remoteAddress, remotePort }, handlers) => {
        const near = new SimulatedEnd(this, this.#clock, {
          ...{ localAddress: address, localPort: CONNECTOR_PORT },
          ...{ remoteAddress, remotePort },
        });
        const far = new SimulatedEnd(this, this.#clock, {
          ...{ localAddress: remoteAddress, localPort: remotePort },
          ...{ remoteAddress: address, remotePort: CONNECTOR_PORT },
        });
        near.other = far;
        far.other = near;
        near.attach(handlers);
        this.ends.push(near, far);
        this.#clock.after(this.latency, () => {
          const accept = this.#listeners.get(`${remoteAddress} ${remotePort}`);
          if (near.isClosed) return;
          if (accept === undefined) return near.lost({ kind: 'refused' });
          accept(far);
          near.connected();
        });
        return near;
      },
      listen: async ({ address: bound, port }, onConnection) => {
        const key = `${bound} ${port}`;
        if (this.#listeners.has(key)) throw new Error(`${key} is taken`);
        this.#listeners.set(key, onConnection);
        return {
          port,
          secure() {},
          close: async () => {
            this.#listeners.delete(key);
          },
        };
      },
    };
  }

  /** Every connection of this host is gone, as when its process dies. */
  cut(address: string): void {
    for (const end of this.ends) {
      if (end.localAddress === address && !end.isClosed) end.close();
    }
  }
}

class SimulatedEnd implements Connection {
  readonly #network: SimulatedNetwork;
  readonly #clock: Clock;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  other: SimulatedEnd | undefined;
  isClosed = false;
  #handlers: ConnectionHandlers | undefined;
  /** On their way to this end, or waiting for it to read. */
  readonly #arrived: Uint8Array[] = [];
  unreadBytes = 0;
  #isPaused = false;
  #hasEnded = false;

  constructor(network: SimulatedNetwork, clock: Clock, ends: Ends) {
    this.#network = network;
    this.#clock = clock;
    this.localAddress = ends.localAddress;
    this.localPort = ends.localPort;
    this.remoteAddress = ends.remoteAddress;
    this.remotePort = ends.remotePort;
  }

  get pendingBytes(): number {
    return this.other?.unreadBytes ?? 0;
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#later();
  }

  connected(): void {
    this.#handlers?.onConnected();
    this.#later();
  }

  write(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.other?.arrive(bytes.slice());
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#later();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handlers = undefined;
    this.other?.ended();
  }

  arrive(bytes: Uint8Array): void {
    this.#arrived.push(bytes);
    this.unreadBytes += bytes.length;
    this.#later();
  }

  ended(): void {
    this.#hasEnded = true;
    this.#later();
  }

  lost(by: ClosedBy): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.onClosed(by);
  }

  read(): void {
    this.#later();
  }

  #later(): void {
    this.#clock.after(this.#network.latency, () => this.#deliver());
  }

  #deliver(): void {
    if (this.#network.frozen.has(this.localAddress) || this.isClosed) return;
    while (!this.#isPaused && this.#handlers !== undefined) {
      const bytes = this.#arrived.shift();
      if (bytes === undefined) break;
      this.unreadBytes -= bytes.length;
      this.#handlers.onData(bytes);
      this.#clock.after(this.#network.latency, () => this.other?.progress());
    }
    if (this.#hasEnded && this.#arrived.length === 0) this.lost({ kind: 'ended' });
  }

  progress(): void {
    if (!this.isClosed) this.#handlers?.onProgress();
  }
}
