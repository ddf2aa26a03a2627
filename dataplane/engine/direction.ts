/**
 * The direction of a packet, always as the port sees it (VFP's convention): outbound is what the port's owner sends into the switch,
 * inbound what the switch delivers to it. A packet between two ports of one switch is outbound at the first, inbound at the second.
 */
export const Direction = { OUTBOUND: 0, INBOUND: 1 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

export const DIRECTION_NAMES = ['outbound', 'inbound'] as const;

export function opposite(direction: Direction): Direction {
  return direction === Direction.OUTBOUND ? Direction.INBOUND : Direction.OUTBOUND;
}
