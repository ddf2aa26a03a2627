/**
 * The session with one monitoring station — RFC 7854 §3.2: this side connects, says everything, and is told nothing. A connection that fails or
 * ends is tried again after a pause that doubles.
 *
 * Nobody waits for a station. What it has not taken waits in its socket; the dump at the beginning goes on only while little waits, and when
 * changes come faster than the station reads, its session ends (§3.2 leaves no gap in what it hears) and starts anew later, with a dump.
 *
 * Called by monitor.ts. Invariant: every message after the greeting describes a peer that the greeting or a Peer Up has named.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { type Millis, millis } from '../../base/units.ts';
import {
  BMP_PENDING_BYTES_MAX,
  BMP_RETRY_TIME,
  BMP_RETRY_TIME_MAX,
  SEND_PENDING_BYTES_MAX,
} from '../limits.ts';
import type { ClosedBy, Connection, Transport } from '../session/transport.ts';
import type { WorkQueue } from '../session/work-queue.ts';
import type { TableDump } from './table-dump.ts';

export interface StationAddress {
  /** IPv4 or IPv6. */
  readonly address: string;
  readonly port: number;
}

export interface StationOptions {
  readonly clock: Clock;
  readonly work: WorkQueue;
  readonly transport: Transport;
  readonly target: StationAddress;
  /** Initiation, and Peer Up of all peers that are up. */
  greeting(): readonly Uint8Array[];
  dump(): TableDump;
}

export interface StationStatus extends StationAddress {
  /** `dumping`: connected, and being told what was there before. */
  readonly state: 'stopped' | 'connecting' | 'waiting' | 'dumping' | 'up';
  readonly messagesSentCount: number;
  readonly bytesSent: number;
  /** Sent, but not yet taken by the system. */
  readonly pendingBytes: number;
  readonly connectedCount: number;
  /** Sessions that ended because the station did not keep up. */
  readonly overflowCount: number;
  /** Why it was last without a session; undefined once it has one. */
  readonly failure: ClosedBy | { readonly kind: 'overflow' } | undefined;
}

export class Station {
  readonly #options: StationOptions;
  #state: StationStatus['state'] = 'stopped';
  #connection: Connection | undefined;
  #dump: TableDump | undefined;
  #timer: Timer | undefined;
  #pause: Millis = BMP_RETRY_TIME;
  #failure: StationStatus['failure'];
  #messagesSentCount = 0;
  #bytesSent = 0;
  #connectedCount = 0;
  #overflowCount = 0;
  readonly #worker = (): boolean => this.#takeTurn();

  constructor(options: StationOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#state === 'dumping' || this.#state === 'up';
  }

  get status(): StationStatus {
    return {
      ...this.#options.target,
      state: this.#state,
      messagesSentCount: this.#messagesSentCount,
      bytesSent: this.#bytesSent,
      pendingBytes: this.#connection?.pendingBytes ?? 0,
      connectedCount: this.#connectedCount,
      overflowCount: this.#overflowCount,
      failure: this.#failure,
    };
  }

  start(): void {
    const { transport, target } = this.#options;
    this.#state = 'connecting';
    this.#connection = transport.connect(
      {
        remoteAddress: target.address,
        remotePort: target.port,
        localAddress: undefined,
        security: {},
      },
      {
        onConnected: () => this.#connected(),
        // Nothing that a station sends has a meaning; it is read to hear of its end.
        onData: () => undefined,
        onProgress: () => {
          if (this.#dump !== undefined) this.#options.work.add(this.#worker);
        },
        onClosed: (by) => this.#ended(by),
      },
    );
  }

  /** `farewell` is its last message. */
  stop(farewell: Uint8Array): void {
    this.send(farewell);
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#leave();
    this.#state = 'stopped';
  }

  send(message: Uint8Array): void {
    if (!this.isConnected || this.#connection === undefined) return;
    if (this.#connection.pendingBytes + message.length > BMP_PENDING_BYTES_MAX) {
      this.#overflowCount += 1;
      this.#ended({ kind: 'overflow' });
      return;
    }
    this.#messagesSentCount += 1;
    this.#bytesSent += message.length;
    this.#connection.write(message);
  }

  #connected(): void {
    this.#connectedCount += 1;
    this.#failure = undefined;
    this.#state = 'dumping';
    for (const message of this.#options.greeting()) this.send(message);
    if (!this.isConnected) return;
    this.#dump = this.#options.dump();
    this.#options.work.add(this.#worker);
  }

  /** True when there is more of the dump, and room for it. */
  #takeTurn(): boolean {
    if (this.#dump === undefined || this.#connection === undefined) return false;
    if (this.#connection.pendingBytes >= SEND_PENDING_BYTES_MAX) return false;
    const messages = this.#dump.next();
    if (messages === undefined) {
      this.#dump = undefined;
      this.#state = 'up';
      this.#pause = BMP_RETRY_TIME;
      return false;
    }
    for (const message of messages) this.send(message);
    return this.isConnected;
  }

  #ended(failure: NonNullable<StationStatus['failure']>): void {
    this.#leave();
    this.#failure = failure;
    this.#state = 'waiting';
    this.#timer = this.#options.clock.after(
      this.#pause,
      () => {
        this.#timer = undefined;
        this.start();
      },
      { background: true },
    );
    this.#pause = millis(Math.min(this.#pause * 2, BMP_RETRY_TIME_MAX));
  }

  #leave(): void {
    this.#options.work.remove(this.#worker);
    this.#dump = undefined;
    this.#connection?.close();
    this.#connection = undefined;
  }
}
