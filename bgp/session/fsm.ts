/**
 * The BGP finite state machine — RFC 4271 §8.2.2 — as a pure function of (session, event, now). The driver (session.ts) owns the socket,
 * hands in what happens and carries out the actions in order; `nextDeadline` tells it when to come back with TimersDue.
 *
 * One machine per TCP connection: a peer that connects while we connect gives two, and collision.ts says which of them gets CollisionLost (§6.8).
 * Every (state, event) pair is written out or falls to the rule of its state for "any other event"; the table in the RFC is the order
 * of the cases here.
 */
import { assertNever } from '../../base/assert.ts';
import { type Millis, millis } from '../../base/units.ts';
import {
  NotificationCode,
  type NotificationFault,
  notificationFault,
} from '../message/notification.ts';
import type { OpenRepr } from '../message/open.ts';
import type {
  Action,
  DownReason,
  Event,
  NegotiatedTimes,
  SessionConfig,
  SessionState,
  State,
  Step,
} from './state.ts';

type OpenConfirm = Extract<State, { kind: 'OpenConfirm' }>;
type Established = Extract<State, { kind: 'Established' }>;

/** RFC 6608 §3: subcode of a message that the state does not expect. */
const UNEXPECTED_IN = { OpenSent: 1, OpenConfirm: 2, Established: 3 } as const;

export function initialSession(config: SessionConfig): SessionState {
  return { config, state: { kind: 'Idle', idleHoldAt: undefined }, connectRetryCounter: 0 };
}

export function step(session: SessionState, event: Event, now: Millis): Step {
  const { state } = session;
  switch (state.kind) {
    case 'Idle':
      return stepIdle(session, state, event, now);
    case 'Connect':
      return stepConnect(session, state, event, now);
    case 'Active':
      return stepActive(session, state, event, now);
    case 'OpenSent':
      return stepOpenSent(session, state, event, now);
    case 'OpenConfirm':
      return stepOpenConfirm(session, state, event, now);
    case 'Established':
      return stepEstablished(session, state, event, now);
    default:
      return assertNever(state);
  }
}

/** The earliest instant at which TimersDue does something; undefined when only an event can. */
export function nextDeadline({ state }: SessionState): Millis | undefined {
  switch (state.kind) {
    case 'Idle':
      return state.idleHoldAt;
    case 'Connect':
    case 'Active':
      return state.connectRetryAt;
    case 'OpenSent':
      return state.holdAt;
    case 'OpenConfirm':
      return earliest(state.holdAt, state.keepaliveAt);
    case 'Established':
      return earliest(earliest(state.holdAt, state.keepaliveAt), state.sendHoldAt);
    default:
      return assertNever(state);
  }
}

function stepIdle(
  session: SessionState,
  state: Extract<State, { kind: 'Idle' }>,
  event: Event,
  now: Millis,
): Step {
  switch (event.kind) {
    case 'ManualStart':
      return start({ ...session, connectRetryCounter: 0 }, now);
    case 'ManualStop':
      return stay({ ...session, connectRetryCounter: 0 }, { kind: 'Idle', idleHoldAt: undefined });
    case 'TimersDue':
      return isDue(state.idleHoldAt, now) ? start(session, now) : same(session);
    case 'TcpConnected':
      return { next: session, actions: [{ kind: 'close' }] };
    default:
      return same(session);
  }
}

function stepConnect(
  session: SessionState,
  state: Extract<State, { kind: 'Connect' }>,
  event: Event,
  now: Millis,
): Step {
  switch (event.kind) {
    case 'ManualStart':
    case 'SendProgress':
      return same(session);
    case 'ManualStop':
      return stopQuietly(session);
    case 'TimersDue':
      return isDue(state.connectRetryAt, now)
        ? connect(session, now, [{ kind: 'close', isUnanswered: true }])
        : same(session);
    case 'TcpConnected':
      return sendOpen(session, now);
    case 'TcpFailed': // without DelayOpenTimer the RFC goes to Idle; like Active, waiting for the retry serves the peer better
      return stay(session, { kind: 'Active', connectRetryAt: state.connectRetryAt }, [
        { kind: 'close' },
        { kind: 'listen' },
      ]);
    default:
      return fail(session, now, { kind: 'connection-lost' });
  }
}

function stepActive(
  session: SessionState,
  state: Extract<State, { kind: 'Active' }>,
  event: Event,
  now: Millis,
): Step {
  switch (event.kind) {
    case 'ManualStart':
    case 'SendProgress':
      return same(session);
    case 'ManualStop':
      return stopQuietly(session);
    case 'TimersDue':
      return isDue(state.connectRetryAt, now) ? connect(session, now, []) : same(session);
    case 'TcpConnected':
      return sendOpen(session, now);
    default:
      return fail(session, now, { kind: 'connection-lost' });
  }
}

