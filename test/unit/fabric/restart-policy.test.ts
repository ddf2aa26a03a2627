/** When the supervisor starts, ends and restarts a role: the pure machine, driven by hand and by chance. */
import test from 'ava';
import fc from 'fast-check';
import { type Millis, millis } from '../../../base/units.ts';
import { READY_TIMEOUT, STOP_TIMEOUT } from '../../../fabric/limits.ts';
import {
  type Action,
  type Event,
  INITIAL,
  nextDeadline,
  RESTART_FORGET,
  RESTART_WAIT_FIRST,
  RESTART_WAIT_MAX,
  type State,
  step,
} from '../../../fabric/restart-policy.ts';

type Kind = Event['kind'];

/** Feeds events at their times; returns the state and every action. */
function play(events: readonly (readonly [Kind, number])[]): { state: State; actions: Action[] } {
  let state: State = INITIAL;
  const actions: Action[] = [];
  for (const [kind, at] of events) {
    const result = step(state, { kind }, millis(at));
    state = result.next;
    actions.push(...result.actions);
  }
  return { state, actions };
}

test('Start spawns; Ready makes it Running, without a deadline', (t) => {
  const { state, actions } = play([
    ['Start', 0],
    ['Ready', 500],
  ]);
  t.deepEqual(actions, ['spawn']);
  t.is(state.kind, 'Running');
  t.is(nextDeadline(state), undefined);
});

test('a running role that dies is started again after the first wait', (t) => {
  const died = play([
    ['Start', 0],
    ['Ready', 500],
    ['Exited', 1000],
  ]);
  t.is(died.state.kind, 'Waiting');
  t.is(nextDeadline(died.state), millis(1000 + RESTART_WAIT_FIRST));
  const again = step(died.state, { kind: 'Deadline' }, millis(1000 + RESTART_WAIT_FIRST));
  t.deepEqual(again.actions, ['spawn']);
});

test('each death in a row doubles the wait, up to the maximum', (t) => {
  let state = play([['Start', 0]]).state;
  const waits: number[] = [];
  for (let now = 0, death = 0; death < 10; death++) {
    state = step(state, { kind: 'Exited' }, millis(now)).next;
    const deadline = nextDeadline(state) ?? millis(0);
    waits.push(deadline - now);
    now = deadline;
    state = step(state, { kind: 'Deadline' }, deadline).next;
  }
  t.deepEqual(waits.slice(0, 4), [50, 100, 200, 400]);
  t.is(waits.at(-1), RESTART_WAIT_MAX);
});

test('a role that lived long enough is forgiven its earlier deaths', (t) => {
  const state: State = { kind: 'Running', since: millis(0), failures: 6 };
  const soon = step(state, { kind: 'Exited' }, millis(RESTART_FORGET - 1)).next;
  const late = step(state, { kind: 'Exited' }, RESTART_FORGET).next;
  t.is((nextDeadline(soon) ?? 0) - (RESTART_FORGET - 1), RESTART_WAIT_FIRST * 2 ** 6);
  t.is((nextDeadline(late) ?? 0) - RESTART_FORGET, RESTART_WAIT_FIRST);
});

test('a role that is never ready is killed, and its exit counts as the failure', (t) => {
  const { state, actions } = play([
    ['Start', 0],
    ['Deadline', READY_TIMEOUT],
  ]);
  t.deepEqual(actions, ['spawn', 'kill']);
  t.is(step(state, { kind: 'Exited' }, millis(READY_TIMEOUT + 1)).next.kind, 'Waiting');
});

test('Stop terminates, kills what does not end, and is final', (t) => {
  const { state, actions } = play([
    ['Start', 0],
    ['Ready', 1],
    ['Stop', 2],
    ['Deadline', 2 + STOP_TIMEOUT],
    ['Exited', 9000],
  ]);
  t.deepEqual(actions, ['spawn', 'terminate', 'kill']);
  t.is(state.kind, 'Stopped');
  t.is(nextDeadline(state), undefined);
});

test('Stop while waiting to restart starts nothing more', (t) => {
  const { state, actions } = play([
    ['Start', 0],
    ['Exited', 1],
    ['Stop', 2],
    ['Deadline', 99],
  ]);
  t.deepEqual(actions, ['spawn']);
  t.is(state.kind, 'Stopped');
});

test('property: under any events at most one process lives, and a stopped role has none', (t) => {
  const kinds = fc.constantFrom<Kind>('Start', 'Ready', 'Exited', 'Stop', 'Deadline');
  fc.assert(
    fc.property(fc.array(fc.tuple(kinds, fc.nat(20_000)), { maxLength: 60 }), (script) => {
      let state: State = INITIAL;
      let alive = 0;
      let now: Millis = millis(0);
      for (const [kind, wait] of script) {
        now = millis(now + wait);
        // The kernel reports an exit only of what lives, and the driver a deadline only when there is one.
        if (kind === 'Exited' && alive === 0) continue;
        if (kind === 'Deadline' && nextDeadline(state) === undefined) continue;
        if (kind === 'Exited') alive -= 1;
        const result = step(state, { kind }, now);
        state = result.next;
        alive += result.actions.filter((action) => action === 'spawn').length;
        if (alive > 1) return false;
        if (state.kind === 'Stopped' && alive !== 0) return false;
        if ((state.kind === 'Starting' || state.kind === 'Running') && alive !== 1) return false;
      }
      return true;
    }),
  );
  t.pass();
});
