/**
 * Raw bytes at the edge router's links and out of a tunnel, and what must hold of whatever leaves for them. The world has a tenant with shared
 * ports, one with a public address, a port forward and infrastructure behind NAT, all of which have talked already.
 */

import { defined } from '../../../../../base/assert.ts';
import { formatIpWords, ipv4Words } from '../../../../../base/ip-words.ts';
import { FRAGMENT_HELD_SEC_MAX } from '../../../../../dataplane/limits.ts';
import * as arp from '../../../../../packet/arp.ts';
import { isValid, pseudoIpv4, pseudoIpv6 } from '../../../../../packet/checksum.ts';
import { Drop } from '../../../../../packet/drop.ts';
import * as ethernet from '../../../../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow } from '../../../../../packet/flow-key.ts';
import { IpProtocol } from '../../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../../packet/ipv4.ts';
import * as tcp from '../../../../../packet/tcp.ts';
import * as vxlan from '../../../../../packet/vxlan.ts';
import {
  BLUE_VNI,
  EDGE_MAC,
  EdgeWorld,
  frameOf,
  GATEWAY_MAC,
  natPool,
  OUTSIDE_MAC,
  type PacketSpec,
  PROVIDER_MAC,
  portForward,
  publicAddress,
  ROUTER_MAC,
  type Seen,
  VMS,
  words,
} from './edge-world.ts';

export type Entrance = 'outside' | 'provider' | 'tunnel';
export const ENTRANCES: readonly Entrance[] = ['outside', 'provider', 'tunnel'];

const FAR = '198.18.0.9';
const SHARED = '203.0.113.250';
const FORWARDED = '203.0.113.251';
const OWN = '203.0.113.7';
const OWN_IPV6 = '2001:db8:aaaa::7';
const FAR_IPV6 = '2001:db8:77::1';
const INFRASTRUCTURE = '198.51.100.11';
const { TCP, UDP, ICMP, ICMPV6 } = IpProtocol;

export interface RawWorld {
  readonly edge: EdgeWorld;
  /** Valid frames at each entrance, most of them of flows that are known. */
  readonly seeds: Readonly<Record<Entrance, readonly Uint8Array[]>>;
}

/** An edge in use. */
export function rawWorld(): RawWorld {
  const edge = new EdgeWorld();
  edge.apply(
    natPool({ infrastructure: true }),
    publicAddress('web', OWN, 'blue5'),
    publicAddress('six', OWN_IPV6, 'blue6'),
    publicAddress('spare', '203.0.113.9', undefined),
    portForward({ port: 8080, vm: 'blue4', privatePort: 80 }),
  );
  edge.resolveGateway();
  learn(edge, 2, '2001:db8:ffff::1', GATEWAY_MAC);
  learn(edge, 1, INFRASTRUCTURE, 0x0200_0000_0b11);
  const out = defined(edge.fromVm('blue4', { dst: FAR, srcPort: 5000, dstPort: 53 })[0], 'UDP');
  edge.fromVm('red4', { dst: FAR, srcPort: 5000, dstPort: 53 });
  const echo = defined(edge.fromVm('blue4', { dst: FAR, protocol: ICMP, srcPort: 77 })[0], 'echo');
  edge.fromProvider({ src: INFRASTRUCTURE, dst: FAR, srcPort: 123, dstPort: 123 });
  const into = defined(edge.fromOutside({ src: FAR, dst: OWN, srcPort: 9, dstPort: 99 })[0], 'in');
  edge.fromOutside({ src: FAR, dst: FORWARDED, protocol: TCP, srcPort: 9, dstPort: 8080 });
  edge.fromVm('blue6', { dst: FAR_IPV6, srcPort: 5, dstPort: 6 });
  return {
    edge,
    seeds: {
      outside: outsideSeeds(out, echo),
      provider: providerSeeds(),
      tunnel: tunnelSeeds(into).map((frame) => tunnelled(BLUE_VNI, frame)),
    },
  };
}

function learn(edge: EdgeWorld, link: number, address: string, mac: number): void {
  edge.core.state.neighbours.lookup(link, words(address), true, edge.core.nowSec);
  edge.core.state.neighbours.learn(link, words(address), mac, edge.core.nowSec);
  edge.run();
}