function stepOpenSent(
  session: SessionState,
  state: Extract<State, { kind: 'OpenSent' }>,
  event: Event,
  now: Millis,
): Step {
  switch (event.kind) {
    case 'ManualStart':
    case 'SendProgress':
      return same(session);
    case 'ManualStop':
      return stop(session, event.notification);
    case 'TimersDue':
      return isDue(state.holdAt, now) ? notify(session, now, holdTimerExpired()) : same(session);
    case 'TcpConnected': // a second connection is a machine of its own
      return same(session);
    case 'TcpFailed': {
      const connectRetryAt = later(now, session.config.connectRetryTime);
      const next: State = { kind: 'Active', connectRetryAt };
      return stay(session, next, [
        { kind: 'close' },
        { kind: 'listen' },
        { kind: 'down', reason: { kind: 'connection-lost' } },
      ]);
    }
    case 'OpenReceived':
      return confirm(session, event.open, now);
    case 'AutomaticStop':
      return notify(session, now, event.notification);
    case 'MessageFault':
      return notify(session, now, event.fault);
    case 'CollisionLost':
      return notify(session, now, collisionResolution());
    case 'NotificationReceived':
      return fail(session, now, { kind: 'received', notification: event.notification });
    case 'KeepaliveReceived':
    case 'UpdateReceived':
      return notify(session, now, unexpectedIn('OpenSent'));
    default:
      return assertNever(event);
  }
}

function stepOpenConfirm(
  session: SessionState,
  state: OpenConfirm,
  event: Event,
  now: Millis,
): Step {
  switch (event.kind) {
    case 'ManualStart':
    case 'SendProgress':
    case 'TcpConnected':
      return same(session);
    case 'ManualStop':
      return stop(session, event.notification);
    case 'TimersDue':
      return timersOfOpened(session, state, now);
    case 'TcpFailed':
      return fail(session, now, { kind: 'connection-lost' });
    case 'AutomaticStop':
      return notify(session, now, event.notification);
    case 'MessageFault':
      return notify(session, now, event.fault);
    case 'CollisionLost':
      return notify(session, now, collisionResolution());
    case 'NotificationReceived':
      return fail(session, now, { kind: 'received', notification: event.notification });
    case 'KeepaliveReceived': {
      const { sendHoldTime } = session.config;
      const sendHoldAt = sendHoldTime === 0 ? undefined : later(now, sendHoldTime);
      const next: Established = { ...held(state, now), kind: 'Established', sendHoldAt };
      return stay({ ...session, connectRetryCounter: 0 }, next, [
        { kind: 'established', peerOpen: state.peerOpen },
      ]);
    }
    case 'OpenReceived':
    case 'UpdateReceived':
      return notify(session, now, unexpectedIn('OpenConfirm'));
    default:
      return assertNever(event);
  }
}

function stepEstablished(
  session: SessionState,
  state: Established,
  event: Event,
  now: Millis,
): Step {
  switch (event.kind) {
    case 'ManualStart':
    case 'TcpConnected':
      return same(session);
    case 'ManualStop':
      return stop(session, event.notification);
    case 'TimersDue':
      if (isDue(state.sendHoldAt, now)) {
        return notify(session, now, notificationFault(NotificationCode.SendHoldTimerExpired));
      }
      return timersOfOpened(session, state, now);
    case 'TcpFailed':
      return fail(session, now, { kind: 'connection-lost' });
    case 'AutomaticStop':
      return notify(session, now, event.notification);
    case 'MessageFault':
      return notify(session, now, event.fault);
    case 'CollisionLost': // §6.8: an established session is never the one to go
      return same(session);
    case 'NotificationReceived':
      return fail(session, now, { kind: 'received', notification: event.notification });
    case 'KeepaliveReceived':
      return stay(session, held(state, now));
    case 'UpdateReceived':
      return stay(session, held(state, now), [{ kind: 'deliver-update' }]);
    case 'SendProgress':
      return state.sendHoldAt === undefined
        ? same(session)
        : stay(session, { ...state, sendHoldAt: later(now, session.config.sendHoldTime) });
    case 'OpenReceived':
      return notify(session, now, unexpectedIn('Established'));
    default:
      return assertNever(event);
  }
}

