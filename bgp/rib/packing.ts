/**
 * Packs routes into UPDATE messages — RFC 4271 §4.3, RFC 4760 §3-4: one attribute set per message with as many of its prefixes as fit,
 * withdrawals together. IPv4 prefixes go in the message itself, IPv6 (and IPv4 with an IPv6 next hop, RFC 8950) in MP_REACH_NLRI, put first as
 * RFC 7606 §5.1 asks.
 *
 * MinRouteAdvertisementInterval (§9.2.1.1) is left out: it was meant to spread the load of routing oscillation over slow links; changes
 * gather in the change log while a peer is busy, and a data centre's convergence is worth more. Called by update-group.ts.
 */

import { Afi, Safi } from '../message/capability.ts';
import { emitHeader, HEADER_LEN, MessageType } from '../message/framing.ts';
import { AttributeFlag, AttributeType } from '../message/path-attributes.ts';
import type { AttributeTable } from './attribute-table.ts';

/** How a route, known by a number, is written. */
export interface Nlri {
  readonly afi: number;
  readonly wireLenMax: number;
  /** Octets on the wire. */
  wireLen(id: number): number;
  /** Returns the offset after it. */
  emit(id: number, bytes: Uint8Array, at: number): number;
}

export interface Packing {
  readonly fourOctetAs: boolean;
  readonly messageBytesMax: number;
}

export interface PackedRoutes {
  readonly bytes: Uint8Array;
  readonly messageCount: number;
  readonly announcedCount: number;
  readonly withdrawnCount: number;
  /** Prefixes whose attributes leave no room for even one of them (RFC 8654 §4): withdrawn instead. */
  readonly oversized: readonly number[];
}

const LENGTHS_LEN = 4;
/** AFI, SAFI, length of next hop, reserved octet. */
const MP_REACH_FIXED = 5;
const EXTENDED_HEADER_LEN = 4;
const NEXT_HOP_ATTRIBUTE_LEN = 7;

export class UpdatePacker {
  readonly #nlri: Nlri;
  readonly #attributes: AttributeTable;
  readonly #packing: Packing;
  #bytes = Buffer.alloc(16 * 1024);
  #view = viewOf(this.#bytes);
  #end = 0;
  #messageCount = 0;
  #announced = 0;
  #withdrawn = 0;

  constructor(nlri: Nlri, attributes: AttributeTable, packing: Packing) {
    this.#nlri = nlri;
    this.#attributes = attributes;
    this.#packing = packing;
  }

