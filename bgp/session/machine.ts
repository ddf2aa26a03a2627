/**
 * Drives one state machine (fsm.ts) over one connection at a time: frames what comes in, carries out the machine's actions, keeps its timer.
 * RFC 4271 §8. Session.ts owns one or, while two connections collide, two of these.
 *
 * Input is bounded: a chunk that was read pauses the socket until all its messages are dealt with, a few per turn of the work queue.
 * Output is pulled: the owner encodes UPDATEs only while `canSend`, so a peer that does not read costs nothing but its socket's buffer.
 *
 * Invariants: at most one timer; no event is handled inside another (actions may cause events: they queue).
 */
import { assertNever } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { INPUT_BYTES_PER_TURN, SEND_PENDING_BYTES_MAX } from '../limits.ts';
import {
  EXTENDED_MESSAGE_BYTES_MAX,
  emitHeader,
  frame,
  HEADER_LEN,
  MESSAGE_BYTES_MAX,
  MessageType,
} from '../message/framing.ts';
import * as notification from '../message/notification.ts';
import * as open from '../message/open.ts';
import * as routeRefresh from '../message/route-refresh.ts';
import * as update from '../message/update.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import type { SessionFailure } from './failure.ts';
import { nextDeadline, step } from './fsm.ts';
import { InputBuffer } from './input-buffer.ts';
import { type Expectations, type Negotiated, negotiate, refusal } from './negotiation.ts';
import type { Action, Event, SessionState } from './state.ts';
import type { SessionStatistics } from './statistics.ts';
import type { ClosedBy, Connection, ConnectionHandlers } from './transport.ts';
import type { WorkQueue } from './work-queue.ts';

/** What a machine asks of, and tells, the session it belongs to. */
export interface MachineOwner {
  readonly clock: Clock;
  readonly work: WorkQueue;
  readonly statistics: SessionStatistics;
  readonly expectations: Expectations;
  /** As this side says it now: graceful restart flags change. */
  localOpen(): open.OpenRepr;
  connect(handlers: ConnectionHandlers): Connection;
  updateContext(negotiated: Negotiated): update.UpdateContext;
  /** An OPEN was accepted: the moment to look for a collision. */
  onOpen(machine: Machine): void;
  onEstablished(machine: Machine): void;
  onUpdate(machine: Machine, received: update.UpdateRepr): void;
  onRefresh(machine: Machine, refresh: routeRefresh.RouteRefreshRepr): void;
  /** Each message as it came, header included; valid until it has been dealt with, for an UPDATE until onUpdate returns. Undefined: nobody listens. */
  readonly onMessage: ((machine: Machine, message: Uint8Array) => void) | undefined;
  onDown(machine: Machine, failure: SessionFailure, wasEstablished: boolean): void;
  /** No connection came about; the machine tries again by itself. */
  onConnectFailed(machine: Machine, cause: ClosedBy): void;
  onSendable(machine: Machine): void;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

export class Machine {
  readonly #owner: MachineOwner;
  #session: SessionState;
  #connection: Connection | undefined;
  #isInitiator = false;
  #negotiated: Negotiated | undefined;
  readonly #timer: DeadlineTimer;
  readonly #input = new InputBuffer();
  /** The UPDATE that the machine is about to deliver. */
  #received: update.UpdateRepr | undefined;
  #sentOpen = NO_BYTES;
  #receivedOpen = NO_BYTES;
  readonly #events: Event[] = [];
  #isHandling = false;
  readonly #worker = (): boolean => this.#takeTurn();

  constructor(owner: MachineOwner, session: SessionState) {
    this.#owner = owner;
    this.#session = session;
    this.#timer = new DeadlineTimer(owner.clock, () => this.#timersDue());
  }

  get state(): SessionState['state'] {
    return this.#session.state;
  }

  get connectRetryCounter(): number {
    return this.#session.connectRetryCounter;
  }

  /** Whether this side opened the present connection. */
  get isInitiator(): boolean {
    return this.#isInitiator;
  }

  /** Set from OpenConfirm on. */
  get negotiated(): Negotiated | undefined {
    return this.#negotiated;
  }

  /** The OPENs of the present connection, header included; empty before they have gone and come. */
  get opens(): { readonly sent: Uint8Array; readonly received: Uint8Array } {
    return { sent: this.#sentOpen, received: this.#receivedOpen };
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get messageBytesMax(): number {
    return this.#negotiated?.extendedMessage === true
      ? EXTENDED_MESSAGE_BYTES_MAX
      : MESSAGE_BYTES_MAX;
  }

  /** Octets that this session holds: input, whole messages and the room for them, and what the system has not taken yet. */
  get heldBytes(): number {
    return this.#input.capacity + (this.#connection?.pendingBytes ?? 0);
  }

  /** Established, and the peer keeps up with what was written. */
  get canSend(): boolean {
    return (
      this.#session.state.kind === 'Established' &&
      this.#connection !== undefined &&
      this.#connection.pendingBytes < SEND_PENDING_BYTES_MAX
    );
  }

  handle(event: Event): void {
    this.#events.push(event);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        this.#step(next);
      }
    } finally {
      this.#isHandling = false;
    }
    this.#timer.set(nextDeadline(this.#session));
  }

