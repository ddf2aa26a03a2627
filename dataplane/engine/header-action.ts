/**
 * Header actions and their composition (VFP, NSDI 2017 §5.1.2, "header transpositions").
 *
 * Each rule may push, pop or modify headers. Folding the actions of a walk, in order, gives one Composition that does to the frame what
 * all of them would have done one after the other; what two layers undo between them disappears. The composition is then
 * interned (transposition.ts) and applied to every later packet of the flow in one pass.
 *
 * Called by pipeline (fold), transposition (intern).
 */
import type { Mac } from '../../base/mac.ts';
import { ALWAYS_CURRENT, type EpochCell } from './epochs.ts';

export interface HeaderAction {
  readonly ethernet?: { readonly dst?: Mac; readonly src?: Mac };
  /** TTL or hop limit minus one; a packet that arrives with 1 or less is answered with ICMP time exceeded (RFC 1812 §5.3.1). */
  readonly ttl?: 'decrement';
  readonly outer?: OuterPush | OuterPop;
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
export const Op = { DST_MAC: 1, SRC_MAC: 2, TTL: 4, PUSH: 8, POP: 16 } as const;

export const NO_PORT = 0xffff_ffff;

/** The fold of a walk's actions so far; reused. */
export interface Composition {
  ops: number;
  dstMac: Mac;
  srcMac: Mac;
  peer: number;
  vni: number;
  mtu: number;
  /** Port of this switch, or NO_PORT: then a pushed outer header leads to a peer. */
  port: number;
  /** Epoch cell of the revocable rule on the way. */
  cell: EpochCell;
}

export function newComposition(): Composition {
  return {
    ops: 0,
    dstMac: 0,
    srcMac: 0,
    peer: 0,
    vni: 0,
    mtu: 0,
    port: NO_PORT,
    cell: ALWAYS_CURRENT,
  };
}

export function clearComposition(composition: Composition): void {
  composition.ops = 0;
  composition.dstMac = 0;
  composition.srcMac = 0;
  composition.peer = 0;
  composition.vni = 0;
  composition.mtu = 0;
  composition.port = NO_PORT;
  composition.cell = ALWAYS_CURRENT;
}

/** Appends `action` to what has been composed so far: the later of two modifications of one field wins. */
export function fold(composition: Composition, action: HeaderAction): void {
  if (action.ethernet?.dst !== undefined) {
    composition.ops |= Op.DST_MAC;
    composition.dstMac = action.ethernet.dst;
  }
  if (action.ethernet?.src !== undefined) {
    composition.ops |= Op.SRC_MAC;
    composition.srcMac = action.ethernet.src;
  }
  if (action.ttl === 'decrement') composition.ops |= Op.TTL;
  if (action.outer !== undefined) foldOuter(composition, action.outer);
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
