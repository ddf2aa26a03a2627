/**
 * One neighbour's session: RFC 4271 §8 over whatever connections there are. Usually one state machine; two while both sides have connected
 * at once, until collision.ts says which goes (§6.8). Sockets, time and chance are injected; what to say and what to do with routes is the
 * owner's (bgp/speaker).
 *
 * The essay. A session is a function of what it is told: the transport's events, the clock, and messages. `machine.ts` turns bytes into the
 * events of the pure machine in `fsm.ts` and its actions into bytes. Work is done in slices (work-queue.ts), input is read no faster than it
 * is dealt with, and output is pulled by the session when the peer's socket has room: hence no queue that a peer could make grow. Why a
 * session is not up is kept as data (failure.ts).
 *
 * Graceful restart (RFC 4724 §4.2): a new connection of a peer whose session still stands here means that the peer restarted; the old
 * session ends without a word and the owner keeps its routes.
 */
import type { Clock } from '../../base/clock.ts';
import { emitHeader, HEADER_LEN, MessageType } from '../message/framing.ts';
import * as notification from '../message/notification.ts';
import {
  CeaseSubcode,
  NotificationCode,
  type NotificationFault,
  notificationFault,
} from '../message/notification.ts';
import type { OpenRepr } from '../message/open.ts';
import type { RouteRefreshRepr } from '../message/route-refresh.ts';
import type { UpdateContext, UpdateRepr } from '../message/update.ts';
import { survivor } from './collision.ts';
import type { SessionFailure } from './failure.ts';
import { initialSession } from './fsm.ts';
import { Machine, type MachineOwner } from './machine.ts';
import type { Expectations, Negotiated } from './negotiation.ts';
import type { SessionConfig, SessionState, State } from './state.ts';
import { type SessionStatistics, sessionStatistics } from './statistics.ts';
import type { Connection, ConnectTarget, Transport } from './transport.ts';
import type { WorkQueue } from './work-queue.ts';

export interface SessionOptions {
  readonly clock: Clock;
  readonly work: WorkQueue;
  readonly transport: Transport;
  readonly config: SessionConfig;
  readonly target: ConnectTarget;
  readonly expectations: Expectations;
  localOpen(): OpenRepr;
  updateContext(negotiated: Negotiated): UpdateContext;
  readonly events: SessionEvents;
}

export interface SessionEvents {
  onEstablished(negotiated: Negotiated): void;
  onUpdate(update: UpdateRepr): void;
  onRefresh(refresh: RouteRefreshRepr): void;
  /** Each message as it came, header included; valid until it has been dealt with, for an UPDATE until onUpdate returns. Undefined: nobody listens. */
  readonly onMessage?: (message: Uint8Array, negotiated: Negotiated | undefined) => void;
  /** Whatever it was in before; `negotiated` when it was Established. */
  onDown(failure: SessionFailure, negotiated: Negotiated | undefined): void;
  /** Established, and the socket has room again. */
  onSendable(): void;
  onStateChange(): void;
}

export interface SessionStatus {
  readonly state: State['kind'];
  /** The latest reason why the session was or is not up; undefined once it is. */
  readonly failure: SessionFailure | undefined;
  readonly failedAtWall: number | undefined;
  readonly localAddress: string | undefined;
}

