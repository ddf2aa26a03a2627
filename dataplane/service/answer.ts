/**
 * Answer — where a local service writes the frame it answers with, and the Ethernet and IP headers all of them share. Services are
 * functions of a request and a port's settings; they send nothing. Drop.None with `end` > `at`: send [at, end) back to the
 * port, with a cleared virtio_net_hdr. Drop.None with `end` = `at`: the request is dealt with, nothing to send.
 *
 * Called by every service here; made once by dataplane/switch over its scratch area.
 */
import { type IpWords, ipWordsToBytes } from '../../base/ip-words.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { pseudoIpv6 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { TTL } from './limits.ts';

export interface Answer {
  /** First byte of the frame. */
  readonly at: number;
  /** Offset after the area: at least ANSWER_BYTES_MIN from `at`. */
  readonly limit: number;
  /** Offset after the last byte written. */
  end: number;
}

export const IPV4_AT: number = ethernet.HEADER_LEN;
export const TRANSPORT_AT: number = ethernet.HEADER_LEN + ipv4.HEADER_LEN;
export const IPV6_AT: number = ethernet.HEADER_LEN;
export const IPV6_TRANSPORT_AT: number = ethernet.HEADER_LEN + ipv6.HEADER_LEN;
const NO_OPTIONS = new Uint8Array();

export interface Addressing {
  readonly dstMac: Mac;
  readonly src: Ipv4;
  readonly dst: Ipv4;
}

/** Writes both headers before a transport message of `payloadLen` bytes that starts at answer.at + TRANSPORT_AT, and sets `end`. */
export function emitHeaders(
  view: DataView,
  answer: Answer,
  addressing: Addressing,
  payload: { readonly protocol: number; readonly payloadLen: number },
): void {
  const { dstMac, src, dst } = addressing;
  const header = { dst: dstMac, src: VIRTUAL_ROUTER_MAC, etherType: ethernet.EtherType.IPV4 };
  ethernet.emit(header, view, answer.at);
  const packet = {
    tos: 0,
    identification: 0,
    reservedFlag: false,
    // With DF set the identification field means nothing (RFC 6864 §4.1).
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: TTL,
    src,
    dst,
    options: NO_OPTIONS,
    ...payload,
  };
  ipv4.emit(packet, view, answer.at + IPV4_AT);
  answer.end = answer.at + TRANSPORT_AT + payload.payloadLen;
}

export interface Ipv6Addressing {
  readonly dstMac: Mac;
  /** Default: the virtual router's. */
  readonly srcMac?: Mac;
  readonly src: IpWords;
  readonly dst: IpWords;
  /** Default: TTL. */
  readonly hopLimit?: number;
}

/** As emitHeaders, for IPv6: the transport message starts at answer.at + IPV6_TRANSPORT_AT. */
export function emitIpv6Headers(
  view: DataView,
  answer: Answer,
  addressing: Ipv6Addressing,
  payload: { readonly nextHeader: number; readonly payloadLen: number },
): void {
  const { dstMac, srcMac = VIRTUAL_ROUTER_MAC, src, dst, hopLimit = TTL } = addressing;
  const header = { dst: dstMac, src: srcMac, etherType: ethernet.EtherType.IPV6 };
  ethernet.emit(header, view, answer.at);
  const packet = {
    trafficClass: 0,
    flowLabel: 0,
    hopLimit,
    src: ipWordsToBytes(src),
    dst: ipWordsToBytes(dst),
    ...payload,
  };
  ipv6.emit(packet, view, answer.at + IPV6_AT);
  answer.end = answer.at + IPV6_TRANSPORT_AT + payload.payloadLen;
}

/** A whole ICMPv6 message with its headers and checksum. */
export function emitIcmpv6(
  view: DataView,
  answer: Answer,
  addressing: Ipv6Addressing,
  message: Omit<icmpv6.Repr, 'checksum'>,
): void {
  const repr = { ...message, checksum: 0 };
  const payloadLen = icmpv6.reprLen(repr);
  emitIpv6Headers(view, answer, addressing, { nextHeader: IpProtocol.ICMPV6, payloadLen });
  const at = answer.at + IPV6_TRANSPORT_AT;
  icmpv6.emit(repr, view, at);
  const pseudo = pseudoIpv6(view, answer.at + IPV6_AT, IpProtocol.ICMPV6, payloadLen);
  icmpv6.fillChecksum(view, at, answer.end, pseudo);
}
