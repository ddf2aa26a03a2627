/**
 * The state machine of one southbound stream: pure. target-sessions.ts runs its actions, server.ts owns the stream.
 *
 *     AwaitingHello ──Hello admitted──► Idle ◄──Ack── AwaitingAck          any ──fault, replaced, deadline──► Ended
 *                                        └─Changed, sends one message──►┘
 *
 * One message is in flight at a time. What changes meanwhile stays outstanding in the target's ledger and goes out merged
 * with the next message, so a slow target costs one entry per key it is behind by, and never a queue of messages.
 */
import { assertNever } from '../../base/assert.ts';
import { type Millis, millis } from '../../base/units.ts';
import { ACK_DEADLINE, HELLO_DEADLINE } from './limits.ts';

export type SessionState =
  | { readonly kind: 'AwaitingHello'; readonly deadline: Millis }
  | { readonly kind: 'Idle'; readonly nonce: number }
  | { readonly kind: 'AwaitingAck'; readonly nonce: number; readonly deadline: Millis }
  | { readonly kind: 'Ended' };

/** Names of gRPC status codes. */
export type EndStatus =
  | 'PERMISSION_DENIED'
  | 'FAILED_PRECONDITION'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'ABORTED'
  | 'UNAVAILABLE';

export interface End {
  readonly status: EndStatus;
  /** For the person who reads the target's log: what is wrong and what to do. */
  readonly message: string;
}

export type SessionEvent =
  /** `refusal` when the target may not have a stream; `upToDate` when it holds exactly its goal state. */
  | { readonly kind: 'Hello'; readonly refusal?: End; readonly upToDate: boolean }
  /** `outstanding`: something has changed since the message that is answered. */
  | { readonly kind: 'Ack'; readonly nonce: number; readonly outstanding: boolean }
  | { readonly kind: 'Report' }
  /** To a question of the controller; questions pass beside the messages and wait for none. */
  | { readonly kind: 'Answer' }
  /** There is something to send. */
  | { readonly kind: 'Changed' }
  | { readonly kind: 'Deadline' }
  /** From this side: another stream of the target, the target's end, the controller's end. */
  | { readonly kind: 'Close'; readonly end: End }
  | { readonly kind: 'StreamEnded' };

export type SessionAction =
  | { readonly kind: 'Accept' }
  /** Everything outstanding as one message. */
  | { readonly kind: 'SendUpdate'; readonly nonce: number }
  | { readonly kind: 'TakeAck' }
  | { readonly kind: 'TakeReport' }
  | { readonly kind: 'TakeAnswer' }
  | { readonly kind: 'End'; readonly end: End };

export interface Step {
  readonly next: SessionState;
  readonly actions: readonly SessionAction[];
}

export function startSession(now: Millis): SessionState {
  return { kind: 'AwaitingHello', deadline: millis(now + HELLO_DEADLINE) };
}

export function nextDeadline(state: SessionState): Millis | undefined {
  return 'deadline' in state ? state.deadline : undefined;
}

export function step(state: SessionState, event: SessionEvent, now: Millis): Step {
  if (state.kind === 'Ended') return { next: state, actions: [] };
  switch (event.kind) {
    case 'Hello':
      return onHello(state, event, now);
    case 'Ack':
      return onAck(state, event, now);
    case 'Report':
      if (state.kind === 'AwaitingHello') return violation('Report before Hello');
      return { next: state, actions: [{ kind: 'TakeReport' }] };
    case 'Answer':
      if (state.kind === 'AwaitingHello') return violation('Answer before Hello');
      return { next: state, actions: [{ kind: 'TakeAnswer' }] };
    case 'Changed':
      if (state.kind !== 'Idle') return { next: state, actions: [] };
      return send(state.nonce + 1, now, []);
    case 'Deadline':
      return onDeadline(state, now);
    case 'Close':
      return ended(event.end);
    case 'StreamEnded':
      return { next: { kind: 'Ended' }, actions: [] };
    default:
      return assertNever(event);
  }
}

function onHello(
  state: SessionState,
  event: Extract<SessionEvent, { kind: 'Hello' }>,
  now: Millis,
): Step {
  if (state.kind !== 'AwaitingHello') return violation('Hello twice');
  if (event.refusal !== undefined) return ended(event.refusal);
  if (!event.upToDate) return send(1, now, [{ kind: 'Accept' }]);
  return { next: { kind: 'Idle', nonce: 0 }, actions: [{ kind: 'Accept' }] };
}

function onAck(
  state: SessionState,
  event: Extract<SessionEvent, { kind: 'Ack' }>,
  now: Millis,
): Step {
  if (state.kind !== 'AwaitingAck') return violation('Ack of nothing');
  if (event.nonce !== state.nonce) {
    return violation(`Ack of ${event.nonce}, but ${state.nonce} was sent last`);
  }
  if (event.outstanding) return send(state.nonce + 1, now, [{ kind: 'TakeAck' }]);
  return { next: { kind: 'Idle', nonce: state.nonce }, actions: [{ kind: 'TakeAck' }] };
}

function onDeadline(state: SessionState, now: Millis): Step {
  const deadline = nextDeadline(state);
  if (deadline === undefined || now < deadline) return { next: state, actions: [] };
  const waitedFor = state.kind === 'AwaitingAck' ? `the Ack of ${state.nonce}` : 'Hello';
  return ended({ status: 'DEADLINE_EXCEEDED', message: `${waitedFor} did not come in time` });
}

function send(nonce: number, now: Millis, before: readonly SessionAction[]): Step {
  return {
    next: { kind: 'AwaitingAck', nonce, deadline: millis(now + ACK_DEADLINE) },
    actions: [...before, { kind: 'SendUpdate', nonce }],
  };
}

function violation(message: string): Step {
  return ended({ status: 'INVALID_ARGUMENT', message: `not the southbound protocol: ${message}` });
}

function ended(end: End): Step {
  return { next: { kind: 'Ended' }, actions: [{ kind: 'End', end }] };
}
