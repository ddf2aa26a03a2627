/**
 * bgpRouters, bgpPeers and policyMaps — MS-NCNBI §3.1.5.17.2, §3.1.5.17.3, §6.15.4, §6.15.5. The specification has them below virtualGateways;
 * here they are an edge router's, in the same shape. What BGP has and the specification has not is marked "Weft's own". The tables
 * call asNumber read-only where the examples of PUT carry it; either it or extAsNumber says who the peer is.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import {
  BackReferences,
  IpText,
  Kept,
  LooseText,
  NotBuilt,
  OneOrMore,
  PrefixText,
  ReadOnly,
  Reference,
  Words,
} from './property-types.ts';

const OWN = "; Weft's own";

/** RFC 4271 §4.2. */
export const HOLD_TIME_SEC_MAX = 65_535;
/** RFC 4724 §3: twelve bits. */
export const RESTART_TIME_SEC_MAX = 4_095;
/** TCP_MD5SIG takes so many bytes. */
export const MD5_KEY_BYTES_MAX = 80;

/** A stall of the edge’s process must not look like a broken path. */
export const BFD_INTERVAL_MS_MIN = 50;
export const BFD_INTERVAL_MS_MAX = 60_000;
export const BFD_INTERVAL_MS = 300;
export const BFD_MULTIPLIER = 3;
export const BMP_STATISTICS_SEC = 60;

export const BmpStationSchema = Type.Object({
  address: Type.String({ ...IpText, description: 'reached by the edge’s own routes' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
});

export const MrtExportSchema = Type.Object({
  isUpdateLogEnabled: Type.Optional(
    Type.Boolean({ description: 'what peers say, as it comes (BGP4MP_ET); default false' }),
  ),
  tableDumpIntervalInMinutes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_440,
      description: 'everything that peers have said (TABLE_DUMP_V2), so often; default: never',
    }),
  ),
});

export const BgpRouterSchema = Type.Object({
  isEnabled: Type.Optional(Type.Boolean({ description: 'default true' })),
  requireIGPSync: NotBuilt(Type.Boolean(), false),
  extAsNumber: Type.String({ description: 'the router’s AS, `0.64512` or `64512`' }),
  routerId: Type.Optional({
    ...IpText,
    description: 'BGP identifier, as an IPv4 address; default: the edge’s provider address',
  }),
  routerIP: ReadOnly(Type.Array(Type.String()), 'addresses at which peers find it'),
  networks: Type.Optional(
    Type.Array(PrefixText, {
      description: `prefixes that it originates; default: logical subnets marked isPublic${OWN}`,
    }),
  ),
  bmpStations: Type.Optional(
    Type.Array(BmpStationSchema, {
      description: `monitoring stations that hear what peers say (RFC 7854)${OWN}`,
    }),
  ),
  bmpStatisticsIntervalInSeconds: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 65_535,
      description: `between statistics of each peer; default ${BMP_STATISTICS_SEC}${OWN}`,
    }),
  ),
  mrtExport: Type.Optional({
    ...MrtExportSchema,
    description: `files in the edge’s state directory (RFC 6396)${OWN}`,
  }),
  isGenerated: ReadOnly(Type.Boolean()),
  configurationState: ReadOnlyConfigurationState,
});

const MessageStats = Type.Object({
  lastSent: Type.Optional(Type.String()),
  lastReceived: Type.Optional(Type.String()),
  sentCount: Type.Integer(),
  receivedCount: Type.Integer(),
});

/** `withdrawl`: their spelling. */
const RouteStats = Type.Object({
  updateSentCount: Type.Integer(),
  updateReceivedCount: Type.Integer(),
  withdrawlSentCount: Type.Integer(),
  withdrawlReceivedCount: Type.Integer(),
});

export const BfdStateSchema = Type.Object({
  state: Words(['AdminDown', 'Down', 'Init', 'Up']),
  peerState: Words(['AdminDown', 'Down', 'Init', 'Up']),
  diagnostic: Type.String({ description: 'why the session last went down (RFC 5880 §4.1)' }),
  peerDiagnostic: Type.String({ description: 'what the peer says of that' }),
  sendIntervalInMilliseconds: Type.Number(),
  detectionTimeInMilliseconds: Type.Number({ description: '0: nothing has come yet' }),
  sentCount: Type.Integer(),
  receivedCount: Type.Integer(),
});

export const BgpPeerStatisticsSchema = Type.Object({
  tcpConnectionEstablished: Type.Optional(Type.String()),
  tcpConnectionClosed: Type.Optional(Type.String()),
  openMessageStats: MessageStats,
  notificationMessageStats: MessageStats,
  keepAliveMessageStats: MessageStats,
  routeRefreshMessageStats: MessageStats,
  updateMessageStats: MessageStats,
  ipv4Route: RouteStats,
  ipv6Route: RouteStats,
  lastUpdated: Type.String(),
});

const PolicyReference = (description: string) =>
  Type.Optional(Reference(['edgeRouters/policyMaps'], description));

