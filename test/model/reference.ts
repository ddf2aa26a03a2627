/**
 * Reference model of the host switch: what its specification says must become of a packet, computed the slow and obvious way from
 * goal-state messages (weft.proto) — plain loops over lists, nothing remembered but who opened a flow (history), nothing shared with dataplane/.
 * Whoever changes what the switch shall do changes this file first. Covers anti-spoofing, what belongs to local services, access control lists
 * of interfaces and subnets, security tags, route tables, appliances, peerings, mapping, tunnels. Not said by it ('any'): ICMP errors, which
 * belong to the flow of another packet.
 *
 * Packets are valid ones (test/model/frame); malformed bytes are the fuzz test's business. What a service answers is its own tests'
 * business: here it only matters that such a packet goes nowhere else. Called by test/unit/model.
 */
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import type { Drop } from '../../packet/drop.ts';
import {
  AclDirection,
  type Peering,
  type Port,
  type RouteTable,
  type VirtualNetwork,
  type VirtualSubnet,
} from '../../schema/southbound/messages.ts';
import { type Address, isIn, isIpv6, textOf } from './address.ts';
import { ipLengthOf, isIcmp, type PacketSpec, PROTOCOL } from './frame.ts';
import { permits, routeOf } from './policy.ts';
import {
  attachedOwner,
  forwarderAt,
  isHere,
  mappingOf,
  networkOf,
  sourceSubnet,
  subnetsOf,
  type World,
} from './world.ts';

export type DropName = keyof typeof Drop;

export type Verdict =
  /** To a VM of this host, as `packet`. */
  | { readonly kind: 'deliver'; readonly portId: string; readonly packet: PacketSpec }
  /** Through a tunnel, as `packet`. */
  | {
      readonly kind: 'tunnel';
      readonly host: Address;
      readonly vni: number;
      readonly packet: PacketSpec;
      /** Longest IP packet that the tunnel takes: a longer one goes in fragments. */
      readonly mtu: number;
    }
  /** Meant for the switch's own services: answered to the sender or dropped, and nobody else sees anything. */
  | { readonly kind: 'service'; readonly mustAnswer: boolean }
  /** Not said here; nobody may be harmed by it. */
  | { readonly kind: 'any' }
  /** Dropped for one of these reasons; with `isReported` the sender may be told by an ICMP error. */
  | {
      readonly kind: 'drop';
      readonly reasons: readonly DropName[];
      readonly isReported: boolean;
    };

/** Bytes VXLAN puts before an inner IP packet (RFC 7348 §5), by family of the provider network. */
const OVERHEAD = { ipv4: 20 + 8 + 8 + 14, ipv6: 40 + 8 + 8 + 14 };

/**
 * What becomes of a packet that cannot be placed in any flow, whatever the policy: an ICMP error that quotes nothing (generated ones
 * never quote a packet), a fragment whose first has not been seen. Undefined: it can be.
 */
export function unplaced(packet: PacketSpec, isFirstKnown: boolean): Verdict | undefined {
  if (packet.fragment === 'later' && !isFirstKnown) return drop('FragmentWithoutFirst');
  const { protocol, type } = packet.segment;
  const isError =
    (protocol === PROTOCOL.ICMP && type === 3) || (protocol === PROTOCOL.ICMPV6 && type === 1);
  return isError ? drop('IcmpBadQuote', 'IcmpErrorUnrelated') : undefined;
}

