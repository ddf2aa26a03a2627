/**
 * When a virtual address may be announced, and when muxes may forget it: the state machine of one address, pure. announcements.ts runs it.
 *
 *     Programming ──in force everywhere──► Announced ──gone──► Withdrawing ──muxes have withdrawn it──► Over
 *          ▲   └────────gone────────────────────────────────────────────────────────────────────────────►┘
 *          └──────────────it has another address──────┘
 *
 * A target that is away cannot answer. It is waited for no longer than TARGET_AWAY_WAIT: it goes on with what it has, and a mux that comes
 * back is told all at once. A mux's admission, that every host takes packets from it, is decided by the same machine.
 */
import { assertNever } from '../../base/assert.ts';
import { type Millis, millis } from '../../base/units.ts';
import { TARGET_AWAY_WAIT } from './limits.ts';

export type AnnouncementState =
  | { readonly kind: 'Programming'; readonly since: Millis }
  | { readonly kind: 'Announced' }
  | { readonly kind: 'Withdrawing'; readonly since: Millis }
  | { readonly kind: 'Over' };

export interface AnnouncementFacts {
  /** Desired state has it, with that address. */
  readonly wanted: boolean;
  /** A connected target that it concerns has yet to answer. */
  readonly waiting: boolean;
  /** Another one is away. */
  readonly away: boolean;
}

export type AnnouncementAction = 'Announce' | 'Withdraw' | 'Forget';

export interface AnnouncementStep {
  readonly next: AnnouncementState;
  readonly actions: readonly AnnouncementAction[];
}

export function startAnnouncement(now: Millis): AnnouncementState {
  return { kind: 'Programming', since: now };
}

/** When to look again although nothing has happened; undefined: not. */
export function announcementDeadline(state: AnnouncementState): Millis | undefined {
  return 'since' in state ? millis(state.since + TARGET_AWAY_WAIT) : undefined;
}

export function judge(
  state: AnnouncementState,
  facts: AnnouncementFacts,
  now: Millis,
): AnnouncementStep {
  const stay = { next: state, actions: [] };
  switch (state.kind) {
    case 'Programming':
      if (!facts.wanted) return { next: { kind: 'Over' }, actions: [] };
      return isSettled(state.since, facts, now)
        ? { next: { kind: 'Announced' }, actions: ['Announce'] }
        : stay;
    case 'Announced':
      return facts.wanted
        ? stay
        : { next: { kind: 'Withdrawing', since: now }, actions: ['Withdraw'] };
    case 'Withdrawing':
      return isSettled(state.since, facts, now)
        ? { next: { kind: 'Over' }, actions: ['Forget'] }
        : stay;
    case 'Over':
      return stay;
    default:
      return assertNever(state);
  }
}

/** It leads somewhere else from now on. */
export function readdressed(state: AnnouncementState, now: Millis): AnnouncementStep {
  const next = startAnnouncement(now);
  return { next, actions: state.kind === 'Announced' ? ['Withdraw'] : [] };
}

function isSettled(since: Millis, { waiting, away }: AnnouncementFacts, now: Millis): boolean {
  return !waiting && (!away || now - since >= TARGET_AWAY_WAIT);
}
