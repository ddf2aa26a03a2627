/**
 * FlowKey — what the switch must know about a frame before it can look anything up, parsed once into a reused object.
 *
 * `parseFlow` walks Ethernet, VLAN tags, IPv4 or IPv6 with its extension headers, and TCP, UDP, ICMP or ICMPv6, proving every length on
 * the way: after Drop.None the accessors of those headers are safe at the offsets found here. It allocates nothing. Frames
 * that are not IP end after the EtherType with protocol 0 (L3 only: `l3At`). Super-frames pass like any other frame.
 *
 * ICMP has no ports; as in Linux's connection tracking a query's identifier stands in for the source port and type·256 + code for the
 * destination port. Later fragments have no ports: both are 0 and `fragment` says so.
 * Called by dataplane/engine for every frame, by slb/mux, by dump-like tools.
 */
import { IPV4_MAPPED_WORD } from '../base/ip-words.ts';
import { Drop } from './drop.ts';
import * as ethernet from './ethernet.ts';
import * as icmp from './icmp.ts';
import * as icmpv6 from './icmpv6.ts';
import { IpProtocol } from './ip-protocol.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import { VLAN_TAGS_MAX } from './limits.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';
import * as vlan from './vlan.ts';

export const Fragment = {
  /** A whole packet. */
  NONE: 0,
  /** The first fragment: has ports, more follow. */
  FIRST: 1,
  /** Any other fragment: no ports. */
  LATER: 2,
} as const;
export type Fragment = (typeof Fragment)[keyof typeof Fragment];

/** All offsets are into the parsed view; all words and ports unsigned, host order. */
export interface FlowKey {
  /** After any VLAN tags. */
  etherType: number;
  /** VID of the innermost tag; 0 without one. */
  vlan: number;
  l3At: number;
  /** Offset after the IP packet's last byte (padding excluded); the frame's end if it is not IP. */
  l3End: number;
  /** Transport header, or the fragment's payload; l3End if it is not IP. */
  l4At: number;
  /** IPv4 protocol or upper-layer next header; 0 if it is not IP. */
  protocol: number;
  fragment: Fragment;
  /** Of a fragment: identification of the datagram it is part of; 0 otherwise. */
  fragmentId: number;
  /** Time to live or hop limit. */
  ttl: number;
  /** TCP flags (tcp.Flag); 0 for other protocols. */
  tcpFlags: number;
  srcPort: number;
  dstPort: number;
  /** Addresses as four words, first the most significant; IPv4 as ::ffff:a.b.c.d (base/ip-words). */
  src0: number;
  src1: number;
  src2: number;
  src3: number;
  dst0: number;
  dst1: number;
  dst2: number;
  dst3: number;
}

/** One key, to be reused; the only allocation of this module. */
export function newFlowKey(): FlowKey {
  // Address words start as a number above 2^31 so that the engine gives their fields a representation every address fits.
  const word = 0xffff_ffff;
  const key: FlowKey = {
    etherType: 0,
    vlan: 0,
    l3At: 0,
    l3End: 0,
    l4At: 0,
    protocol: 0,
    fragment: Fragment.NONE,
    fragmentId: word,
    ttl: 0,
    tcpFlags: 0,
    srcPort: 0,
    dstPort: 0,
    src0: word,
    src1: word,
    src2: word,
    src3: word,
    dst0: word,
    dst1: word,
    dst2: word,
    dst3: word,
  };
  key.fragmentId = 0;
  clearAddresses(key);
  return key;
}

/** Fills `key` from the frame at [at, end). Unless the result is Drop.None the key's contents mean nothing. */
export function parseFlow(view: DataView, at: number, end: number, key: FlowKey): Drop {
  const drop = ethernet.check(view, at, end);
  if (drop !== Drop.None) return drop;
  let etherType = ethernet.etherType(view, at);
  let l3At = at + ethernet.HEADER_LEN;
  key.vlan = 0;
  for (let tags = 0; tags < VLAN_TAGS_MAX && vlan.isTag(etherType); tags += 1) {
    const tagDrop = vlan.check(view, l3At, end);
    if (tagDrop !== Drop.None) return tagDrop;
    key.vlan = vlan.vid(view, l3At);
    etherType = vlan.etherType(view, l3At);
    l3At += vlan.TAG_LEN;
  }
  key.etherType = etherType;
  key.l3At = l3At;
  key.fragment = Fragment.NONE;
  key.fragmentId = 0;
  key.tcpFlags = 0;
  key.srcPort = 0;
  key.dstPort = 0;
  if (etherType === ethernet.EtherType.IPV4) return parseIpv4(view, l3At, end, key);
  if (etherType === ethernet.EtherType.IPV6) return parseIpv6(view, l3At, end, key);
  key.l3End = end;
  key.l4At = end;
  key.protocol = 0;
  key.ttl = 0;
  clearAddresses(key);
  return Drop.None;
}