/** What a VM sends through its port; of a later fragment, `packet` has the ports of the first. */
export function fromPort(world: World, portId: string, packet: PacketSpec): Verdict {
  const port = world.ports.find(({ id }) => id === portId);
  if (port === undefined) return drop('PortUnknown');
  const spoofed = antiSpoof(port, packet);
  if (spoofed !== undefined) return drop(spoofed);
  if (isForServices(world, port, packet)) {
    return { kind: 'service', mustAnswer: isEchoToGateway(world, port, packet) };
  }
  if (!isGlobal(packet.src)) return drop('NoRoute');
  // What comes from there is let in as a health probe: nobody else does, not even for others.
  if (packet.src === PLATFORM[0]) return drop('SpoofedIpv4');
  const network = networkOf(world, port);
  if (network === undefined) return drop('PortUnknown');
  if (belongsToAnother(packet)) return { kind: 'any' };
  if (!isPermitted(world, port, packet, 'sent')) return drop('AclDenied');
  const subnet = sourceSubnet(world, port, packet.src);
  const way = routed(world, network, subnet, packet);
  return 'kind' in way ? way : toMapping(world, port, packet, way);
}

/** Where routing leads a packet. */
interface Way {
  /** The subnet it comes from. */
  readonly from: VirtualSubnet | undefined;
  /** Whose mapping counts: of its own network, or of a peered one. */
  readonly vnetId: string;
  /** The destination itself, or an appliance. */
  readonly nextHop: Address;
}

function routed(
  world: World,
  network: VirtualNetwork,
  from: VirtualSubnet | undefined,
  packet: PacketSpec,
): Way | Verdict {
  const table = world.routeTables.find(({ id }) => id === from?.routeTableId);
  const hop = routeOf(packet.dst, network, table);
  switch (hop.kind) {
    case 'internet':
      return drop('InternetUnavailable');
    case 'gateway':
      return drop('GatewayUnavailable');
    case 'none':
      return drop('RouteNone');
    case 'local':
      return { from, vnetId: network.id, nextHop: packet.dst };
    case 'peering':
      return across(world, network, hop.peering, { from, nextHop: packet.dst }, packet);
    case 'appliance': {
      const nextHop = hop.address;
      const isWithin = (space: VirtualNetwork['addressSpace']) =>
        space.some((prefix) => isIn(nextHop, prefix));
      if (isWithin(network.addressSpace)) return { from, vnetId: network.id, nextHop };
      const peering = network.peerings.find((own) => isWithin(own.remoteAddressSpace));
      if (peering === undefined) return drop('ApplianceUnreachable');
      return across(world, network, peering, { from, nextHop }, packet);
    }
  }
}

/** Into a peered network, and no further: that network's own peerings and routes do not count. */
function across(
  world: World,
  network: VirtualNetwork,
  peering: Peering,
  way: Omit<Way, 'vnetId'>,
  packet: PacketSpec,
): Way | Verdict {
  const { remoteVnetId, allowAccess, allowForwarded } = peering;
  if (!world.networks.some(({ id }) => id === remoteVnetId)) return drop('PolicyPending');
  if (!allowAccess) return drop('PeeringAccessDenied');
  const isOwn = network.addressSpace.some((prefix) => isIn(packet.src, prefix));
  if (!isOwn && !allowForwarded) return drop('PeeringForwardedDenied');
  return { ...way, vnetId: remoteVnetId };
}

/** What the packet is part of is said by another packet. */
function belongsToAnother({ segment }: PacketSpec): boolean {
  return isIcmp(segment.protocol) && !ECHO_TYPES.includes(segment.type);
}

const ECHO_TYPES: readonly number[] = [0, 8, 128, 129];

/**
 * Do the port's lists let it send or receive the packet? An answer is judged as its request was, by the rules of the other direction.
 * Both lists of the configuration that has the port's address, and those of the port's security tags, must permit; without a list everything is.
 */