  /** The form in which the peer understands a reason (RFC 8538 §3.1): one that goes on with routes through a NOTIFICATION must not after some. */
  formOf(reason: notification.NotificationFault): notification.NotificationFault {
    const keepsThroughIt = this.#negotiated?.gracefulRestart?.notification === true;
    return keepsThroughIt && notification.isForGood(reason)
      ? notification.hardReset(reason)
      : reason;
  }

  /** Takes a connection that the peer opened. */
  adopt(connection: Connection): void {
    this.#dropConnection();
    this.#connection = connection;
    this.#isInitiator = false;
    connection.attach(this.#handlers(() => connection));
    this.#connected();
  }

  /** A whole message body of `type`; the owner looks at `canSend` first. Returns the message. */
  send(type: MessageType, body: Uint8Array): Uint8Array {
    const message = new Uint8Array(HEADER_LEN + body.length);
    message.set(body, HEADER_LEN);
    emitHeader(new DataView(message.buffer), 0, type, message.length);
    this.sendMessages(type, message, 1);
    return message;
  }

  /** `count` messages of `type`, header included, ready to be written. */
  sendMessages(type: MessageType, bytes: Uint8Array, count: number): void {
    if (this.#connection === undefined) return;
    const { statistics, clock } = this.#owner;
    statistics.messages[type].sentCount += count;
    statistics.messages[type].lastSent = clock.wallNow();
    statistics.bytesSent += bytes.length;
    this.#connection.write(bytes);
  }

  /** Ends timers and connection for good. */
  dispose(): void {
    this.#timer.cancel();
    this.#dropConnection();
  }

  #step(event: Event): void {
    const { next, actions } = step(this.#session, event, this.#owner.clock.now());
    const before = this.#session.state.kind;
    this.#session = next;
    for (const action of actions) this.#act(action, before === 'Established');
  }

  #act(action: Action, wasEstablished: boolean): void {
    switch (action.kind) {
      case 'connect':
        this.#connect();
        return;
      case 'listen': // the listener is the speaker's and always there
        return;
      case 'close':
        if (action.isUnanswered === true) this.#owner.onConnectFailed(this, { kind: 'timeout' });
        this.#dropConnection();
        return;
      case 'send-open':
        this.#sentOpen = this.send(MessageType.Open, open.encode(this.#owner.localOpen()));
        return;
      case 'send-keepalive':
        // Where so much waits already, it is the waiting bytes that keep the session alive.
        if ((this.#connection?.pendingBytes ?? 0) < SEND_PENDING_BYTES_MAX)
          this.send(MessageType.Keepalive, NO_BYTES);
        return;
      case 'send-notification':
        this.#sendNotification(action.fault);
        return;
      case 'established':
        this.#owner.statistics.establishedCount += 1;
        this.#owner.onEstablished(this);
        return;
      case 'deliver-update': {
        const received = this.#received;
        this.#received = undefined;
        if (received !== undefined) this.#owner.onUpdate(this, received);
        return;
      }
      case 'down':
        this.#owner.onDown(this, action.reason, wasEstablished);
        return;
      default:
        assertNever(action);
    }
  }

  #connect(): void {
    this.#dropConnection();
    this.#isInitiator = true;
    let made: Connection | undefined;
    made = this.#owner.connect(this.#handlers(() => made));
    this.#connection = made;
  }

  /** Handlers that are deaf once their connection is not this machine's any more. */
  #handlers(which: () => Connection | undefined): ConnectionHandlers {
    const isCurrent = (): boolean => this.#connection !== undefined && this.#connection === which();
    return {
      onConnected: () => {
        if (isCurrent()) this.#connected();
      },
      onData: (bytes) => {
        if (isCurrent()) this.#takeIn(bytes);
      },
      onProgress: () => {
        if (!isCurrent()) return;
        this.handle({ kind: 'SendProgress' });
        if (this.canSend) this.#owner.onSendable(this);
      },
      onClosed: (by) => {
        if (isCurrent()) this.#closed(by);
      },
    };
  }

  #connected(): void {
    this.#owner.statistics.tcpConnectionEstablished = this.#owner.clock.wallNow();
    this.handle({ kind: 'TcpConnected' });
  }

