/**
 * The echo request of a host itself and what is heard about it — RFC 792, RFC 4443 §3 and §4. Pure: bytes in, bytes out. The request is a
 * whole packet, IP header included and never to be fragmented; what is heard is as a raw socket of Linux gives it: ICMP with its IPv4 header,
 * ICMPv6 without one. Called by icmp-socket.
 */
import { equalIpWords, type IpWords, ipWordsToBytes, isIpv4Words } from '../../base/ip-words.ts';
import { pseudoIpv6 } from '../../packet/checksum.ts';
import { Drop } from '../../packet/drop.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';

/** Both addresses are of one family. */
export interface Echo {
  readonly source: IpWords;
  readonly destination: IpWords;
  readonly identifier: number;
  readonly sequence: number;
  /** Of the ICMP message, bytes, header included. */
  readonly length: number;
}

export type EchoHeard =
  | { readonly kind: 'answered' }
  /** An ICMP error about the request; the sender is the message's. */
  | { readonly kind: 'error'; readonly says: string };

const TTL = 64;

/** IP header, ICMP header, zeros. */
export function echoRequest(echo: Echo): Uint8Array {
  return isIpv4Words(echo.destination) ? requestIpv4(echo) : requestIpv6(echo);
}

function requestIpv4(echo: Echo): Uint8Array {
  const bytes = new Uint8Array(ipv4.HEADER_LEN + echo.length);
  const view = new DataView(bytes.buffer);
  const header = {
    ...{ tos: 0, payloadLen: echo.length, identification: 0, reservedFlag: false },
    ...{ dontFragment: true, moreFragments: false, fragmentOffset: 0, ttl: TTL },
    ...{ protocol: IpProtocol.ICMP, src: echo.source[3], dst: echo.destination[3] },
    options: new Uint8Array(),
  };
  ipv4.emit(header, view, 0);
  const data = new Uint8Array(echo.length - icmp.HEADER_LEN);
  const message = { type: icmp.Type.ECHO_REQUEST, code: 0, rest: restOf(echo), data };
  icmp.emit(message, view, ipv4.HEADER_LEN);
  return bytes;
}

function requestIpv6(echo: Echo): Uint8Array {
  const bytes = new Uint8Array(ipv6.HEADER_LEN + echo.length);
  const view = new DataView(bytes.buffer);
  const header = {
    ...{ trafficClass: 0, flowLabel: 0, payloadLen: echo.length, hopLimit: TTL },
    nextHeader: IpProtocol.ICMPV6,
    src: ipWordsToBytes(echo.source),
    dst: ipWordsToBytes(echo.destination),
  };
  ipv6.emit(header, view, 0);
  const body = new Uint8Array(echo.length - icmpv6.HEADER_LEN);
  const message = { type: icmpv6.Type.ECHO_REQUEST, code: 0, checksum: 0, rest: restOf(echo) };
  icmpv6.emit({ ...message, body }, view, ipv6.HEADER_LEN);
  const pseudo = pseudoIpv6(view, 0, IpProtocol.ICMPV6, echo.length);
  icmpv6.fillChecksum(view, ipv6.HEADER_LEN, bytes.length, pseudo);
  return bytes;
}

function restOf({ identifier, sequence }: Echo): number {
  return ((identifier << 16) | sequence) >>> 0;
}

/** What one message says about the request; `undefined`: nothing, it is about something else or cut short. */
export function heardOf(bytes: Uint8Array, sender: IpWords, echo: Echo): EchoHeard | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return isIpv4Words(echo.destination) ? heardIpv4(view, echo) : heardIpv6(view, sender, echo);
}

function heardIpv4(view: DataView, echo: Echo): EchoHeard | undefined {
  if (ipv4.check(view, 0, view.byteLength) !== Drop.None) return undefined;
  if (ipv4.protocol(view, 0) !== IpProtocol.ICMP) return undefined;
  if (ipv4.dst(view, 0) !== echo.source[3]) return undefined;
  const at = ipv4.headerLen(view, 0);
  const end = ipv4.packetEnd(view, 0, view.byteLength);
  if (icmp.check(view, at, end) !== Drop.None) return undefined;
  // A raw socket is given messages before the kernel has looked at their checksum.
  if (!icmp.hasValidChecksum(view, at, end)) return undefined;
  const type = icmp.type(view, at);
  if (type === icmp.Type.ECHO_REPLY) {
    const isPeer = ipv4.src(view, 0) === echo.destination[3];
    return isPeer && isOwn(view, at, echo) ? { kind: 'answered' } : undefined;
  }
  const isVerdict =
    type === icmp.Type.DESTINATION_UNREACHABLE ||
    type === icmp.Type.TIME_EXCEEDED ||
    type === icmp.Type.PARAMETER_PROBLEM;
  if (!isVerdict || !quotesIpv4(view, at + icmp.HEADER_LEN, end, echo)) return undefined;
  return { kind: 'error', says: wordsIpv4(type, icmp.code(view, at), icmp.nextHopMtu(view, at)) };
}

