/**
 * Header transpositions: what the unified flow table stores for a flow, and what every packet after the first pays for.
 *
 * A composition (header-action.ts) is interned: flows with the same effect share one entry of this table and count references to it,
 * so a flow holds one index and a change of header costs one table, not one edit per flow. `apply` edits the frame where it lies.
 *
 * Checksums: MAC addresses and outer headers are in none; the TTL is in the IPv4 header's alone, which is always complete, also on
 * a frame whose transport checksum is partial (virtio NEEDS_CSUM). Those of rewritten addresses and ports: header-rewrite.ts.
 *
 * Called by dataplane/switch/departure (apply), flow-table (references).
 */
import { assert } from '../../base/assert.ts';
import type { Mac } from '../../base/mac.ts';
import { EtherType } from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as tcp from '../../packet/tcp.ts';
import * as udp from '../../packet/udp.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { isQuotingError } from './flow-id.ts';
import { type Composition, NO_PORT, NOTES, Note, Op, TRANSLATION_OPS } from './header-action.ts';
import { REWRITE_WORDS, RewriteWord, rewrite } from './header-rewrite.ts';
import { rewriteError } from './quoted-packet.ts';
import { clampSegmentSize } from './segment-size.ts';

/** Index of a transposition; 0 is none. */
export type TranspositionId = number;
export const NO_TRANSPOSITION: TranspositionId = 0;

/** A frame in the ring; one object, reused. */
export interface Frame {
  readonly view: DataView;
  /** Ethernet header, inner one of a tunnelled frame. */
  at: number;
  end: number;
  vnetAt: number;
}

/** What came of applying a transposition. Unless DONE the frame is untouched. */
export const Applied = {
  DONE: 0,
  /** TTL or hop limit ran out. */
  TTL_EXPIRED: 1,
  /** Does not fit its way, and must not be fragmented: DF, IPv6, or segments of a super-frame that do not fit. */
  TOO_BIG: 2,
  /** Does not fit its way, and is to be fragmented (fragmentation.ts) by whoever has it applied. */
  TO_FRAGMENT: 3,
} as const;
export type Applied = (typeof Applied)[keyof typeof Applied];

const STRIDE = 24;
const REFERENCES = 0;
/** Next of the same bucket, or of the free list. */
const NEXT = 1;
const OPS = 2;
const DST_MAC_HIGH = 3;
const DST_MAC_LOW = 4;
const SRC_MAC_HIGH = 5;
const SRC_MAC_LOW = 6;
const PORT = 7;
const PEER = 8;
const VNI = 9;
const MTU = 10;
const HASH = 11;
/** New addresses and ports, as header-rewrite.ts reads them. */
const REWRITE = 12;
const MIRRORS_SENT = 22;
const MIRRORS_RECEIVED = 23;