/** As parseFlow for a bare IP packet at [at, end): what an ICMP error quotes or a tunnel without Ethernet carries. */
export function parseIpPacket(view: DataView, at: number, end: number, key: FlowKey): Drop {
  if (end - at < 1) return Drop.Ipv4Truncated;
  key.vlan = 0;
  key.l3At = at;
  key.fragment = Fragment.NONE;
  key.fragmentId = 0;
  key.tcpFlags = 0;
  key.srcPort = 0;
  key.dstPort = 0;
  if (view.getUint8(at) >>> 4 === 6) {
    key.etherType = ethernet.EtherType.IPV6;
    return parseIpv6(view, at, end, key);
  }
  key.etherType = ethernet.EtherType.IPV4;
  return parseIpv4(view, at, end, key);
}

function parseIpv4(view: DataView, at: number, end: number, key: FlowKey): Drop {
  const drop = ipv4.check(view, at, end);
  if (drop !== Drop.None) return drop;
  readIpv4(view, at, key);
  key.l3End = ipv4.packetEnd(view, at, end);
  key.l4At = at + ipv4.headerLen(view, at);
  if (ipv4.fragmentOffset(view, at) !== 0) {
    key.fragment = Fragment.LATER;
    key.fragmentId = ipv4.identification(view, at);
    return Drop.None;
  }
  if (ipv4.moreFragments(view, at)) {
    key.fragment = Fragment.FIRST;
    key.fragmentId = ipv4.identification(view, at);
  }
  return parseTransport(view, key);
}

/** One walk result for the whole module: the walk is synchronous and its result is copied out at once. */
const upperLayer = ipv6.newUpperLayer();

function parseIpv6(view: DataView, at: number, end: number, key: FlowKey): Drop {
  const drop = ipv6.check(view, at, end);
  if (drop !== Drop.None) return drop;
  readIpv6(view, at, key);
  key.l3End = ipv6.packetEnd(view, at, end);
  const walk = ipv6.findUpperLayer(view, at, key.l3End, upperLayer);
  if (walk !== Drop.None) return walk;
  key.l4At = upperLayer.at;
  key.protocol = upperLayer.protocol;
  if (upperLayer.fragmentAt >= 0) {
    if (ipv6.fragmentOffset(view, upperLayer.fragmentAt) !== 0) {
      key.fragment = Fragment.LATER;
      key.fragmentId = ipv6.fragmentIdentification(view, upperLayer.fragmentAt);
      return Drop.None;
    }
    if (ipv6.moreFragments(view, upperLayer.fragmentAt)) {
      key.fragment = Fragment.FIRST;
      key.fragmentId = ipv6.fragmentIdentification(view, upperLayer.fragmentAt);
    }
  }
  return parseTransport(view, key);
}

function readIpv4(view: DataView, at: number, key: FlowKey): void {
  key.src0 = 0;
  key.src1 = 0;
  key.src2 = IPV4_MAPPED_WORD;
  key.src3 = ipv4.src(view, at);
  key.dst0 = 0;
  key.dst1 = 0;
  key.dst2 = IPV4_MAPPED_WORD;
  key.dst3 = ipv4.dst(view, at);
  key.protocol = ipv4.protocol(view, at);
  key.ttl = ipv4.ttl(view, at);
}

function readIpv6(view: DataView, at: number, key: FlowKey): void {
  key.src0 = ipv6.srcWord(view, at, 0);
  key.src1 = ipv6.srcWord(view, at, 1);
  key.src2 = ipv6.srcWord(view, at, 2);
  key.src3 = ipv6.srcWord(view, at, 3);
  key.dst0 = ipv6.dstWord(view, at, 0);
  key.dst1 = ipv6.dstWord(view, at, 1);
  key.dst2 = ipv6.dstWord(view, at, 2);
  key.dst3 = ipv6.dstWord(view, at, 3);
  key.ttl = ipv6.hopLimit(view, at);
}

