/**
 * Reference model of the host switch: what its specification says must become of a packet, computed the slow and obvious way from
 * goal-state messages (weft.proto) — plain loops over lists, nothing remembered but who opened a flow (history), nothing shared with dataplane/.
 * Whoever changes what the switch shall do changes this file first. Covers anti-spoofing, what belongs to local services, access control lists
 * of interfaces and subnets, route tables without appliances, mapping, tunnels. Not said by it ('any'): later fragments and ICMP errors, which
 * belong to the flow of another packet.
 *
 * Packets are valid ones (test/model/frame); malformed bytes are the fuzz test's business. What a service answers is its own tests'
 * business: here it only matters that such a packet goes nowhere else. Called by test/unit/model.
 */
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import type { Drop } from '../../packet/drop.ts';
import {
  type AccessControlList,
  AclDirection,
  type HostSettings,
  type Mapping,
  type Port,
  type Resource,
  type RouteTable,
  type SecurityTag,
  type VirtualNetwork,
  type VirtualSubnet,
} from '../../schema/southbound/messages.ts';
import { type Address, isIpv6, textOf } from './address.ts';
import { ipLengthOf, isIcmp, type PacketSpec, PROTOCOL } from './frame.ts';
import type { History } from './history.ts';
import { type Hop, nextHop, permits } from './policy.ts';

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

/** Goal state, taken apart. */
export interface World {
  readonly host: HostSettings | undefined;
  readonly networks: readonly VirtualNetwork[];
  readonly subnets: readonly VirtualSubnet[];
  readonly ports: readonly Port[];
  readonly mappings: readonly Mapping[];
  readonly lists: readonly AccessControlList[];
  readonly securityTags: readonly SecurityTag[];
  readonly routeTables: readonly RouteTable[];
  readonly history: History;
  readonly nowSec: number;
  /** Ids of ports with a device behind them. */
  readonly attached: ReadonlySet<string>;
}

export function worldOf(
  goal: Iterable<Resource>,
  present: Pick<World, 'attached' | 'history' | 'nowSec'>,
): World {
  const resources = [...goal];
  return {
    ...present,
    host: resources.flatMap(({ host }) => host ?? [])[0],
    networks: resources.flatMap(({ virtualNetwork }) => virtualNetwork ?? []),
    subnets: resources.flatMap(({ virtualSubnet }) => virtualSubnet ?? []),
    ports: resources.flatMap(({ port }) => port ?? []),
    mappings: resources.flatMap(({ mapping }) => mapping ?? []),
    lists: resources.flatMap(({ accessControlList }) => accessControlList ?? []),
    securityTags: resources.flatMap(({ securityTag }) => securityTag ?? []),
    routeTables: resources.flatMap(({ routeTable }) => routeTable ?? []),
  };
}

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
  const network = world.networks.find(({ id }) => id === port.vnetId);
  if (network === undefined) return drop('PortUnknown');
  if (belongsToAnother(packet)) return { kind: 'any' };
  if (!isPermitted(world, port, packet, 'sent')) return drop('AclDenied');
  const own = port.ipConfigurations.find(({ address }) => textOf(address) === packet.src);
  const subnet = world.subnets.find(({ id }) => id === own?.subnetId);
  const table = world.routeTables.find(({ id }) => id === subnet?.routeTableId);
  const hop = nextHop(packet.dst, network, table);
  if (hop.kind !== 'local') return drop(NO_WAY[hop.kind]);
  return toMapping(world, port, packet);
}

const NO_WAY: Readonly<Record<Exclude<Hop['kind'], 'local'>, DropName>> = {
  internet: 'InternetUnavailable',
  gateway: 'GatewayUnavailable',
  none: 'RouteNone',
  appliance: 'ApplianceUnreachable',
  peering: 'PolicyPending',
};

/** What the packet is part of is said by another packet. */
function belongsToAnother({ fragment, segment }: PacketSpec): boolean {
  return fragment === 'later' || (isIcmp(segment.protocol) && !ECHO_TYPES.includes(segment.type));
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
  const network = world.networks.find(({ id }) => id === port.vnetId);
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
  const mapping = world.mappings.find(
    ({ subnetId, address }) => subnetId === subnet.id && textOf(address) === packet.dst,
  );
  if (mapping === undefined || !isHere(world, mapping.providerAddress)) {
    return drop('DestinationNotLocal');
  }
  const receiver = attachedOwner(world, mapping);
  if (receiver === undefined) return drop('PortDetached');
  const isPlausible = world.mappings.some(
    ({ vnetId, address }) => vnetId === subnet.vnetId && textOf(address) === packet.src,
  );
  if (!isPlausible) return drop('InnerSourceImplausible');
  if (belongsToAnother(packet)) return { kind: 'any' };
  if (!isPermitted(world, receiver, packet, 'received')) return drop('AclDenied');
  const { history, nowSec } = world;
  history.ensure(receiver.id, packet, false, nowSec);
  history.touch(receiver.id, packet, false, nowSec);
  return { kind: 'deliver', portId: receiver.id, packet };
}

