/**
 * `effectiveRoutes`: every route of the subnets that an interface is in, those that others override included. `nextHop`: the one route that
 * counts for a destination. Both are read from the tables that forward.
 */
import Type from 'typebox';

/** Rows of one answer, over all subnets. */
export const ROUTES_PAGE_MAX = 2000;

const Address = Type.String({ maxLength: 64 });

export const EffectiveRouteRow = Type.Object({
  prefix: Type.String(),
  /** Where prefixes are equal, user counts before BGP, and BGP before system and peering. */
  origin: Type.Union([
    Type.Literal('User'),
    Type.Literal('BGP'),
    Type.Literal('Peering'),
    Type.Literal('System'),
  ]),
  /** As in routeTables, and `VNetPeering`. */
  nextHopType: Type.String(),
  /** Of an appliance; otherwise the next hop is the destination itself, or there is none. */
  nextHopAddress: Type.Optional(Type.String()),
  /** The route, the peering or the network that asks for it. */
  resourceRef: Type.String(),
  /** False: another route of the same prefix counts. */
  isActive: Type.Boolean(),
  /** Why packets that follow it are dropped; absent: they are not. */
  drop: Type.Optional(
    Type.Object({ reason: Type.String(), meaning: Type.String(), remedy: Type.String() }),
  ),
});
export type EffectiveRouteRow = Type.Static<typeof EffectiveRouteRow>;

export const EffectiveRoutesQuestion = Type.Object(
  {
    /** instanceId of the network interface. */
    portId: Type.String({ maxLength: 128 }),
    limit: Type.Integer({ minimum: 1, maximum: ROUTES_PAGE_MAX }),
  },
  { additionalProperties: false },
);

export const EffectiveRoutesAnswer = Type.Object({
  /** Of the interface's addresses, the primary one's first. */
  subnets: Type.Array(
    Type.Object({
      resourceRef: Type.String(),
      /** Why nothing is routed; absent: the routes are in force. */
      pending: Type.Optional(Type.String()),
      routes: Type.Array(EffectiveRouteRow),
      /** There are more than `routes` shows where this is larger. */
      total: Type.Integer(),
    }),
  ),
});

export const NextHopQuestion = Type.Object(
  {
    portId: Type.String({ maxLength: 128 }),
    destination: Address,
    /** One of the interface's addresses; default: the first of the destination's family. */
    source: Type.Optional(Address),
  },
  { additionalProperties: false },
);

export const NextHopAnswer = Type.Object({
  source: Type.String(),
  destination: Type.String(),
  /** That of the route; `VirtualRouter`: the switch itself is the destination, no route is looked up; `None` where there is no route. */
  nextHopType: Type.String(),
  nextHopAddress: Type.Optional(Type.String()),
  /** Absent where no route counts. */
  route: Type.Optional(EffectiveRouteRow),
  /** Why there is no route although there should be one. */
  pending: Type.Optional(Type.String()),
});
