/**
 * One BFD session — RFC 5880 §6.8 in asynchronous mode — as a pure function of (session, event, now, chance). The driver (bfd.ts) owns the
 * socket, sends what the actions say and comes back with TimersDue at `nextDeadline`.
 *
 *   Down ──Down──► Init ──Init, Up──► Up        a silent peer, or one that says Down: back to Down
 *     └────Init──────────────────────► Up        one that says AdminDown: Down, and nobody is told to mistrust the path
 *
 * Until it is up a session sends once a second at most (§6.8.3); then the configured interval is agreed on by a Poll Sequence (§6.5). Packets are
 * spread over the last quarter of the interval (§6.8.7). Omitted: demand mode, echo, authentication.
 */
import { assertNever } from '../../base/assert.ts';
import { type Millis, millis } from '../../base/units.ts';
import { Diagnostic, type PacketRepr, State } from './packet.ts';

export interface BfdConfig {
  /** Between packets, each way, at best. */
  readonly intervalMs: number;
  /** So many missing packets are a failure; 1 … 255. */
  readonly multiplier: number;
  /** Not 0, unique in this system. */
  readonly discriminator: number;
}

export interface BfdSession {
  readonly config: BfdConfig;
  readonly state: State;
  readonly diagnostic: number;
  /** A Poll Sequence is under way. */
  readonly isPolling: boolean;
  readonly remote: {
    /** 0: nothing heard. */
    readonly discriminator: number;
    readonly state: State;
    readonly requiredMinRxUs: number;
    readonly desiredMinTxUs: number;
    readonly multiplier: number;
    readonly diagnostic: number;
  };
  readonly sendAt: Millis;
  /** Undefined: nothing was heard that could stop coming. */
  readonly detectAt: Millis | undefined;
}

export type BfdEvent =
  | { readonly kind: 'Received'; readonly packet: PacketRepr }
  | { readonly kind: 'TimersDue' };

export type BfdAction =
  | { readonly kind: 'send'; readonly packet: PacketRepr }
  | { readonly kind: 'up' }
  /** `isOrderly`: the peer has been taken out of service on purpose; that says nothing of the path (RFC 5882 §3.2). */
  | { readonly kind: 'down'; readonly diagnostic: number; readonly isOrderly: boolean };

export interface BfdStep {
  readonly next: BfdSession;
  readonly actions: readonly BfdAction[];
}

/** §6.8.3: while a session is not up it sends no more often. */
const SLOW_INTERVAL_US = 1_000_000;

export function initialBfd(config: BfdConfig, now: Millis): BfdSession {
  return {
    config,
    state: State.Down,
    diagnostic: Diagnostic.None,
    isPolling: false,
    remote: NOBODY,
    sendAt: now,
    detectAt: undefined,
  };
}

/** `chance`: 0 … 1, for jitter. */
export function stepBfd(
  session: BfdSession,
  event: BfdEvent,
  now: Millis,
  chance: number,
): BfdStep {
  switch (event.kind) {
    case 'Received':
      return received(session, event.packet, now, chance);
    case 'TimersDue':
      return timersDue(session, now, chance);
    default:
      return assertNever(event);
  }
}

export function nextDeadline({ sendAt, detectAt }: BfdSession): Millis {
  return detectAt === undefined ? sendAt : millis(Math.min(sendAt, detectAt));
}

/** What goes to the peer when the session ends here for good (§6.8.16). */
export function farewell(session: BfdSession): PacketRepr {
  const diagnostic = Diagnostic.AdministrativelyDown;
  return packetOf({ ...session, state: State.AdminDown, diagnostic }, false);
}

/** §6.8.4: how long the peer may be silent, in milliseconds. */
export function detectionTimeMs({ config, remote }: BfdSession): number {
  return (remote.multiplier * Math.max(config.intervalMs * 1_000, remote.desiredMinTxUs)) / 1_000;
}

