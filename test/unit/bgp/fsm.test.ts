/** BGP finite state machine (RFC 4271 §8): events, states and what they make it do. */
import test from 'ava';
import fc from 'fast-check';
import { millis, minutes, seconds } from '../../../base/units.ts';
import { notificationFault } from '../../../bgp/message/notification.ts';
import type { OpenRepr } from '../../../bgp/message/open.ts';
import { survivor } from '../../../bgp/session/collision.ts';
import { initialSession, nextDeadline, step } from '../../../bgp/session/fsm.ts';
import type { Action, Event, SessionConfig, SessionState } from '../../../bgp/session/state.ts';

const CONFIG: SessionConfig = {
  isPassive: false,
  connectRetryTime: seconds(120),
  holdTime: seconds(90),
  idleHoldTime: seconds(5),
  idleHoldTimeMax: seconds(120),
  openWaitTime: minutes(4),
  sendHoldTime: minutes(8),
};
const PEER_OPEN: OpenRepr = { asn: 65_002, holdTimeSec: 30, bgpIdentifier: 2, capabilities: [] };
const STOP: Event = { kind: 'ManualStop', notification: notificationFault(6, 2) };

const TO_OPEN_SENT: readonly Event[] = [{ kind: 'ManualStart' }, { kind: 'TcpConnected' }];
const TO_OPEN_CONFIRM: readonly Event[] = [
  ...TO_OPEN_SENT,
  { kind: 'OpenReceived', open: PEER_OPEN },
];
const TO_ESTABLISHED: readonly Event[] = [...TO_OPEN_CONFIRM, { kind: 'KeepaliveReceived' }];

interface Run {
  readonly session: SessionState;
  /** Of the last event. */
  readonly actions: readonly Action[];
}

function run(events: readonly Event[], config: SessionConfig = CONFIG, now = millis(0)): Run {
  return events.reduce<Run>(
    ({ session }, event) => {
      const { next, actions } = step(session, event, now);
      return { session: next, actions };
    },
    { session: initialSession(config), actions: [] },
  );
}

function then({ session }: Run, event: Event, now: number): Run {
  const { next, actions } = step(session, event, millis(now));
  return { session: next, actions };
}

function summary({ session, actions }: Run): string {
  const words = actions.map((action) =>
    action.kind === 'send-notification'
      ? `${action.fault.code}/${action.fault.subcode}`
      : action.kind,
  );
  return [...words, session.state.kind].join(' ');
}

for (const [claim, events, expected] of [
  ['Idle + ManualStart → connect, Connect', [{ kind: 'ManualStart' }], 'connect Connect'],
  ['Connect + TcpConnected → OPEN, OpenSent', TO_OPEN_SENT, 'send-open OpenSent'],
  [
    'Connect + TcpConnectionFails → listen, Active',
    [{ kind: 'ManualStart' }, { kind: 'TcpFailed' }],
    'close listen Active',
  ],
  ['OpenSent + BGPOpen → KEEPALIVE, OpenConfirm', TO_OPEN_CONFIRM, 'send-keepalive OpenConfirm'],
  [
    'OpenSent + TcpConnectionFails → Active',
    [...TO_OPEN_SENT, { kind: 'TcpFailed' }],
    'close listen down Active',
  ],
  [
    'OpenSent + KEEPALIVE → 5/1 (RFC 6608)',
    [...TO_OPEN_SENT, { kind: 'KeepaliveReceived' }],
    '5/1 close down Idle',
  ],
  ['OpenSent + UPDATE → 5/1', [...TO_OPEN_SENT, { kind: 'UpdateReceived' }], '5/1 close down Idle'],
  [
    'OpenSent + collision lost → 6/7',
    [...TO_OPEN_SENT, { kind: 'CollisionLost' }],
    '6/7 close down Idle',
  ],
  ['OpenConfirm + KEEPALIVE → Established', TO_ESTABLISHED, 'established Established'],
  [
    'OpenConfirm + UPDATE → 5/2',
    [...TO_OPEN_CONFIRM, { kind: 'UpdateReceived' }],
    '5/2 close down Idle',
  ],
  [
    'OpenConfirm + OPEN → 5/2',
    [...TO_OPEN_CONFIRM, { kind: 'OpenReceived', open: PEER_OPEN }],
    '5/2 close down Idle',
  ],
  [
    'Established + UPDATE → delivered',
    [...TO_ESTABLISHED, { kind: 'UpdateReceived' }],
    'deliver-update Established',
  ],
  [
    'Established + OPEN → 5/3',
    [...TO_ESTABLISHED, { kind: 'OpenReceived', open: PEER_OPEN }],
    '5/3 close down Idle',
  ],
  [
    'Established + collision → stays',
    [...TO_ESTABLISHED, { kind: 'CollisionLost' }],
    'Established',
  ],
  ['Established + ManualStop → 6/2, Idle', [...TO_ESTABLISHED, STOP], '6/2 close down Idle'],
  [
    'Established + NOTIFICATION → no answer',
    [...TO_ESTABLISHED, { kind: 'NotificationReceived', notification: notificationFault(6, 4) }],
    'close down Idle',
  ],
  [
    'Established + UpdateMsgErr → its NOTIFICATION',
    [...TO_ESTABLISHED, { kind: 'MessageFault', fault: notificationFault(3, 1) }],
    '3/1 close down Idle',
  ],
] as const satisfies readonly (readonly [string, readonly Event[], string])[]) {
  test(`RFC 4271 §8.2.2: ${claim}`, (t) => {
    t.is(summary(run(events)), expected);
  });
}

