/**
 * What an edge router answers about its BGP: peers with the reason for a session that will not come up, routes it uses, what a peer has announced
 * and has been told, and for one prefix why each of these is so. Statistics have the shape of MS-NCNBI bgpPeers (§3.1.5.17.2.2).
 *
 * Called by bgp/edge (answers), controller/northbound and the CLI (ask).
 */
import Type from 'typebox';
import { BGP_ROUTES_PAGE_MAX } from './limits.ts';

const Limit = Type.Integer({ minimum: 1, maximum: BGP_ROUTES_PAGE_MAX });
const Address = Type.String({ maxLength: 64 });
/** ISO 8601, UTC. */
const Time = Type.String();

const MessageStats = Type.Object({
  lastSent: Type.Optional(Time),
  lastReceived: Type.Optional(Time),
  sentCount: Type.Integer(),
  receivedCount: Type.Integer(),
});

/** `withdrawl`: the specification's spelling. */
const RouteStats = Type.Object({
  updateSentCount: Type.Integer(),
  updateReceivedCount: Type.Integer(),
  withdrawlSentCount: Type.Integer(),
  withdrawlReceivedCount: Type.Integer(),
});

export const BfdState = Type.Object({
  /** `AdminDown`, `Down`, `Init`, `Up` (RFC 5880 §4.1), and so the other one. */
  state: Type.String(),
  peerState: Type.String(),
  diagnostic: Type.String(),
  peerDiagnostic: Type.String(),
  sendIntervalInMilliseconds: Type.Number(),
  detectionTimeInMilliseconds: Type.Number(),
  sentCount: Type.Integer(),
  receivedCount: Type.Integer(),
});

export const BgpPeerRow = Type.Object({
  /** instanceId and reference of its bgpPeers resource. */
  peerId: Type.String(),
  resourceRef: Type.String(),
  address: Type.String(),
  /** 0: not known yet. */
  asNumber: Type.Integer(),
  /** It came by itself, from a prefix of peers. */
  isDynamic: Type.Boolean(),
  /** RFC 4271 §8.2.2: `Idle` … `Established`. */
  state: Type.String(),
  bgpIdentifier: Type.Optional(Type.String()),
  /** Why it is not up, or was not. */
  failure: Type.Optional(Type.Object({ message: Type.String(), remedy: Type.String(), at: Time })),
  families: Type.Array(
    Type.Object({
      family: Type.String(),
      received: Type.Integer(),
      advertised: Type.Integer(),
      /** It has told everything since the session is up (End-of-RIB, RFC 4724 §2). */
      isComplete: Type.Boolean(),
    }),
  ),
  /** Absent: its path is not watched, or not yet. Fields as in BfdStateSchema of the northbound. */
  bfd: Type.Optional(BfdState),
  malformedUpdateCount: Type.Integer(),
  /** The latest things that were wrong with what it sent. */
  complaints: Type.Array(Type.String()),
  statistics: Type.Object({
    tcpConnectionEstablished: Type.Optional(Time),
    tcpConnectionClosed: Type.Optional(Time),
    openMessageStats: MessageStats,
    notificationMessageStats: MessageStats,
    keepAliveMessageStats: MessageStats,
    routeRefreshMessageStats: MessageStats,
    updateMessageStats: MessageStats,
    ipv4Route: RouteStats,
    ipv6Route: RouteStats,
    lastUpdated: Time,
  }),
});
export type BgpPeerRow = Type.Static<typeof BgpPeerRow>;

export const BgpPeersQuestion = Type.Object({}, { additionalProperties: false });
export const BgpPeersAnswer = Type.Object({
  /** 0: the edge has no BGP router, or it is not enabled. */
  asNumber: Type.Integer(),
  routerId: Type.String(),
  peers: Type.Array(BgpPeerRow),
  routes: Type.Object({ prefixes: Type.Integer(), paths: Type.Integer() }),
});

export const BgpAttributes = Type.Object({
  asPath: Type.String(),
  origin: Type.String(),
  /** `0.0.0.0` or `::`: the router itself. */
  nextHop: Type.String(),
  med: Type.Optional(Type.Integer()),
  localPref: Type.Optional(Type.Integer()),
  /** `asn:value`, `asn:a:b`, or a well-known name. */
  communities: Type.Array(Type.String()),
});
export type BgpAttributes = Type.Static<typeof BgpAttributes>;

export const BgpRoutesQuestion = Type.Object({ limit: Limit }, { additionalProperties: false });
export const BgpRouteRow = Type.Object({
  prefix: Type.String(),
  /** Of the best path first, then of those used beside it. */
  nextHops: Type.Array(Type.String()),
  /** Absent: the router's own. */
  neighbour: Type.Optional(Type.String()),
  attributes: BgpAttributes,
});
export type BgpRouteRow = Type.Static<typeof BgpRouteRow>;
export const BgpRoutesAnswer = Type.Object({
  routes: Type.Array(BgpRouteRow),
  /** There are more than `routes` shows where this is larger. */
  total: Type.Integer(),
});

