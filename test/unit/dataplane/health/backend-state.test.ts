/** What answers to a probe make of a backend: thresholds, the first answer, and the damping of those that flap. */
import test from 'ava';
import fc from 'fast-check';
import {
  answersNeeded,
  type BackendState,
  isDamped,
  step,
  UNKNOWN,
} from '../../../../dataplane/health/backend-state.ts';
import { FLAP_FACTOR_MAX, FLAP_WINDOW, FLAPS_FREE } from '../../../../dataplane/health/limits.ts';

const INTERVAL_MS = 5000;
const WALL_MS = 1_700_000_000_000;

/** `+` is a success, `-` a failure, one every five seconds; the states after each. */
function run(answers: string, threshold: number, from: BackendState = UNKNOWN, startMs = 0) {
  const states: BackendState[] = [];
  let state = from;
  for (const [index, answer] of [...answers].entries()) {
    const nowMs = startMs + index * INTERVAL_MS;
    const isSuccess = answer === '+';
    const outcome = { isSuccess, reason: isSuccess ? 'HTTP 200' : 'HTTP 503' };
    state = step(state, outcome, threshold, { nowMs, wallMs: WALL_MS + nowMs });
    states.push(state);
  }
  return states;
}

function kinds(answers: string, threshold: number): string {
  return run(answers, threshold)
    .map(({ kind }) => (kind === 'up' ? 'U' : 'D'))
    .join('');
}

test('the first answer decides; then so many in a row that contradict it', (t) => {
  t.is(kinds('+--+--', 2), 'UUDDDD');
  t.is(kinds('-+-++', 2), 'DDDDU');
  t.is(kinds('+-+-+-+--', 2), 'UUUUUUUUD', 'failures in between do not add up');
  t.is(kinds('+-+-', 1), 'UDUD');
  t.is(kinds('---+++', 3), 'DDDDDU');
});

test('the state tells the last reason, and since when it is what it is', (t) => {
  const [, , down, , stillDown] = run('+----', 2);
  t.like(down, { kind: 'down', reason: 'HTTP 503', sinceMs: WALL_MS + 10_000, streak: 0 });
  t.like(stillDown, { kind: 'down', sinceMs: WALL_MS + 10_000 });
  const [, failing] = run('+-', 2);
  t.like(failing, { kind: 'up', reason: 'HTTP 503', sinceMs: WALL_MS, streak: 1 });
});

test('a backend that flaps takes longer to come back each time, up to a limit, and goes down as fast as ever', (t) => {
  let state: BackendState = UNKNOWN;
  let nowMs = 0;
  const needed: number[] = [];
  const say = (isSuccess: boolean) => {
    nowMs += 1000;
    state = step(state, { isSuccess, reason: '' }, 2, { nowMs, wallMs: nowMs });
  };
  say(true);
  for (let round = 0; round < 8; round += 1) {
    say(false);
    say(false);
    t.is(state.kind, 'down', 'two failures are enough');
    let successes = 0;
    t.is(isDamped(state, nowMs), round + 1 > FLAPS_FREE);
    const told = answersNeeded(state, 2, nowMs);
    while (state.kind !== 'up') {
      say(true);
      successes += 1;
    }
    t.is(successes, told);
    needed.push(successes);
  }
  t.deepEqual(needed, [2, 2, 4, 8, 16, 16, 16, 16]);
  t.is(Math.max(...needed), 2 * FLAP_FACTOR_MAX);
  nowMs += FLAP_WINDOW;
  say(false);
  say(false);
  t.is(answersNeeded(state, 2, nowMs), 2, 'what is past is forgotten with the window');
});

test('one failure while a backend is damped begins the count anew', (t) => {
  const flapped = run('+--++--++--', 2).at(-1) ?? UNKNOWN;
  const nowMs = 11 * INTERVAL_MS;
  t.true(isDamped(flapped, nowMs));
  const states = run('+++-++++', 2, flapped, nowMs);
  t.deepEqual(
    states.map(({ kind }) => kind),
    ['down', 'down', 'down', 'down', 'down', 'down', 'down', 'up'],
  );
});

test('whatever is answered, a change takes at least the threshold in a row, and what is kept is bounded', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 300 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 60_000 }),
      (answers, threshold, intervalMs) => {
        let state = UNKNOWN;
        let nowMs = 0;
        let streak = 0;
        let last: boolean | undefined;
        for (const isSuccess of answers) {
          nowMs += intervalMs;
          streak = isSuccess === last ? streak + 1 : 1;
          last = isSuccess;
          const before = state;
          state = step(state, { isSuccess, reason: '' }, threshold, { nowMs, wallMs: nowMs });
          if (before.kind !== 'unknown' && before.kind !== state.kind) {
            t.true(streak >= threshold);
            t.is(state.kind === 'up', isSuccess);
          }
          t.true(state.downs.length <= FLAPS_FREE + Math.log2(FLAP_FACTOR_MAX));
          t.true(answersNeeded(state, threshold, nowMs) <= threshold * FLAP_FACTOR_MAX);
        }
      },
    ),
  );
});
