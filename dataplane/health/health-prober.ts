/**
 * Health probes of load balancers' backends, from the host that the backend is on, as Azure has it (MS-NCNBI §3.1.5.5.7, docs/design/0024). For every
 * backend on this host and every probe of it:
 *
 *   timer ── attempt.ts: one connection, bounded ──► backend-state.ts: up, down, flapping ──► Report.probe_results, when up or down changes
 *
 * The first probe comes at random within PROBE_START_SPREAD, the others every interval after it. A probe must be answered before the next is due,
 * and within PROBE_TIMEOUT_MAX. So many are under way at once; others wait, and one whose next time comes first is left out and counted: a host
 * that is short of sockets takes nobody for down. An outcome counts only if the backend is still where the probe was sent to.
 *
 * Fed by host-agent with goal state, after the switch has it. Results stay while goal state comes anew with the same backends. Called by
 * host-agent, host-metrics.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { below, type Rng } from '../../base/rng.ts';
import { type Millis, millis, seconds } from '../../base/units.ts';
import { ProbeState } from '../../schema/southbound/diagnostics/probe-names.ts';
import type { ProbesAnswer } from '../../schema/southbound/diagnostics/slb.ts';
import {
  type ProbeProtocol,
  type ProbeResult,
  ProbeProtocol as Protocol,
  type Resource,
  type ResourceError,
} from '../../schema/southbound/messages.ts';
import { type Attempt, type AttemptOptions, startAttempt } from './attempt.ts';
import {
  answersNeeded,
  type BackendState,
  isDamped,
  type Outcome,
  step,
  UNKNOWN,
} from './backend-state.ts';
import {
  PROBE_PAUSE_MIN,
  PROBE_START_SPREAD,
  PROBE_TIMEOUT_MAX,
  PROBES_IN_FLIGHT_MAX,
  PROBES_LISTED_MAX,
  REASON_REPORT_DELAY,
} from './limits.ts';
import { type ProbedBackend, ProbedBackends } from './probed-backends.ts';

export interface HealthProberOptions {
  /** Number of a port that a device is attached for, in the switch. */
  numberOf(portId: string): number | undefined;
  /** Does the service port lead to the switch? Otherwise a probe would leave the host. */
  isOpen(): boolean;
  /** A result has changed: `results` is to be reported. */
  onChange(): void;
  /** Default: real sockets. */
  readonly start?: typeof startAttempt;
  readonly clock: Clock;
  readonly rng: Rng;
}

export interface HealthCounters {
  readonly succeeded: number;
  readonly failed: number;
  /** Not sent in time, for too many were under way. */
  readonly leftOut: number;
  /** The backend had moved when the outcome came. */
  readonly discarded: number;
  /** This host could not ask: no service port, no socket. */
  readonly unable: number;
  readonly inFlight: number;
  readonly up: number;
  readonly down: number;
  readonly unknown: number;
  /** Backends that have gone up or down since the process began. */
  readonly changes: number;
}

interface Target {
  backend: ProbedBackend;
  state: BackendState;
  dueMs: number;
  timer: Timer;
  attempt: Attempt | undefined;
  isWaiting: boolean;
  startedMs: number;
  /** Wall clock, and how long the last probe took, ms. */
  lastMs: number;
  tookMs: number;
  successes: number;
  failures: number;
}

export class HealthProber {
  readonly #options: HealthProberOptions;
  readonly #backends: ProbedBackends;
  readonly #targets = new Map<string, Target>();
  /** Due and not yet sent, first come first. */
  readonly #waiting = new Set<Target>();
  #inFlight = 0;
  #reasonReport: Timer | undefined;
  #isClosed = false;
  readonly #totals = { succeeded: 0, failed: 0, leftOut: 0, discarded: 0, unable: 0, changes: 0 };

  constructor(options: HealthProberOptions) {
    this.#options = options;
    this.#backends = new ProbedBackends((portId) => options.numberOf(portId));
  }

  /** Goal state, once the switch has it; says what of it is refused. */
  apply(change: {
    readonly upserts: readonly Resource[];
    readonly removes: readonly string[];
  }): readonly ResourceError[] {
    const errors = this.#backends.note(change);
    if (change.upserts.some(concerns) || change.removes.some(isProbeKey)) this.#reconcile();
    return errors;
  }