export const BgpPeerQuestion = Type.Object(
  { address: Address, limit: Limit },
  { additionalProperties: false },
);
export const BgpReceivedRow = Type.Object({
  prefix: Type.String(),
  attributes: BgpAttributes,
  isAccepted: Type.Boolean(),
  isBest: Type.Boolean(),
  isMultipath: Type.Boolean(),
  isStale: Type.Boolean(),
  /** Why it is not the best. */
  lostBy: Type.Optional(Type.String()),
});
export type BgpReceivedRow = Type.Static<typeof BgpReceivedRow>;
export const BgpReceivedAnswer = Type.Object({
  routes: Type.Array(BgpReceivedRow),
  total: Type.Integer(),
});

export const BgpAdvertisedRow = Type.Object({ prefix: Type.String(), attributes: BgpAttributes });
export type BgpAdvertisedRow = Type.Static<typeof BgpAdvertisedRow>;
export const BgpAdvertisedAnswer = Type.Object({
  routes: Type.Array(BgpAdvertisedRow),
  total: Type.Integer(),
});

export const BgpTraceQuestion = Type.Object({ prefix: Address }, { additionalProperties: false });

/** A BMP station (RFC 7854). */
export const BmpStationRow = Type.Object({
  address: Type.String(),
  port: Type.Integer(),
  /** `connecting`, `waiting` before the next try, `dumping`: connected and being told what was there before, `up`. */
  state: Type.String(),
  messagesSentCount: Type.Integer(),
  bytesSent: Type.Integer(),
  pendingBytes: Type.Integer(),
  connectedCount: Type.Integer(),
  /** Sessions that ended because the station did not keep up. */
  overflowCount: Type.Integer(),
  /** Why it was last without a session. */
  failure: Type.Optional(Type.String()),
});
export type BmpStationRow = Type.Static<typeof BmpStationRow>;
/** Files of one kind in MRT (RFC 6396). */
export const MrtFiles = Type.Object({
  /** In the edge's namespace of files; empty: none yet. */
  latest: Type.String(),
  recordCount: Type.Integer(),
  /** Left out because the disk did not keep up, or refused. */
  lostCount: Type.Integer(),
  failure: Type.Optional(Type.String()),
});
export type MrtFiles = Type.Static<typeof MrtFiles>;
export const BgpExportsQuestion = Type.Object({}, { additionalProperties: false });
export const BgpExportsAnswer = Type.Object({
  stations: Type.Array(BmpStationRow),
  /** Absent: not asked for. */
  updates: Type.Optional(MrtFiles),
  tables: Type.Optional(MrtFiles),
});

const Judged = {
  /** What was asked, in order, in words. */
  steps: Type.Array(Type.String()),
  /** Undefined: kept back. */
  result: Type.Optional(BgpAttributes),
};

export const BgpTracedPath = Type.Object({
  /** Absent: the router's own. */
  neighbour: Type.Optional(Type.String()),
  received: BgpAttributes,
  ...Judged,
  isBest: Type.Boolean(),
  isMultipath: Type.Boolean(),
  isStale: Type.Boolean(),
  lostBy: Type.Optional(Type.String()),
});
export type BgpTracedPath = Type.Static<typeof BgpTracedPath>;
export const BgpTracedExport = Type.Object({
  neighbour: Type.String(),
  isTold: Type.Boolean(),
  ...Judged,
});
export type BgpTracedExport = Type.Static<typeof BgpTracedExport>;
export const BgpTraceAnswer = Type.Object({
  prefix: Type.String(),
  paths: Type.Array(BgpTracedPath),
  /** To each neighbour whose session is up; empty where no path is used. */
  exports: Type.Array(BgpTracedExport),
});

/** By name of the method. */
export const BGP_DIAGNOSTICS = {
  bgpPeers: { question: BgpPeersQuestion, answer: BgpPeersAnswer },
  bgpRoutes: { question: BgpRoutesQuestion, answer: BgpRoutesAnswer },
  bgpReceived: { question: BgpPeerQuestion, answer: BgpReceivedAnswer },
  bgpAdvertised: { question: BgpPeerQuestion, answer: BgpAdvertisedAnswer },
  bgpTrace: { question: BgpTraceQuestion, answer: BgpTraceAnswer },
  bgpExports: { question: BgpExportsQuestion, answer: BgpExportsAnswer },
} as const;

export type BgpMethod = keyof typeof BGP_DIAGNOSTICS;
export type BgpQuestion<M extends BgpMethod> = Type.Static<(typeof BGP_DIAGNOSTICS)[M]['question']>;
export type BgpAnswer<M extends BgpMethod> = Type.Static<(typeof BGP_DIAGNOSTICS)[M]['answer']>;