function isPermitted(
  world: World,
  port: Port,
  packet: PacketSpec,
  direction: 'sent' | 'received',
): boolean {
  const isReply = world.history.find(port.id, packet, direction === 'sent')?.isReply === true;
  const judged = isReply ? turned(packet) : packet;
  const isOutbound = (direction === 'sent') !== isReply;
  const ownAddress = isOutbound ? judged.src : judged.dst;
  const configuration =
    port.ipConfigurations.find(({ address }) => textOf(address) === ownAddress) ??
    port.ipConfigurations[0];
  const subnet = world.subnets.find(({ id }) => id === configuration?.subnetId);
  const network = networkOf(world, port);
  if (network === undefined) return false;
  const ids = [
    configuration?.accessControlListId,
    subnet?.accessControlListId,
    ...port.tagLists.map(({ accessControlListId }) => accessControlListId),
  ];
  const aclDirection = isOutbound ? AclDirection.ACL_OUTBOUND : AclDirection.ACL_INBOUND;
  const header = { ...judged.segment, src: judged.src, dst: judged.dst };
  return world.lists
    .filter(({ id }) => ids.includes(id))
    .every((list) =>
      permits(list, aclDirection, header, { network, securityTags: world.securityTags }),
    );
}

function turned(packet: PacketSpec): PacketSpec {
  const { src, dst, segment } = packet;
  const { srcPort, dstPort } = segment;
  return {
    ...packet,
    src: dst,
    dst: src,
    segment: { ...segment, srcPort: dstPort, dstPort: srcPort },
  };
}

/** What a tunnel from the host with address `source` brings. */
export function fromTunnel(
  world: World,
  tunnel: { readonly source: Address; readonly vni: number },
  packet: PacketSpec,
): Verdict {
  const isKnown = world.mappings.some(
    ({ providerAddress }) =>
      textOf(providerAddress) === tunnel.source && !isHere(world, providerAddress),
  );
  if (!isKnown) return drop('OuterSourceUnknown');
  if (packet.isTagged) return drop('EtherTypeUnsupported');
  if (isToGroup(packet.dstMac)) return drop('MulticastUnsupported');
  const subnet = world.subnets.find(({ vni }) => vni === tunnel.vni);
  if (subnet === undefined) return drop('VniUnknown');
  const receiver = receiverOf(world, subnet, packet);
  if ('kind' in receiver) return receiver;
  const isProbe = packet.src === PLATFORM[0] || packet.src === ROUTER_LINK_LOCAL;
  if (isProbe || !isPlausible(world, subnet, packet)) return drop('InnerSourceImplausible');
  if (!world.attached.has(receiver.id)) return drop('PortDetached');
  if (belongsToAnother(packet)) return { kind: 'any' };
  if (!isPermitted(world, receiver, packet, 'received')) return drop('AclDenied');
  const { history, nowSec } = world;
  history.ensure(receiver.id, packet, false, nowSec);
  history.touch(receiver.id, packet, false, nowSec);
  return { kind: 'deliver', portId: receiver.id, packet };
}

/**
 * The port here that a tunnelled packet is for: one that forwards for others by its MAC address, any other by its own address, and only if
 * the packet is not meant for another interface of the subnet here.
 */
function receiverOf(world: World, subnet: VirtualSubnet, packet: PacketSpec): Port | Verdict {
  const forwarder = forwarderAt(world, subnet, packet.dstMac);
  if (forwarder !== undefined) return forwarder;
  const here = world.mappings.filter(
    ({ subnetId, providerAddress }) => subnetId === subnet.id && isHere(world, providerAddress),
  );
  const mapping = here.find(({ address }) => textOf(address) === packet.dst);
  if (mapping === undefined) return drop('DestinationNotLocal');
  if (mapping.mac !== packet.dstMac && here.some(({ mac }) => mac === packet.dstMac)) {
    return drop('DestinationNotLocal');
  }
  return attachedOwner(world, mapping) ?? drop('PortDetached');
}