/** §6.8.6 from the point where the session is known. */
function received(session: BfdSession, packet: PacketRepr, now: Millis, chance: number): BfdStep {
  const remote = {
    discriminator: packet.myDiscriminator,
    state: packet.state,
    requiredMinRxUs: packet.requiredMinRxUs,
    desiredMinTxUs: packet.desiredMinTxUs,
    multiplier: packet.detectMultiplier,
    diagnostic: packet.diagnostic,
  };
  const isPolling = session.isPolling && !packet.isFinal;
  const heard = moved({ ...session, remote, isPolling }, packet.state);
  const detectAt = millis(now + detectionTimeMs(heard));
  // A peer that wants packets sooner than the last one planned gets them sooner.
  const sendAt = millis(Math.min(session.sendAt, now + pauseMs(heard, chance)));
  const next = { ...heard, detectAt, sendAt };
  const answer: BfdAction[] = packet.isPoll ? [{ kind: 'send', packet: packetOf(next, true) }] : [];
  return { next, actions: [...answer, ...change(session, next)] };
}

/** The state machine of §6.2. */
function moved(session: BfdSession, peer: State): BfdSession {
  const { state } = session;
  if (peer === State.AdminDown || (peer === State.Down && state === State.Up)) {
    if (state === State.Down) return session;
    return { ...session, state: State.Down, diagnostic: Diagnostic.NeighbourSignalledDown };
  }
  if (state === State.Down && peer === State.Down) return { ...session, state: State.Init };
  const rises =
    (state === State.Down && peer === State.Init) || (state === State.Init && peer !== State.Down);
  if (!rises) return session;
  // The interval is another one from now on: the peer is to know (§6.8.3).
  return { ...session, state: State.Up, diagnostic: Diagnostic.None, isPolling: true };
}

function timersDue(session: BfdSession, now: Millis, chance: number): BfdStep {
  let next = session;
  if (session.detectAt !== undefined && session.detectAt <= now) {
    next = { ...session, detectAt: undefined, isPolling: false, remote: NOBODY };
    if (session.state === State.Init || session.state === State.Up) {
      next = { ...next, state: State.Down, diagnostic: Diagnostic.DetectionTimeExpired };
    }
  }
  const actions: BfdAction[] = [...change(session, next)];
  if (next.sendAt <= now) {
    next = { ...next, sendAt: millis(now + pauseMs(next, chance)) };
    // §6.8.7: a peer that wants none gets none.
    if (next.remote.requiredMinRxUs > 0) {
      actions.push({ kind: 'send', packet: packetOf(next, false) });
    }
  }
  return { next, actions };
}

function change(before: BfdSession, after: BfdSession): readonly BfdAction[] {
  if (before.state === after.state) return [];
  if (after.state === State.Up) return [{ kind: 'up' }];
  if (before.state !== State.Up) return [];
  const isOrderly = after.remote.state === State.AdminDown && after.remote.discriminator !== 0;
  return [{ kind: 'down', diagnostic: after.diagnostic, isOrderly }];
}

/** §6.8.2: what this side wants, unless the peer wants to hear less. */
export function sendIntervalMs({ config, state, remote }: BfdSession): number {
  return Math.max(ownIntervalUs(config, state), remote.requiredMinRxUs) / 1_000;
}

/** §6.8.7: 75 to 100 % of the interval, at most 90 % where one missing packet is a failure. */
function pauseMs(session: BfdSession, chance: number): number {
  const spread = session.config.multiplier === 1 ? 0.15 : 0.25;
  return sendIntervalMs(session) * (0.75 + spread * chance);
}

function ownIntervalUs({ intervalMs }: BfdConfig, state: State): number {
  const configured = intervalMs * 1_000;
  return state === State.Up ? configured : Math.max(SLOW_INTERVAL_US, configured);
}

function packetOf(session: BfdSession, isFinal: boolean): PacketRepr {
  const { config, state, diagnostic, remote, isPolling } = session;
  return {
    diagnostic,
    state,
    isPoll: isPolling && !isFinal,
    isFinal,
    detectMultiplier: config.multiplier,
    myDiscriminator: config.discriminator,
    yourDiscriminator: remote.discriminator,
    desiredMinTxUs: ownIntervalUs(config, state),
    requiredMinRxUs: config.intervalMs * 1_000,
  };
}

/** §6.8.1: initial values. */
const NOBODY: BfdSession['remote'] = {
  discriminator: 0,
  state: State.Down,
  requiredMinRxUs: 1,
  desiredMinTxUs: 0,
  multiplier: 1,
  diagnostic: 0,
};