  #closed(by: ClosedBy): void {
    const { kind } = this.#session.state;
    // What came before the end is heard first: a NOTIFICATION says why.
    while (this.#connection !== undefined && this.#takeTurn());
    if (this.#connection === undefined) return;
    this.#dropConnection();
    if (kind === 'Connect' || kind === 'Active') this.#owner.onConnectFailed(this, by);
    this.handle({ kind: 'TcpFailed' });
  }

  #dropConnection(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#negotiated = undefined;
    this.#input.clear();
    this.#owner.work.remove(this.#worker);
    if (connection === undefined) return;
    this.#owner.statistics.tcpConnectionClosed = this.#owner.clock.wallNow();
    connection.close();
  }

  #takeIn(bytes: Uint8Array): void {
    this.#owner.statistics.bytesReceived += bytes.length;
    this.#input.add(bytes);
    this.#connection?.pause();
    this.#owner.work.add(this.#worker);
  }

  /** Deals with some messages of the input; true when there may be more. */
  #takeTurn(): boolean {
    const input = this.#input;
    const turnEnd = input.at + INPUT_BYTES_PER_TURN;
    while (input.at < turnEnd) {
      const { view } = input;
      const framing = frame(view, input.at, input.end, this.messageBytesMax);
      if (framing.kind === 'incomplete') {
        this.#connection?.resume();
        return false;
      }
      if (framing.kind === 'malformed') {
        this.handle({ kind: 'MessageFault', fault: framing.fault });
        return false;
      }
      input.at = framing.end;
      this.#message(framing.type, view, framing.at, framing.end);
      if (this.#connection === undefined) return false;
    }
    return true;
  }

  #message(type: MessageType, view: DataView, at: number, end: number): void {
    const counter = this.#owner.statistics.messages[type];
    counter.receivedCount += 1;
    counter.lastReceived = this.#owner.clock.wallNow();
    this.#owner.onMessage?.(this, wholeMessage(view, at, end));
    switch (type) {
      case MessageType.Open:
        this.#receivedOpen = wholeMessage(view, at, end).slice();
        this.#openMessage(open.parse(view, at, end));
        return;
      case MessageType.Update:
        this.#updateMessage(view, at, end);
        return;
      case MessageType.Notification:
        this.handle({
          kind: 'NotificationReceived',
          notification: notification.parse(view, at, end),
        });
        return;
      case MessageType.Keepalive:
        this.handle({ kind: 'KeepaliveReceived' });
        return;
      case MessageType.RouteRefresh:
        this.#refreshMessage(view, at, end);
        return;
      default:
        assertNever(type);
    }
  }

  #openMessage(result: open.OpenResult): void {
    if ('fault' in result) {
      this.handle({ kind: 'MessageFault', fault: result.fault });
      return;
    }
    if (this.#session.state.kind !== 'OpenSent') {
      this.handle({ kind: 'OpenReceived', open: result.open });
      return;
    }
    const local = this.#owner.localOpen();
    const fault = refusal(local, result.open, this.#owner.expectations);
    if (fault !== undefined) {
      this.handle({ kind: 'MessageFault', fault });
      return;
    }
    this.#negotiated = negotiate(local, result.open);
    this.handle({ kind: 'OpenReceived', open: result.open });
    this.#owner.onOpen(this);
  }

  #updateMessage(view: DataView, at: number, end: number): void {
    const negotiated = this.#negotiated;
    if (this.#session.state.kind !== 'Established' || negotiated === undefined) {
      this.handle({ kind: 'UpdateReceived' });
      return;
    }
    const result = update.parse(view, at, end, this.#owner.updateContext(negotiated));
    if ('fault' in result) {
      this.handle({ kind: 'MessageFault', fault: result.fault });
      return;
    }
    this.#received = result.update;
    this.handle({ kind: 'UpdateReceived' });
  }

  #refreshMessage(view: DataView, at: number, end: number): void {
    const isEstablished = this.#session.state.kind === 'Established';
    const result = routeRefresh.parse(view, at, end);
    if ('fault' in result && isEstablished) {
      this.handle({ kind: 'MessageFault', fault: result.fault });
      return;
    }
    this.handle({ kind: 'UpdateReceived' });
    if ('refresh' in result && isEstablished) this.#owner.onRefresh(this, result.refresh);
  }

  #sendNotification(fault: notification.NotificationFault): void {
    const body = new Uint8Array(notification.reprLen(fault));
    notification.emit(fault, new DataView(body.buffer), 0);
    this.send(MessageType.Notification, body);
  }

  #timersDue(): void {
    // Input that waits for its turn counts as heard: some of it is dealt with before silence is judged.
    if (this.#owner.work.has(this.#worker)) this.#takeTurn();
    // Where nothing waits to be sent, the peer is not slow.
    if (this.#connection?.pendingBytes === 0) this.handle({ kind: 'SendProgress' });
    this.handle({ kind: 'TimersDue' });
  }
}

/** [at, end) is the body. */
function wholeMessage(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at - HEADER_LEN, end - at + HEADER_LEN);
}
