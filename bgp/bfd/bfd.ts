/**
 * The BFD sessions of a speaker — RFC 5880, single hop (RFC 5881): who is watched, and who has fallen silent. One socket hears for all; a packet
 * belongs to the session whose discriminator it names, or, while the peer knows none, to the one of its source address (§6.3).
 *
 * Pure state is in session.ts; here are timers, sockets and counters. Called by the speaker, which ends the BGP session of a path that is down.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import { millis } from '../../base/units.ts';
import { encode, type PacketRepr, parse, REFUSALS, type Refusal } from './packet.ts';
import {
  type BfdAction,
  type BfdEvent,
  type BfdSession,
  detectionTimeMs,
  farewell,
  initialBfd,
  nextDeadline,
  sendIntervalMs,
  stepBfd,
} from './session.ts';
import type { BfdSender, BfdTransport } from './transport.ts';

export interface BfdOptions {
  /** Between packets, each way, at best; 10 … 60000. */
  readonly intervalMs?: number;
  /** Missing packets that are a failure; 1 … 255. */
  readonly multiplier?: number;
}

export interface BfdEvents {
  onUp(): void;
  /** The path is down; `isOrderly`: the peer only stopped BFD. */
  onDown(down: { readonly diagnostic: number; readonly isOrderly: boolean }): void;
}

export interface BfdStatus {
  readonly state: 'AdminDown' | 'Down' | 'Init' | 'Up';
  readonly peerState: BfdStatus['state'];
  /** RFC 5880 §4.1. */
  readonly diagnostic: number;
  readonly peerDiagnostic: number;
  /** Between packets that are sent, as both sides have agreed, without jitter. */
  readonly sendIntervalMs: number;
  /** After so long without a packet the path is down; 0: none has come yet. */
  readonly detectionTimeMs: number;
  readonly sentCount: number;
  readonly receivedCount: number;
}

const STATE_NAMES = ['AdminDown', 'Down', 'Init', 'Up'] as const;
export const INTERVAL_MS = 300;
export const MULTIPLIER = 3;

export class Bfd {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #transport: BfdTransport;
  readonly #byAddress = new Map<string, Watch>();
  readonly #byDiscriminator = new Map<number, Watch>();
  /** Packets that were not understood, by why; and those of nobody's. */
  readonly refused: Readonly<Record<Refusal | 'unknown peer', number>> = Object.fromEntries(
    [...REFUSALS, 'unknown peer'].map((why) => [why, 0]),
  ) as Record<Refusal | 'unknown peer', number>;

  constructor(clock: Clock, rng: Rng, transport: BfdTransport) {
    this.#clock = clock;
    this.#rng = rng;
    this.#transport = transport;
  }

  start(): Promise<void> {
    return this.#transport.listen((bytes, remoteAddress) => this.#packet(bytes, remoteAddress));
  }

  async stop(): Promise<void> {
    for (const address of [...this.#byAddress.keys()]) this.unwatch(address);
    await this.#transport.close();
  }

  /** One session per remote address: another one takes its place. */
  watch(
    path: { readonly localAddress: string; readonly remoteAddress: string },
    options: BfdOptions,
    events: BfdEvents,
  ): void {
    this.unwatch(path.remoteAddress);
    const { intervalMs = INTERVAL_MS, multiplier = MULTIPLIER } = options;
    const config = { intervalMs, multiplier, discriminator: this.#newDiscriminator() };
    const watch = new Watch(this.#clock, this.#rng, {
      session: initialBfd(config, this.#clock.now()),
      sender: this.#transport.open(path),
      events,
    });
    this.#byAddress.set(path.remoteAddress, watch);
    this.#byDiscriminator.set(config.discriminator, watch);
  }

  /** The peer is told that this is on purpose. */
  unwatch(remoteAddress: string): void {
    const watch = this.#byAddress.get(remoteAddress);
    if (watch === undefined) return;
    this.#byAddress.delete(remoteAddress);
    this.#byDiscriminator.delete(watch.session.config.discriminator);
    watch.stop();
  }

  status(remoteAddress: string): BfdStatus | undefined {
    const watch = this.#byAddress.get(remoteAddress);
    if (watch === undefined) return undefined;
    const { session, sentCount, receivedCount } = watch;
    return {
      state: STATE_NAMES[session.state],
      peerState: STATE_NAMES[session.remote.state],
      diagnostic: session.diagnostic,
      peerDiagnostic: session.remote.diagnostic,
      sendIntervalMs: sendIntervalMs(session),
      detectionTimeMs: detectionTimeMs(session),
      sentCount,
      receivedCount,
    };
  }

  #newDiscriminator(): number {
    for (;;) {
      const candidate = this.#rng.uint32();
      if (candidate !== 0 && !this.#byDiscriminator.has(candidate)) return candidate;
    }
  }

  #packet(bytes: Uint8Array, remoteAddress: string): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const packet = parse(view, 0, bytes.length);
    if (typeof packet === 'string') {
      this.#refuse(packet);
      return;
    }
    const watch = this.#byAddress.get(remoteAddress);
    const { yourDiscriminator } = packet;
    const isOurs =
      yourDiscriminator === 0 || watch?.session.config.discriminator === yourDiscriminator;
    if (watch === undefined || !isOurs) this.#refuse('unknown peer');
    else watch.receive(packet);
  }

  #refuse(why: Refusal | 'unknown peer'): void {
    (this.refused as Record<string, number>)[why] = this.refused[why] + 1;
  }
}

/** One session with its timer and socket. */
class Watch {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #sender: BfdSender;
  readonly #events: BfdEvents;
  session: BfdSession;
  sentCount = 0;
  receivedCount = 0;
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    rng: Rng,
    parts: {
      readonly session: BfdSession;
      readonly sender: BfdSender;
      readonly events: BfdEvents;
    },
  ) {
    this.#clock = clock;
    this.#rng = rng;
    this.session = parts.session;
    this.#sender = parts.sender;
    this.#events = parts.events;
    this.#schedule();
  }

  receive(packet: PacketRepr): void {
    this.receivedCount += 1;
    this.#handle({ kind: 'Received', packet });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#sender.send(encode(farewell(this.session)));
    this.#sender.close();
  }

  #handle(event: BfdEvent): void {
    const chance = this.#rng.uint32() / 0xffff_ffff;
    const { next, actions } = stepBfd(this.session, event, this.#clock.now(), chance);
    this.session = next;
    this.#schedule();
    for (const action of actions) this.#act(action);
  }

  #act(action: BfdAction): void {
    switch (action.kind) {
      case 'send':
        this.sentCount += 1;
        this.#sender.send(encode(action.packet));
        return;
      case 'up':
        this.#events.onUp();
        return;
      default:
        this.#events.onDown(action);
    }
  }

  #schedule(): void {
    this.#timer?.cancel();
    const delay = Math.max(0, nextDeadline(this.session) - this.#clock.now());
    this.#timer = this.#clock.after(millis(delay), () => this.#timersDue());
  }

  /**
   * A timer that runs late was held up by our own process: what has arrived meanwhile is heard before the peer is judged silent, at the
   * price of one more look.
   */
  #timersDue(): void {
    const { detectAt } = this.session;
    const now = this.#clock.now();
    if (detectAt !== undefined && detectAt <= now && now - detectAt > STALLED_MS) {
      const before = this.session;
      this.#timer = this.#clock.after(millis(READ_FIRST_MS), () => {
        if (this.session === before) this.#handle({ kind: 'TimersDue' });
      });
      return;
    }
    this.#handle({ kind: 'TimersDue' });
  }
}

const STALLED_MS = 20;
const READ_FIRST_MS = 2;
