/**
 * Reference model of the host switch: what its specification says must become of a packet, computed the slow and obvious way from
 * goal-state messages (weft.proto) — plain loops over lists, nothing remembered, nothing shared with dataplane/. Whoever changes what the
 * switch shall do changes this file first. Covers anti-spoofing, what belongs to local services, routing, mapping, tunnels.
 *
 * Packets are valid ones (test/model/frame); malformed bytes are the fuzz test's business. What a service answers is its own tests'
 * business: here it only matters that such a packet goes nowhere else. Called by test/unit/model.
 */
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import type { Drop } from '../../packet/drop.ts';
import type {
  HostSettings,
  Mapping,
  Port,
  Prefix,
  Resource,
  VirtualNetwork,
  VirtualSubnet,
} from '../../schema/southbound/messages.ts';
import { type Address, isIn, isIpv6, textOf } from './address.ts';
import { ipLengthOf, type PacketSpec, PROTOCOL } from './frame.ts';

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
  /** Ids of ports with a device behind them. */
  readonly attached: ReadonlySet<string>;
}

export function worldOf(goal: Iterable<Resource>, attached: ReadonlySet<string>): World {
  const resources = [...goal];
  return {
    host: resources.flatMap(({ host }) => host ?? [])[0],
    networks: resources.flatMap(({ virtualNetwork }) => virtualNetwork ?? []),
    subnets: resources.flatMap(({ virtualSubnet }) => virtualSubnet ?? []),
    ports: resources.flatMap(({ port }) => port ?? []),
    mappings: resources.flatMap(({ mapping }) => mapping ?? []),
    attached,
  };
}

/** Bytes VXLAN puts before an inner IP packet (RFC 7348 §5), by family of the provider network. */
const OVERHEAD = { ipv4: 20 + 8 + 8 + 14, ipv6: 40 + 8 + 8 + 14 };

/** What a VM sends through its port. */
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
  if (!isRouted(network, packet.dst)) return drop('InternetUnavailable');
  return toMapping(world, port, packet);
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

function isDhcpAnswer({ src, segment, fragment }: PacketSpec): boolean {
  const [server, client] = isIpv6(src) ? [547, 546] : [67, 68];
  const { protocol, srcPort, dstPort } = segment;
  const isFromServer = srcPort === server && dstPort === client;
  return fragment !== 'later' && protocol === PROTOCOL.UDP && isFromServer;
}

function isDhcpRequest({ segment, fragment }: PacketSpec): boolean {
  const { protocol, srcPort, dstPort } = segment;
  return fragment !== 'later' && protocol === PROTOCOL.UDP && srcPort === 68 && dstPort === 67;
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

function isRouted(network: VirtualNetwork, dst: Address): boolean {
  return longestMatch(network.addressSpace, dst) !== undefined;
}

/** Where a packet goes that is routed to the address itself. */
function toMapping(world: World, port: Port, packet: PacketSpec): Verdict {
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
    if (isExpired) return reported('TtlExpired');
    return { kind: 'deliver', portId: receiver.id, packet: sent };
  }
  const isTooBig = ipLengthOf(packet) > innerMtu(world) && mayNotFragment(packet);
  if (isExpired || isTooBig) {
    // A router may find either first (RFC 1812 §5.2.1).
    const reasons: DropName[] = [];
    if (isExpired) reasons.push('TtlExpired');
    if (isTooBig) reasons.push('FrameTooBig');
    return reported(...reasons);
  }
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

function longestMatch(prefixes: readonly Prefix[], address: Address): Prefix | undefined {
  let best: Prefix | undefined;
  for (const prefix of prefixes) {
    if (isIn(address, prefix) && (best === undefined || prefix.len > best.len)) best = prefix;
  }
  return best;
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