/** Multiplicative hashing constant: 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;
const HIGH = 0x1_0000_0000;

export class Transpositions {
  readonly #words: Uint32Array;
  readonly #buckets: Uint32Array;
  readonly #capacity: number;
  #used = 1;
  #free = NO_TRANSPOSITION;
  #count = 0;

  /** Room for `capacity` different transpositions. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#words = new Uint32Array((capacity + 1) * STRIDE);
    this.#buckets = new Uint32Array(2 ** Math.ceil(Math.log2(capacity + 1)));
  }

  /** Transpositions in use. */
  get count(): number {
    return this.#count;
  }

  /** The index of a composition, with one reference for the caller; NO_TRANSPOSITION when the table is full. */
  intern(composition: Composition): TranspositionId {
    const hash = hashOf(composition);
    const bucket = hash & (this.#buckets.length - 1);
    for (let id = this.#buckets[bucket] ?? 0; id !== NO_TRANSPOSITION; id = this.#word(id, NEXT)) {
      if (this.#word(id, HASH) === hash && this.#equals(id, composition)) {
        this.#set(id, REFERENCES, this.#word(id, REFERENCES) + 1);
        return id;
      }
    }
    return this.#add(composition, hash, bucket);
  }

  /** Gives one reference back. */
  release(id: TranspositionId): void {
    const references = this.#word(id, REFERENCES);
    assert(id !== NO_TRANSPOSITION && references > 0, 'a transposition in use');
    this.#set(id, REFERENCES, references - 1);
    if (references > 1) return;
    this.#unlink(id);
    this.#set(id, NEXT, this.#free);
    this.#free = id;
    this.#count -= 1;
  }

  /** Port of this switch that receives the frame, or NO_PORT. */
  port(id: TranspositionId): number {
    return this.#words[id * STRIDE + PORT] ?? NO_PORT;
  }

  /** New destination MAC address; 0: it stays. */
  dstMac(id: TranspositionId): Mac {
    return this.#word(id, DST_MAC_HIGH) * HIGH + this.#word(id, DST_MAC_LOW);
  }

  /** What is done besides forwarding: bits of header-action's Note. */
  notes(id: TranspositionId): number {
    return (this.#words[id * STRIDE + OPS] ?? 0) & NOTES;
  }

  /** Mirrors that get a copy of the frame as it came, a bit each; Note.MIRRORED says whether there are any. */
  mirrorsSent(id: TranspositionId): number {
    return this.#words[id * STRIDE + MIRRORS_SENT] ?? 0;
  }

  /** Mirrors that get a copy of the frame as it is delivered. */
  mirrorsReceived(id: TranspositionId): number {
    return this.#words[id * STRIDE + MIRRORS_RECEIVED] ?? 0;
  }

  peer(id: TranspositionId): number {
    return this.#words[id * STRIDE + PEER] ?? 0;
  }

  vni(id: TranspositionId): number {
    return this.#words[id * STRIDE + VNI] ?? 0;
  }

  /** Largest IP packet, within a tunnel the inner one, that the way takes, bytes; 0: not limited here. */
  mtu(id: TranspositionId): number {
    return this.#words[id * STRIDE + MTU] ?? 0;
  }

  /** Does to the frame what the flow's layers decided. `key` is the frame's parse result. `isAnySize`: whoever asks will cut it. */
  apply(id: TranspositionId, frame: Frame, key: FlowKey, isAnySize = false): Applied {
    const words = this.#words;
    const base = id * STRIDE;
    const ops = words[base + OPS] ?? 0;
    if (!isAnySize && (ops & LIMITED) !== 0 && packetBytes(frame, key) > (words[base + MTU] ?? 0)) {
      return mayBeFragmented(frame, key) ? Applied.TO_FRAGMENT : Applied.TOO_BIG;
    }
    const view = frame.view;
    if ((ops & Op.TTL) !== 0) {
      if (key.ttl <= 1) return Applied.TTL_EXPIRED;
      decrementTtl(view, key);
    }
    const at = frame.at;
    if ((ops & Op.DST_MAC) !== 0) {
      view.setUint16(at, words[base + DST_MAC_HIGH] ?? 0);
      view.setUint32(at + 2, words[base + DST_MAC_LOW] ?? 0);
    }
    if ((ops & Op.SRC_MAC) !== 0) {
      view.setUint16(at + 6, words[base + SRC_MAC_HIGH] ?? 0);
      view.setUint32(at + 8, words[base + SRC_MAC_LOW] ?? 0);
    }
    if ((ops & Op.PUSH) !== 0 && (key.tcpFlags & tcp.Flag.SYN) !== 0) {
      clampSegmentSize(frame, key, words[base + MTU] ?? 0);
    }
    if ((ops & TRANSLATION_OPS) !== 0) {
      if (isQuotingError(key)) rewriteError(frame, key, ops, words, base + REWRITE);
      else rewrite(frame, key, ops, words, base + REWRITE);
    }
    return Applied.DONE;
  }

  /** Asserts what every operation relies on; `references` is what the holders hold together. For tests. */
  checkInvariants(references: number): void {
    let counted = 0;
    let reached = 0;
    for (const [bucket, head] of this.#buckets.entries()) {
      for (let id = head; id !== NO_TRANSPOSITION; id = this.#word(id, NEXT)) {
        assert(this.#word(id, REFERENCES) > 0, 'a linked transposition is in use');
        assert((this.#word(id, HASH) & (this.#buckets.length - 1)) === bucket, 'in its bucket');
        counted += this.#word(id, REFERENCES);
        reached += 1;
      }
    }
    assert(reached === this.#count, 'count counts the transpositions');
    assert(counted === references, 'every reference is held by somebody');
  }

  #add(composition: Composition, hash: number, bucket: number): TranspositionId {
    let id = this.#free;
    if (id === NO_TRANSPOSITION) {
      if (this.#used > this.#capacity) return NO_TRANSPOSITION;
      id = this.#used++;
    } else this.#free = this.#word(id, NEXT);
    const { dstMac, srcMac } = composition;
    this.#set(id, REFERENCES, 1);
    this.#set(id, OPS, composition.ops);
    this.#set(id, DST_MAC_HIGH, Math.floor(dstMac / HIGH));
    this.#set(id, DST_MAC_LOW, dstMac % HIGH);
    this.#set(id, SRC_MAC_HIGH, Math.floor(srcMac / HIGH));
    this.#set(id, SRC_MAC_LOW, srcMac % HIGH);
    this.#set(id, PORT, composition.port);
    this.#set(id, PEER, composition.peer);
    this.#set(id, VNI, composition.vni);
    this.#set(id, MTU, composition.mtu);
    this.#set(id, MIRRORS_SENT, composition.mirrorsSent);
    this.#set(id, MIRRORS_RECEIVED, composition.mirrorsReceived);
    for (let word = 0; word < REWRITE_WORDS; word += 1) {
      this.#set(id, REWRITE + word, rewriteWord(composition, word));
    }
    this.#set(id, HASH, hash);
    this.#set(id, NEXT, this.#buckets[bucket] ?? NO_TRANSPOSITION);
    this.#buckets[bucket] = id;
    this.#count += 1;
    return id;
  }

  #unlink(id: TranspositionId): void {
    const bucket = this.#word(id, HASH) & (this.#buckets.length - 1);
    const next = this.#word(id, NEXT);
    let before = this.#buckets[bucket] ?? NO_TRANSPOSITION;
    if (before === id) {
      this.#buckets[bucket] = next;
      return;
    }
    while (this.#word(before, NEXT) !== id) before = this.#word(before, NEXT);
    this.#set(before, NEXT, next);
  }

  #equals(id: TranspositionId, composition: Composition): boolean {
    const mac = (at: number) => this.#word(id, at) * HIGH + this.#word(id, at + 1);
    return (
      this.#word(id, OPS) === composition.ops &&
      mac(DST_MAC_HIGH) === composition.dstMac &&
      mac(SRC_MAC_HIGH) === composition.srcMac &&
      this.#word(id, PORT) === composition.port &&
      this.#word(id, PEER) === composition.peer &&
      this.#word(id, VNI) === composition.vni &&
      this.#word(id, MTU) === composition.mtu &&
      this.#word(id, MIRRORS_SENT) === composition.mirrorsSent &&
      this.#word(id, MIRRORS_RECEIVED) === composition.mirrorsReceived &&
      this.#rewrites(id, composition)
    );
  }

  #rewrites(id: TranspositionId, composition: Composition): boolean {
    for (let word = 0; word < REWRITE_WORDS; word += 1) {
      if (this.#word(id, REWRITE + word) !== rewriteWord(composition, word)) return false;
    }
    return true;
  }

  #word(id: TranspositionId, at: number): number {
    return this.#words[id * STRIDE + at] ?? 0;
  }

  #set(id: TranspositionId, at: number, value: number): void {
    this.#words[id * STRIDE + at] = value;
  }
}

/** Ways that have an MTU. */
const LIMITED: number = Op.PUSH | Op.FIT;

/** RFC 791 §3.2; IPv6 is never fragmented on its way (RFC 8200 §5). A super-frame is many packets, none of them longer than its sender's MTU. */
function mayBeFragmented({ view, vnetAt }: Frame, key: FlowKey): boolean {
  return (
    key.etherType === EtherType.IPV4 &&
    !ipv4.dontFragment(view, key.l3At) &&
    vnetHeader.gsoType(view, vnetAt) === vnetHeader.Gso.NONE
  );
}

/** Length of the frame's IP packet; of a super-frame, that of its segments. */
export function packetBytes({ view, vnetAt }: Frame, key: FlowKey): number {
  return vnetHeader.gsoType(view, vnetAt) !== vnetHeader.Gso.NONE
    ? key.l4At - key.l3At + transportHeaderLen(view, key) + vnetHeader.gsoSize(view, vnetAt)
    : key.l3End - key.l3At;
}

function transportHeaderLen(view: DataView, key: FlowKey): number {
  return key.protocol === IpProtocol.TCP ? tcp.headerLen(view, key.l4At) : udp.HEADER_LEN;
}

function decrementTtl(view: DataView, key: FlowKey): void {
  if (key.etherType === EtherType.IPV4) ipv4.setTtl(view, key.l3At, key.ttl - 1);
  else view.setUint8(key.l3At + IPV6_HOP_LIMIT, key.ttl - 1);
}

/** Offset of the hop limit in an IPv6 header (RFC 8200 §3), which no checksum covers. */
const IPV6_HOP_LIMIT = 7;

/** Word of what header-rewrite.ts reads. */
function rewriteWord(composition: Composition, word: number): number {
  if (word < RewriteWord.DST_IP) return composition.srcIp[word] ?? 0;
  if (word < RewriteWord.PORTS) return composition.dstIp[word - RewriteWord.DST_IP] ?? 0;
  if (word === RewriteWord.QUERY_ID) return composition.queryId;
  return ((composition.srcPort << 16) | composition.dstPort) >>> 0;
}

function hashOf(composition: Composition): number {
  let hash = composition.ops;
  hash = Math.imul(hash ^ composition.port, GOLDEN) ^ (composition.dstMac % HIGH);
  hash = Math.imul(hash ^ (hash >>> 15), GOLDEN) ^ (composition.srcMac % HIGH);
  hash = Math.imul(hash ^ (hash >>> 15), GOLDEN) ^ composition.peer;
  hash = Math.imul(hash ^ (hash >>> 15), GOLDEN) ^ composition.vni;
  if ((composition.ops & Note.MIRRORED) !== 0) {
    hash = Math.imul(hash ^ (hash >>> 15), GOLDEN) ^ composition.mirrorsSent;
    hash = Math.imul(hash ^ (hash >>> 15), GOLDEN) ^ composition.mirrorsReceived;
  }
  if ((composition.ops & TRANSLATION_OPS) !== 0) {
    for (let word = 0; word < REWRITE_WORDS; word += 1) {
      hash = Math.imul(hash ^ (hash >>> 15), GOLDEN) ^ rewriteWord(composition, word);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 15), GOLDEN);
  return (hash ^ (hash >>> 13)) >>> 0;
}
