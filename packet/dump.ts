/**
 * One line for any bytes, in tcpdump's manner: for logs at debug level, captures, `weft` and failing tests. Never throws; bytes that are
 * no valid header end the line with the Drop's name.
 *
 *   02:00:00:00:00:0a > ff:ff:ff:ff:ff:ff, ARP, who-has 10.0.0.1 tell 10.0.0.4
 *   02:00:00:00:00:0a > 12:34:56:78:9a:bc, IPv4, ttl 64, 10.0.0.4:41000 > 10.0.1.5:80, TCP [S], seq 1, win 64240, length 0
 */
import { formatIpWords } from '../base/ip-words.ts';
import { formatIpv4 } from '../base/ipv4.ts';
import { formatMac } from '../base/mac.ts';
import * as arp from './arp.ts';
import * as dhcp from './dhcp.ts';
import * as dhcpv6 from './dhcpv6.ts';
import { DROP_NAMES, Drop } from './drop.ts';
import * as ethernet from './ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseFlow, parseIpPacket } from './flow-key.ts';
import * as icmp from './icmp.ts';
import * as icmpv6 from './icmpv6.ts';
import { IpProtocol } from './ip-protocol.ts';
import { DUMP_DEPTH_MAX } from './limits.ts';
import * as ndp from './ndp.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';
import * as vxlan from './vxlan.ts';

/** The frame at [at, end), one line. */
export function dump(view: DataView, at: number, end: number): string {
  return dumpFrame(view, at, end, 0);
}

/** The IP packet at [at, end), without Ethernet: a quoted or tunnelled one. */
export function dumpIpPacket(view: DataView, at: number, end: number): string {
  const key = newFlowKey();
  const drop = parseIpPacket(view, at, end, key);
  return drop === Drop.None ? dumpIp(view, key, 0) : bad(drop, end - at);
}

function dumpFrame(view: DataView, at: number, end: number, depth: number): string {
  if (ethernet.check(view, at, end) !== Drop.None) return bad(Drop.EthernetTruncated, end - at);
  const macs = `${formatMac(ethernet.src(view, at))} > ${formatMac(ethernet.dst(view, at))}`;
  const key = newFlowKey();
  const drop = parseFlow(view, at, end, key);
  if (drop !== Drop.None) return `${macs}, ${bad(drop, end - at)}`;
  const tag = key.vlan === 0 ? '' : `, vlan ${key.vlan}`;
  return `${macs}${tag}, ${dumpPayload(view, end, key, depth)}`;
}

function dumpPayload(view: DataView, end: number, key: FlowKey, depth: number): string {
  switch (key.etherType) {
    case ethernet.EtherType.IPV4:
    case ethernet.EtherType.IPV6:
      return dumpIp(view, key, depth);
    case ethernet.EtherType.ARP:
      return dumpArp(view, key.l3At, end);
    default:
      return `ethertype 0x${key.etherType.toString(16).padStart(4, '0')}, length ${end - key.l3At}`;
  }
}

function dumpArp(view: DataView, at: number, end: number): string {
  const drop = arp.check(view, at, end);
  if (drop !== Drop.None) return `ARP, ${bad(drop, end - at)}`;
  const { opcode, senderMac, senderAddress, targetAddress } = arp.parse(view, at);
  return opcode === arp.Opcode.REQUEST
    ? `ARP, who-has ${formatIpv4(targetAddress)} tell ${formatIpv4(senderAddress)}`
    : `ARP, ${formatIpv4(senderAddress)} is-at ${formatMac(senderMac)}`;
}

