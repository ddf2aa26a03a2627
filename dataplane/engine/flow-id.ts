/**
 * What makes two packets one flow, and which flow answers which.
 *
 * A flow's identity is its scope, both addresses, both ports, the protocol and the IP version. Fragments after the first have the ports
 * of their datagram (fragment-table.ts).
 * The scope says whose it is and which way it goes:
 *
 *   port                     what the port sends
 *   INBOUND_SCOPE + VNI      what is delivered to the port that has the destination address: within a network identifier addresses are
 *                            unique, so a tunnelled packet needs one lookup, not one for its port and one for its flow
 *   FORWARDED_SCOPE + port   what is delivered to a port that forwards for others: the same packet may be delivered within the
 *                            same network identifier again, to the port that has the address
 *
 * Called by flow-table and dataplane/switch.
 */
import { EtherType } from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';

export type FlowScope = number;

/** Above every port index; with any 24-bit network identifier still a small integer of the engine. */
export const INBOUND_SCOPE: FlowScope = 0x2000_0000;
export const FORWARDED_SCOPE: FlowScope = 0x3000_0000;

export function outboundScope(port: number): FlowScope {
  return port;
}

export function inboundScope(vni: number): FlowScope {
  return INBOUND_SCOPE + vni;
}

export function forwardedScope(port: number): FlowScope {
  return FORWARDED_SCOPE + port;
}

export const KIND_IPV6 = 0x100;

/** Protocol and IP version in one word. A fragment is of its datagram's flow, whatever its position. */
export function kindOf(key: FlowKey): number {
  return key.protocol | (key.etherType === EtherType.IPV6 ? KIND_IPV6 : 0);
}

export function portsOf(key: FlowKey): number {
  return ((key.srcPort << 16) | key.dstPort) >>> 0;
}

/**
 * May the flow be remembered? Not what is no IP packet, and no ICMP error: it belongs to the flow it quotes, and has no answer of
 * its own that a reverse flow could stand for.
 */
export function isTrackable(key: FlowKey): boolean {
  if (key.etherType !== EtherType.IPV4 && key.etherType !== EtherType.IPV6) return false;
  if (key.protocol === IpProtocol.ICMP) return icmp.isQuery(key.dstPort >>> 8);
  if (key.protocol === IpProtocol.ICMPV6) return icmpv6.isEcho(key.dstPort >>> 8);
  return true;
}

/** Writes what identifies the packet; offsets and what else the key holds are left alone. */
export function copyIdentity(key: FlowKey, into: FlowKey): void {
  into.src0 = key.src0;
  into.src1 = key.src1;
  into.src2 = key.src2;
  into.src3 = key.src3;
  into.dst0 = key.dst0;
  into.dst1 = key.dst1;
  into.dst2 = key.dst2;
  into.dst3 = key.dst3;
  into.etherType = key.etherType;
  into.protocol = key.protocol;
  into.fragment = key.fragment;
  into.srcPort = key.srcPort;
  into.dstPort = key.dstPort;
  into.tcpFlags = key.tcpFlags;
}

/** Is it an ICMP error that quotes the packet it is about? */
export function isQuotingError(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  if (key.protocol === IpProtocol.ICMP) return icmp.isError(type);
  return key.protocol === IpProtocol.ICMPV6 && icmpv6.isKnownError(type);
}

/**
 * Turns the key round: `into`, which may be `key` itself, becomes the key of the packet that answers it. Turned twice it is the same
 * again. Offsets are left alone.
 */
export function reverseKey(key: FlowKey, into: FlowKey): void {
  const { src0, src1, src2, src3, dst0, dst1, dst2, dst3, srcPort, dstPort } = key;
  into.src0 = dst0;
  into.src1 = dst1;
  into.src2 = dst2;
  into.src3 = dst3;
  into.dst0 = src0;
  into.dst1 = src1;
  into.dst2 = src2;
  into.dst3 = src3;
  into.etherType = key.etherType;
  into.protocol = key.protocol;
  into.fragment = key.fragment;
  const answer = answeringType(key.protocol, dstPort);
  if (answer === NO_QUERY) {
    into.srcPort = dstPort;
    into.dstPort = srcPort;
  } else {
    into.srcPort = srcPort;
    into.dstPort = answer << 8;
  }
}

/** Are addresses and ports of one those of the other, exchanged? */
export function isTurnedRound(key: FlowKey, other: FlowKey): boolean {
  return (
    key.src3 === other.dst3 &&
    key.dst3 === other.src3 &&
    key.srcPort === other.dstPort &&
    key.dstPort === other.srcPort &&
    key.src0 === other.dst0 &&
    key.src1 === other.dst1 &&
    key.src2 === other.dst2 &&
    key.dst0 === other.src0 &&
    key.dst1 === other.src1 &&
    key.dst2 === other.src2
  );
}

const NO_QUERY = -1;

/** ICMP type that answers the query in `dstPort` (type · 256 + code), or NO_QUERY. */
function answeringType(protocol: number, dstPort: number): number {
  const type = dstPort >>> 8;
  if (protocol === IpProtocol.ICMP) return ICMP_ANSWER[type] ?? NO_QUERY;
  if (protocol === IpProtocol.ICMPV6) return ICMPV6_ANSWER[type] ?? NO_QUERY;
  return NO_QUERY;
}

const { ECHO_REPLY, ECHO_REQUEST, TIMESTAMP_REPLY, TIMESTAMP_REQUEST } = icmp.Type;

const ICMP_ANSWER: Readonly<Record<number, number>> = {
  [ECHO_REQUEST]: ECHO_REPLY,
  [ECHO_REPLY]: ECHO_REQUEST,
  [TIMESTAMP_REQUEST]: TIMESTAMP_REPLY,
  [TIMESTAMP_REPLY]: TIMESTAMP_REQUEST,
};

const ICMPV6_ANSWER: Readonly<Record<number, number>> = {
  [icmpv6.Type.ECHO_REQUEST]: icmpv6.Type.ECHO_REPLY,
  [icmpv6.Type.ECHO_REPLY]: icmpv6.Type.ECHO_REQUEST,
};
