/**
 * Address and port rewriting on a frame, checksums included — RFC 1624 (incremental update), RFC 768 (a UDP checksum of zero is none;
 * a computed zero is sent as 0xffff), RFC 5508 §3 (ICMP query identifiers).
 *
 *   covered by            IPv4 header checksum    transport checksum
 *   IPv4 addresses        yes                     yes (pseudo-header), but not ICMP's
 *   IPv6 addresses        —                       yes (pseudo-header), ICMPv6's included
 *   ports, query id       —                       yes
 *
 * A complete checksum is updated for all of these. A partial one (virtio NEEDS_CSUM, so every super-frame's) holds the sum of the
 * pseudo-header alone: it is updated for addresses, and never for ports, which its sender still adds up. The IPv4
 * header's checksum is complete on every frame. Later fragments have no transport header; the first one's checksum covers the whole
 * datagram and is updated as any other.
 *
 * Supported: TCP, UDP, ICMP and ICMPv6 queries. Of other protocols only the IP header is rewritten: those whose own checksum covers
 * addresses (DCCP, UDP-Lite) are not to be translated, and no layer does. Called by transposition.
 */
import { difference16, difference32, update, updateSum } from '../../packet/checksum.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as tcp from '../../packet/tcp.ts';
import * as udp from '../../packet/udp.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { Op } from './header-action.ts';

/** Where `words` holds the new values, from `at` on: four words of each address, both ports in one, the query identifier. */
export const RewriteWord = { SRC_IP: 0, DST_IP: 4, PORTS: 8, QUERY_ID: 9 } as const;
export const REWRITE_WORDS = 10;

const IPV4_CHECKSUM = 10;
const IPV4_SRC = 12;
const IPV4_DST = 16;
const IPV6_SRC = 8;
const IPV6_DST = 24;
const SRC_PORT = 0;
const DST_PORT = 2;
const QUERY_ID = 4;
/** Offset of the checksum in ICMP and ICMPv6. */
const ICMP_CHECKSUM = 2;
const NO_CHECKSUM = -1;

/** A frame of the ring, as far as rewriting must know it. */
export interface RewrittenFrame {
  readonly view: DataView;
  readonly at: number;
  readonly vnetAt: number;
}

/** Writes what `ops` says; `key` is the frame's parse result. */
export function rewrite(
  frame: RewrittenFrame,
  key: FlowKey,
  ops: number,
  words: Uint32Array,
  at: number,
): void {
  const { view } = frame;
  const addresses = replaceAddresses(view, key, ops, words, at);
  if (key.fragment === Fragment.LATER) return;
  const ports = replacePorts(view, key, ops, words, at);
  const checksumAt = checksumOffset(key.protocol);
  if (checksumAt === NO_CHECKSUM) return;
  const pseudo = key.protocol === IpProtocol.ICMP ? 0 : addresses;
  const fieldAt = key.l4At + checksumAt;
  const field = view.getUint16(fieldAt);
  if (isPartial(frame, key, checksumAt)) view.setUint16(fieldAt, updateSum(field, pseudo));
  else if (key.protocol !== IpProtocol.UDP) view.setUint16(fieldAt, update(field, pseudo + ports));
  else if (field !== 0) view.setUint16(fieldAt, update(field, pseudo + ports) || 0xffff);
}

/** Writes the new addresses and the IPv4 header's checksum; returns what they add to a sum (checksum.difference16). */
export function replaceAddresses(
  view: DataView,
  key: FlowKey,
  ops: number,
  words: Uint32Array,
  at: number,
): number {
  let addresses = 0;
  if ((ops & Op.SRC_IP) !== 0) addresses += replaceSrc(view, key, words, at);
  if ((ops & Op.DST_IP) !== 0) addresses += replaceDst(view, key, words, at);
  if (addresses !== 0 && key.etherType === EtherType.IPV4) {
    const fieldAt = key.l3At + IPV4_CHECKSUM;
    view.setUint16(fieldAt, update(view.getUint16(fieldAt), addresses));
  }
  return addresses;
}

