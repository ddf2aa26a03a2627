/**
 * What a drop means and what its victim can do about it, in one place: shown with traces, probes and counts, and the table in docs/errors.md is
 * generated from it (tools/generate-drop-list). Called by trace-words, route-answers, flow-verify, dataplane/probe and `weft drops`.
 */
import { DROP_NAMES, type Drop, type DropName } from '../../packet/drop.ts';

export interface DropWords {
  readonly meaning: string;
  readonly remedy: string;
}

const OTHER_HOST =
  'A host with other software or an older goal state: compare `weft status` of both.';

/** By name (packet/drop.ts). Markdown in one line, without `|`. */
export const DROP_WORDS: Readonly<Record<DropName, DropWords>> = {
  EthernetTruncated: malformed('fewer than 14 bytes'),
  VlanTruncated: malformed('a VLAN tag is cut off, or a frame has more tags than allowed'),
  ArpTruncated: malformed('an ARP packet is cut off'),
  ArpUnsupported: malformed(
    'ARP for something other than IPv4 over Ethernet, or an operation other than request and reply',
  ),
  Ipv4Truncated: malformed('fewer bytes than an IPv4 header'),
  Ipv4BadVersion: malformed('EtherType IPv4, but the version field is not 4'),
  Ipv4BadHeaderLength: malformed('header length below 20 bytes or beyond the packet'),
  Ipv4BadTotalLength: malformed('total length beyond the frame or below the header'),
  Ipv4BadChecksum: malformed('the header checksum does not match'),
  Ipv6Truncated: malformed('fewer bytes than an IPv6 header'),
  Ipv6BadVersion: malformed('EtherType IPv6, but the version field is not 6'),
  Ipv6BadPayloadLength: malformed('payload length beyond the frame'),
  Ipv6BadExtension: malformed('an extension header is cut off, or there are too many'),
  TcpTruncated: malformed('fewer bytes than a TCP header'),
  TcpBadDataOffset: malformed('data offset below 20 bytes or beyond the segment'),
  UdpTruncated: malformed('fewer bytes than a UDP header'),
  UdpBadLength: malformed('UDP length below 8 or beyond the packet'),
  IcmpTruncated: malformed('fewer bytes than an ICMP header'),
  IcmpBadChecksum: malformed('the ICMP checksum does not match'),
  VxlanTruncated: { meaning: 'fewer than 8 bytes behind the outer UDP header', remedy: OTHER_HOST },
  VxlanBadFlags: {
    meaning: 'the VXLAN header does not say that a VNI is there',
    remedy: OTHER_HOST,
  },
  DhcpTruncated: malformed('a DHCP message is cut off'),
  DhcpBadCookie: malformed('the magic cookie of RFC 2132 is not there: BOOTP, or no DHCP at all'),
  DhcpBadOption: malformed('an option runs beyond the message, or there are too many'),
  OffloadInvalid: {
    meaning:
      'the virtio header asks for what the frame cannot give: an offset outside, segmentation without TCP or UDP',
    remedy: "Update the guest's virtio driver, or start the host with `--offload=off`.",
  },
  FrameTooBig: {
    meaning: 'more bytes than the port or the provider network takes, and it may not be cut',
    remedy: "Lower the guest's MTU to what DHCP offers (1450 on a 1500-byte provider network).",
  },
  NdpBadOption: malformed(
    'an option of a neighbour discovery message has length zero or runs beyond it',
  ),
  IcmpBadQuote: malformed('an ICMP error that does not quote the beginning of a packet'),
  PortUnknown: {
    meaning: 'a frame for a port that the switch does not have',
    remedy: 'Look at `weft port list`; attach the interface to this host.',
  },
  PortDetached: {
    meaning: 'the port was detached while the frame was on its way',
    remedy: 'Nothing, unless it goes on: then start the VM again.',
  },
  SpoofedMac: {
    meaning: "the source MAC is not the interface's",
    remedy: 'Use the MAC of `weft nic show`, or set `macSpoofing` on the interface.',
  },
  SpoofedIpv4: {
    meaning: "the source address is not one of the interface's",
    remedy: 'Take the address from DHCP, or add an ipConfiguration with it.',
  },
  SpoofedIpv6: {
    meaning: "the source address is not one of the interface's",
    remedy:
      'Take the address from DHCPv6, or add an ipConfiguration with it; addresses that a guest makes for itself are not accepted.',
  },
  SpoofedArp: {
    meaning: "an ARP packet that claims an address or MAC which is not the interface's",
    remedy: 'As for `SpoofedIpv4`.',
  },
  EtherTypeUnsupported: {
    meaning: 'neither IPv4 nor ARP: LLDP, spanning tree …',
    remedy: 'Usually nothing: guests chatter.',
  },
  MulticastUnsupported: {
    meaning: 'a multicast or broadcast that no local service answers',
    remedy: 'Usually nothing; virtual networks carry unicast, as in Azure.',
  },
  ArpUnanswered: {
    meaning: 'an ARP request for an address that nobody in the virtual network has',
    remedy: 'Look for the address in `weft nic list`; start the VM that should have it.',
  },
  NoRoute: {
    meaning: 'the destination is in no subnet of the virtual network and no route leads there',
    remedy: 'Add a subnet with that address, or a route that leads there.',
  },
  NoMapping: {
    meaning: 'the destination is in a subnet, but no attached interface has that address',
    remedy: 'Start the VM that should have it: `weft nic list` shows which interfaces have a host.',
  },
  TtlExpired: {
    meaning: 'the packet would be routed with a TTL of 0; ICMP time exceeded is sent',
    remedy: 'Nothing for traceroute; otherwise look for a loop in the guest.',
  },
  VniUnknown: {
    meaning: 'a VXLAN packet of a subnet that this host has no part in',
    remedy: OTHER_HOST,
  },
  OuterSourceUnknown: {
    meaning:
      "a VXLAN packet from an address that is no known host, or a mirror's copy from one that has no port with that mirror",
    remedy:
      'Somebody else sends to UDP 4789 on the provider network: find the sender with tcpdump.',
  },
  DestinationNotLocal: {
    meaning: 'a VXLAN packet for an address whose interface is not here (any more)',
    remedy:
      'Nothing for a moment after a VM has moved; if it goes on, compare `weft port list` with `weft nic list`.',
  },
  AclDenied: {
    meaning: 'an access control list denies it',
    remedy:
      'Look at the rules of the interface, its security tags and its subnet: `weft rules NIC`.',
  },
  ServiceUnsupported: {
    meaning: 'a packet to a platform address (168.63.129.16) for a service that is not there',
    remedy:
      "DHCP and DNS (port 53) are there, metadata (port 80) at 169.254.169.254, for the first eight IPv4 addresses of an interface. If these are refused too, look at the host's health in `weft status`.",
  },
  HairpinLoop: {
    meaning: 'a packet that would go out of the port it came from',
    remedy:
      'At a guest: it sends to its own address through the router, look at its routes. At an edge router: nobody has the address, or the network that has it is not routed here (`weft public-ip list`, `weft lb list`).',
  },
  NotForUs: {
    meaning: "a unicast frame whose destination MAC is neither the router's nor a neighbour's",
    remedy: 'The guest has a stale ARP entry: flush it, or wait for it to expire.',
  },
  SpoofedNdp: {
    meaning:
      "a neighbour discovery message that claims an address or MAC which is not the interface's, plays router, or has been forwarded",
    remedy: 'As for `SpoofedIpv4`.',
  },
  NdpUnanswered: {
    meaning: 'a neighbour solicitation for an address that nobody in the subnet has',
    remedy: 'Look for the address in `weft nic list`; start the VM that should have it.',
  },
  PolicyPending: {
    meaning: 'a list or table that applies to it has not reached this host',
    remedy: 'Nothing passes unfiltered: see `configurationState` of the interface for which it is.',
  },
  RouteNone: {
    meaning: 'a route with next hop None says so',
    remedy: 'Look at the subnet’s route table.',
  },
  InternetUnavailable: {
    meaning: 'its route leads to the Internet, which this network has no way to',
    remedy:
      'Give it an address of the virtual network or of a peered one, or a route to an appliance.',
  },
  GatewayUnavailable: {
    meaning: 'its route leads to the virtual network’s gateway, which does not exist',
    remedy: 'Look at the subnet’s route table.',
  },
  ApplianceUnreachable: {
    meaning:
      'its route leads to an appliance whose address nobody has, or whose interface does not forward for others (yet)',
    remedy: 'Look for the route’s `nextHopIpAddress` in `weft nic list`; start the appliance.',
  },
  PeeringAccessDenied: {
    meaning: 'it goes to a peered network, and the peering allows no access',
    remedy: 'Set `allowVirtualNetworkAccess` on both sides of the peering.',
  },
  PeeringForwardedDenied: {
    meaning:
      'it goes to a peered network, its source is outside the sender’s address space, and the peering allows no forwarded traffic',
    remedy: 'Set `allowForwardedTraffic` on the remote side of the peering.',
  },
  InnerSourceImplausible: {
    meaning:
      'it came through a tunnel from an address that nobody in the network or in a peered one has, and that no route of the subnet sends to an appliance',
    remedy: 'Look at the other host: its goal state may be older, or somebody forges packets.',
  },
  IcmpErrorUnrelated: {
    meaning: 'an ICMP error about a packet of no known flow, or not to its sender',
    remedy:
      'Usually nothing: the flow it is about has ended. Going on, somebody invents errors: capture with tcpdump in the VM.',
  },
  FlowTableFull: {
    meaning:
      'no free entry for a new flow at the sending or the receiving port, and nothing half-open or ended that could go',
    remedy: 'Fewer flows, a higher `portFlowLimit`, or more hosts; `docs/limits.md` has the sizes.',
  },
  TransmitQueueFull: {
    meaning: 'the receiver does not take frames as fast as they come',
    remedy: 'The guest is too slow, or too busy; TCP adapts by itself.',
  },
  TransmitFailed: {
    meaning: 'the kernel refused the frame',
    remedy: "Look into the host's `role.log`.",
  },
  RateLimited: {
    meaning: 'more packets than a service or a port may have per second',
    remedy: 'Send slower.',
  },
  ReceiveQueueFull: {
    meaning: 'frames came faster than the switch takes them',
    remedy: 'The host is overloaded: give it a processor, or move VMs away.',
  },
  DenialsLimited: {
    meaning:
      "the port's policy refuses so much of what it sends or is sent that packets of new flows are not looked at any more for the rest of a burst",
    remedy: 'Find out what is refused: the other drops of the port.',
  },
  FragmentWithoutFirst: {
    meaning:
      "a fragment whose datagram's first fragment has not come, or more than 30 seconds ago; edge routers and muxes wait for it for a second",
    remedy:
      'Nothing for a moment after loss; if it goes on, a lower MTU in the guest avoids fragments.',
  },
  InboundRateExceeded: {
    meaning: 'frames for a port came faster than its inbound limit for longer than its queue holds',
    remedy:
      "The sender's TCP adapts; raise `qosSettings.inboundMaximumMbps` of the interface, or send slower.",
  },
  StormLimited: {
    meaning: 'a port sent more broadcast and multicast frames in one second than it may',
    remedy: "Look for a loop in the VM; raise `stormLimit` in the interface's port settings.",
  },
  DhcpGuarded: {
    meaning: 'a VM answered DHCP, which only the network itself may',
    remedy: 'Stop the DHCP server in the VM, or switch `dhcpGuard` off for the interface.',
  },
  MirrorCollectorAbsent: {
    meaning:
      'a copy for a port mirror had nowhere to go: its collector has no device; the frame itself went its way',
    remedy: "Start the collector's VM, or take the `serviceInsertion` away.",
  },
  MirrorLimited: {
    meaning:
      'a copy for a port mirror was more than the switch makes in one burst; the frame itself went its way',
    remedy:
      'Narrow the rules of the `serviceInsertion`, or let fewer mirrors copy the same interface.',
  },
  MirrorTooBig: {
    meaning:
      "a copy for a port mirror does not fit the tunnel to its collector's host; the frame itself went its way",
    remedy:
      "Lower the guest's MTU to what DHCP offers, or place the collector at the mirrored interface's host.",
  },
  NatNoPool: {
    meaning:
      'an edge router has no pool of public addresses for the sender; ICMP administratively prohibited is sent. IPv6 has no pools at all',
    remedy: 'Give the sender a public address, or the edge a NAT pool.',
  },
  NatPortsExhausted: {
    meaning: "the pool that a sender's ports come from has no block left; the sender is told",
    remedy: 'More addresses in the pool, or smaller blocks.',
  },
  NatBlocksSpent: {
    meaning: 'one inside address uses all the ports that it may have; the sender is told',
    remedy: "Look for what opens so many connections; raise the pool's blocks per address.",
  },
  NatTableFull: {
    meaning: 'the edge router has all the mappings that it can hold; the sender is told',
    remedy: 'More edge routers; `docs/limits.md` has the size.',
  },
  NatProtocolUnsupported: {
    meaning:
      'a protocol without ports cannot share a public address, and one whose checksum covers addresses cannot have any (DCCP, UDP-Lite); the sender is told',
    remedy: 'Give the sender a public address of its own, or tunnel in UDP.',
  },
  NatNoMapping: {
    meaning: 'a packet from outside to a shared public address and a port that nobody has opened',
    remedy: 'Usually nothing: scans. A server needs a port forward or a public address of its own.',
  },
  PublicAddressUnbound: {
    meaning: 'a packet to a public address that no interface has; the sender is told',
    remedy: 'Bind the `publicIPAddresses` resource to an interface.',
  },
  MartianSource: {
    meaning:
      "a packet at the edge from an address that no host there can have: loopback, multicast, the edge's own, or one of the inside coming from outside",
    remedy: 'Somebody forges packets, or a route outside leads back: capture with tcpdump.',
  },
  MartianDestination: {
    meaning: 'a packet at the edge to loopback, link-local or multicast addresses',
    remedy: 'A guest with a wrong route.',
  },
  NeighborUnresolved: {
    meaning:
      'the next hop, or the destination on the link, does not answer ARP or neighbour solicitations; the sender is told',
    remedy: 'Is it up, and on that link? `ip neigh` there.',
  },
  NeighborQueueFull: {
    meaning: "more packets than may wait for one neighbour's MAC address",
    remedy: 'Nothing: the first ones do go on.',
  },
  InfrastructureProtected: {
    meaning: "a tenant's packet to the provider network itself; the sender is told",
    remedy: 'Nothing: tenants reach services by their public addresses.',
  },
  VirtualPortUnserved: {
    meaning:
      'for a virtual address, but no rule of it serves this protocol and port, or not from this backend (any more)',
    remedy: 'Add a load-balancing rule for the port, or the backend to the pool of the rule.',
  },
  VirtualAddressWithoutBackend: {
    meaning: 'for a virtual address none of whose backends is up',
    remedy: 'Find out what the probe says of the backends, and whether they drain.',
  },
  SnatPortsExhausted: {
    meaning: 'to the Internet, and every port leased to this backend is taken towards this server',
    remedy: 'More ports for each backend: more frontends in the outbound rule, or fewer backends.',
  },
  SnatPortUnleased: {
    meaning: 'an answer to a port that this backend may not use any more',
    remedy: 'Nothing: new connections use other ports.',
  },
  SnatUnasked: {
    meaning: 'from outside to a port that backends leave by, and nobody there has asked',
    remedy:
      'Nothing, unless somebody shall be reached: then add a load-balancing or inbound NAT rule.',
  },
  VirtualPortUnknown: {
    meaning:
      'a packet to a virtual address, by a protocol and to a port that no rule and no lease of outbound ports is for',
    remedy: 'Usually nothing: scans. Else add a loadBalancingRule or an inboundNatRule.',
  },
  NoLiveBackend: {
    meaning:
      'a new connection to a virtual address whose backends all fail their probe, are drained, or are attached nowhere',
    remedy: 'Look at the backends and the last result of their probe.',
  },
  BackendUnattached: {
    meaning: 'a packet of a known connection whose backend is attached to no host now',
    remedy: 'Start the VM, or take it out of the pool.',
  },
  BackendSearchDeferred: {
    meaning:
      'of a connection that this mux does not know, and whose backend cannot be looked for now: too many are, or its pool has just changed',
    remedy:
      'Nothing: its sender tries again. If it goes on, somebody floods the virtual address with packets of no connection.',
  },
  FragmentsLimited: {
    meaning:
      'a packet to be cut for the provider network, and no room in this burst for its fragments',
    remedy: "Lower the guest's MTU to what DHCP offers, so that nothing has to be cut.",
  },
};

function malformed(meaning: string): DropWords {
  return { meaning, remedy: 'A broken or hostile sender: capture with tcpdump in the VM.' };
}

/** Of a code that a later version has counted. */
const UNKNOWN: DropWords = malformed('the frame is malformed');

export function dropWords(drop: Drop): DropWords {
  const name = DROP_NAMES[drop] ?? '';
  return isKnown(name) ? DROP_WORDS[name] : UNKNOWN;
}

function isKnown(name: string): name is DropName {
  return Object.hasOwn(DROP_WORDS, name);
}
