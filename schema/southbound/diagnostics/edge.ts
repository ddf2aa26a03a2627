/**
 * What an edge router answers about itself: its mappings, its routes, who is next to it, its counters, and what would become of a packet. Asked on its
 * control socket, and by the controller on the southbound stream (Query); BGP has questions of its own.
 *
 * Called by bgp/edge (answers), and by whoever asks.
 */
import Type from 'typebox';
import { LinkCounters } from './links.ts';

const Count = Type.Integer({ minimum: 1, maximum: 10_000 });
const Port = Type.Integer({ minimum: 0, maximum: 65_535 });

export const NatMappingsQuestion = Type.Object(
  {
    /** Of this inside address alone. */
    inside: Type.Optional(Type.String({ maxLength: 64 })),
    limit: Type.Optional(Count),
  },
  { additionalProperties: false },
);

export const NatMapping = Type.Object({
  /** resourceRef of the virtual network; '' for the provider network. */
  network: Type.String(),
  inside: Type.String(),
  /** Of ICMP: the identifier. */
  insidePort: Type.Integer(),
  outside: Type.String(),
  outsidePort: Type.Integer(),
  protocol: Type.String(),
  /** Of TCP. */
  state: Type.Optional(Type.String()),
  /** Seconds until it goes if nothing comes from inside; absent: a port forward. */
  expiresSec: Type.Optional(Type.Number()),
});
export type NatMapping = Type.Static<typeof NatMapping>;
export const NatMappingsAnswer = Type.Object({ mappings: Type.Array(NatMapping) });

export const EdgeRoutesQuestion = Type.Object(
  {
    /** Only the route that a packet to this address takes. */
    destination: Type.Optional(Type.String({ maxLength: 64 })),
    limit: Type.Optional(Count),
  },
  { additionalProperties: false },
);

export const EdgeRoute = Type.Object({
  prefix: Type.String(),
  /** `connected`, `static` or `bgp`. */
  source: Type.String(),
  nextHops: Type.Array(
    Type.Object({
      link: Type.String(),
      /** Absent: the destination is on the link. */
      gateway: Type.Optional(Type.String()),
    }),
  ),
});
export type EdgeRoute = Type.Static<typeof EdgeRoute>;
export const EdgeRoutesAnswer = Type.Object({ routes: Type.Array(EdgeRoute) });

export const EdgeNeighboursQuestion = Type.Object({}, { additionalProperties: false });
export const EdgeNeighbour = Type.Object({
  link: Type.String(),
  address: Type.String(),
  mac: Type.String(),
  /** `incomplete`, `reachable`, `probed` or `failed`. */
  state: Type.String(),
  forSec: Type.Number(),
});
export type EdgeNeighbour = Type.Static<typeof EdgeNeighbour>;
export const EdgeNeighboursAnswer = Type.Object({ neighbours: Type.Array(EdgeNeighbour) });

export const EdgeCountersQuestion = Type.Object({}, { additionalProperties: false });
export const EdgeCounters = Type.Object({
  /** The overlay and every interface. */
  links: Type.Array(LinkCounters),
  nat: Type.Object({
    mappings: Type.Number(),
    mappingsMax: Type.Number(),
    created: Type.Number(),
    removed: Type.Number(),
    /** Inside addresses that have ports. */
    subscribers: Type.Number(),
    blocksLeased: Type.Number(),
    blocksTotal: Type.Number(),
  }),
  flows: Type.Number(),
  /** Packets that were decided anew. */
  slowPackets: Type.Number(),
  routes: Type.Number(),
  neighbours: Type.Number(),
  networks: Type.Number(),
  mappings: Type.Number(),
  public: Type.Number(),
  hosts: Type.Number(),
});
export type EdgeCounters = Type.Static<typeof EdgeCounters>;

export const EdgeTraceQuestion = Type.Object(
  {
    /** It comes out of a tunnel with this network identifier … */
    vni: Type.Optional(Type.Integer({ minimum: 1, maximum: 0xff_ffff })),
    /** … or by this interface. */
    link: Type.Optional(Type.String({ maxLength: 15 })),
    source: Type.String({ maxLength: 64 }),
    destination: Type.String({ maxLength: 64 }),
    protocol: Type.Integer({ minimum: 0, maximum: 255 }),
    sourcePort: Type.Optional(Port),
    destinationPort: Type.Optional(Port),
  },
  { additionalProperties: false },
);

export const EdgeTrace = Type.Object({
  steps: Type.Array(
    Type.Object({ step: Type.String(), text: Type.String(), resourceRef: Type.String() }),
  ),
  /** `forwarded`, or the name of the drop (docs/errors.md). */
  verdict: Type.String(),
  /** As it leaves; absent where it does not. */
  leaves: Type.Optional(
    Type.Object({
      source: Type.String(),
      /** Of TCP and UDP; absent where it is a shared address's, to be chosen when the packet comes. */
      sourcePort: Type.Optional(Type.Integer()),
      destination: Type.String(),
      destinationPort: Type.Optional(Type.Integer()),
      link: Type.String(),
      /** On the link: who is given it. */
      nextHop: Type.Optional(Type.String()),
      /** To a host: provider addresses of both ends, and what the inner frame has. */
      tunnel: Type.Optional(
        Type.Object({
          from: Type.String(),
          to: Type.String(),
          vni: Type.Integer(),
          sourceMac: Type.String(),
          destinationMac: Type.String(),
        }),
      ),
    }),
  ),
});
export type EdgeTrace = Type.Static<typeof EdgeTrace>;

/** By name of the method. */
export const EDGE_DIAGNOSTICS = {
  natMappings: { question: NatMappingsQuestion, answer: NatMappingsAnswer },
  edgeRoutes: { question: EdgeRoutesQuestion, answer: EdgeRoutesAnswer },
  edgeNeighbours: { question: EdgeNeighboursQuestion, answer: EdgeNeighboursAnswer },
  edgeCounters: { question: EdgeCountersQuestion, answer: EdgeCounters },
  edgeTrace: { question: EdgeTraceQuestion, answer: EdgeTrace },
} as const;

export type EdgeMethod = keyof typeof EDGE_DIAGNOSTICS;
export type EdgeQuestion<M extends EdgeMethod> = Type.Static<
  (typeof EDGE_DIAGNOSTICS)[M]['question']
>;