/** Of the request an error quotes the header and at least eight bytes (RFC 792), not all its length tells. */
function quotesIpv4(view: DataView, at: number, end: number, echo: Echo): boolean {
  if (end - at < ipv4.HEADER_LEN || view.getUint8(at) >>> 4 !== 4) return false;
  const inner = at + ipv4.headerLen(view, at);
  if (inner < at + ipv4.HEADER_LEN || end - inner < icmp.HEADER_LEN) return false;
  return (
    ipv4.protocol(view, at) === IpProtocol.ICMP &&
    ipv4.src(view, at) === echo.source[3] &&
    ipv4.dst(view, at) === echo.destination[3] &&
    icmp.type(view, inner) === icmp.Type.ECHO_REQUEST &&
    isOwn(view, inner, echo)
  );
}

function heardIpv6(view: DataView, sender: IpWords, echo: Echo): EchoHeard | undefined {
  const end = view.byteLength;
  if (icmpv6.check(view, 0, end) !== Drop.None) return undefined;
  const type = icmpv6.type(view, 0);
  if (type === icmpv6.Type.ECHO_REPLY) {
    const isPeer = equalIpWords(sender, echo.destination);
    return isPeer && isOwn(view, 0, echo) ? { kind: 'answered' } : undefined;
  }
  if (!icmpv6.isKnownError(type) || !quotesIpv6(view, icmpv6.HEADER_LEN, end, echo)) {
    return undefined;
  }
  return { kind: 'error', says: wordsIpv6(type, icmpv6.code(view, 0), icmpv6.mtu(view, 0)) };
}

function quotesIpv6(view: DataView, at: number, end: number, echo: Echo): boolean {
  const inner = at + ipv6.HEADER_LEN;
  if (end - inner < icmpv6.HEADER_LEN || view.getUint8(at) >>> 4 !== 6) return false;
  return (
    ipv6.nextHeader(view, at) === IpProtocol.ICMPV6 &&
    echo.source.every((word, index) => ipv6.srcWord(view, at, index) === word) &&
    echo.destination.every((word, index) => ipv6.dstWord(view, at, index) === word) &&
    icmpv6.type(view, inner) === icmpv6.Type.ECHO_REQUEST &&
    isOwn(view, inner, echo)
  );
}

/** ICMP and ICMPv6 have identifier and sequence number in the same place. */
function isOwn(view: DataView, at: number, echo: Echo): boolean {
  return icmp.identifier(view, at) === echo.identifier && icmp.sequence(view, at) === echo.sequence;
}

function wordsIpv4(type: number, code: number, mtu: number): string {
  if (type === icmp.Type.TIME_EXCEEDED) return 'time to live exceeded';
  if (type !== icmp.Type.DESTINATION_UNREACHABLE) return `parameter problem, code ${code}`;
  switch (code) {
    case icmp.Unreachable.NET:
      return 'network unreachable';
    case icmp.Unreachable.HOST:
      return 'host unreachable';
    case icmp.Unreachable.FRAGMENTATION_NEEDED:
      return `too long, the MTU from here on is ${mtu}`;
    case icmp.Unreachable.ADMINISTRATIVELY_PROHIBITED:
      return 'administratively prohibited';
    default:
      return `destination unreachable, code ${code}`;
  }
}

/** Codes of RFC 4443 §3.1. */
const UNREACHABLE_IPV6: readonly string[] = [
  'no route to the destination',
  'administratively prohibited',
  'beyond the scope of the source address',
  'address unreachable',
  'port unreachable',
];

function wordsIpv6(type: number, code: number, mtu: number): string {
  switch (type) {
    case icmpv6.Type.PACKET_TOO_BIG:
      return `too long, the MTU from here on is ${mtu}`;
    case icmpv6.Type.TIME_EXCEEDED:
      return 'hop limit exceeded';
    case icmpv6.Type.PARAMETER_PROBLEM:
      return `parameter problem, code ${code}`;
    default:
      return UNREACHABLE_IPV6[code] ?? `destination unreachable, code ${code}`;
  }
}