function outsideSeeds(out: Seen, echo: Seen): Uint8Array[] {
  const from = (spec: Omit<PacketSpec, 'src'> & { readonly src?: string }): Uint8Array =>
    frameOf({ src: FAR, ...spec }, { dst: OUTSIDE_MAC, src: GATEWAY_MAC });
  const error = (dst: string, type: number, body: Uint8Array): Uint8Array =>
    from({ src: '198.18.5.5', dst, protocol: ICMP, type, code: 3, rest: 1400, body });
  const toOwn = { dst: OWN, srcPort: 9, dstPort: 99 };
  return [
    from({ dst: SHARED, srcPort: 53, dstPort: out.key.srcPort }),
    from({ dst: SHARED, protocol: ICMP, type: 0, srcPort: echo.key.srcPort }),
    from({ dst: SHARED, srcPort: 53, dstPort: 1 }),
    from({ dst: FORWARDED, protocol: TCP, srcPort: 9, dstPort: 8080 }),
    from({ dst: FORWARDED, protocol: TCP, srcPort: 10, dstPort: 8080, flags: tcp.Flag.SYN }),
    from(toOwn),
    from({ ...toOwn, ttl: 1 }),
    from({ ...toOwn, size: 1472, df: true }),
    from({ ...toOwn, size: 1472, df: false }),
    from({ dst: OWN, protocol: 47, size: 30 }),
    from({ dst: OWN, protocol: ICMP, srcPort: 4 }),
    from({ ...toOwn, size: 64, fragment: { id: 5, offset: 0, more: true } }),
    from({ ...toOwn, size: 64, fragment: { id: 5, offset: 72, more: false } }),
    from({ dst: '203.0.113.9' }),
    from({ dst: '192.0.2.2' }),
    from({ src: OWN, dst: SHARED }),
    error(SHARED, 3, quoteOf(out)),
    error(SHARED, 11, quoteOf(echo)),
    error(OWN, 3, quotePacket({ src: OWN, dst: FAR, srcPort: 99, dstPort: 9 })),
    from({ src: FAR_IPV6, dst: OWN_IPV6, srcPort: 6, dstPort: 5 }),
    from({ src: FAR_IPV6, dst: OWN_IPV6, protocol: ICMPV6, srcPort: 8 }),
    ...arpAndOthers(OUTSIDE_MAC),
  ];
}

function providerSeeds(): Uint8Array[] {
  const from = (spec: Omit<PacketSpec, 'src'>): Uint8Array =>
    frameOf({ src: INFRASTRUCTURE, ...spec }, { dst: PROVIDER_MAC, src: 0x0200_0000_0b11 });
  return [
    from({ dst: FAR, srcPort: 123, dstPort: 123 }),
    from({ dst: FAR, protocol: TCP, srcPort: 7, dstPort: 443 }),
    from({ dst: FAR, protocol: ICMP, srcPort: 7 }),
    from({ dst: OWN, srcPort: 7, dstPort: 8 }),
    from({ dst: FORWARDED, protocol: TCP, srcPort: 7, dstPort: 8080 }),
    from({ dst: FAR, srcPort: 7, size: 64, fragment: { id: 6, offset: 0, more: true } }),
    from({ dst: FAR, protocol: 33 }),
    ...arpAndOthers(PROVIDER_MAC),
  ];
}

