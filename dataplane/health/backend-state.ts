/**
 * What the answers to a probe make of a backend (MS-NCNBI §3.1.5.5.7). Pure; a state for every backend of every probe.
 *
 *   UNKNOWN ── first answer ──► UP or DOWN
 *   UP ── numberOfProbes failures in a row ──► DOWN ── successes in a row, as many as it takes ──► UP
 *
 * The very first answer decides at once: a backend that has just come is not kept waiting, nor taken for healthy before it has said so. From
 * then on it takes numberOfProbes answers in a row that contradict the state. A backend that flaps is damped: each time it goes down within
 * FLAP_WINDOW beyond FLAPS_FREE doubles the successes that bring it back, up to FLAP_FACTOR_MAX times; it goes down as fast as ever. A backend
 * that settles is forgotten its past with the window.
 *
 * Called by health-prober.
 */
import { FLAP_FACTOR_MAX, FLAP_WINDOW, FLAPS_FREE } from './limits.ts';

/** What became of one probe; `reason` for people. */
export interface Outcome {
  readonly isSuccess: boolean;
  readonly reason: string;
}

export interface BackendState {
  readonly kind: 'unknown' | 'up' | 'down';
  /** Of the last probe. */
  readonly reason: string;
  /** Wall clock, ms: when it became what it is. */
  readonly sinceMs: number;
  /** Answers in a row that contradict the state. */
  readonly streak: number;
  /** Monotonic, ms: when it has gone down within FLAP_WINDOW, oldest first. */
  readonly downs: readonly number[];
}

export interface Moment {
  /** Monotonic, ms. */
  readonly nowMs: number;
  /** Since 1970, ms. */
  readonly wallMs: number;
}

export const UNKNOWN: BackendState = {
  kind: 'unknown',
  reason: 'not probed yet',
  sinceMs: 0,
  streak: 0,
  downs: [],
};

/** The state after one more answer; `threshold` is numberOfProbes. */
export function step(
  state: BackendState,
  outcome: Outcome,
  threshold: number,
  { nowMs, wallMs }: Moment,
): BackendState {
  const { isSuccess, reason } = outcome;
  if (state.kind === 'unknown') {
    const kind = isSuccess ? 'up' : 'down';
    return { kind, reason, sinceMs: wallMs, streak: 0, downs: [] };
  }
  const downs = recent(state.downs, nowMs);
  if (isSuccess === (state.kind === 'up')) return { ...state, reason, streak: 0, downs };
  const streak = state.streak + 1;
  if (state.kind === 'up') {
    if (streak < threshold) return { ...state, reason, streak, downs };
    const kept = [...downs, nowMs].slice(-DOWNS_KEPT);
    return { kind: 'down', reason, sinceMs: wallMs, streak: 0, downs: kept };
  }
  if (streak < threshold * dampingFactor(downs)) return { ...state, reason, streak, downs };
  return { kind: 'up', reason, sinceMs: wallMs, streak: 0, downs };
}

/** Answers in a row that would change the state; 1 where nothing is known. */
export function answersNeeded(state: BackendState, threshold: number, nowMs: number): number {
  if (state.kind === 'unknown') return 1;
  if (state.kind === 'up') return threshold;
  return threshold * dampingFactor(recent(state.downs, nowMs));
}

/** Does it take more successes than the probe itself asks for? */
export function isDamped(state: BackendState, nowMs: number): boolean {
  return state.kind === 'down' && dampingFactor(recent(state.downs, nowMs)) > 1;
}

/** More make no difference. */
const DOWNS_KEPT = FLAPS_FREE + Math.log2(FLAP_FACTOR_MAX);

function dampingFactor(downs: readonly number[]): number {
  return Math.min(FLAP_FACTOR_MAX, 2 ** Math.max(0, downs.length - FLAPS_FREE));
}

function recent(downs: readonly number[], nowMs: number): readonly number[] {
  const [oldest] = downs;
  if (oldest === undefined || nowMs - oldest < FLAP_WINDOW) return downs;
  return downs.filter((atMs) => nowMs - atMs < FLAP_WINDOW);
}