/** Why the packet may not leave the port; undefined: it may. */
function antiSpoof(port: Port, packet: PacketSpec): DropName | undefined {
  if (packet.isTagged) return 'EtherTypeUnsupported';
  if (!port.macSpoofing && packet.srcMac !== port.mac) return 'SpoofedMac';
  if (!port.dhcpGuardOff && isDhcpAnswer(packet)) return 'DhcpGuarded';
  if (port.ipConfigurations.some(({ address }) => textOf(address) === packet.src)) return undefined;
  if (isIpv6(packet.src)) {
    return packet.src === '::' || packet.src.startsWith('fe80:') ? undefined : 'SpoofedIpv6';
  }
  return packet.src === '0.0.0.0' && isDhcpRequest(packet) ? undefined : 'SpoofedIpv4';
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

const PLATFORM: readonly Address[] = ['168.63.129.16', '169.254.169.254'];

/** To everybody, to the virtual router, or to an address of the platform: nothing of that is forwarded to anybody. */
function isForServices(world: World, port: Port, packet: PacketSpec): boolean {
  if (isToGroup(packet.dstMac) || PLATFORM.includes(packet.dst)) return true;
  if (packet.dst.startsWith('fe80:')) return true;
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

/** Where a packet goes that is routed to the address itself. */
function toMapping(world: World, port: Port, packet: PacketSpec): Verdict {
  const { history, nowSec } = world;
  const mapping = world.mappings.find(
    ({ vnetId, address }) => vnetId === port.vnetId && textOf(address) === packet.dst,
  );
  if (mapping === undefined) return drop('NoMapping');
  const own = port.ipConfigurations.find(({ address }) => textOf(address) === packet.src);
  const isRoutedHop = own?.subnetId !== mapping.subnetId;
  const sent: PacketSpec = {
    ...packet,
    dstMac: mapping.mac,
    ...(isRoutedHop ? { srcMac: VIRTUAL_ROUTER_MAC, ttl: packet.ttl - 1 } : {}),
  };
  const isExpired = isRoutedHop && packet.ttl <= 1;
  if (isHere(world, mapping.providerAddress)) {
    const receiver = attachedOwner(world, mapping);
    if (receiver === undefined) return drop('PortDetached');
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
  const isTooBig = ipLengthOf(packet) > innerMtu(world) && mayNotFragment(packet);
  if (isExpired || isTooBig) {
    // A router may find either first (RFC 1812 §5.2.1).
    const reasons: DropName[] = [];
    if (isExpired) reasons.push('TtlExpired');
    if (isTooBig) reasons.push('FrameTooBig');
    return reported(...reasons);
  }
  history.touch(port.id, packet, true, nowSec);
  const vni = world.subnets.find(({ id }) => id === mapping.subnetId)?.vni ?? 0;
  return { kind: 'tunnel', host: textOf(mapping.providerAddress), vni, packet: sent };
}

function innerMtu({ host }: World): number {
  if (host === undefined) return 0;
  const isIpv4 = host.providerAddress.length === 4;
  return host.providerMtu - (isIpv4 ? OVERHEAD.ipv4 : OVERHEAD.ipv6);
}

/** RFC 791: DF; RFC 8200 §5: IPv6 is never fragmented on its way. */
function mayNotFragment(packet: PacketSpec): boolean {
  return isIpv6(packet.src) || packet.dontFragment;
}

/** The port here that has the mapped address, if a VM is behind it. */
function attachedOwner(world: World, mapping: Mapping): Port | undefined {
  const owner = world.ports.find(
    ({ vnetId, ipConfigurations }) =>
      vnetId === mapping.vnetId &&
      ipConfigurations.some(({ address }) => textOf(address) === textOf(mapping.address)),
  );
  return owner !== undefined && world.attached.has(owner.id) ? owner : undefined;
}

function isHere({ host }: World, providerAddress: Uint8Array): boolean {
  return host !== undefined && textOf(host.providerAddress) === textOf(providerAddress);
}

function subnetsOf(world: World, port: Port): VirtualSubnet[] {
  return world.subnets.filter(({ id }) =>
    port.ipConfigurations.some(({ subnetId }) => subnetId === id),
  );
}

/** May be the source of a packet that is forwarded (RFC 4291 §2.5.6: not link-local; RFC 1122 §3.2.1.3: not "this host"). */
function isGlobal(address: Address): boolean {
  return address !== '0.0.0.0' && address !== '::' && !address.startsWith('fe80:');
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
