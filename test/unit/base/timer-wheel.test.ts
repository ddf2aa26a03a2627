/** The timer wheel: when timers fire, against a sorted list. */
import test from 'ava';
import fc from 'fast-check';
import { TimerWheel } from '../../../base/timer-wheel.ts';

const CAPACITY = 40;

function byNumber(a: number, b: number): number {
  return a - b;
}

function advance(wheel: TimerWheel, tick: number, room = CAPACITY): number[] {
  const expired = new Uint32Array(room);
  return [...expired.subarray(0, wheel.advance(tick, expired))];
}

test('timer wheel: a timer fires at its tick, not before', (t) => {
  const wheel = new TimerWheel(CAPACITY);
  for (const [timer, deadline] of [1, 63, 64, 65, 4095, 4096, 300_000].entries()) {
    wheel.schedule(timer, deadline);
    t.deepEqual(advance(wheel, deadline - 1), []);
    t.deepEqual(advance(wheel, deadline), [timer]);
  }
});

test('timer wheel: a timer beyond the horizon waits its whole time', (t) => {
  const wheel = new TimerWheel(CAPACITY, 7);
  const deadline = 2 ** 24 + 12_345;
  wheel.schedule(3, deadline);
  t.deepEqual(advance(wheel, deadline - 1), []);
  t.deepEqual(advance(wheel, deadline), [3]);
});

test('timer wheel: a deadline in the past fires with the next tick', (t) => {
  const wheel = new TimerWheel(CAPACITY, 100);
  wheel.schedule(0, 5);
  t.deepEqual(advance(wheel, 100), []);
  t.deepEqual(advance(wheel, 101), [0]);
});

test('timer wheel: what does not fit the caller’s list comes with the next call', (t) => {
  const wheel = new TimerWheel(CAPACITY);
  for (let timer = 0; timer < 10; timer += 1) wheel.schedule(timer, 5);
  const found = [...advance(wheel, 9, 4), ...advance(wheel, 9, 4), ...advance(wheel, 9, 4)];
  t.deepEqual(
    found.sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

test('timer wheel equals a sorted list after every step', (t) => {
  const timer = fc.integer({ min: 0, max: CAPACITY - 1 });
  const delay = fc.oneof(
    fc.integer({ min: 0, max: 130 }),
    fc.integer({ min: 0, max: 9000 }),
    fc.integer({ min: 0, max: 600_000 }),
  );
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('schedule'), timer, delay }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel'), timer, delay }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance'), timer, delay }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), fc.nat(10_000), (operations, start) => {
      const wheel = new TimerWheel(CAPACITY, start);
      const model = new Map<number, number>();
      let now = start;
      for (const step of operations) {
        if (step.kind === 'schedule') {
          wheel.schedule(step.timer, now + step.delay);
          model.set(step.timer, Math.max(now + step.delay, now + 1));
        } else if (step.kind === 'cancel') {
          wheel.cancel(step.timer);
          model.delete(step.timer);
        } else {
          now += step.delay;
          const due = [...model].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1]);
          const fired = advance(wheel, now);
          t.deepEqual(
            fired.map((id) => model.get(id)),
            due.map(([, at]) => at),
          );
          // Timers of one tick fire in any order.
          t.deepEqual([...fired].sort(byNumber), due.map(([id]) => id).sort(byNumber));
          for (const [id] of due) model.delete(id);
        }
        wheel.checkInvariants();
        t.is(wheel.count, model.size);
      }
    }),
    { numRuns: 150 },
  );
});
