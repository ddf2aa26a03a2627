/**
 * ICMP errors and the flows they belong to — RFC 5508 §4.2 (errors through translation), RFC 4443 §2.4, RFC 1122 §3.2.2.
 *
 * An error quotes the packet that caused it, as its sender received it. So the flow that the error belongs to is the one that would
 * answer the quoted packet: the error goes that flow's way, is let through exactly as that flow is, and where the flow is
 * translated so is the error. The outer destination is the flow's and is translated as in any of its packets; the outer source
 * only if it is the flow's (else it is a router's own address and stays, RFC 5508 REQ-5); in the quoted packet, which went the
 * other way, source and destination change places. The quoted checksums are updated as far as they are quoted, the ICMP checksum
 * is computed anew.
 *
 * Called by dataplane/switch/forwarder (flow of an error), transposition (translation).
 */
import { pseudoIpv6 } from '../../packet/checksum.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey, parseQuoted } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { reverseKey } from './flow-id.ts';
import { Op } from './header-action.ts';
import {
  REWRITE_WORDS,
  RewriteWord,
  type RewrittenFrame,
  replaceAddresses,
  replaceQuotedPorts,
} from './header-rewrite.ts';

/** One of each for the whole module: what is read is used at once. */
const quoted: FlowKey = newFlowKey();
const swapped = new Uint32Array(REWRITE_WORDS);

/**
 * Fills `flow` with the key of the flow that the ICMP error belongs to, whose parse result is `key`. Drop.IcmpBadQuote if it quotes
 * nothing that could have one, Drop.IcmpErrorUnrelated if it goes to another than who sent the quoted packet.
 */
export function flowOfError(view: DataView, key: FlowKey, flow: FlowKey): Drop {
  if (key.fragment !== Fragment.NONE) return Drop.IcmpErrorUnrelated;
  const drop = parseQuoted(view, key.l4At + icmp.HEADER_LEN, key.l3End, quoted);
  if (drop !== Drop.None) return drop;
  const isAbout =
    quoted.etherType === key.etherType &&
    quoted.fragment !== Fragment.LATER &&
    quoted.src3 === key.dst3 &&
    quoted.src2 === key.dst2 &&
    quoted.src1 === key.dst1 &&
    quoted.src0 === key.dst0;
  if (!isAbout) return Drop.IcmpErrorUnrelated;
  Object.assign(flow, key);
  quoted.tcpFlags = 0;
  reverseKey(quoted, flow);
  return Drop.None;
}

/** Does the error come from the side of the flow that the quoted packet went to? Else it comes from somewhere on the way. */
export function isFromFlow(key: FlowKey, flow: FlowKey): boolean {
  return (
    key.src3 === flow.src3 &&
    key.src2 === flow.src2 &&
    key.src1 === flow.src1 &&
    key.src0 === flow.src0
  );
}

/** Is the error as it was sent? A checksum that is still to be completed has not been on any wire. */
export function hasValidChecksum(frame: RewrittenFrame, key: FlowKey): boolean {
  const { view } = frame;
  if (vnetHeader.needsCsum(view, frame.vnetAt)) return true;
  return key.protocol === IpProtocol.ICMP
    ? icmp.hasValidChecksum(view, key.l4At, key.l3End)
    : icmpv6.hasValidChecksum(view, key.l4At, key.l3End, pseudoOf(view, key));
}

/** Translates an error whose flow is translated by `ops` and `words` (header-rewrite.ts); `key` is the error's parse result. */
export function rewriteError(
  frame: RewrittenFrame,
  key: FlowKey,
  ops: number,
  words: Uint32Array,
  at: number,
): void {
  const { view } = frame;
  const quotedAt = key.l4At + icmp.HEADER_LEN;
  if (parseQuoted(view, quotedAt, key.l3End, quoted) !== Drop.None) return;
  const isOwn =
    key.src3 === quoted.dst3 &&
    key.src2 === quoted.dst2 &&
    key.src1 === quoted.dst1 &&
    key.src0 === quoted.dst0;
  replaceAddresses(view, key, isOwn ? ops : ops & ~Op.SRC_IP, words, at);
  swapInto(words, at);
  const quotedOps = swapOps(ops);
  const addresses = replaceAddresses(view, quoted, quotedOps, swapped, 0);
  if (quoted.fragment !== Fragment.LATER) {
    replaceQuotedPorts(view, quoted, quotedOps, swapped, addresses);
  }
  if (key.protocol === IpProtocol.ICMP) icmp.fillChecksum(view, key.l4At, key.l3End);
  else icmpv6.fillChecksum(view, key.l4At, key.l3End, pseudoOf(view, key));
  vnetHeader.setComplete(view, frame.vnetAt);
}

function pseudoOf(view: DataView, key: FlowKey): number {
  return key.etherType === EtherType.IPV6
    ? pseudoIpv6(view, key.l3At, IpProtocol.ICMPV6, key.l3End - key.l4At)
    : 0;
}

function swapInto(words: Uint32Array, at: number): void {
  for (let word = 0; word < 4; word += 1) {
    swapped[RewriteWord.SRC_IP + word] = words[at + RewriteWord.DST_IP + word] ?? 0;
    swapped[RewriteWord.DST_IP + word] = words[at + RewriteWord.SRC_IP + word] ?? 0;
  }
  const ports = words[at + RewriteWord.PORTS] ?? 0;
  swapped[RewriteWord.PORTS] = ((ports << 16) | (ports >>> 16)) >>> 0;
  swapped[RewriteWord.QUERY_ID] = words[at + RewriteWord.QUERY_ID] ?? 0;
}

function swapOps(ops: number): number {
  return (
    ((ops & Op.SRC_IP) !== 0 ? Op.DST_IP : 0) |
    ((ops & Op.DST_IP) !== 0 ? Op.SRC_IP : 0) |
    ((ops & Op.SRC_PORT) !== 0 ? Op.DST_PORT : 0) |
    ((ops & Op.DST_PORT) !== 0 ? Op.SRC_PORT : 0) |
    (ops & Op.QUERY_ID)
  );
}