export const BgpPeerSchema = Type.Object({
  peerIpAddress: Type.Optional(IpText),
  peerPrefix: Type.Optional({
    ...PrefixText,
    description: `instead of peerIpAddress: whoever connects from there is a peer${OWN}`,
  }),
  asNumber: Type.Optional(LooseText),
  extAsNumber: Type.Optional(
    Type.String({ description: 'the peer’s AS, `0.64512` or `64512`; with peerPrefix optional' }),
  ),
  policyMapIn: PolicyReference('judges and changes what the peer announces'),
  policyMapOut: PolicyReference('judges and changes what the peer is told'),
  acceptAllRoutesIn: Type.Optional(
    Type.Boolean({
      description: `everything from an external peer without policyMapIn, which else is heard in vain (RFC 8212)${OWN}`,
    }),
  ),
  acceptAllRoutesOut: Type.Optional(
    Type.Boolean({
      description: `everything to an external peer without policyMapOut, which else is told nothing (RFC 8212)${OWN}`,
    }),
  ),
  holdTimeInSeconds: Type.Optional(
    Type.Integer({
      minimum: 3,
      maximum: HOLD_TIME_SEC_MAX,
      description: `proposed; the smaller side’s counts; default 90${OWN}`,
    }),
  ),
  md5Key: Type.Optional(
    Type.String({
      writeOnly: true,
      description: `signs every segment (RFC 2385), 1 to ${MD5_KEY_BYTES_MAX} bytes; empty takes it away${OWN}`,
    }),
  ),
  ttlSecurityHops: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 254,
      description: `it is at most so far away (RFC 5082), 1: on this link; both sides must want it${OWN}`,
    }),
  ),
  maximumPrefixes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 0xffff_ffff,
      description: `of each family; the session ends when it announces more${OWN}`,
    }),
  ),
  maximumPrefixesRestartInSeconds: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 0xffff_ffff,
      description: `pause after that; absent: until it is written again${OWN}`,
    }),
  ),
  isPassive: Type.Optional(Type.Boolean({ description: `never connects, only answers${OWN}` })),
  isBfdEnabled: Type.Optional(Type.Boolean({ description: `its loss is noticed by BFD${OWN}` })),
  bfdIntervalInMilliseconds: Type.Optional(
    Type.Integer({
      minimum: BFD_INTERVAL_MS_MIN,
      maximum: BFD_INTERVAL_MS_MAX,
      description: `between BFD packets, each way; the slower side’s wish counts; with isBfdEnabled; default ${BFD_INTERVAL_MS}${OWN}`,
    }),
  ),
  bfdMultiplier: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 255,
      description: `missing BFD packets that are a failure; with isBfdEnabled; default ${BFD_MULTIPLIER}${OWN}`,
    }),
  ),
  gracefulRestartInSeconds: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: RESTART_TIME_SEC_MAX,
      description: `each side keeps the other’s routes so long while it restarts (RFC 4724)${OWN}`,
    }),
  ),
  addressFamilies: Type.Optional(
    Type.Array(Words(['IPv4', 'IPv6']), {
      minItems: 1,
      description: `of routes; default: the family of its address${OWN}`,
    }),
  ),
  connectionState: ReadOnly(Words(['Connected', 'Disconnected'])),
  connectionFailure: ReadOnly(
    Type.Object({ message: Type.String(), remedy: Type.String(), at: Type.String() }),
    `why it is not connected, and what to do about it${OWN}`,
  ),
  bfd: ReadOnly(BfdStateSchema, `the BFD session, once there is one${OWN}`),
  statistics: ReadOnly(BgpPeerStatisticsSchema),
  isGenerated: ReadOnly(Type.Boolean()),
  configurationState: ReadOnlyConfigurationState,
});

export const POLICY_ACTIONS = ['Deny', 'Allow', 'ModifyAttribute'] as const;
export const POLICY_MATCHES = [
  'MatchPrefix',
  'NextHop',
  'IgnorePrefix',
  'AsnRange',
  'Community',
] as const;
export const POLICY_SETTINGS = [
  'As-Path',
  'Add-Community',
  'Remove-Community',
  'Remove-All-Community',
  'MED',
  'Clear-MED',
  'Weight',
  'Local-Pref',
  'Next-Hop',
] as const;

export const PolicyMapEntrySchema = Type.Object({
  policyName: Kept(Type.String(), 'for people'),
  action: Words(POLICY_ACTIONS),
  matchCriteria: Type.Optional(
    Type.Array(
      Type.Object({
        property: Words(POLICY_MATCHES),
        value: Type.Optional({
          ...OneOrMore(LooseText),
          description: `a prefix is that one alone, unless it says how much longer: \`10.0.0.0/8 ge 16 le 24\`${OWN}`,
        }),
      }),
      { 'x-aliases': ['matchCritera'] },
    ),
  ),
  setActions: Type.Optional(
    Type.Array(
      Type.Object({
        property: Words(POLICY_SETTINGS),
        value: Type.Optional(OneOrMore(LooseText)),
      }),
    ),
  ),
});

export const PolicyMapSchema = Type.Object({
  policyMapEntryList: Type.Optional(
    Type.Array(PolicyMapEntrySchema, { description: 'the first that matches decides' }),
  ),
  bgpPeersWithPolicyMapIn: BackReferences,
  bgpPeersWithPolicyMapOut: BackReferences,
});