  /** Of every backend that something is known of. */
  results(): readonly ProbeResult[] {
    const results: ProbeResult[] = [];
    for (const { backend, state } of this.#targets.values()) {
      if (state.kind === 'unknown') continue;
      const { probe, portId, addressBytes } = backend;
      const sinceSec = Math.floor(state.sinceMs / 1000);
      const { reason } = state;
      const up = state.kind === 'up';
      results.push({ probeId: probe.id, portId, address: addressBytes, up, reason, sinceSec });
    }
    return results;
  }

  counters(): HealthCounters {
    const kinds = { up: 0, down: 0, unknown: 0 };
    for (const { state } of this.#targets.values()) kinds[state.kind] += 1;
    return { ...this.#totals, ...kinds, inFlight: this.#inFlight };
  }

  /** Everything there is to tell of the probes, or of one; bounded. */
  answer(probeId?: string): ProbesAnswer {
    const { clock } = this.#options;
    const chosen = [...this.#targets.values()].filter(
      ({ backend }) => probeId === undefined || backend.probe.id === probeId,
    );
    const backends = chosen.slice(0, PROBES_LISTED_MAX).map((target) => viewOf(target, clock));
    return { backends, total: chosen.length };
  }

  close(): void {
    this.#isClosed = true;
    this.#reasonReport?.cancel();
    for (const target of this.#targets.values()) this.#drop(target);
    this.#targets.clear();
  }

  #reconcile(): void {
    const gone = new Set(this.#targets.keys());
    for (const backend of this.#backends.all()) {
      gone.delete(backend.key);
      const known = this.#targets.get(backend.key);
      if (known === undefined) this.#add(backend);
      else this.#renew(known, backend);
    }
    let hadResult = false;
    for (const key of gone) {
      const target = this.#targets.get(key);
      if (target === undefined) continue;
      hadResult ||= target.state.kind !== 'unknown';
      this.#drop(target);
      this.#targets.delete(key);
    }
    this.#fill();
    if (hadResult) this.#report();
  }

  #add(backend: ProbedBackend): void {
    const { clock, rng } = this.#options;
    const spread = Math.min(PROBE_START_SPREAD, intervalOf(backend));
    const dueMs = clock.now() + below(rng, spread);
    const target: Target = {
      backend,
      state: UNKNOWN,
      dueMs,
      timer: NO_TIMER,
      attempt: undefined,
      isWaiting: false,
      ...{ startedMs: 0, lastMs: 0, tookMs: 0, successes: 0, failures: 0 },
    };
    this.#targets.set(backend.key, target);
    this.#arm(target);
  }

  /** The probe may ask otherwise than before: what is known stays until it has been answered, and what is under way does not count. */
  #renew(target: Target, backend: ProbedBackend): void {
    const isSame = asksSame(target.backend, backend);
    target.backend = backend;
    if (isSame) return;
    this.#drop(target);
    target.state = { ...target.state, streak: 0 };
    target.dueMs = this.#options.clock.now();
    this.#arm(target);
  }

  #drop(target: Target): void {
    target.timer.cancel();
    this.#waiting.delete(target);
    target.isWaiting = false;
    if (target.attempt === undefined) return;
    target.attempt.cancel();
    target.attempt = undefined;
    this.#inFlight -= 1;
  }

  #arm(target: Target): void {
    const { clock } = this.#options;
    const delay = millis(Math.max(0, target.dueMs - clock.now()));
    target.timer = clock.after(delay, () => this.#due(target), { background: true });
  }

