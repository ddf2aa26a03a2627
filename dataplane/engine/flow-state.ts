/**
 * Life of a flow, both directions together, as far as the switch must know it to age and evict flows sensibly. It never judges
 * sequence numbers: a switch restarted in mid-connection must carry on (compare RFC 7857 §3, which NATs follow).
 *
 *   HALF_OPEN ──reply──► ESTABLISHED ──FIN──► CLOSING ──FIN of the other side──► CLOSED
 *       └──RST──► CLOSED ◄──RST──┴──────────────┘            CLOSED ──SYN of the initiator──► HALF_OPEN
 *
 * HALF_OPEN is a flow of any protocol whose other side has not said anything yet: the first to go when room is needed.
 * Timeouts are in limits.ts, from RFC 5382 (TCP), RFC 4787 (UDP) and RFC 5508 (ICMP), shorter where a flow can be made anew at no
 * cost. Pure; called by flow-table.
 */
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { Flag } from '../../packet/tcp.ts';
import {
  DATAGRAM_FLOW_IDLE_SEC_MAX,
  FLOW_HALF_OPEN_IDLE_SEC_MAX,
  ICMP_FLOW_IDLE_SEC_MAX,
  TCP_CLOSING_IDLE_SEC_MAX,
  TCP_ESTABLISHED_IDLE_SEC_MAX,
} from '../limits.ts';

export const FlowState = {
  HALF_OPEN: 0,
  ESTABLISHED: 1,
  /** The initiator, or the replier, has sent FIN. */
  CLOSING_INITIATOR: 2,
  CLOSING_REPLIER: 3,
  CLOSED: 4,
} as const;
export type FlowState = (typeof FlowState)[keyof typeof FlowState];

export const FLOW_STATE_NAMES = [
  'half-open',
  'established',
  'closing',
  'closing',
  'closed',
] as const;

/** TCP flags that can move a flow from one state to another. */
export const STATE_FLAGS: number = Flag.SYN | Flag.FIN | Flag.RST;

/** State after a packet with these TCP flags (0 for other protocols) from the initiator or, if `isReply`, from the other side. */
export function nextState(state: FlowState, tcpFlags: number, isReply: boolean): FlowState {
  if ((tcpFlags & Flag.RST) !== 0) return FlowState.CLOSED;
  const isOpening = (tcpFlags & (Flag.SYN | Flag.ACK)) === Flag.SYN;
  const hasFin = (tcpFlags & Flag.FIN) !== 0;
  switch (state) {
    case FlowState.HALF_OPEN:
      if (!isReply) return FlowState.HALF_OPEN;
      return hasFin ? FlowState.CLOSING_REPLIER : FlowState.ESTABLISHED;
    case FlowState.ESTABLISHED:
      if (!hasFin) return FlowState.ESTABLISHED;
      return isReply ? FlowState.CLOSING_REPLIER : FlowState.CLOSING_INITIATOR;
    case FlowState.CLOSING_INITIATOR:
      return hasFin && isReply ? FlowState.CLOSED : state;
    case FlowState.CLOSING_REPLIER:
      return hasFin && !isReply ? FlowState.CLOSED : state;
    case FlowState.CLOSED:
      return isOpening && !isReply ? FlowState.HALF_OPEN : FlowState.CLOSED;
  }
}

/** Seconds without a packet after which a flow is forgotten. */
export function idleSecMax(protocol: number, state: FlowState): number {
  if (state === FlowState.HALF_OPEN) return FLOW_HALF_OPEN_IDLE_SEC_MAX;
  if (protocol === IpProtocol.TCP) {
    return state === FlowState.ESTABLISHED
      ? TCP_ESTABLISHED_IDLE_SEC_MAX
      : TCP_CLOSING_IDLE_SEC_MAX;
  }
  return protocol === IpProtocol.ICMP || protocol === IpProtocol.ICMPV6
    ? ICMP_FLOW_IDLE_SEC_MAX
    : DATAGRAM_FLOW_IDLE_SEC_MAX;
}
