/** controller/southbound/session.ts: every event in every state. */
import test from 'ava';
import { millis } from '../../../../base/units.ts';
import { ACK_DEADLINE, HELLO_DEADLINE } from '../../../../controller/southbound/limits.ts';
import {
  type End,
  nextDeadline,
  type SessionEvent,
  type SessionState,
  startSession,
  step,
} from '../../../../controller/southbound/session.ts';

const NOW = millis(1000);
const IDLE: SessionState = { kind: 'Idle', nonce: 3 };
const AWAITING: SessionState = {
  kind: 'AwaitingAck',
  nonce: 4,
  deadline: millis(NOW + ACK_DEADLINE),
};
const END: End = { status: 'ABORTED', message: 'x' };

function actions(state: SessionState, event: SessionEvent, now = NOW): string[] {
  return step(state, event, now).actions.map(({ kind }) => kind);
}

test('Hello of a target that is up to date is accepted and nothing is sent', (t) => {
  const { next, actions: done } = step(startSession(NOW), { kind: 'Hello', upToDate: true }, NOW);
  t.deepEqual(next, { kind: 'Idle', nonce: 0 });
  t.deepEqual(done, [{ kind: 'Accept' }]);
});

test('Hello of a target that is not is accepted and answered with message 1', (t) => {
  const { next, actions: done } = step(startSession(NOW), { kind: 'Hello', upToDate: false }, NOW);
  t.deepEqual(next, { kind: 'AwaitingAck', nonce: 1, deadline: millis(NOW + ACK_DEADLINE) });
  t.deepEqual(done, [{ kind: 'Accept' }, { kind: 'SendUpdate', nonce: 1 }]);
});

test('a refused Hello ends the stream with the refusal and is not accepted', (t) => {
  const event: SessionEvent = { kind: 'Hello', upToDate: false, refusal: END };
  t.deepEqual(step(startSession(NOW), event, NOW), {
    next: { kind: 'Ended' },
    actions: [{ kind: 'End', end: END }],
  });
});

test('one message in flight: a change is sent when idle, and waits for the Ack otherwise', (t) => {
  t.deepEqual(actions(IDLE, { kind: 'Changed' }), ['SendUpdate']);
  t.deepEqual(step(AWAITING, { kind: 'Changed' }, NOW), { next: AWAITING, actions: [] });
  t.deepEqual(actions(startSession(NOW), { kind: 'Changed' }), []);
  t.deepEqual(step(AWAITING, { kind: 'Ack', nonce: 4, outstanding: true }, NOW), {
    next: { kind: 'AwaitingAck', nonce: 5, deadline: millis(NOW + ACK_DEADLINE) },
    actions: [{ kind: 'TakeAck' }, { kind: 'SendUpdate', nonce: 5 }],
  });
  t.deepEqual(step(AWAITING, { kind: 'Ack', nonce: 4, outstanding: false }, NOW), {
    next: { kind: 'Idle', nonce: 4 },
    actions: [{ kind: 'TakeAck' }],
  });
});

test('what is not the protocol ends the stream: Hello twice, Ack of nothing or of another message, Report first', (t) => {
  const wrong: [SessionState, SessionEvent][] = [
    [IDLE, { kind: 'Hello', upToDate: true }],
    [IDLE, { kind: 'Ack', nonce: 3, outstanding: false }],
    [AWAITING, { kind: 'Ack', nonce: 3, outstanding: false }],
    [startSession(NOW), { kind: 'Ack', nonce: 0, outstanding: false }],
    [startSession(NOW), { kind: 'Report' }],
  ];
  for (const [state, event] of wrong) {
    const { next, actions: done } = step(state, event, NOW);
    t.is(next.kind, 'Ended');
    t.like(done[0], { kind: 'End', end: { status: 'INVALID_ARGUMENT' } });
  }
});

test('deadlines: Hello and Ack are waited for, and no longer', (t) => {
  const start = startSession(NOW);
  t.is(nextDeadline(start), millis(NOW + HELLO_DEADLINE));
  t.is(nextDeadline(IDLE), undefined);
  t.deepEqual(actions(start, { kind: 'Deadline' }, millis(NOW + HELLO_DEADLINE - 1)), []);
  for (const state of [start, AWAITING]) {
    const { actions: done } = step(state, { kind: 'Deadline' }, millis(NOW + ACK_DEADLINE));
    t.like(done[0], { kind: 'End', end: { status: 'DEADLINE_EXCEEDED' } });
  }
  t.deepEqual(actions(IDLE, { kind: 'Deadline' }, millis(NOW + ACK_DEADLINE)), []);
});

test('an ended session does nothing more', (t) => {
  const ended: SessionState = { kind: 'Ended' };
  const events: SessionEvent[] = [
    { kind: 'Changed' },
    { kind: 'Report' },
    { kind: 'Close', end: END },
    { kind: 'StreamEnded' },
    { kind: 'Hello', upToDate: true },
  ];
  for (const event of events) t.deepEqual(step(ended, event, NOW), { next: ended, actions: [] });
  t.deepEqual(actions(IDLE, { kind: 'Close', end: END }), ['End']);
  t.deepEqual(step(IDLE, { kind: 'StreamEnded' }, NOW), { next: ended, actions: [] });
});

test('answers pass beside the messages, in any state but before Hello', (t) => {
  for (const state of [IDLE, AWAITING]) {
    t.deepEqual(step(state, { kind: 'Answer' }, NOW), {
      next: state,
      actions: [{ kind: 'TakeAnswer' }],
    });
  }
  t.deepEqual(actions(startSession(NOW), { kind: 'Answer' }), ['End']);
});