function parseTransport(view: DataView, key: FlowKey): Drop {
  const at = key.l4At;
  switch (key.protocol) {
    case IpProtocol.TCP: {
      const drop = tcp.check(view, at, key.l3End);
      if (drop !== Drop.None) return drop;
      key.srcPort = tcp.srcPort(view, at);
      key.dstPort = tcp.dstPort(view, at);
      key.tcpFlags = tcp.flags(view, at);
      return Drop.None;
    }
    case IpProtocol.UDP: {
      const drop = checkUdp(view, key);
      if (drop !== Drop.None) return drop;
      key.srcPort = udp.srcPort(view, at);
      key.dstPort = udp.dstPort(view, at);
      return Drop.None;
    }
    case IpProtocol.ICMP: {
      const drop = icmp.check(view, at, key.l3End);
      if (drop !== Drop.None) return drop;
      const type = icmp.type(view, at);
      key.srcPort = icmp.isQuery(type) ? icmp.identifier(view, at) : 0;
      key.dstPort = view.getUint16(at);
      return Drop.None;
    }
    case IpProtocol.ICMPV6: {
      const drop = icmpv6.check(view, at, key.l3End);
      if (drop !== Drop.None) return drop;
      const type = icmpv6.type(view, at);
      key.srcPort = icmpv6.isEcho(type) ? icmpv6.identifier(view, at) : 0;
      key.dstPort = view.getUint16(at);
      return Drop.None;
    }
    default:
      return Drop.None;
  }
}

/**
 * As parseIpPacket for what an ICMP error quotes at [at, end): the packet's beginning, of which nothing beyond the first eight bytes
 * of the transport header need be there (RFC 792, RFC 1812 §4.3.2.3, RFC 4443 §2.4). Lengths are not checked against what is quoted,
 * flags are not read; l3End is the end of the quotation.
 */
export function parseQuoted(view: DataView, at: number, end: number, key: FlowKey): Drop {
  if (end - at < 1) return Drop.IcmpBadQuote;
  key.vlan = 0;
  key.l3At = at;
  key.l3End = end;
  key.fragment = Fragment.NONE;
  key.fragmentId = 0;
  key.tcpFlags = 0;
  key.srcPort = 0;
  key.dstPort = 0;
  const isQuoted =
    view.getUint8(at) >>> 4 === 6 ? quotedIpv6(view, at, end, key) : quotedIpv4(view, at, end, key);
  return isQuoted ? Drop.None : Drop.IcmpBadQuote;
}

/** Bytes of a transport header that every quotation has. */
const QUOTED_TRANSPORT = 8;

function quotedIpv4(view: DataView, at: number, end: number, key: FlowKey): boolean {
  if (end - at < ipv4.HEADER_LEN || view.getUint8(at) >>> 4 !== 4) return false;
  const header = ipv4.headerLen(view, at);
  if (header < ipv4.HEADER_LEN || at + header + QUOTED_TRANSPORT > end) return false;
  key.etherType = ethernet.EtherType.IPV4;
  readIpv4(view, at, key);
  key.l4At = at + header;
  if (ipv4.fragmentOffset(view, at) === 0) readPorts(view, key);
  else key.fragment = Fragment.LATER;
  return true;
}

function quotedIpv6(view: DataView, at: number, end: number, key: FlowKey): boolean {
  if (end - at < ipv6.HEADER_LEN) return false;
  key.etherType = ethernet.EtherType.IPV6;
  readIpv6(view, at, key);
  if (ipv6.findUpperLayer(view, at, end, upperLayer) !== Drop.None) return false;
  if (upperLayer.at + QUOTED_TRANSPORT > end) return false;
  key.l4At = upperLayer.at;
  key.protocol = upperLayer.protocol;
  const { fragmentAt } = upperLayer;
  if (fragmentAt < 0 || ipv6.fragmentOffset(view, fragmentAt) === 0) readPorts(view, key);
  else key.fragment = Fragment.LATER;
  return true;
}

/** Ports, or what stands for them, from the first eight bytes of the transport header. */
function readPorts(view: DataView, key: FlowKey): void {
  const at = key.l4At;
  const { protocol } = key;
  if (protocol === IpProtocol.TCP || protocol === IpProtocol.UDP) {
    key.srcPort = view.getUint16(at);
    key.dstPort = view.getUint16(at + 2);
  } else if (protocol === IpProtocol.ICMP) {
    key.srcPort = icmp.isQuery(icmp.type(view, at)) ? icmp.identifier(view, at) : 0;
    key.dstPort = view.getUint16(at);
  } else if (protocol === IpProtocol.ICMPV6) {
    key.srcPort = icmpv6.isEcho(icmpv6.type(view, at)) ? icmpv6.identifier(view, at) : 0;
    key.dstPort = view.getUint16(at);
  }
}

/** The first fragment's UDP length counts the whole datagram, so only the header's presence can be asked of it. */
function checkUdp(view: DataView, key: FlowKey): Drop {
  if (key.fragment === Fragment.NONE) return udp.check(view, key.l4At, key.l3End);
  return key.l3End - key.l4At < udp.HEADER_LEN ? Drop.UdpTruncated : Drop.None;
}

function clearAddresses(key: FlowKey): void {
  key.src0 = 0;
  key.src1 = 0;
  key.src2 = 0;
  key.src3 = 0;
  key.dst0 = 0;
  key.dst1 = 0;
  key.dst2 = 0;
  key.dst3 = 0;
}
