/**
 * Header actions and their composition (VFP, NSDI 2017 §5.1.2, "header transpositions").
 *
 * Each rule may push, pop or modify headers. Folding the actions of a walk, in order, gives one Composition that does to the frame what
 * all of them would have done one after the other; what two layers undo between them disappears. The composition is then
 * interned (transposition.ts) and applied to every later packet of the flow in one pass (header-rewrite.ts).
 *
 * Addresses are replaced within their family; IPv4 is not translated to IPv6. Ports are those of TCP and UDP. An ICMP query has one
 * identifier, which its sender chose: it takes the place of a request's source port and of a reply's destination port, so that
 * one rule serves all three. Other protocols keep what they have in place of ports.
 *
 * Called by pipeline (fold), transposition (intern).
 */
import { assert } from '../../base/assert.ts';
import { IPV4_MAPPED_WORD, type IpWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import { EtherType } from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { ALWAYS_CURRENT, CELLS_MAX, type EpochCell } from './epochs.ts';

export interface HeaderAction {
  readonly ethernet?: { readonly dst?: Mac; readonly src?: Mac };
  /** TTL or hop limit minus one; a packet that arrives with 1 or less is answered with ICMP time exceeded (RFC 1812 §5.3.1). */
  readonly ttl?: 'decrement';
  /** New addresses, of the packet's own family. */
  readonly ip?: { readonly src?: IpWords; readonly dst?: IpWords };
  /** New ports, 0 … 65535. */
  readonly transport?: { readonly srcPort?: number; readonly dstPort?: number };
  readonly outer?: OuterPush | OuterPop;
  /** No change: the largest IP packet that fits the way on, where it leads through no tunnel; bytes. */
  readonly fit?: number;
  /** No change: the packet's bytes are counted as billed egress of its sender, or as unbilled. */
  readonly meter?: 'billed' | 'unbilled';
  /** No change: mirrors, a bit each, that get a copy of the packet as its sender sent it, or as it is delivered to its receiver. */
  readonly mirror?: { readonly sent?: number; readonly received?: number };
}

/** Encapsulate towards a peer. */
export interface OuterPush {
  readonly kind: 'push';
  /** Index the frame I/O knows the peer by. */
  readonly peer: number;
  /** VXLAN network identifier. */
  readonly vni: number;
  /** Largest inner IP packet that fits the way to this peer, bytes. */
  readonly mtu: number;
}

/** Decapsulate. The frame I/O hands tunnelled frames over with the outer header before them, so popping is moving the start. */
export interface OuterPop {
  readonly kind: 'pop';
}

/** Bits of Composition.ops. */
export const Op = {
  DST_MAC: 1,
  SRC_MAC: 2,
  TTL: 4,
  PUSH: 8,
  POP: 16,
  SRC_IP: 32,
  DST_IP: 64,
  SRC_PORT: 128,
  DST_PORT: 256,
  /** Identifier of an ICMP or ICMPv6 query. */
  QUERY_ID: 512,
  /** The way on has an MTU, though nothing is pushed. */
  FIT: 1024,
} as const;

/** All that makes the packet look like one of another flow. */
export const TRANSLATION_OPS: number =
  Op.SRC_IP | Op.DST_IP | Op.SRC_PORT | Op.DST_PORT | Op.QUERY_ID;

/** Bits of Composition.ops that change nothing in the frame: what else is done with it. */
export const Note = { BILLED: 0x1_0000, UNBILLED: 0x2_0000, MIRRORED: 0x4_0000 } as const;
export const METERED: number = Note.BILLED | Note.UNBILLED;
export const NOTES: number = METERED | Note.MIRRORED;

const METER_BITS = { billed: Note.BILLED, unbilled: Note.UNBILLED } as const;

export const NO_PORT = 0xffff_ffff;
const NO_ADDRESS: IpWords = [0, 0, 0, 0];

/** The fold of a walk's actions so far; reused. */
export interface Composition {
  ops: number;
  dstMac: Mac;
  srcMac: Mac;
  srcIp: IpWords;
  dstIp: IpWords;
  srcPort: number;
  dstPort: number;
  queryId: number;
  peer: number;
  vni: number;
  mtu: number;
  /** Port of this switch, or NO_PORT: then a pushed outer header leads to a peer. */
  port: number;
  /** Mirrors that get a copy of what is sent, and of what is delivered: bits, unsigned. */
  mirrorsSent: number;
  mirrorsReceived: number;
  /** Epoch cells of what has decided on the way, no two the same, then ALWAYS_CURRENT. */
  readonly cells: Uint32Array;
}

export function newComposition(): Composition {
  return {
    ops: 0,
    dstMac: 0,
    srcMac: 0,
    srcIp: NO_ADDRESS,
    dstIp: NO_ADDRESS,
    srcPort: 0,
    dstPort: 0,
    queryId: 0,
    peer: 0,
    vni: 0,
    mtu: 0,
    port: NO_PORT,
    mirrorsSent: 0,
    mirrorsReceived: 0,
    cells: new Uint32Array(CELLS_MAX),
  };
}

export function clearComposition(composition: Composition): void {
  composition.ops = 0;
  composition.dstMac = 0;
  composition.srcMac = 0;
  composition.srcIp = NO_ADDRESS;
  composition.dstIp = NO_ADDRESS;
  composition.srcPort = 0;
  composition.dstPort = 0;
  composition.queryId = 0;
  composition.peer = 0;
  composition.vni = 0;
  composition.mtu = 0;
  composition.port = NO_PORT;
  composition.mirrorsSent = 0;
  composition.mirrorsReceived = 0;
  composition.cells.fill(ALWAYS_CURRENT);
}

/** The flow depends on `cell`. */
export function dependOn(composition: Composition, cell: EpochCell): void {
  const { cells } = composition;
  for (let index = 0; index < CELLS_MAX; index += 1) {
    if (cells[index] === cell) return;
    if (cells[index] !== ALWAYS_CURRENT) continue;
    cells[index] = cell;
    return;
  }
  assert(false, 'a walk depends on at most CELLS_MAX cells');
}

/**
 * Appends `action` to what has been composed so far: the later of two modifications of one field wins. `key`, that of the packet on
 * its walk, becomes the packet's with the new addresses and ports: later layers, and the flow that answers, go by them.
 */
export function fold(composition: Composition, action: HeaderAction, key: FlowKey): void {
  if (action.ethernet?.dst !== undefined) {
    composition.ops |= Op.DST_MAC;
    composition.dstMac = action.ethernet.dst;
  }
  if (action.ethernet?.src !== undefined) {
    composition.ops |= Op.SRC_MAC;
    composition.srcMac = action.ethernet.src;
  }
  if (action.ttl === 'decrement') composition.ops |= Op.TTL;
  if (action.ip !== undefined) foldAddresses(composition, action.ip, key);
  if (action.transport !== undefined) foldPorts(composition, action.transport, key);
  if (action.meter !== undefined) composition.ops |= METER_BITS[action.meter];
  if (action.mirror !== undefined) foldMirrors(composition, action.mirror);
  if (action.outer !== undefined) foldOuter(composition, action.outer);
  if (action.fit !== undefined) {
    composition.ops |= Op.FIT;
    composition.mtu = action.fit;
  }
}

function foldMirrors(
  composition: Composition,
  { sent = 0, received = 0 }: NonNullable<HeaderAction['mirror']>,
): void {
  composition.ops |= Note.MIRRORED;
  composition.mirrorsSent = (composition.mirrorsSent | sent) >>> 0;
  composition.mirrorsReceived = (composition.mirrorsReceived | received) >>> 0;
}

function foldAddresses(
  composition: Composition,
  { src, dst }: NonNullable<HeaderAction['ip']>,
  key: FlowKey,
): void {
  if (src !== undefined) {
    assert(isOfFamily(src, key), 'the new source address is of the packet’s family');
    composition.ops |= Op.SRC_IP;
    composition.srcIp = src;
    [key.src0, key.src1, key.src2, key.src3] = src;
  }
  if (dst !== undefined) {
    assert(isOfFamily(dst, key), 'the new destination address is of the packet’s family');
    composition.ops |= Op.DST_IP;
    composition.dstIp = dst;
    [key.dst0, key.dst1, key.dst2, key.dst3] = dst;
  }
}

function isOfFamily(words: IpWords, key: FlowKey): boolean {
  const isIpv4 = words[0] === 0 && words[1] === 0 && words[2] === IPV4_MAPPED_WORD;
  return key.etherType === (isIpv4 ? EtherType.IPV4 : EtherType.IPV6);
}

function foldPorts(
  composition: Composition,
  { srcPort, dstPort }: NonNullable<HeaderAction['transport']>,
  key: FlowKey,
): void {
  if (key.protocol === IpProtocol.TCP || key.protocol === IpProtocol.UDP) {
    if (srcPort !== undefined) {
      composition.ops |= Op.SRC_PORT;
      composition.srcPort = srcPort;
      key.srcPort = srcPort;
    }
    if (dstPort !== undefined) {
      composition.ops |= Op.DST_PORT;
      composition.dstPort = dstPort;
      key.dstPort = dstPort;
    }
    return;
  }
  const id = isRequest(key) ? srcPort : isReply(key) ? dstPort : undefined;
  if (id === undefined) return;
  composition.ops |= Op.QUERY_ID;
  composition.queryId = id;
  key.srcPort = id;
}

function isRequest(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  return key.protocol === IpProtocol.ICMP
    ? type === icmp.Type.ECHO_REQUEST || type === icmp.Type.TIMESTAMP_REQUEST
    : key.protocol === IpProtocol.ICMPV6 && type === icmpv6.Type.ECHO_REQUEST;
}

function isReply(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  return key.protocol === IpProtocol.ICMP
    ? type === icmp.Type.ECHO_REPLY || type === icmp.Type.TIMESTAMP_REPLY
    : key.protocol === IpProtocol.ICMPV6 && type === icmpv6.Type.ECHO_REPLY;
}

function foldOuter(composition: Composition, outer: OuterPush | OuterPop): void {
  if (outer.kind === 'push') {
    composition.ops |= Op.PUSH;
    composition.peer = outer.peer;
    composition.vni = outer.vni;
    composition.mtu = outer.mtu;
  } else if ((composition.ops & Op.PUSH) !== 0) {
    // What one layer pushed and a later one pops was never there.
    composition.ops &= ~Op.PUSH;
    composition.peer = 0;
    composition.vni = 0;
    composition.mtu = 0;
  } else composition.ops |= Op.POP;
}
