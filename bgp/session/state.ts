/**
 * States, events and actions of the BGP finite state machine — RFC 4271 §8, with the send hold timer of RFC 9687. A state holds what exists
 * only in it: no connection in Idle, no negotiated session before OpenConfirm. Deadlines are instants of the machine's clock.
 *
 * Optional session attributes (§8.1.1): AllowAutomaticStart, DampPeerOscillations (as IdleHoldTimer with doubling), PassiveTcpEstablishment,
 * SendNOTIFICATIONwithoutOPEN, CollisionDetectEstablishedState off. DelayOpen is omitted: no peer needs it.
 */
import type { Millis } from '../../base/units.ts';
import type { NotificationFault, NotificationRepr } from '../message/notification.ts';
import type { OpenRepr } from '../message/open.ts';

export interface SessionConfig {
  /** Never initiate; wait for the peer (§8.1.1 PassiveTcpEstablishment). */
  readonly isPassive: boolean;
  readonly connectRetryTime: Millis;
  /** Offered in our OPEN; 0 disables keepalives. */
  readonly holdTime: Millis;
  /** First delay in Idle after a fault; doubles with each further one (§8.1.1 DampPeerOscillations). */
  readonly idleHoldTime: Millis;
  readonly idleHoldTimeMax: Millis;
  /** §8.2.2: until the peer's OPEN comes; RFC suggests four minutes. */
  readonly openWaitTime: Millis;
  /** RFC 9687 §3.2: how long the peer may not read before the session ends; 0 disables. */
  readonly sendHoldTime: Millis;
}

/** Timers of a session whose OPENs have met: hold time is the smaller of both (§4.2). */
export interface NegotiatedTimes {
  readonly holdTime: Millis;
  readonly keepaliveTime: Millis;
}

export type State =
  | {
      readonly kind: 'Idle' /** Undefined: only a start leaves Idle. */;
      readonly idleHoldAt: Millis | undefined;
    }
  | { readonly kind: 'Connect'; readonly connectRetryAt: Millis }
  | { readonly kind: 'Active'; readonly connectRetryAt: Millis | undefined }
  | { readonly kind: 'OpenSent'; readonly holdAt: Millis }
  | Opened<'OpenConfirm'>
  | (Opened<'Established'> & {
      /** Moved on by whatever the peer's TCP takes. */ readonly sendHoldAt: Millis | undefined;
    });

interface Opened<Kind extends string> {
  readonly kind: Kind;
  readonly peerOpen: OpenRepr;
  readonly times: NegotiatedTimes;
  /** Undefined where the negotiated hold time is 0. */
  readonly holdAt: Millis | undefined;
  readonly keepaliveAt: Millis | undefined;
}

export interface SessionState {
  readonly config: SessionConfig;
  readonly state: State;
  /** §8: how often this session had to start anew since the last Established. */
  readonly connectRetryCounter: number;
}

/** RFC 4271 §8.1; the number of each event stands behind it. */
export type Event =
  | { readonly kind: 'ManualStart' } // 1, 4
  | { readonly kind: 'ManualStop'; readonly notification: NotificationFault } // 2
  | { readonly kind: 'AutomaticStop'; readonly notification: NotificationFault } // 8
  | { readonly kind: 'TimersDue' } // 9 ConnectRetry, 10 Hold, 11 Keepalive, 13 IdleHold, 29 SendHold (RFC 9687)
  | { readonly kind: 'TcpConnected' } // 16 Tcp_CR_Acked, 17 TcpConnectionConfirmed
  | { readonly kind: 'TcpFailed' } // 18
  | { readonly kind: 'OpenReceived'; readonly open: OpenRepr } // 19
  | { readonly kind: 'MessageFault'; readonly fault: NotificationFault } // 21 BGPHeaderErr, 22 BGPOpenMsgErr, 28 UpdateMsgErr
  | { readonly kind: 'CollisionLost' } // 23 OpenCollisionDump
  | { readonly kind: 'NotificationReceived'; readonly notification: NotificationRepr } // 24, 25
  | { readonly kind: 'KeepaliveReceived' } // 26
  | { readonly kind: 'UpdateReceived' } // 27; ROUTE-REFRESH counts alike (RFC 2918)
  | { readonly kind: 'SendProgress' }; // the peer's TCP has taken bytes (RFC 9687 §3.1)

/** Why a session went down: what an operator reads. */
export type DownReason =
  | { readonly kind: 'sent'; readonly notification: NotificationFault }
  | { readonly kind: 'received'; readonly notification: NotificationRepr }
  | { readonly kind: 'connection-lost' };

export type Action =
  | { readonly kind: 'connect' }
  /** Accept the peer's connection, but do not initiate one. */
  | { readonly kind: 'listen' }
  /** `isUnanswered`: the peer has said nothing to our attempt, and another begins. */
  | { readonly kind: 'close'; readonly isUnanswered?: boolean }
  | { readonly kind: 'send-open' }
  | { readonly kind: 'send-keepalive' }
  | { readonly kind: 'send-notification'; readonly fault: NotificationFault }
  | { readonly kind: 'established'; readonly peerOpen: OpenRepr }
  | { readonly kind: 'deliver-update' }
  | { readonly kind: 'down'; readonly reason: DownReason };

export interface Step {
  readonly next: SessionState;
  readonly actions: readonly Action[];
}