export class Session {
  readonly statistics: SessionStatistics = sessionStatistics();
  readonly #options: SessionOptions;
  #primary: Machine;
  /** A second connection whose OPENs have not met yet. */
  #secondary: Machine | undefined;
  /** Kept here because a machine forgets its negotiation with its connection. */
  #established: Negotiated | undefined;
  #failure: SessionFailure | undefined;
  #failedAtWall: number | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#primary = new Machine(this.#owner(), initialSession(options.config));
  }

  get status(): SessionStatus {
    return {
      state: this.#primary.state.kind,
      failure: this.#failure,
      failedAtWall: this.#failedAtWall,
      localAddress: this.#primary.connection?.localAddress,
    };
  }

  get negotiated(): Negotiated | undefined {
    return this.#established;
  }

  get canSend(): boolean {
    return this.#primary.canSend;
  }

  /** The machine that messages go out by. */
  get machine(): Machine {
    return this.#primary;
  }

  start(): void {
    this.#primary.handle({ kind: 'ManualStart' });
  }

  /** Down until the next start; the peer hears `fault`. */
  stop(fault: NotificationFault): void {
    for (const machine of [this.#secondary, this.#primary]) {
      machine?.handle({ kind: 'ManualStop', notification: machine.formOf(fault) });
    }
  }

  /** Ends the session for a fault of its own; it starts again by itself after a pause. */
  reset(fault: NotificationFault): void {
    this.#primary.handle({ kind: 'AutomaticStop', notification: this.#primary.formOf(fault) });
  }

  dispose(): void {
    this.#secondary?.dispose();
    this.#primary.dispose();
  }

  /** A connection from the peer's address. It is closed where it is not wanted now. */
  accept(connection: Connection): void {
    switch (this.#primary.state.kind) {
      case 'Idle':
        // Without a word: the peer goes on listening, and finds us when our pause is over. Told off, it would pause as well.
        connection.attach(DEAF);
        connection.close();
        return;
      case 'Connect':
      case 'Active':
        this.#primary.adopt(connection);
        return;
      case 'OpenSent':
      case 'OpenConfirm':
        if (this.#secondary === undefined) this.#startSecondary(connection);
        else refuse(connection, CeaseSubcode.ConnectionCollisionResolution);
        return;
      default:
        if (this.#established?.gracefulRestart === undefined) {
          refuse(connection, CeaseSubcode.ConnectionCollisionResolution);
          return;
        }
        this.#startSecondary(connection);
        this.#primary.handle({ kind: 'TcpFailed' });
    }
  }

  #startSecondary(connection: Connection): void {
    const { config } = this.#options;
    const active: SessionState = {
      config,
      connectRetryCounter: this.#primary.connectRetryCounter,
      state: { kind: 'Active', connectRetryAt: undefined },
    };
    this.#secondary = new Machine(this.#owner(), active);
    this.#secondary.adopt(connection);
  }

  #owner(): MachineOwner {
    const { clock, work, expectations, localOpen, updateContext } = this.#options;
    const { transport, target, events } = this.#options;
    const isPrimary = (machine: Machine): boolean => machine === this.#primary;
    return {
      clock,
      work,
      statistics: this.statistics,
      expectations,
      localOpen,
      updateContext,
      connect: (handlers) => transport.connect(target, handlers),
      onOpen: (machine) => this.#resolveCollision(machine),
      onEstablished: (machine) => this.#up(machine),
      onMessage: messageListener(events),
      onUpdate: (_, received) => events.onUpdate(received),
      onRefresh: (_, refresh) => events.onRefresh(refresh),
      onDown: (machine, failure, wasEstablished) => this.#down(machine, failure, wasEstablished),
      onConnectFailed: (machine, cause) => {
        if (isPrimary(machine)) this.#note({ kind: 'connect', cause });
      },
      onSendable: (machine) => {
        if (isPrimary(machine)) events.onSendable();
      },
    };
  }

  /** §6.8, at each accepted OPEN while there are two connections. */
  #resolveCollision(machine: Machine): void {
    const other = machine === this.#primary ? this.#secondary : this.#primary;
    const remote = machine.negotiated?.peerOpen;
    if (other === undefined || remote === undefined) return;
    if (other.state.kind !== 'OpenSent' && other.state.kind !== 'OpenConfirm') return;
    const stays = survivor(this.#options.localOpen(), remote) === 'initiated-by-us';
    const loser = machine.isInitiator === stays ? other : machine;
    loser.handle({ kind: 'CollisionLost' });
  }

  #up(machine: Machine): void {
    const other = machine === this.#primary ? this.#secondary : this.#primary;
    this.#primary = machine;
    this.#secondary = undefined;
    if (other !== undefined) {
      other.handle({ kind: 'CollisionLost' });
      other.dispose();
    }
    this.#failure = undefined;
    this.#established = machine.negotiated;
    if (this.#established !== undefined) this.#options.events.onEstablished(this.#established);
    this.#options.events.onStateChange();
  }

  #down(machine: Machine, failure: SessionFailure, wasEstablished: boolean): void {
    // Of two connections one goes, as a rule; not by silence, and a peer that is not heard may go on to open others for ever.
    const isSilence =
      failure.kind === 'sent' && failure.notification.code === NotificationCode.HoldTimerExpired;
    if (machine === this.#secondary) {
      this.#secondary = undefined;
      machine.dispose();
      if (isSilence && this.#established === undefined) this.#note(failure);
      return;
    }
    if (machine !== this.#primary) return;
    const successor = this.#secondary;
    if (successor !== undefined) {
      this.#secondary = undefined;
      this.#primary = successor;
      this.#options.work.add(() => {
        machine.dispose(); // not now: it is still in the middle of its step
        return false;
      });
    }
    // A peer that now only hangs up has said why before.
    const isWorthNoting = failure.kind !== 'connection-lost' || this.#failure === undefined;
    const isVerdict = isSilence || (successor === undefined && isWorthNoting);
    if (wasEstablished || isVerdict) this.#note(failure);
    const negotiated = this.#established;
    this.#established = undefined;
    this.#options.events.onDown(failure, wasEstablished ? negotiated : undefined);
    this.#options.events.onStateChange();
  }

  #note(failure: SessionFailure): void {
    this.#failure = failure;
    this.#failedAtWall = this.#options.clock.wallNow();
    this.#options.events.onStateChange();
  }
}

function messageListener({ onMessage }: SessionEvents): MachineOwner['onMessage'] {
  if (onMessage === undefined) return undefined;
  return (machine, message) => onMessage(message, machine.negotiated);
}

/** A NOTIFICATION without OPEN (RFC 4271 §8.1.1 SendNOTIFICATIONwithoutOPEN), then the end. */
function refuse(connection: Connection, subcode: number): void {
  connection.attach(DEAF);
  const message = new Uint8Array(HEADER_LEN + REFUSAL_LEN);
  const view = new DataView(message.buffer);
  emitHeader(view, 0, MessageType.Notification, message.length);
  notification.emit(notificationFault(NotificationCode.Cease, subcode), view, HEADER_LEN);
  connection.write(message);
  connection.close();
}

const REFUSAL_LEN = 2;

const DEAF = {
  onConnected: () => undefined,
  onData: () => undefined,
  onProgress: () => undefined,
  onClosed: () => undefined,
};
