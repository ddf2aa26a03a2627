/**
 * Life of a flow as its port sees it, both directions together, as far as the switch must know it to age and evict flows sensibly.
 *
 *   HALF_OPEN ──SYN of the other side──► SYN_ANSWERED ──ACK──► ESTABLISHED ──FIN──► CLOSING_… ──FIN of the other side──► TIME_WAIT
 *       └──any other reply──────────────────────────────────────────┘
 *   any ──RST──► RESET           TIME_WAIT, RESET ──SYN of the initiator──► HALF_OPEN
 *
 * HALF_OPEN is a flow of any protocol whose other side has not said anything yet. A TCP connection counts as half-open until the
 * handshake is complete (RFC 9293 §3.5), so that answers to a flood of SYNs do not stay; a simultaneous open is complete when
 * the side that was first acknowledges. Half-open flows are the first to go when room is needed, then those that have ended.
 *
 * Sequence numbers are never judged, and a connection may be picked up in the middle: its first packet seen counts as the request, the
 * first answer establishes it. A switch restarted, or a VM moved, in mid-connection must carry on (compare RFC 7857 §3). Timeouts
 * are in limits.ts, from RFC 5382 (TCP), RFC 4787 (UDP) and RFC 5508 (ICMP), shorter where a flow can be made anew at no cost.
 * Pure; called by flow-pairs and flow-table.
 */
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { Flag } from '../../packet/tcp.ts';
import {
  DATAGRAM_FLOW_IDLE_SEC_MAX,
  FLOW_HALF_OPEN_IDLE_SEC_MAX,
  ICMP_FLOW_IDLE_SEC_MAX,
  TCP_CLOSING_IDLE_SEC_MAX,
  TCP_ESTABLISHED_IDLE_SEC_MAX,
  TCP_RESET_IDLE_SEC_MAX,
  TCP_TIME_WAIT_IDLE_SEC_MAX,
} from '../limits.ts';

export const FlowState = {
  HALF_OPEN: 0,
  /** TCP: the other side has sent its SYN. */
  SYN_ANSWERED: 1,
  ESTABLISHED: 2,
  /** The initiator, or the replier, has sent FIN. */
  CLOSING_INITIATOR: 3,
  CLOSING_REPLIER: 4,
  /** Both have. */
  TIME_WAIT: 5,
  RESET: 6,
} as const;
export type FlowState = (typeof FlowState)[keyof typeof FlowState];

export const FLOW_STATE_NAMES = [
  'half-open',
  'half-open',
  'established',
  'closing',
  'closing',
  'time-wait',
  'reset',
] as const;

/** The other side has not answered, or not to the end of the handshake. */
export function isHalfOpen(state: FlowState): boolean {
  return state < FlowState.ESTABLISHED;
}

/** The connection is over; its addresses and ports may be used for another. */
export function hasEnded(state: FlowState): boolean {
  return state >= FlowState.TIME_WAIT;
}

/** TCP flags that can move a flow from one state to another. */
export const STATE_FLAGS: number = Flag.SYN | Flag.FIN | Flag.RST;

/** A SYN that answers none. */
export function isOpening(tcpFlags: number): boolean {
  return (tcpFlags & (Flag.SYN | Flag.ACK)) === Flag.SYN;
}

/** State after a packet with these TCP flags (0 for other protocols) from the initiator or, if `isReply`, from the other side. */
export function nextState(state: FlowState, tcpFlags: number, isReply: boolean): FlowState {
  if ((tcpFlags & Flag.RST) !== 0) return FlowState.RESET;
  const hasFin = (tcpFlags & Flag.FIN) !== 0;
  switch (state) {
    case FlowState.HALF_OPEN:
      if (!isReply) return FlowState.HALF_OPEN;
      if (hasFin) return FlowState.CLOSING_REPLIER;
      return (tcpFlags & Flag.SYN) !== 0 ? FlowState.SYN_ANSWERED : FlowState.ESTABLISHED;
    case FlowState.SYN_ANSWERED:
      if (isReply) return hasFin ? FlowState.CLOSING_REPLIER : FlowState.SYN_ANSWERED;
      if ((tcpFlags & Flag.ACK) === 0) return FlowState.SYN_ANSWERED;
      return hasFin ? FlowState.CLOSING_INITIATOR : FlowState.ESTABLISHED;
    case FlowState.ESTABLISHED:
      if (!hasFin) return FlowState.ESTABLISHED;
      return isReply ? FlowState.CLOSING_REPLIER : FlowState.CLOSING_INITIATOR;
    case FlowState.CLOSING_INITIATOR:
      return hasFin && isReply ? FlowState.TIME_WAIT : state;
    case FlowState.CLOSING_REPLIER:
      return hasFin && !isReply ? FlowState.TIME_WAIT : state;
    case FlowState.TIME_WAIT:
    case FlowState.RESET:
      return isOpening(tcpFlags) && !isReply ? FlowState.HALF_OPEN : state;
  }
}

/** Seconds without a packet after which a flow is forgotten. */
export function idleSecMax(protocol: number, state: FlowState): number {
  switch (state) {
    case FlowState.HALF_OPEN:
    case FlowState.SYN_ANSWERED:
      return FLOW_HALF_OPEN_IDLE_SEC_MAX;
    case FlowState.ESTABLISHED:
      return establishedIdleSecMax(protocol);
    case FlowState.CLOSING_INITIATOR:
    case FlowState.CLOSING_REPLIER:
      return TCP_CLOSING_IDLE_SEC_MAX;
    case FlowState.TIME_WAIT:
      return TCP_TIME_WAIT_IDLE_SEC_MAX;
    case FlowState.RESET:
      return TCP_RESET_IDLE_SEC_MAX;
  }
}

function establishedIdleSecMax(protocol: number): number {
  if (protocol === IpProtocol.TCP) return TCP_ESTABLISHED_IDLE_SEC_MAX;
  return protocol === IpProtocol.ICMP || protocol === IpProtocol.ICMPV6
    ? ICMP_FLOW_IDLE_SEC_MAX
    : DATAGRAM_FLOW_IDLE_SEC_MAX;
}