/** Writes the new ports of a packet that an ICMP error quotes, and its checksum if that is quoted as well. `words` begin at 0. */
export function replaceQuotedPorts(
  view: DataView,
  key: FlowKey,
  ops: number,
  words: Uint32Array,
  addresses: number,
): void {
  const ports = replacePorts(view, key, ops, words, 0);
  const checksumAt = checksumOffset(key.protocol);
  const fieldAt = key.l4At + checksumAt;
  if (checksumAt === NO_CHECKSUM || fieldAt + 2 > key.l3End) return;
  const field = view.getUint16(fieldAt);
  if (key.protocol === IpProtocol.UDP && field === 0) return;
  const pseudo = key.protocol === IpProtocol.ICMP ? 0 : addresses;
  view.setUint16(fieldAt, update(field, pseudo + ports));
}

function replaceSrc(view: DataView, key: FlowKey, words: Uint32Array, at: number): number {
  const from = at + RewriteWord.SRC_IP;
  return key.etherType === EtherType.IPV4
    ? replace32(view, key.l3At + IPV4_SRC, words[from + 3] ?? 0)
    : replace128(view, key.l3At + IPV6_SRC, words, from);
}

function replaceDst(view: DataView, key: FlowKey, words: Uint32Array, at: number): number {
  const from = at + RewriteWord.DST_IP;
  return key.etherType === EtherType.IPV4
    ? replace32(view, key.l3At + IPV4_DST, words[from + 3] ?? 0)
    : replace128(view, key.l3At + IPV6_DST, words, from);
}

function replacePorts(
  view: DataView,
  key: FlowKey,
  ops: number,
  words: Uint32Array,
  at: number,
): number {
  const ports = words[at + RewriteWord.PORTS] ?? 0;
  let total = 0;
  if ((ops & Op.SRC_PORT) !== 0) total += replace16(view, key.l4At + SRC_PORT, ports >>> 16);
  if ((ops & Op.DST_PORT) !== 0) total += replace16(view, key.l4At + DST_PORT, ports & 0xffff);
  if ((ops & Op.QUERY_ID) !== 0) {
    total += replace16(view, key.l4At + QUERY_ID, words[at + RewriteWord.QUERY_ID] ?? 0);
  }
  return total;
}

function replace16(view: DataView, at: number, to: number): number {
  const from = view.getUint16(at);
  view.setUint16(at, to);
  return difference16(from, to);
}

function replace32(view: DataView, at: number, to: number): number {
  const from = view.getUint32(at);
  view.setUint32(at, to);
  return difference32(from, to);
}

function replace128(view: DataView, at: number, words: Uint32Array, from: number): number {
  let total = 0;
  for (let word = 0; word < 4; word += 1) {
    total += replace32(view, at + word * 4, words[from + word] ?? 0);
  }
  return total;
}

function checksumOffset(protocol: number): number {
  switch (protocol) {
    case IpProtocol.TCP:
      return tcp.CHECKSUM_OFFSET;
    case IpProtocol.UDP:
      return udp.CHECKSUM_OFFSET;
    case IpProtocol.ICMP:
    case IpProtocol.ICMPV6:
      return ICMP_CHECKSUM;
    default:
      return NO_CHECKSUM;
  }
}

/** Is it this checksum that the frame's sender still has to complete? It may also be one of a packet that a guest has tunnelled. */
export function isPartial(frame: RewrittenFrame, key: FlowKey, checksumAt: number): boolean {
  const { view, at, vnetAt } = frame;
  return (
    vnetHeader.needsCsum(view, vnetAt) &&
    at + vnetHeader.csumStart(view, vnetAt) === key.l4At &&
    vnetHeader.csumOffset(view, vnetAt) === checksumAt
  );
}