  #due(target: Target): void {
    const { clock } = this.#options;
    const interval = intervalOf(target.backend);
    // Never behind: a process that was held up does not make up for it.
    target.dueMs = Math.max(target.dueMs + interval, clock.now());
    this.#arm(target);
    // The last one waits still, or is about to time out.
    if (target.isWaiting || target.attempt !== undefined) {
      this.#totals.leftOut += 1;
      return;
    }
    target.isWaiting = true;
    this.#waiting.add(target);
    this.#fill();
  }

  /** Sends what waits, as far as there is room. */
  #fill(): void {
    for (const target of this.#waiting) {
      if (this.#inFlight >= PROBES_IN_FLIGHT_MAX) return;
      this.#waiting.delete(target);
      target.isWaiting = false;
      this.#start(target);
    }
  }

  #start(target: Target): void {
    const { clock, start = startAttempt, isOpen } = this.#options;
    const { backend } = target;
    if (!isOpen()) {
      this.#totals.unable += 1;
      return;
    }
    const reach = this.#backends.reach(backend);
    target.startedMs = clock.now();
    if (reach.kind === 'none') {
      this.#settle(target, { isSuccess: false, reason: reach.reason });
      return;
    }
    const { probe } = backend;
    const options: AttemptOptions = {
      protocol: probe.protocol,
      host: reach.host,
      port: probe.port,
      path: probe.requestPath,
      authority: reach.authority,
      timeout: timeoutOf(backend),
    };
    this.#inFlight += 1;
    target.attempt = start(options, clock, (result) => {
      target.attempt = undefined;
      this.#inFlight -= 1;
      const now = this.#backends.reach(backend);
      if (result.kind === 'unable') this.#totals.unable += 1;
      // Its port's number may be another's by now, and with it whoever has answered.
      else if (now.kind !== 'slot' || now.host !== reach.host) this.#totals.discarded += 1;
      else this.#settle(target, result.outcome);
      this.#fill();
    });
  }

  #settle(target: Target, outcome: Outcome): void {
    const { clock } = this.#options;
    const { state, backend } = target;
    const moment = { nowMs: clock.now(), wallMs: clock.wallNow() };
    target.lastMs = moment.wallMs;
    target.tookMs = moment.nowMs - target.startedMs;
    if (outcome.isSuccess) target.successes += 1;
    else target.failures += 1;
    this.#totals[outcome.isSuccess ? 'succeeded' : 'failed'] += 1;
    const next = step(state, outcome, backend.probe.failuresMax, moment);
    target.state = next;
    if (next.kind !== state.kind) {
      this.#totals.changes += 1;
      this.#report();
    } else if (next.reason !== state.reason) this.#reportReason();
  }

  /** Together with others of its kind: a reason is for people, and changes more often than what it is the reason of. */
  #reportReason(): void {
    if (this.#reasonReport !== undefined || this.#isClosed) return;
    const { clock } = this.#options;
    this.#reasonReport = clock.after(REASON_REPORT_DELAY, () => this.#report(), {
      background: true,
    });
  }

  /** All results go up together, reasons that have waited among them. */
  #report(): void {
    this.#reasonReport?.cancel();
    this.#reasonReport = undefined;
    this.#options.onChange();
  }
}

const NO_TIMER: Timer = { cancel: () => undefined };

function intervalOf({ probe }: ProbedBackend): Millis {
  return seconds(probe.intervalSec);
}

function timeoutOf(backend: ProbedBackend): Millis {
  return millis(Math.min(intervalOf(backend) - PROBE_PAUSE_MIN, PROBE_TIMEOUT_MAX));
}

function concerns({ healthProbe }: Resource): boolean {
  return healthProbe !== undefined;
}

function isProbeKey(key: string): boolean {
  return key.startsWith('healthprobe/');
}

function asksSame({ probe: a }: ProbedBackend, { probe: b }: ProbedBackend): boolean {
  return (
    a.protocol === b.protocol &&
    a.port === b.port &&
    a.requestPath === b.requestPath &&
    a.intervalSec === b.intervalSec
  );
}

const PROTOCOL_NAMES = {
  [Protocol.PROBE_TCP]: 'Tcp',
  [Protocol.PROBE_HTTP]: 'Http',
  [Protocol.PROBE_HTTPS]: 'Https',
} as const satisfies Readonly<Record<ProbeProtocol, string>>;

const STATES = {
  unknown: ProbeState.UNKNOWN,
  up: ProbeState.UP,
  down: ProbeState.DOWN,
} as const;

function viewOf(target: Target, clock: Clock): ProbesAnswer['backends'][number] {
  const { backend, state, lastMs, tookMs, successes, failures } = target;
  const { probe, portId, address } = backend;
  const { kind, reason, streak } = state;
  const isKnown = kind !== 'unknown';
  return {
    probeId: probe.id,
    probeRef: probe.resourceRef,
    protocol: PROTOCOL_NAMES[probe.protocol],
    port: probe.port,
    ...(probe.protocol !== Protocol.PROBE_TCP && { requestPath: probe.requestPath }),
    intervalSec: probe.intervalSec,
    portId,
    address,
    state: STATES[kind],
    reason,
    ...(isKnown && { since: new Date(state.sinceMs).toISOString() }),
    ...(lastMs > 0 && {
      lastProbe: new Date(lastMs).toISOString(),
      lastTookMs: Math.round(tookMs * 10) / 10,
    }),
    streak,
    streakNeeded: answersNeeded(state, probe.failuresMax, clock.now()),
    isFlapping: isDamped(state, clock.now()),
    successes,
    failures,
  };
}