test('RFC 4271 §8.2.2: a passive session listens and waits without a retry timer', (t) => {
  const passive = run([{ kind: 'ManualStart' }], { ...CONFIG, isPassive: true });
  t.is(summary(passive), 'listen Active');
  t.is(nextDeadline(passive.session), undefined);
});

test('RFC 4271 §8.2.2: ConnectRetryTimer_Expires in Connect drops the attempt and makes another', (t) => {
  t.is(
    summary(then(run([{ kind: 'ManualStart' }]), { kind: 'TimersDue' }, 120_000)),
    'close connect Connect',
  );
});

test('RFC 4271 §4.2: the smaller hold time is used, keepalives go at a third of it', (t) => {
  const established = run(TO_ESTABLISHED);
  t.is(nextDeadline(established.session), millis(10_000));
  const kept = then(established, { kind: 'TimersDue' }, 10_000);
  t.is(summary(kept), 'send-keepalive Established');
  t.is(summary(then(kept, { kind: 'TimersDue' }, 30_000)), '4/0 close down Idle');
});

test('RFC 4271 §8.2.2: HoldTimer_Expires in OpenSent → 4/0 after the four minutes of §8.2.2', (t) => {
  const sent = run(TO_OPEN_SENT);
  t.is(summary(then(sent, { kind: 'TimersDue' }, 239_999)), 'OpenSent');
  t.is(summary(then(sent, { kind: 'TimersDue' }, 240_000)), '4/0 close down Idle');
});

test('RFC 4271 §4.2: hold time 0 on either side means no keepalives and no hold timer', (t) => {
  const config = { ...CONFIG, holdTime: millis(0), sendHoldTime: millis(0) };
  t.is(nextDeadline(run(TO_ESTABLISHED, config).session), undefined);
});

test('RFC 9687 §3: a peer that takes nothing for the send hold time is let go with 8/0', (t) => {
  const config = { ...CONFIG, holdTime: millis(0) };
  const established = run(TO_ESTABLISHED, config);
  const progressed = then(established, { kind: 'SendProgress' }, 100_000);
  t.is(summary(then(progressed, { kind: 'TimersDue' }, 480_000)), 'Established');
  t.is(summary(then(progressed, { kind: 'TimersDue' }, 580_000)), '8/0 close down Idle');
});

test('RFC 4271 §8.1.1: oscillation is damped: each fault doubles the wait in Idle, Established resets it', (t) => {
  let now = 0;
  let current = run([{ kind: 'ManualStart' }]);
  const waits: number[] = [];
  for (let fault = 0; fault < 7; fault++) {
    current = then(current, { kind: 'AutomaticStop', notification: notificationFault(6, 8) }, now);
    const deadline = nextDeadline(current.session) ?? now;
    waits.push((deadline - now) / 1000);
    now = deadline;
    current = then(current, { kind: 'TimersDue' }, now);
  }
  t.deepEqual(waits, [5, 10, 20, 40, 80, 120, 120]);
  t.is(run(TO_ESTABLISHED).session.connectRetryCounter, 0);
});

test('RFC 4271 §6.8: both ends keep the connection of the higher identifier, then of the higher AS', (t) => {
  const speaker = fc.record({
    bgpIdentifier: fc.integer({ min: 1, max: 3 }),
    asn: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(speaker, speaker, (a, b) => {
      fc.pre(a.bgpIdentifier !== b.bgpIdentifier || a.asn !== b.asn);
      return survivor(a, b) !== survivor(b, a);
    }),
  );
  t.pass();
});

test('any sequence of events keeps the machine within its rules', (t) => {
  const event = fc.constantFrom<Event>(
    { kind: 'ManualStart' },
    STOP,
    { kind: 'TimersDue' },
    { kind: 'TcpConnected' },
    { kind: 'TcpFailed' },
    { kind: 'OpenReceived', open: PEER_OPEN },
    { kind: 'MessageFault', fault: notificationFault(3, 1) },
    { kind: 'CollisionLost' },
    { kind: 'NotificationReceived', notification: notificationFault(6, 4) },
    { kind: 'KeepaliveReceived' },
    { kind: 'UpdateReceived' },
    { kind: 'SendProgress' },
  );
  const timed = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 300_000 })), { maxLength: 60 });
  fc.assert(
    fc.property(timed, (events) => {
      let session = initialSession(CONFIG);
      let now = 0;
      for (const [next, elapsed] of events) {
        now += elapsed;
        const before: string = session.state.kind;
        const result = step(session, next, millis(now));
        session = result.next;
        const isEstablishedNow = before !== 'Established' && session.state.kind === 'Established';
        t.is(
          result.actions.some((action) => action.kind === 'established'),
          isEstablishedNow,
        );
        // A deadline that has passed is gone after TimersDue: the driver cannot spin.
        if (next.kind === 'TimersDue') t.true((nextDeadline(session) ?? now + 1) > now);
        // Whoever leaves a conversation closes its connection.
        const wasOpen =
          before === 'OpenSent' || before === 'OpenConfirm' || before === 'Established';
        const isIdle = session.state.kind === 'Idle' || session.state.kind === 'Active';
        if (wasOpen && isIdle) t.true(result.actions.some((action) => action.kind === 'close'));
      }
    }),
    { numRuns: Number(process.env['WEFT_FUZZ_RUNS'] ?? 500) },
  );
});
