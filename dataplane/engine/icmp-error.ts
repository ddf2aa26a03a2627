/**
 * ICMP errors in a router's name — RFC 792, RFC 1812 §4.3, RFC 1191 §4 (next-hop MTU), RFC 4443 §3: destination unreachable, time exceeded, too
 * big. Never about an ICMP error, a later fragment, or a packet from or to what names no single host (RFC 1122 §3.2.2, RFC 4443 §2.4).
 *
 * Limited in all and per group of senders (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f): so neither a loop nor a scan makes the router one more source
 * of it, and a noisy sender does not keep the others from theirs. Called by bgp/edge/router and slb/mux/forwarder.
 */
import { type IpWords, ipWordsToBytes } from '../../base/ip-words.ts';
import { copyBytes } from '../../packet/bytes.ts';
import { pseudoIpv6 } from '../../packet/checksum.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { ICMP_ERROR_BYTES_MAX } from '../limits.ts';
import { isMartianSource } from './martians.ts';

/** Codes of unreachable, which differ by family (RFC 792, RFC 4443 §3.1). */
export interface UnreachableCodes {
  readonly ipv4: number;
  readonly ipv6: number;
}

/** What is wrong with the packet. */
export type Fault =
  | { readonly kind: 'unreachable'; readonly codes: UnreachableCodes }
  | { readonly kind: 'expired' }
  | { readonly kind: 'too-big'; readonly mtu: number };

/** Least MTU that an IPv6 link has (RFC 8200 §5): an error quotes no more than fits it. */
const IPV6_MTU_MIN = 1280;
const TTL = 64;
const GROUPS = 256;
const NO_OPTIONS = new Uint8Array();

/** Bytes that an error takes at most, Ethernet header included. */
export const ERROR_FRAME_BYTES_MAX: number = ethernet.HEADER_LEN + IPV6_MTU_MIN;

/** How many errors may still be sent in this second. */
export class ErrorBudget {
  readonly #perSecMax: number;
  readonly #perSenderPerSecMax: number;
  readonly #perGroup = new Uint16Array(GROUPS);
  #spent = 0;
  #sec = -1;

  /** So many in all in one second, and so many to one of GROUPS groups of senders. */
  constructor(limits: { readonly perSecMax: number; readonly perSenderPerSecMax: number }) {
    this.#perSecMax = limits.perSecMax;
    this.#perSenderPerSecMax = limits.perSenderPerSecMax;
  }

  /** Takes one for the sender of the packet with this key; false: there is none left. */
  take(key: FlowKey, nowSec: number): boolean {
    if (nowSec !== this.#sec) {
      this.#sec = nowSec;
      this.#spent = 0;
      this.#perGroup.fill(0);
    }
    const mixed = Math.imul(key.src3 ^ Math.imul(key.src1, 31), 0x9e37_79b1);
    const group = mixed >>> 24;
    const spent = this.#perGroup[group] ?? 0;
    const isSpent = this.#spent >= this.#perSecMax || spent >= this.#perSenderPerSecMax;
    if (isSpent) return false;
    this.#spent += 1;
    this.#perGroup[group] = spent + 1;
    return true;
  }
}

/** May an error be sent about the frame at `at` with this key? */
export function mayReport(view: DataView, at: number, key: FlowKey): boolean {
  if (key.fragment === Fragment.LATER || ethernet.isToGroup(view, at)) return false;
  if (isMartianSource(key)) return false;
  const type = key.dstPort >>> 8;
  if (key.protocol === IpProtocol.ICMP) return !icmp.isError(type);
  if (key.protocol === IpProtocol.ICMPV6)
    return !icmpv6.isError(type) && type !== icmpv6.Type.REDIRECT;
  return true;
}

/**
 * Writes the error about the packet with this key at `to`, where ERROR_FRAME_BYTES_MAX bytes are free; returns the offset after it. `from` is
 * the reporter's address, of the packet's family.
 */