function tunnelSeeds(into: Seen): Uint8Array[] {
  const from = (vm: string, spec: Omit<PacketSpec, 'src'>): Uint8Array =>
    frameOf({ ...spec, src: defined(VMS[vm], vm).address }, { dst: EDGE_MAC, src: ROUTER_MAC });
  return [
    from('blue4', { dst: FAR, srcPort: 5000, dstPort: 53 }),
    from('blue4', { dst: FAR, protocol: TCP, srcPort: 6000, dstPort: 443 }),
    from('blue4', { dst: FAR, protocol: TCP, srcPort: 6000, dstPort: 443, flags: tcp.Flag.RST }),
    from('blue4', { dst: FAR, protocol: ICMP, srcPort: 77 }),
    from('blue4', { dst: FAR, protocol: 132 }),
    from('blue4', { dst: OWN, srcPort: 6001, dstPort: 99 }),
    from('blue5', { dst: FAR, srcPort: 99, dstPort: 9 }),
    from('blue5', { dst: FAR, protocol: 47 }),
    from('blue5', { dst: FAR, ttl: 1 }),
    from('blue5', { dst: FAR, size: 3000, df: false }),
    from('blue5', { dst: FAR, protocol: ICMP, type: 3, code: 3, rest: 0, body: quoteOf(into) }),
    from('blue5', { dst: FAR, size: 64, fragment: { id: 7, offset: 0, more: true } }),
    from('blue5', { dst: FAR, size: 64, fragment: { id: 7, offset: 72, more: false } }),
    from('blue4', { dst: INFRASTRUCTURE }),
    from('blue6', { dst: FAR_IPV6, srcPort: 5, dstPort: 6 }),
    from('blue6', { dst: FAR_IPV6, protocol: ICMPV6, srcPort: 8 }),
  ];
}

/** ARP, Neighbour Discovery, a VLAN tag, IPv4 options, and nothing that anybody knows. */
function arpAndOthers(mac: number): Uint8Array[] {
  const macs = { dst: mac, src: GATEWAY_MAC };
  const tagged = frameOf({ src: FAR, dst: OWN }, macs);
  const withTag = new Uint8Array(tagged.length + 4);
  withTag.set(tagged.subarray(0, 12));
  withTag.set([0x81, 0x00, 0x00, 0x07], 12);
  withTag.set(tagged.subarray(12), 16);
  const unknown = new Uint8Array(60);
  ethernet.emit({ ...macs, etherType: 0x88cc }, new DataView(unknown.buffer), 0);
  return [
    arpRequest(macs, '192.0.2.1', OWN),
    withTag,
    withOptions(frameOf({ src: FAR, dst: OWN }, macs)),
    unknown,
  ];
}

function arpRequest(
  macs: { readonly dst: number; readonly src: number },
  sender: string,
  target: string,
): Uint8Array {
  const bytes = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
  const view = viewOf(bytes);
  ethernet.emit({ ...macs, etherType: ethernet.EtherType.ARP }, view, 0);
  const request = {
    opcode: arp.Opcode.REQUEST,
    senderMac: macs.src,
    senderAddress: words(sender)[3],
    targetMac: 0,
    targetAddress: words(target)[3],
  };
  arp.emit(request, view, ethernet.HEADER_LEN);
  return bytes;
}

/** Four bytes of no-operation behind the IPv4 header. */
function withOptions(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frame.length + 4);
  bytes.set(frame.subarray(0, 34));
  bytes.set([1, 1, 1, 1], 34);
  bytes.set(frame.subarray(34), 38);
  const view = viewOf(bytes);
  bytes[14] = 0x46;
  ipv4.setTotalLength(view, 14, bytes.length - 14);
  ipv4.fillChecksum(view, 14);
  return bytes;
}

function quoteOf({ bytes }: Seen): Uint8Array {
  return bytes.slice(ethernet.HEADER_LEN, ethernet.HEADER_LEN + 28);
}

function quotePacket(spec: PacketSpec): Uint8Array {
  return frameOf(spec, { dst: 0, src: 0 }).slice(ethernet.HEADER_LEN, ethernet.HEADER_LEN + 28);
}

