/**
 * Why a frame was not delivered. A drop is a code with a counter, never an exception; docs/errors.md explains each to a user.
 * Append only: the numbers are counter indices and appear in captures.
 */
export const Drop = {
  None: 0,
  // malformed frames
  EthernetTruncated: 1,
  VlanTruncated: 2,
  ArpTruncated: 3,
  ArpUnsupported: 4,
  Ipv4Truncated: 5,
  Ipv4BadVersion: 6,
  Ipv4BadHeaderLength: 7,
  Ipv4BadTotalLength: 8,
  Ipv4BadChecksum: 9,
  Ipv6Truncated: 10,
  Ipv6BadVersion: 11,
  Ipv6BadPayloadLength: 12,
  Ipv6BadExtension: 13,
  TcpTruncated: 14,
  TcpBadDataOffset: 15,
  UdpTruncated: 16,
  UdpBadLength: 17,
  IcmpTruncated: 18,
  IcmpBadChecksum: 19,
  VxlanTruncated: 20,
  VxlanBadFlags: 21,
  DhcpTruncated: 22,
  DhcpBadCookie: 23,
  DhcpBadOption: 24,
  OffloadInvalid: 25,
  FrameTooBig: 26,
  NdpBadOption: 27,
  IcmpBadQuote: 28,
  // policy and forwarding
  PortUnknown: 40,
  PortDetached: 41,
  SpoofedMac: 42,
  SpoofedIpv4: 43,
  SpoofedIpv6: 44,
  SpoofedArp: 45,
  EtherTypeUnsupported: 46,
  MulticastUnsupported: 47,
  ArpUnanswered: 48,
  NoRoute: 49,
  NoMapping: 50,
  TtlExpired: 51,
  VniUnknown: 52,
  OuterSourceUnknown: 53,
  DestinationNotLocal: 54,
  AclDenied: 55,
  ServiceUnsupported: 56,
  HairpinLoop: 57,
  NotForUs: 58,
  SpoofedNdp: 59,
  NdpUnanswered: 60,
  PolicyPending: 61,
  RouteNone: 62,
  InternetUnavailable: 63,
  GatewayUnavailable: 64,
  ApplianceUnreachable: 65,
  PeeringAccessDenied: 66,
  PeeringForwardedDenied: 67,
  InnerSourceImplausible: 68,
  IcmpErrorUnrelated: 69,
  // resources
  FlowTableFull: 70,
  TransmitQueueFull: 71,
  TransmitFailed: 72,
  RateLimited: 73,
  ReceiveQueueFull: 74,
  DenialsLimited: 75,
  FragmentWithoutFirst: 76,
  FragmentsLimited: 77,
  InboundRateExceeded: 80,
  StormLimited: 81,
  DhcpGuarded: 82,
  // copies of frames; the frames themselves went their way
  MirrorCollectorAbsent: 83,
  MirrorLimited: 84,
  MirrorTooBig: 85,
  // at the edge
  NatNoPool: 90,
  NatPortsExhausted: 91,
  NatBlocksSpent: 92,
  NatTableFull: 93,
  NatProtocolUnsupported: 94,
  NatNoMapping: 95,
  PublicAddressUnbound: 96,
  MartianSource: 97,
  MartianDestination: 98,
  NeighborUnresolved: 99,
  NeighborQueueFull: 100,
  InfrastructureProtected: 101,
  // of load balancing, at hosts
  VirtualPortUnserved: 110,
  VirtualAddressWithoutBackend: 111,
  SnatPortsExhausted: 112,
  SnatPortUnleased: 113,
  SnatUnasked: 114,
  // at a load balancer's mux
  VirtualPortUnknown: 115,
  NoLiveBackend: 116,
  BackendUnattached: 117,
  BackendSearchDeferred: 118,
} as const;
export type Drop = (typeof Drop)[keyof typeof Drop];
/** Of a reason; `None` is none. */
export type DropName = Exclude<keyof typeof Drop, 'None'>;

/** One more than the highest code: length of a counter array. */
export const DROP_COUNT = 128;

/** Name of a code, for people and metrics labels. */
export const DROP_NAMES: readonly string[] = Object.entries(Drop).reduce<string[]>(
  (names, [name, code]) => {
    names[code] = name;
    return names;
  },
  new Array<string>(DROP_COUNT).fill(''),
);