export function emitError(
  view: DataView,
  key: FlowKey,
  fault: Fault,
  addressing: { readonly dstMac: number; readonly srcMac: number; readonly from: IpWords },
  to: number,
): number {
  const { dstMac, srcMac } = addressing;
  const header = { dst: dstMac, src: srcMac, etherType: key.etherType };
  ethernet.emit(header, view, to);
  const l3At = to + ethernet.HEADER_LEN;
  return key.etherType === ethernet.EtherType.IPV4
    ? emitIpv4Error(view, key, fault, addressing.from, l3At)
    : emitIpv6Error(view, key, fault, addressing.from, l3At);
}

function emitIpv4Error(
  view: DataView,
  key: FlowKey,
  fault: Fault,
  from: IpWords,
  to: number,
): number {
  const room = ICMP_ERROR_BYTES_MAX - ipv4.HEADER_LEN - icmp.HEADER_LEN;
  const data = copyBytes(view, key.l3At, Math.min(key.l3End, key.l3At + room));
  const message = { ...ipv4Message(fault), data };
  const payloadLen = icmp.reprLen(message);
  const packet = {
    // Precedence 6, internetwork control (RFC 1812 §4.3.2.5).
    tos: 0xc0,
    identification: 0,
    reservedFlag: false,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: TTL,
    protocol: IpProtocol.ICMP,
    src: from[3],
    dst: key.src3,
    options: NO_OPTIONS,
    payloadLen,
  };
  ipv4.emit(packet, view, to);
  icmp.emit(message, view, to + ipv4.HEADER_LEN);
  return to + ipv4.HEADER_LEN + payloadLen;
}

function ipv4Message(fault: Fault): { type: number; code: number; rest: number } {
  switch (fault.kind) {
    case 'expired':
      return { type: icmp.Type.TIME_EXCEEDED, code: icmp.TimeExceeded.TTL, rest: 0 };
    case 'too-big': {
      const code = icmp.Unreachable.FRAGMENTATION_NEEDED;
      return { type: icmp.Type.DESTINATION_UNREACHABLE, code, rest: fault.mtu & 0xffff };
    }
    case 'unreachable': {
      return { type: icmp.Type.DESTINATION_UNREACHABLE, code: fault.codes.ipv4, rest: 0 };
    }
  }
}

function emitIpv6Error(
  view: DataView,
  key: FlowKey,
  fault: Fault,
  from: IpWords,
  to: number,
): number {
  const room = IPV6_MTU_MIN - ipv6.HEADER_LEN - icmpv6.HEADER_LEN;
  const body = copyBytes(view, key.l3At, Math.min(key.l3End, key.l3At + room));
  const message = { ...ipv6Message(fault), checksum: 0, body };
  const payloadLen = icmpv6.reprLen(message);
  const packet = {
    trafficClass: 0,
    flowLabel: 0,
    payloadLen,
    nextHeader: IpProtocol.ICMPV6,
    hopLimit: TTL,
    src: ipWordsToBytes(from),
    dst: ipWordsToBytes([key.src0, key.src1, key.src2, key.src3]),
  };
  ipv6.emit(packet, view, to);
  const at = to + ipv6.HEADER_LEN;
  icmpv6.emit(message, view, at);
  const pseudo = pseudoIpv6(view, to, IpProtocol.ICMPV6, payloadLen);
  icmpv6.fillChecksum(view, at, at + payloadLen, pseudo);
  return at + payloadLen;
}

function ipv6Message(fault: Fault): { type: number; code: number; rest: number } {
  switch (fault.kind) {
    case 'expired':
      return { type: icmpv6.Type.TIME_EXCEEDED, code: icmpv6.TimeExceeded.HOP_LIMIT, rest: 0 };
    case 'too-big':
      return { type: icmpv6.Type.PACKET_TOO_BIG, code: 0, rest: fault.mtu };
    case 'unreachable': {
      return { type: icmpv6.Type.DESTINATION_UNREACHABLE, code: fault.codes.ipv6, rest: 0 };
    }
  }
}