/** Could a host that knows its policy have sent the packet into this subnet? */
function isPlausible(world: World, subnet: VirtualSubnet, packet: PacketSpec): boolean {
  const { vnetId } = subnet;
  const network = world.networks.find(({ id }) => id === vnetId);
  if (network === undefined) return false;
  if (mappingOf(world, vnetId, packet.src) !== undefined) return true;
  if (forwarderAt(world, subnet, packet.dstMac) !== undefined) return true;
  const table = world.routeTables.find(({ id }) => id === subnet.routeTableId);
  if (leadsToAppliance(world, network, table, packet.src)) return true;
  return network.peerings.some((own) => {
    const remote = world.networks.find(({ id }) => id === own.remoteVnetId);
    const back = remote?.peerings.find(({ remoteVnetId }) => remoteVnetId === vnetId);
    if (own.allowForwarded || back?.allowForwarded === true) return true;
    const isAllowed = own.allowAccess || back?.allowAccess === true;
    return isAllowed && mappingOf(world, own.remoteVnetId, packet.src) !== undefined;
  });
}

/** Would the subnet send what is for this address to an appliance that could be there? */
function leadsToAppliance(
  world: World,
  network: VirtualNetwork,
  table: RouteTable | undefined,
  address: Address,
): boolean {
  const hop = routeOf(address, network, table);
  if (hop.kind !== 'appliance') return false;
  const isWithin = (space: VirtualNetwork['addressSpace']) =>
    space.some((prefix) => isIn(hop.address, prefix));
  if (isWithin(network.addressSpace)) return true;
  const peering = network.peerings.find((own) => isWithin(own.remoteAddressSpace));
  return world.networks.some(({ id }) => id === peering?.remoteVnetId);
}

/** Why the packet may not leave the port; undefined: it may. */
function antiSpoof(port: Port, packet: PacketSpec): DropName | undefined {
  if (packet.isTagged) return 'EtherTypeUnsupported';
  if (!port.macSpoofing && packet.srcMac !== port.mac) return 'SpoofedMac';
  if (!port.dhcpGuardOff && isDhcpAnswer(packet)) return 'DhcpGuarded';
  if (port.ipConfigurations.some(({ address }) => textOf(address) === packet.src)) return undefined;
  if (port.ipForwarding && hasFamilyOf(port, packet)) return undefined;
  if (isIpv6(packet.src)) {
    return packet.src === '::' || packet.src.startsWith('fe80:') ? undefined : 'SpoofedIpv6';
  }
  return packet.src === '0.0.0.0' && isDhcpRequest(packet) ? undefined : 'SpoofedIpv4';
}

function hasFamilyOf(port: Port, { src }: PacketSpec): boolean {
  return port.ipConfigurations.some(({ address }) => isIpv6(textOf(address)) === isIpv6(src));
}

function isDhcpAnswer({ src, segment }: PacketSpec): boolean {
  const [server, client] = isIpv6(src) ? [547, 546] : [67, 68];
  const { protocol, srcPort, dstPort } = segment;
  const isFromServer = srcPort === server && dstPort === client;
  return protocol === PROTOCOL.UDP && isFromServer;
}

function isDhcpRequest({ segment }: PacketSpec): boolean {
  const { protocol, srcPort, dstPort } = segment;
  return protocol === PROTOCOL.UDP && srcPort === 68 && dstPort === 67;
}

/** As which health probes come, over IPv6. */
const ROUTER_LINK_LOCAL: Address = 'fe80::1234:5678:9abc';
const PLATFORM: readonly Address[] = ['168.63.129.16', '169.254.169.254'];

/** To everybody, to a neighbour, to the virtual router, or to an address of the platform: nothing of that is forwarded to anybody. */
function isForServices(world: World, port: Port, packet: PacketSpec): boolean {
  if (isToGroup(packet.dstMac) || PLATFORM.includes(packet.dst)) return true;
  if (isLinkLocal(packet.dst)) return true;
  return subnetsOf(world, port).some(({ gateway }) => textOf(gateway) === packet.dst);
}

function isEchoToGateway(world: World, port: Port, packet: PacketSpec): boolean {
  const { segment, fragment, src, dst, dstMac } = packet;
  return (
    !isIpv6(dst) &&
    isGlobal(src) &&
    !isToGroup(dstMac) &&
    subnetsOf(world, port).some(({ gateway }) => textOf(gateway) === dst) &&
    fragment === 'none' &&
    segment.protocol === PROTOCOL.ICMP &&
    segment.type === 8
  );
}