  /** `announced`: attribute set → its prefixes. */
  pack(
    announced: ReadonlyMap<number, readonly number[]>,
    withdrawn: readonly number[],
  ): PackedRoutes {
    this.#end = 0;
    this.#messageCount = 0;
    this.#announced = 0;
    this.#withdrawn = 0;
    const oversized: number[] = [];
    for (const [set, ids] of announced) {
      if (!this.#announce(set, ids)) oversized.push(...ids);
    }
    this.#withdraw(oversized.length === 0 ? withdrawn : [...withdrawn, ...oversized]);
    return {
      bytes: new Uint8Array(this.#bytes.subarray(0, this.#end)),
      messageCount: this.#messageCount,
      announcedCount: this.#announced,
      withdrawnCount: this.#withdrawn,
      oversized,
    };
  }

  /** False when the attributes are too long for any message. */
  #announce(set: number, ids: readonly number[]): boolean {
    const { fourOctetAs, messageBytesMax } = this.#packing;
    const nextHop = this.#attributes.nextHopOf(set);
    const sharedLen = this.#attributes.encodedLen(set, fourOctetAs);
    const isMp = this.#nlri.afi !== Afi.Ipv4 || nextHop.length !== 4;
    const before = isMp
      ? EXTENDED_HEADER_LEN + MP_REACH_FIXED + nextHop.length
      : NEXT_HOP_ATTRIBUTE_LEN;
    const room = messageBytesMax - HEADER_LEN - LENGTHS_LEN - sharedLen - before;
    if (room < this.#nlri.wireLenMax) return false;
    let next = 0;
    while (next < ids.length) {
      const start = this.#begin();
      if (isMp) next = this.#mpMessage({ ids, from: next, room, set, nextHop });
      else next = this.#plainMessage({ ids, from: next, room, set, nextHop });
      this.#finish(start);
    }
    this.#announced += ids.length;
    return true;
  }

  #plainMessage(part: Part): number {
    this.#put16(0);
    const lenAt = this.#end;
    this.#put16(0);
    // In order of type: ORIGIN, AS_PATH and what follows are one block, and NEXT_HOP in front of it is as good (§5).
    this.#putAll([AttributeFlag.Transitive, AttributeType.NextHop, 4]);
    this.#putAll(part.nextHop);
    this.#putShared(part.set);
    this.#set16(lenAt, this.#end - lenAt - 2);
    return this.#putPrefixes(part);
  }

  #mpMessage(part: Part): number {
    const { nextHop, set } = part;
    this.#put16(0);
    const attributesLenAt = this.#end;
    this.#put16(0);
    const at = this.#end;
    this.#putAll([
      AttributeFlag.Optional | AttributeFlag.ExtendedLength,
      AttributeType.MpReachNlri,
      0,
      0,
      this.#nlri.afi >>> 8,
      this.#nlri.afi,
      Safi.Unicast,
      nextHop.length,
    ]);
    this.#putAll(nextHop);
    this.#putAll([0]);
    const next = this.#putPrefixes(part);
    this.#set16(at + 2, this.#end - at - EXTENDED_HEADER_LEN);
    this.#putShared(set);
    this.#set16(attributesLenAt, this.#end - at);
    return next;
  }

  #withdraw(ids: readonly number[]): void {
    const isMp = this.#nlri.afi !== Afi.Ipv4;
    const overhead = HEADER_LEN + LENGTHS_LEN + (isMp ? EXTENDED_HEADER_LEN + 3 : 0);
    const room = this.#packing.messageBytesMax - overhead;
    let next = 0;
    while (next < ids.length) {
      const start = this.#begin();
      if (isMp) next = this.#mpWithdrawal(ids, next, room);
      else {
        const lenAt = this.#end;
        this.#put16(0);
        next = this.#putPrefixes({ ids, from: next, room });
        this.#set16(lenAt, this.#end - lenAt - 2);
        this.#put16(0);
      }
      this.#finish(start);
    }
    this.#withdrawn += ids.length;
  }

  #mpWithdrawal(ids: readonly number[], from: number, room: number): number {
    this.#put16(0);
    const lenAt = this.#end;
    this.#put16(0);
    const at = this.#end;
    this.#putAll([
      AttributeFlag.Optional | AttributeFlag.ExtendedLength,
      AttributeType.MpUnreachNlri,
      0,
      0,
      this.#nlri.afi >>> 8,
      this.#nlri.afi,
      Safi.Unicast,
    ]);
    const next = this.#putPrefixes({ ids, from, room });
    this.#set16(at + 2, this.#end - at - EXTENDED_HEADER_LEN);
    this.#set16(lenAt, this.#end - at);
    return next;
  }

  /** Prefixes from `from` on, as many as `room` octets hold; returns the index of the first that is left. */
  #putPrefixes({ ids, from, room }: Pick<Part, 'ids' | 'from' | 'room'>): number {
    let left = room;
    let next = from;
    for (; next < ids.length; next++) {
      const id = ids[next] ?? 0;
      const octets = this.#nlri.wireLen(id);
      if (octets > left) break;
      left -= octets;
      this.#end = this.#nlri.emit(id, this.#bytes, this.#end);
    }
    return next;
  }

  #begin(): number {
    const start = this.#end;
    if (this.#bytes.length - start < this.#packing.messageBytesMax) {
      const larger = Buffer.alloc(this.#bytes.length * 2 + this.#packing.messageBytesMax);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = viewOf(larger);
    }
    this.#end += HEADER_LEN;
    return start;
  }

  #finish(start: number): void {
    emitHeader(this.#view, start, MessageType.Update, this.#end - start);
    this.#messageCount += 1;
  }

  #put16(value: number): void {
    this.#set16(this.#end, value);
    this.#end += 2;
  }

  #set16(at: number, value: number): void {
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value & 0xff;
  }

  #putShared(set: number): void {
    this.#end = this.#attributes.emit(set, this.#packing.fourOctetAs, this.#bytes, this.#end);
  }

  #putAll(bytes: ArrayLike<number>): void {
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

interface Part {
  readonly ids: readonly number[];
  readonly from: number;
  /** Octets that prefixes may take. */
  readonly room: number;
  readonly set: number;
  readonly nextHop: Uint8Array;
}
