/**
 * Why a session is not up, as data and as words — what an operator asks first. RFC 4271 §6 gives the codes; the remedy is ours.
 *
 * Called by the speaker's status.
 */
import { assertNever } from '../../base/assert.ts';
import {
  describe,
  NotificationCode,
  type NotificationRepr,
  OpenSubcode,
  reasonOf,
  shutdownText,
} from '../message/notification.ts';
import type { PeerSecurity } from './peer-security.ts';
import type { DownReason } from './state.ts';
import type { ClosedBy } from './transport.ts';

export type SessionFailure =
  | DownReason
  /** No connection came about. */
  | { readonly kind: 'connect'; readonly cause: ClosedBy };

export interface FailureWords {
  readonly message: string;
  readonly remedy: string;
}

/** `localAsn`: as this side says it in its OPEN. */
export function failureWords(
  failure: SessionFailure,
  security: PeerSecurity,
  localAsn: number,
): FailureWords {
  switch (failure.kind) {
    case 'connect':
      return connectWords(failure.cause, security);
    case 'connection-lost':
      return {
        message: 'the peer closed the connection without a word',
        remedy: 'Look at the log of the peer; it may have crashed, or refuse this address.',
      };
    case 'sent': {
      const { detail, code } = failure.notification;
      const why = detail === undefined ? '' : `: ${detail}`;
      const isSilence = code === NotificationCode.HoldTimerExpired;
      const remedy = remedyOf(failure.notification, 'Correct the peer');
      return {
        message: `refused by this side: ${describe(failure.notification)}${why}`,
        remedy: isSilence ? remedy + securityRemedy(security) : remedy,
      };
    }
    case 'received': {
      const text = shutdownText(failure.notification);
      const said = text === undefined ? '' : `: ${JSON.stringify(text)}`;
      const own = isBadPeerAs(failure.notification) ? `: it does not expect AS ${localAsn}` : '';
      return {
        message: `refused by the peer: ${describe(failure.notification)}${said}${own}`,
        remedy: remedyOf(reasonOf(failure.notification), 'Correct this side'),
      };
    }
    default:
      return assertNever(failure);
  }
}

function isBadPeerAs({ code, subcode }: NotificationRepr): boolean {
  return code === NotificationCode.OpenMessage && subcode === OpenSubcode.BadPeerAs;
}

function connectWords(cause: ClosedBy, security: PeerSecurity): FailureWords {
  switch (cause.kind) {
    case 'refused':
      return {
        message: 'connection refused: nothing listens on the BGP port of the peer',
        remedy: 'Start BGP on the peer, or correct its address or port.',
      };
    case 'timeout':
      return {
        message: 'no answer from the address of the peer',
        remedy: `Check the address, the link and packet filters on the way.${securityRemedy(security)}`,
      };
    case 'unreachable':
      return {
        message: `the peer cannot be reached: ${cause.detail}`,
        remedy: 'Check that there is a route and that the local address exists.',
      };
    case 'ended':
      return {
        message: 'the peer ended the connection before BGP began',
        remedy: 'Most often this side is not configured there as a neighbour.',
      };
    default:
      return assertNever(cause);
  }
}

/** The kernel drops what is signed wrongly, or comes from too far, without a word to either side. */
function securityRemedy({ md5Key, hopsMax }: PeerSecurity): string {
  const key = md5Key === undefined ? '' : ' Check that the peer has the same MD5 key.';
  const hops =
    hopsMax === undefined
      ? ''
      : ` Check that the peer has TTL security too, and is no more than ${hopsMax} hop(s) away.`;
  return key + hops;
}

function remedyOf(
  { code, subcode }: { readonly code: number; readonly subcode: number },
  whom: string,
): string {
  switch (code) {
    case NotificationCode.OpenMessage:
      return `${whom}: ${OPEN_REMEDIES[subcode] ?? 'the OPEN was not accepted'}.`;
    case NotificationCode.HoldTimerExpired:
      return 'Nothing was heard for the hold time: look at the link and at the load of the peer.';
    case NotificationCode.SendHoldTimerExpired:
      return 'The receiver reads nothing: look at its load.';
    case NotificationCode.Cease:
      return CEASE_REMEDIES[subcode] ?? 'It was ended on purpose; nothing is wrong with the link.';
    default:
      return 'A message was malformed: note both versions and report it.';
  }
}

const OPEN_REMEDIES: Readonly<Record<number, string>> = {
  [OpenSubcode.BadPeerAs]: 'the AS number is not the configured one',
  [OpenSubcode.BadBgpIdentifier]: 'the BGP identifier is already taken or 0',
  [OpenSubcode.UnacceptableHoldTime]: 'the hold time is not acceptable',
  [OpenSubcode.UnsupportedCapability]: 'no address family is common to both',
  [OpenSubcode.RoleMismatch]: 'the roles of both sides do not fit each other',
};

const CEASE_REMEDIES: Readonly<Record<number, string>> = {
  1: 'More prefixes were announced than are allowed: raise the maximum or filter.',
  2: 'An administrator has shut it down.',
  3: 'The neighbour was removed from the configuration.',
  10: 'BFD heard nothing from the other side in time, or was told that the path is down: look at the link.',
  5: 'The peer is not willing to talk: look at its configuration of this neighbour.',
};
