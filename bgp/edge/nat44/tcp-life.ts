/**
 * Life of a TCP mapping as far as its timeout goes — RFC 5382 REQ-5, RFC 7857 §2 with the state machine of RFC 6146 §3.5.2.
 *
 *   OPENING ──packet from outside──► ANSWERED ──packet from inside──► ESTABLISHED ──FIN──► CLOSING_… ──FIN of the other side──► CLOSED
 *   any ──RST──► RESET ──packet from inside──► ESTABLISHED            CLOSED, RESET ──SYN from inside──► OPENING
 *
 * A reset is believed only so far as that the mapping lasts for the transitory time: whoever forges one does not end a connection, since
 * the next packet from inside takes it back (RFC 7857 §2.2). A half-closed connection counts as established. Pure; called by mapping-table.
 */
import { Flag } from '../../../packet/tcp.ts';

export const TcpLife = {
  OPENING: 0,
  ANSWERED: 1,
  ESTABLISHED: 2,
  CLOSING_INSIDE: 3,
  CLOSING_OUTSIDE: 4,
  CLOSED: 5,
  RESET: 6,
} as const;
export type TcpLife = (typeof TcpLife)[keyof typeof TcpLife];

/** In order of their numbers, for people. */
export const TCP_LIFE_NAMES = [
  'opening',
  'opening',
  'established',
  'closing',
  'closing',
  'closed',
  'reset',
] as const;

/** State after a packet with these flags from inside. */
export function afterInside(life: TcpLife, flags: number): TcpLife {
  if ((flags & Flag.RST) !== 0) return TcpLife.RESET;
  const isOpening = (flags & (Flag.SYN | Flag.ACK)) === Flag.SYN;
  const hasFin = (flags & Flag.FIN) !== 0;
  switch (life) {
    case TcpLife.OPENING:
      return life;
    case TcpLife.ANSWERED:
      if ((flags & Flag.SYN) !== 0) return life;
      return hasFin ? TcpLife.CLOSING_INSIDE : TcpLife.ESTABLISHED;
    case TcpLife.ESTABLISHED:
      return hasFin ? TcpLife.CLOSING_INSIDE : life;
    case TcpLife.CLOSING_INSIDE:
      return life;
    case TcpLife.CLOSING_OUTSIDE:
      return hasFin ? TcpLife.CLOSED : life;
    case TcpLife.CLOSED:
      return isOpening ? TcpLife.OPENING : life;
    case TcpLife.RESET:
      return isOpening ? TcpLife.OPENING : TcpLife.ESTABLISHED;
  }
}

/** State after a packet with these flags from outside. */
export function afterOutside(life: TcpLife, flags: number): TcpLife {
  if ((flags & Flag.RST) !== 0) return TcpLife.RESET;
  const hasFin = (flags & Flag.FIN) !== 0;
  switch (life) {
    case TcpLife.OPENING:
      return TcpLife.ANSWERED;
    case TcpLife.ESTABLISHED:
      return hasFin ? TcpLife.CLOSING_OUTSIDE : life;
    case TcpLife.CLOSING_INSIDE:
      return hasFin ? TcpLife.CLOSED : life;
    case TcpLife.ANSWERED:
    case TcpLife.CLOSING_OUTSIDE:
    case TcpLife.CLOSED:
    case TcpLife.RESET:
      return life;
  }
}

/** Does the mapping last only for the transitory time? */
export function isTransitory(life: TcpLife): boolean {
  return life < TcpLife.ESTABLISHED || life >= TcpLife.CLOSED;
}
