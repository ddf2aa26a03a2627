/**
 * What a drop means and what its victim can do about it: the words of docs/errors.md, for whoever asks about one packet (a test compares
 * them). Malformed frames share one remedy. Called by tracer.
 */
import { DROP_NAMES, type Drop } from '../../packet/drop.ts';

export interface DropWords {
  readonly meaning: string;
  readonly remedy: string;
}

/** By name (packet/drop.ts). */
export const DROP_WORDS: Readonly<Record<string, DropWords>> = {
  VxlanTruncated: {
    meaning: 'fewer than 8 bytes behind the outer UDP header',
    remedy: 'A host with other software or an older goal state: compare `weft status` of both.',
  },
  VxlanBadFlags: {
    meaning: 'the VXLAN header does not say that a VNI is there',
    remedy: 'A host with other software or an older goal state: compare `weft status` of both.',
  },
  OffloadInvalid: {
    meaning:
      'the virtio header asks for what the frame cannot give: an offset outside, segmentation without TCP or UDP',
    remedy: "Update the guest's virtio driver, or start the host with `--offload=off`.",
  },
  FrameTooBig: {
    meaning: 'more bytes than the port or the provider network takes, and it may not be cut',
    remedy: "Lower the guest's MTU to what DHCP offers (1450 on a 1500-byte provider network).",
  },
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
    remedy: 'Add a subnet; the Internet is not reachable in this version.',
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
    remedy: 'A host with other software or an older goal state: compare `weft status` of both.',
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
    remedy: 'A guest sends to its own address through the router: look at its routes.',
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
  InboundRateExceeded: {
    meaning: 'frames for a port came faster than its inbound limit for longer than its queue holds',
    remedy:
      "The sender's TCP adapts; raise `qosSettings.inboundMaximumMbps` of the interface, or send slower.",
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
  DenialsLimited: {
    meaning:
      "the port's policy refuses so much of what it sends or is sent that packets of new flows are not looked at any more for the rest of a burst",
    remedy: 'Find out what is refused: the other drops of the port.',
  },
  FragmentWithoutFirst: {
    meaning: "a fragment whose datagram's first fragment has not come, or more than 30 seconds ago",
    remedy:
      'Nothing for a moment after loss; if it goes on, a lower MTU in the guest avoids fragments.',
  },
  FragmentsLimited: {
    meaning:
      'a packet to be cut for the provider network, and no room in this burst for its fragments',
    remedy: "Lower the guest's MTU to what DHCP offers, so that nothing has to be cut.",
  },
};

const UNKNOWN: DropWords = {
  meaning: 'the frame is malformed',
  remedy: 'A broken or hostile sender: capture with tcpdump in the VM.',
};

export function dropWords(drop: Drop): DropWords {
  return DROP_WORDS[DROP_NAMES[drop] ?? ''] ?? UNKNOWN;
}