function start(session: SessionState, now: Millis): Step {
  if (!session.config.isPassive) return connect(session, now, []);
  return stay(session, { kind: 'Active', connectRetryAt: undefined }, [{ kind: 'listen' }]);
}

function connect(session: SessionState, now: Millis, before: readonly Action[]): Step {
  const connectRetryAt = later(now, session.config.connectRetryTime);
  return stay(session, { kind: 'Connect', connectRetryAt }, [...before, { kind: 'connect' }]);
}

function sendOpen(session: SessionState, now: Millis): Step {
  const holdAt = later(now, session.config.openWaitTime);
  return stay(session, { kind: 'OpenSent', holdAt }, [{ kind: 'send-open' }]);
}

/** §4.2: the smaller hold time is used; §4.4: keepalives at a third of it. */
function confirm(session: SessionState, peerOpen: OpenRepr, now: Millis): Step {
  const holdTime = millis(Math.min(session.config.holdTime, peerOpen.holdTimeSec * 1000));
  const times: NegotiatedTimes = { holdTime, keepaliveTime: millis(holdTime / 3) };
  const isKept = holdTime > 0;
  const next: OpenConfirm = {
    kind: 'OpenConfirm',
    peerOpen,
    times,
    holdAt: isKept ? later(now, times.holdTime) : undefined,
    keepaliveAt: isKept ? later(now, times.keepaliveTime) : undefined,
  };
  return stay(session, next, [{ kind: 'send-keepalive' }]);
}

function timersOfOpened(
  session: SessionState,
  state: OpenConfirm | Established,
  now: Millis,
): Step {
  if (isDue(state.holdAt, now)) return notify(session, now, holdTimerExpired());
  if (!isDue(state.keepaliveAt, now)) return same(session);
  const keepaliveAt = later(now, state.times.keepaliveTime);
  return stay(session, { ...state, keepaliveAt }, [{ kind: 'send-keepalive' }]);
}

/** The hold timer starts anew with every KEEPALIVE and UPDATE (§8.2.2). */
function held<S extends OpenConfirm | Established>(state: S, now: Millis): S {
  return state.holdAt === undefined
    ? state
    : { ...state, holdAt: later(now, state.times.holdTime) };
}

/** NOTIFICATION, then Idle until the damped idle hold time is over. */
function notify(session: SessionState, now: Millis, fault: NotificationFault): Step {
  const { next, actions } = fail(session, now, { kind: 'sent', notification: fault });
  return { next, actions: [{ kind: 'send-notification', fault }, ...actions] };
}

function fail(session: SessionState, now: Millis, reason: DownReason): Step {
  const { idleHoldTime, idleHoldTimeMax } = session.config;
  const damped = Math.min(idleHoldTime * 2 ** session.connectRetryCounter, idleHoldTimeMax);
  const connectRetryCounter = session.connectRetryCounter + 1;
  return stay(
    { ...session, connectRetryCounter },
    { kind: 'Idle', idleHoldAt: later(now, millis(damped)) },
    [{ kind: 'close' }, { kind: 'down', reason }],
  );
}

/** ManualStop with an open conversation: the peer hears why (§8.2.2, RFC 9003). */
function stop(session: SessionState, notification: NotificationFault): Step {
  return stay({ ...session, connectRetryCounter: 0 }, { kind: 'Idle', idleHoldAt: undefined }, [
    { kind: 'send-notification', fault: notification },
    { kind: 'close' },
    { kind: 'down', reason: { kind: 'sent', notification } },
  ]);
}

function stopQuietly(session: SessionState): Step {
  return stay({ ...session, connectRetryCounter: 0 }, { kind: 'Idle', idleHoldAt: undefined }, [
    { kind: 'close' },
  ]);
}

function stay(session: SessionState, state: State, actions: readonly Action[] = []): Step {
  return { next: { ...session, state }, actions };
}

function same(session: SessionState): Step {
  return { next: session, actions: [] };
}

function holdTimerExpired(): NotificationFault {
  return notificationFault(NotificationCode.HoldTimerExpired);
}

function collisionResolution(): NotificationFault {
  return notificationFault(NotificationCode.Cease, 7);
}

function unexpectedIn(state: keyof typeof UNEXPECTED_IN): NotificationFault {
  return notificationFault(NotificationCode.FiniteStateMachine, UNEXPECTED_IN[state]);
}

function isDue(at: Millis | undefined, now: Millis): boolean {
  return at !== undefined && at <= now;
}

function later(now: Millis, by: Millis): Millis {
  return millis(now + by);
}

function earliest(a: Millis | undefined, b: Millis | undefined): Millis | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return millis(Math.min(a, b));
}