export function tunnelled(vni: number, frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(vxlan.HEADER_LEN + frame.length);
  vxlan.emit({ vni }, viewOf(bytes), 0);
  bytes.set(frame, vxlan.HEADER_LEN);
  return bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the IP packet begins in what comes in by an entrance. */
export function ethernetAt(entrance: Entrance): number {
  return entrance === 'tunnel' ? vxlan.HEADER_LEN : 0;
}

/** Makes the header checksum right again, so that damage elsewhere gets further than the first check. */
export function mend(entrance: Entrance, bytes: Uint8Array): Uint8Array {
  const at = ethernetAt(entrance) + ethernet.HEADER_LEN;
  const view = viewOf(bytes);
  const isIpv4 = bytes.length >= at + ipv4.HEADER_LEN && view.getUint16(at - 2) === 0x0800;
  const headerLen = isIpv4 ? ((bytes[at] ?? 0) & 0xf) * 4 : 0;
  if (headerLen >= ipv4.HEADER_LEN && at + headerLen <= bytes.length) ipv4.fillChecksum(view, at);
  return bytes;
}

const LINK_OF: Readonly<Record<Entrance, number>> = { tunnel: 0, provider: 1, outside: 2 };

/** Plays the bytes and says in words what is wrong with what came of them. */
export function faultsOf({ edge }: RawWorld, entrance: Entrance, bytes: Uint8Array): string[] {
  const link = LINK_OF[entrance];
  const before = edge.core.counters.read(link);
  const pendingBefore = edge.core.state.neighbours.pendingBytes;
  const input = bytes.slice();
  const seen =
    entrance === 'tunnel'
      ? playTunnel(edge, bytes)
      : edge.fromLink(entrance === 'outside' ? edge.outside : edge.provider, bytes);
  const after = edge.core.counters.read(link);
  let drops = sum(after.drops) - sum(before.drops);
  // A fragment that has come before its first one: until it is given up. What else is given up meanwhile has come earlier.
  if (edge.core.heldFragments > 0) {
    edge.wait(FRAGMENT_HELD_SEC_MAX + 1);
    const lost = edge.core.counters.read(link).drops['FragmentWithoutFirst'] ?? 0;
    drops += lost - (after.drops['FragmentWithoutFirst'] ?? 0);
  }
  const isHeld = edge.core.state.neighbours.pendingBytes > pendingBefore;
  const arrived = parse(input, ethernetAt(entrance));
  const faults: string[] = [];
  if (after.rxFrames !== before.rxFrames + 1) faults.push('not counted as received');
  const isForAll = input.length > 0 && ((input[ethernetAt(entrance)] ?? 0) & 1) === 1;
  const isNote = arrived === undefined ? false : isNeighbourTalk(arrived);
  if (drops + seen.length === 0 && !isHeld && !isForAll && !isNote) {
    faults.push('neither sent on nor counted as a drop');
  }
  if (drops > 1) faults.push(`${drops} drops of one frame`);
  for (const packet of seen) {
    const isOwn = drops > 0 || arrived === undefined || isNeighbourTalk(packet.key);
    faults.push(
      ...(isOwn ? ownFaults(packet) : forwardedFaults(edge, entrance, arrived, input, packet)),
    );
  }
  return faults;
}

function playTunnel(edge: EdgeWorld, bytes: Uint8Array): Seen[] {
  edge.io.deliver(edge.overlay, bytes, { source: hostBytes });
  return edge.run();
}

const hostBytes = new Uint8Array([198, 51, 100, 11]);

function sum(drops: Readonly<Record<string, number>>): number {
  return Object.values(drops).reduce((total, count) => total + count, 0);
}

function parse(bytes: Uint8Array, at: number): FlowKey | undefined {
  if (bytes.length < at) return undefined;
  const key = newFlowKey();
  return parseFlow(viewOf(bytes), at, bytes.length, key) === Drop.None ? key : undefined;
}

function isNeighbourTalk(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  const isNdp = key.protocol === ICMPV6 && type >= 133 && type <= 137;
  return key.etherType === ethernet.EtherType.ARP || isNdp;
}

/** What the router itself says is sound, and ICMP or neighbours' talk. */
function ownFaults({ key, view, bytes }: Seen): string[] {
  if (key.etherType === ethernet.EtherType.ARP) return [];
  const isIcmp = key.protocol === ICMP || key.protocol === ICMPV6;
  if (!isIcmp) return ['dropped, and something else sent'];
  return soundness(view, bytes.length, key) === 'wrong'
    ? ['a message of its own with a wrong checksum']
    : [];
}

function forwardedFaults(
  edge: EdgeWorld,
  entrance: Entrance,
  arrived: FlowKey,
  input: Uint8Array,
  sent: Seen,
): string[] {
  const { key, view, bytes } = sent;
  const faults: string[] = [];
  const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
  if (isIpv4 && !ipv4.hasValidChecksum(view, key.l3At)) faults.push('a wrong IPv4 header checksum');
  if (key.ttl !== arrived.ttl - 1) faults.push(`TTL ${arrived.ttl} became ${key.ttl}`);
  const wasCut =
    key.fragment !== arrived.fragment || key.l3End - key.l3At !== arrived.l3End - arrived.l3At;
  if (!wasCut) {
    const was = soundness(viewOf(input), input.length, arrived);
    const is = soundness(view, bytes.length, key);
    if (was !== is) faults.push(`a checksum that was ${was} is ${is}`);
    if (!sameBody(viewOf(input), arrived, view, key)) faults.push('its payload has changed');
  }
  const isError = arrived.protocol === ICMP && ![0, 8, 13, 14].includes(arrived.dstPort >>> 8);
  if (sent.way === 'tunnel' && !isBound(edge, arrived, sent, isError)) {
    faults.push(`to ${sent.dst} of ${sent.vni}, which nothing leads to from ${addressOf(arrived)}`);
  }
  if (entrance === 'tunnel' && sent.way !== 'tunnel' && !isPublic(sent.src)) {
    faults.push(`a tenant’s packet leaves as ${sent.src}`);
  }
  if (entrance === 'tunnel' && sent.way === 'provider')
    faults.push('a tenant reaches the provider');
  return faults;
}

function addressOf(key: FlowKey): string {
  return formatIpWords([key.dst0, key.dst1, key.dst2, key.dst3]);
}

function isPublic(text: string): boolean {
  return text.startsWith('203.0.113.') || text.startsWith('2001:db8:aaaa:');
}

/** Does anything that is configured or mapped lead from what the packet was for to where it goes? */
function isBound(
  { core }: EdgeWorld,
  arrived: FlowKey,
  { key, vni, dst }: Seen,
  isError: boolean,
): boolean {
  const addressed = addressOf(arrived);
  if (addressed === OWN) return vni === BLUE_VNI && dst === '10.0.0.5';
  if (addressed === OWN_IPV6) return vni === BLUE_VNI && dst === 'fd00::4';
  const { networks, nat } = core.state;
  const domain = networks.segment(vni)?.domain.number;
  const hasPorts = arrived.fragment === Fragment.NONE && !isError;
  const isQuery = arrived.protocol === ICMP;
  return [...nat.table.all()].some(
    (row) =>
      nat.table.domain(row) === domain &&
      formatIpWords(ipv4Words(nat.table.inside(row))) === dst &&
      formatIpWords(ipv4Words(nat.table.outside(row))) === addressed &&
      (!hasPorts ||
        (nat.table.outsidePort(row) === (isQuery ? arrived.srcPort : arrived.dstPort) &&
          nat.table.insidePort(row) === (isQuery ? key.srcPort : key.dstPort))),
  );
}

type Soundness = 'right' | 'wrong' | 'none';

/** Of the transport checksum; 'none' where there is none that can be told. */
function soundness(view: DataView, end: number, key: FlowKey): Soundness {
  const { protocol, l4At, l3At, l3End } = key;
  if (key.fragment !== Fragment.NONE || l3End > end) return 'none';
  if (protocol === ICMP) return isValid(view, l4At, l3End) ? 'right' : 'wrong';
  if (protocol !== TCP && protocol !== UDP && protocol !== ICMPV6) return 'none';
  if (protocol === UDP && view.getUint16(l4At + 6) === 0) return 'none';
  const len = l3End - l4At;
  const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
  const pseudo = isIpv4
    ? pseudoIpv4(view, l3At, protocol, len)
    : pseudoIpv6(view, l3At, protocol, len);
  return isValid(view, l4At, l3End, pseudo) ? 'right' : 'wrong';
}

/** Behind the transport header, nothing is the router’s to change, but for what an ICMP error quotes and a SYN's segment size. */
function sameBody(from: DataView, was: FlowKey, to: DataView, is: FlowKey): boolean {
  const header =
    was.protocol === TCP ? 60 : was.protocol === ICMP || was.protocol === ICMPV6 ? 1500 : 8;
  for (let at = header; was.l4At + at < was.l3End; at += 1) {
    if (from.getUint8(was.l4At + at) !== to.getUint8(is.l4At + at)) return false;
  }
  return true;
}