function dumpIp(view: DataView, key: FlowKey, depth: number): string {
  const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
  const src = formatIpWords([key.src0, key.src1, key.src2, key.src3]);
  const dst = formatIpWords([key.dst0, key.dst1, key.dst2, key.dst3]);
  const prefix = isIpv4 ? `IPv4, ttl ${key.ttl}, ` : `IPv6, hlim ${key.ttl}, `;
  const length = key.l3End - key.l4At;
  if (key.fragment === Fragment.LATER) {
    return `${prefix}${src} > ${dst}, fragment of protocol ${key.protocol}, length ${length}`;
  }
  const isPorted = key.protocol === IpProtocol.TCP || key.protocol === IpProtocol.UDP;
  const hosts = isPorted
    ? `${withPort(src, key.srcPort, isIpv4)} > ${withPort(dst, key.dstPort, isIpv4)}`
    : `${src} > ${dst}`;
  const more = key.fragment === Fragment.FIRST ? ', first fragment' : '';
  return `${prefix}${hosts}${more}, ${dumpTransport(view, key, depth)}`;
}

function withPort(address: string, port: number, isIpv4: boolean): string {
  return isIpv4 ? `${address}:${port}` : `[${address}]:${port}`;
}

function dumpTransport(view: DataView, key: FlowKey, depth: number): string {
  const at = key.l4At;
  const end = key.l3End;
  switch (key.protocol) {
    case IpProtocol.TCP:
      return dumpTcp(view, at, end);
    case IpProtocol.UDP:
      return dumpUdp(view, key, depth);
    case IpProtocol.ICMP:
      return dumpIcmp(view, at, end);
    case IpProtocol.ICMPV6:
      return dumpIcmpv6(view, at, end);
    default:
      return `protocol ${key.protocol}, length ${end - at}`;
  }
}

function dumpTcp(view: DataView, at: number, end: number): string {
  const bits = tcp.flags(view, at);
  const flags = Object.entries(FLAG_LETTERS)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([letter]) => letter)
    .join('');
  const ack = (bits & tcp.Flag.ACK) === 0 ? '' : `, ack ${tcp.acknowledgment(view, at)}`;
  const length = end - at - tcp.headerLen(view, at);
  return (
    `TCP [${flags}], seq ${tcp.sequence(view, at)}${ack}, win ${tcp.window(view, at)}, ` +
    `length ${length}`
  );
}

/** tcpdump's letters: an acknowledgment is a dot. */
const FLAG_LETTERS = {
  F: tcp.Flag.FIN,
  S: tcp.Flag.SYN,
  R: tcp.Flag.RST,
  P: tcp.Flag.PSH,
  '.': tcp.Flag.ACK,
  U: tcp.Flag.URG,
  E: tcp.Flag.ECE,
  W: tcp.Flag.CWR,
};

function dumpUdp(view: DataView, key: FlowKey, depth: number): string {
  const payloadAt = key.l4At + udp.HEADER_LEN;
  const plain = `UDP, length ${key.l3End - payloadAt}`;
  if (key.fragment !== Fragment.NONE) return plain;
  const end = key.l4At + udp.length(view, key.l4At);
  if (key.dstPort === vxlan.UDP_PORT) return dumpVxlan(view, payloadAt, end, depth);
  if (isDhcpv6Port(key.srcPort) && isDhcpv6Port(key.dstPort)) {
    return dumpDhcpv6(view, payloadAt, end);
  }
  const isDhcp = isDhcpPort(key.srcPort) && isDhcpPort(key.dstPort);
  return isDhcp ? dumpDhcp(view, payloadAt, end) : plain;
}

function isDhcpPort(port: number): boolean {
  return port === dhcp.SERVER_PORT || port === dhcp.CLIENT_PORT;
}

function isDhcpv6Port(port: number): boolean {
  return port === dhcpv6.SERVER_PORT || port === dhcpv6.CLIENT_PORT;
}

const DHCPV6_TYPE_NAMES: readonly string[] = [
  'RESERVED',
  ...Object.keys(dhcpv6.MessageType).map((name) => name.replaceAll('_', '-')),
];

function dumpDhcpv6(view: DataView, at: number, end: number): string {
  const drop = dhcpv6.check(view, at, end);
  if (drop !== Drop.None) return `DHCPv6, ${bad(drop, end - at)}`;
  const type = dhcpv6.type(view, at);
  const xid = dhcpv6.transactionId(view, at).toString(16);
  return `DHCPv6 ${DHCPV6_TYPE_NAMES[type] ?? `type ${type}`}, xid 0x${xid}`;
}

