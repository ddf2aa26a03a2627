/**
 * When a role's process is started, ended and started again: a pure state machine (STYLE §7). The driver is supervisor.ts.
 *
 *   Stopped ─Start→ Starting ─Ready→ Running ─Exited→ Waiting ─Deadline→ Starting …
 *                      └─Exited, Deadline (never ready)→ Waiting
 *   any ─Stop→ Stopping ─Exited→ Stopped          Stopping ─Deadline→ SIGKILL, still Stopping
 *
 * The wait doubles with each failure in a row, and starts over once a process has run for RESTART_FORGET. It never gives up: a role
 * whose cause of death is repaired comes back by itself.
 */
import { assertNever } from '../base/assert.ts';
import { type Millis, millis, seconds } from '../base/units.ts';
import { READY_TIMEOUT, STOP_TIMEOUT } from './limits.ts';

/** First wait; a killed host must carry traffic again within two seconds, most of which Node's start takes. */
export const RESTART_WAIT_FIRST: Millis = millis(50);
export const RESTART_WAIT_MAX: Millis = seconds(5);
/** A process that lived this long died of something new. */
export const RESTART_FORGET: Millis = seconds(10);

/** `failures`: deaths in a row, each before RESTART_FORGET had passed. Times are Clock.now(). */
export type State =
  | { readonly kind: 'Stopped' }
  | { readonly kind: 'Starting'; readonly deadline: Millis; readonly failures: number }
  | { readonly kind: 'Running'; readonly since: Millis; readonly failures: number }
  | { readonly kind: 'Waiting'; readonly deadline: Millis; readonly failures: number }
  | { readonly kind: 'Stopping'; readonly deadline: Millis; readonly killed: boolean };

export type Event =
  | { readonly kind: 'Start' }
  | { readonly kind: 'Ready' }
  | { readonly kind: 'Exited' }
  | { readonly kind: 'Stop' }
  /** Clock has reached nextDeadline(). */
  | { readonly kind: 'Deadline' };

export type Action = 'spawn' | 'terminate' | 'kill';

export interface Step {
  readonly next: State;
  readonly actions: readonly Action[];
}

export const INITIAL: State = { kind: 'Stopped' };

export function step(state: State, event: Event, now: Millis): Step {
  switch (event.kind) {
    case 'Start':
      return state.kind === 'Stopped' ? spawn(0, now) : stay(state);
    case 'Ready':
      return state.kind === 'Starting'
        ? { next: { kind: 'Running', since: now, failures: state.failures }, actions: [] }
        : stay(state);
    case 'Exited':
      return exited(state, now);
    case 'Stop':
      return stop(state, now);
    case 'Deadline':
      return deadlineReached(state, now);
    default:
      return assertNever(event);
  }
}

/** When the machine next wants a Deadline event; undefined: not by itself. */
export function nextDeadline(state: State): Millis | undefined {
  switch (state.kind) {
    case 'Starting':
    case 'Waiting':
    case 'Stopping':
      return state.deadline;
    case 'Stopped':
    case 'Running':
      return undefined;
    default:
      return assertNever(state);
  }
}

function exited(state: State, now: Millis): Step {
  switch (state.kind) {
    case 'Starting':
      return wait(state.failures, now);
    case 'Running':
      return wait(now - state.since >= RESTART_FORGET ? 0 : state.failures, now);
    case 'Stopping':
      return { next: { kind: 'Stopped' }, actions: [] };
    case 'Stopped':
    case 'Waiting':
      return stay(state);
    default:
      return assertNever(state);
  }
}

function stop(state: State, now: Millis): Step {
  switch (state.kind) {
    case 'Starting':
    case 'Running':
      return {
        next: { kind: 'Stopping', deadline: millis(now + STOP_TIMEOUT), killed: false },
        actions: ['terminate'],
      };
    case 'Waiting':
      return { next: { kind: 'Stopped' }, actions: [] };
    case 'Stopped':
    case 'Stopping':
      return stay(state);
    default:
      return assertNever(state);
  }
}

function deadlineReached(state: State, now: Millis): Step {
  switch (state.kind) {
    case 'Starting':
      // Alive but never ready: end it; its exit counts as the failure.
      return { next: { ...state, deadline: millis(now + READY_TIMEOUT) }, actions: ['kill'] };
    case 'Waiting':
      return spawn(state.failures, now);
    case 'Stopping':
      return {
        next: { kind: 'Stopping', deadline: millis(now + STOP_TIMEOUT), killed: true },
        actions: ['kill'],
      };
    case 'Stopped':
    case 'Running':
      return stay(state);
    default:
      return assertNever(state);
  }
}

function spawn(failures: number, now: Millis): Step {
  return {
    next: { kind: 'Starting', deadline: millis(now + READY_TIMEOUT), failures },
    actions: ['spawn'],
  };
}

function wait(failures: number, now: Millis): Step {
  const delay = Math.min(RESTART_WAIT_FIRST * 2 ** failures, RESTART_WAIT_MAX);
  return {
    next: { kind: 'Waiting', deadline: millis(now + delay), failures: failures + 1 },
    actions: [],
  };
}

function stay(state: State): Step {
  return { next: state, actions: [] };
}