/** Where a packet goes that is routed to its destination or to an appliance. */
function toMapping(world: World, port: Port, packet: PacketSpec, way: Way): Verdict {
  const { history, nowSec } = world;
  const mapping = mappingOf(world, way.vnetId, way.nextHop);
  const isRedirected = way.nextHop !== packet.dst;
  if (mapping === undefined) return drop(isRedirected ? 'ApplianceUnreachable' : 'NoMapping');
  const isRoutedHop = isRedirected || way.from?.id !== mapping.subnetId;
  const sent: PacketSpec = {
    ...packet,
    dstMac: mapping.mac,
    ...(isRoutedHop ? { srcMac: VIRTUAL_ROUTER_MAC, ttl: packet.ttl - 1 } : {}),
  };
  const isExpired = isRoutedHop && packet.ttl <= 1;
  if (isHere(world, mapping.providerAddress)) {
    const receiver = attachedOwner(world, mapping);
    if (receiver === undefined) return drop('PortDetached');
    if (isRedirected && !receiver.ipForwarding) return drop('ApplianceUnreachable');
    if (receiver.id === port.id) return drop('HairpinLoop');
    const isReceived = isPermitted(world, receiver, packet, 'received');
    // The sender's own layers have let it out, whatever becomes of it.
    history.ensure(port.id, packet, true, nowSec);
    if (!isReceived) return drop('AclDenied');
    history.ensure(receiver.id, packet, false, nowSec);
    if (isExpired) return reported('TtlExpired');
    history.touch(port.id, packet, true, nowSec);
    history.touch(receiver.id, packet, false, nowSec);
    return { kind: 'deliver', portId: receiver.id, packet: sent };
  }
  history.ensure(port.id, packet, true, nowSec);
  const mtu = innerMtu(world);
  const isTooBig = ipLengthOf(packet) > mtu && mayNotFragment(packet);
  if (isExpired || isTooBig) {
    // A router may find either first (RFC 1812 §5.2.1).
    const reasons: DropName[] = [];
    if (isExpired) reasons.push('TtlExpired');
    if (isTooBig) reasons.push('FrameTooBig');
    return reported(...reasons);
  }
  history.touch(port.id, packet, true, nowSec);
  const vni = world.subnets.find(({ id }) => id === mapping.subnetId)?.vni ?? 0;
  return { kind: 'tunnel', host: textOf(mapping.providerAddress), vni, packet: sent, mtu };
}

function innerMtu({ host }: World): number {
  if (host === undefined) return 0;
  const isIpv4 = host.providerAddress.length === 4;
  return host.providerMtu - (isIpv4 ? OVERHEAD.ipv4 : OVERHEAD.ipv6);
}

/** RFC 791: DF; RFC 8200 §5: IPv6 is never fragmented on its way. A super-frame is cut to segments, and these are not cut again. */
function mayNotFragment(packet: PacketSpec): boolean {
  return isIpv6(packet.src) || packet.dontFragment || packet.offload === 'segmentation';
}

/** May be the source of a packet that is forwarded (RFC 4291 §2.5.6, RFC 3927 §2.7: not link-local; RFC 1122 §3.2.1.3: not "this host"). */
function isGlobal(address: Address): boolean {
  return address !== '0.0.0.0' && address !== '::' && !isLinkLocal(address);
}

function isLinkLocal(address: Address): boolean {
  return address.startsWith('fe80:') || address.startsWith('169.254.');
}

export function isToGroup(mac: number): boolean {
  return (Math.floor(mac / 0x100_0000_0000) & 1) === 1;
}

function drop(...reasons: DropName[]): Verdict {
  return { kind: 'drop', reasons, isReported: false };
}

function reported(...reasons: DropName[]): Verdict {
  return { kind: 'drop', reasons, isReported: true };
}
