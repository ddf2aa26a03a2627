/**
 * The frame that a VM would send, from a description in words (schema/southbound/diagnostics/trace.ts), and a frame's headers in words.
 * Complete, with right checksums: it takes the same way through the parsers as any other. Called by trace-walk, trace-words and answers.
 */
import { SdnError } from '../../base/errors.ts';
import {
  equalIpWords,
  formatIpWords,
  type IpWords,
  ipWordsToBytes,
  isIpv4Words,
  isMulticastWords,
  parseIpWords,
} from '../../base/ip-words.ts';
import { formatMac, ipv6MulticastMac, type Mac, parseMac } from '../../base/mac.ts';
import { pseudoIpv4, pseudoIpv6 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import * as tcp from '../../packet/tcp.ts';
import * as udp from '../../packet/udp.ts';
import type { PacketSpec, PacketView } from '../../schema/southbound/diagnostics/trace.ts';

/** What the sender would fill in by itself. */
export interface Sender {
  readonly mac: Mac;
  /** Primary first. */
  readonly addresses: readonly IpWords[];
  /** MAC address that the sender would find for a destination: its neighbour's, or its router's. */
  nextMac(source: IpWords, destination: IpWords): Mac;
}

const NO_BYTES = new Uint8Array();
/** First dynamic port (RFC 6335 §6). */
const SOURCE_PORT_DEFAULT = 49_152;
const TTL_DEFAULT = 64;
const IDENTIFIER_DEFAULT = 1;
const BROADCAST = 0xffff_ffff;

/** Throws SDN_QUESTION_INVALID where the description makes no packet. */
export function frameOf(spec: PacketSpec, sender: Sender): Uint8Array {
  const dst = addressOf('destination', spec.destination);
  const src =
    spec.source === undefined ? ownAddress(sender, dst) : addressOf('source', spec.source);
  if (isIpv4Words(src) !== isIpv4Words(dst)) {
    throw invalid('source and destination are of different families');
  }
  const macs = {
    src: spec.sourceMac === undefined ? sender.mac : macOf('sourceMac', spec.sourceMac),
    dst:
      spec.destinationMac === undefined
        ? destinationMac(src, dst, sender)
        : macOf('destinationMac', spec.destinationMac),
  };
  const isIpv4 = isIpv4Words(dst);
  const l4 = ethernet.HEADER_LEN + (isIpv4 ? ipv4.HEADER_LEN : ipv6.HEADER_LEN);
  const shortest = l4 + transportLen(spec.protocol);
  const end = Math.max(shortest, ethernet.HEADER_LEN + (spec.length ?? 0));
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  const etherType = isIpv4 ? ethernet.EtherType.IPV4 : ethernet.EtherType.IPV6;
  ethernet.emit({ ...macs, etherType }, view, 0);
  if (isIpv4) emitIpv4(spec, src, dst, view, end - l4);
  else emitIpv6(spec, src, dst, view, end - l4);
  emitTransport(spec, view, l4, end, pseudo(spec, view, end - l4));
  return bytes;
}

function transportLen(protocol: number): number {
  switch (protocol) {
    case IpProtocol.TCP:
      return tcp.HEADER_LEN;
    case IpProtocol.UDP:
    case IpProtocol.ICMP:
    case IpProtocol.ICMPV6:
      return udp.HEADER_LEN;
    default:
      return 0;
  }
}

function emitIpv4(
  spec: PacketSpec,
  src: IpWords,
  dst: IpWords,
  view: DataView,
  payloadLen: number,
) {
  const repr: ipv4.Repr = {
    tos: 0,
    payloadLen,
    identification: 0,
    reservedFlag: false,
    dontFragment: spec.dontFragment ?? true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: spec.ttl ?? TTL_DEFAULT,
    protocol: spec.protocol,
    src: src[3],
    dst: dst[3],
    options: NO_BYTES,
  };
  ipv4.emit(repr, view, ethernet.HEADER_LEN);
}

function emitIpv6(
  spec: PacketSpec,
  src: IpWords,
  dst: IpWords,
  view: DataView,
  payloadLen: number,
) {
  const repr: ipv6.Repr = {
    trafficClass: 0,
    flowLabel: 0,
    payloadLen,
    nextHeader: spec.protocol,
    hopLimit: spec.ttl ?? TTL_DEFAULT,
    src: ipWordsToBytes(src),
    dst: ipWordsToBytes(dst),
  };
  ipv6.emit(repr, view, ethernet.HEADER_LEN);
}

function emitTransport(spec: PacketSpec, view: DataView, at: number, end: number, seed: number) {
  const srcPort = spec.sourcePort ?? SOURCE_PORT_DEFAULT;
  const dstPort = spec.destinationPort ?? 0;
  switch (spec.protocol) {
    case IpProtocol.TCP: {
      const flags = spec.tcpFlags ?? tcp.Flag.SYN;
      const numbers = { sequence: 0, acknowledgment: 0, window: 0xffff, urgentPointer: 0 };
      const rest = { reserved: 0, checksum: 0, options: NO_BYTES };
      tcp.emit({ srcPort, dstPort, flags, ...numbers, ...rest }, view, at);
      tcp.fillChecksum(view, at, end, seed);
      return;
    }
    case IpProtocol.UDP:
      udp.emit({ srcPort, dstPort, payloadLen: end - at - udp.HEADER_LEN, checksum: 0 }, view, at);
      udp.fillChecksum(view, at, seed);
      return;
    case IpProtocol.ICMP:
      emitIcmp(spec, icmp.Type.ECHO_REQUEST, view, at);
      icmp.fillChecksum(view, at, end);
      return;
    case IpProtocol.ICMPV6:
      emitIcmp(spec, icmpv6.Type.ECHO_REQUEST, view, at);
      icmpv6.fillChecksum(view, at, end, seed);
      return;
    default:
  }
}

/** Both families have type, code, checksum, identifier and sequence in the same places. */
function emitIcmp(spec: PacketSpec, echoRequest: number, view: DataView, at: number): void {
  view.setUint8(at, spec.icmpType ?? echoRequest);
  view.setUint8(at + 1, spec.icmpCode ?? 0);
  view.setUint16(at + 4, spec.identifier ?? IDENTIFIER_DEFAULT);
}

/** Of the IP header that has been written. */
function pseudo(spec: PacketSpec, view: DataView, bytes: number): number {
  return ethernet.etherType(view, 0) === ethernet.EtherType.IPV4
    ? pseudoIpv4(view, ethernet.HEADER_LEN, spec.protocol, bytes)
    : pseudoIpv6(view, ethernet.HEADER_LEN, spec.protocol, bytes);
}

function ownAddress(sender: Sender, dst: IpWords): IpWords {
  const own = sender.addresses.find((address) => isIpv4Words(address) === isIpv4Words(dst));
  if (own !== undefined) return own;
  throw invalid(`the interface has no address to reach ${formatIpWords(dst)} from`);
}

function destinationMac(src: IpWords, dst: IpWords, sender: Sender): Mac {
  if (isIpv4Words(dst)) {
    if (dst[3] === BROADCAST) return ethernet.BROADCAST;
    // The lower 23 bits of the group stand in its MAC address.
    if (ipv4.isMulticast(dst[3])) return 0x0100_5e00_0000 + (dst[3] & 0x7f_ffff);
  } else if (isMulticastWords(dst)) return ipv6MulticastMac(dst[3]);
  return equalIpWords(src, dst) ? sender.mac : sender.nextMac(src, dst);
}

function addressOf(name: string, text: string): IpWords {
  const words = parseIpWords(text);
  if (words !== undefined) return words;
  throw invalid(`${name} '${text}' is no address`);
}

function macOf(name: string, text: string): Mac {
  const mac = parseMac(text);
  if (mac !== undefined) return mac;
  throw invalid(`${name} '${text}' is no MAC address`);
}

function invalid(message: string): SdnError {
  return new SdnError('SDN_QUESTION_INVALID', message);
}

export const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IpProtocol.TCP]: 'tcp',
  [IpProtocol.UDP]: 'udp',
  [IpProtocol.ICMP]: 'icmp',
  [IpProtocol.ICMPV6]: 'icmpv6',
};

/** Headers of a parsed frame; `key` is its parse result. */
export function viewOf(view: DataView, at: number, key: FlowKey): PacketView {
  const { protocol } = key;
  const hasPorts = protocol === IpProtocol.TCP || protocol === IpProtocol.UDP;
  const isIcmp = protocol === IpProtocol.ICMP || protocol === IpProtocol.ICMPV6;
  const isWhole = key.fragment !== Fragment.LATER;
  return {
    sourceMac: formatMac(ethernet.src(view, at)),
    destinationMac: formatMac(ethernet.dst(view, at)),
    source: formatIpWords([key.src0, key.src1, key.src2, key.src3]),
    destination: formatIpWords([key.dst0, key.dst1, key.dst2, key.dst3]),
    protocol: PROTOCOL_NAMES[protocol] ?? `${protocol}`,
    ...(hasPorts && isWhole && { sourcePort: key.srcPort, destinationPort: key.dstPort }),
    ...(isIcmp && isWhole && { icmpType: key.dstPort >>> 8, icmpCode: key.dstPort & 0xff }),
    ttl: key.ttl,
    length: key.l3End - key.l3At,
  };
}