function dumpVxlan(view: DataView, at: number, end: number, depth: number): string {
  const drop = vxlan.check(view, at, end);
  if (drop !== Drop.None) return `VXLAN, ${bad(drop, end - at)}`;
  const label = `VXLAN, vni ${vxlan.vni(view, at)}`;
  if (depth >= DUMP_DEPTH_MAX) return `${label}, length ${end - at}`;
  return `${label}: ${dumpFrame(view, at + vxlan.HEADER_LEN, end, depth + 1)}`;
}

const DHCP_TYPE_NAMES: readonly string[] = [
  'BOOTP',
  'DISCOVER',
  'OFFER',
  'REQUEST',
  'DECLINE',
  'ACK',
  'NAK',
  'RELEASE',
  'INFORM',
];

function dumpDhcp(view: DataView, at: number, end: number): string {
  const drop = dhcp.check(view, at, end);
  if (drop !== Drop.None) return `DHCP, ${bad(drop, end - at)}`;
  const type = dhcp.messageType(view, at, end);
  const xid = dhcp.xid(view, at).toString(16);
  const given = dhcp.yiaddr(view, at);
  const address = given === 0 ? '' : `, your-ip ${formatIpv4(given)}`;
  return `DHCP ${DHCP_TYPE_NAMES[type] ?? `type ${type}`}, xid 0x${xid}${address}`;
}

function dumpIcmp(view: DataView, at: number, end: number): string {
  const type = icmp.type(view, at);
  const code = icmp.code(view, at);
  const length = end - at;
  if (type === icmp.Type.ECHO_REQUEST || type === icmp.Type.ECHO_REPLY) {
    return `ICMP ${echo(type === icmp.Type.ECHO_REQUEST, view, at)}, length ${length}`;
  }
  const isTooBig =
    type === icmp.Type.DESTINATION_UNREACHABLE && code === icmp.Unreachable.FRAGMENTATION_NEEDED;
  if (isTooBig) return `ICMP fragmentation needed, mtu ${icmp.nextHopMtu(view, at)}`;
  return `ICMP type ${type} code ${code}, length ${length}`;
}

function dumpIcmpv6(view: DataView, at: number, end: number): string {
  const type = icmpv6.type(view, at);
  if (icmpv6.isEcho(type)) {
    return `ICMPv6 ${echo(type === icmpv6.Type.ECHO_REQUEST, view, at)}, length ${end - at}`;
  }
  const isNeighbor =
    type === icmpv6.Type.NEIGHBOR_SOLICITATION || type === icmpv6.Type.NEIGHBOR_ADVERTISEMENT;
  if (!isNeighbor) return `ICMPv6 type ${type} code ${icmpv6.code(view, at)}, length ${end - at}`;
  const drop = ndp.check(view, at, end);
  if (drop !== Drop.None) return `ICMPv6 neighbor, ${bad(drop, end - at)}`;
  const target = formatIpWords([
    ndp.targetWord(view, at, 0),
    ndp.targetWord(view, at, 1),
    ndp.targetWord(view, at, 2),
    ndp.targetWord(view, at, 3),
  ]);
  return type === icmpv6.Type.NEIGHBOR_SOLICITATION
    ? `ICMPv6 neighbor solicitation, who-has ${target}`
    : `ICMPv6 neighbor advertisement, target ${target}`;
}

/** Identifier and sequence number stand at the same offsets in ICMP and ICMPv6. */
function echo(isRequest: boolean, view: DataView, at: number): string {
  const id = icmp.identifier(view, at);
  return `echo ${isRequest ? 'request' : 'reply'}, id ${id}, seq ${icmp.sequence(view, at)}`;
}

function bad(drop: Drop, bytes: number): string {
  return `[${DROP_NAMES[drop] ?? drop}], length ${bytes}`;
}
