/**
 * Copies for port mirrors (layers/mirror): of a frame as its port has sent it, taken before the frame is edited where it lies, and as it
 * is delivered to a port, which is one more descriptor for the same bytes. A collector at this host gets the bare frame, one at another
 * host gets it through the tunnel with the mirror's own network identifier, by which that host's forwarder finds the collector.
 *
 * Copies come after the frame itself and pass no layers: they are never mirrored again. At most MIRROR_COPIES_PER_BURST_MAX, and
 * MIRROR_BYTES_PER_BURST_MAX of the first kind, are made in one burst; one that cannot be made is counted at the mirrored port, whose
 * frame goes its way regardless. Nothing is allocated. Called by forwarder and departure.
 */
import { Drop } from '../../packet/drop.ts';
import { VNET_HEADER_LEN } from '../../packet/vnet-header.ts';
import { NO_PORT } from '../engine/header-action.ts';
import type { Frame } from '../engine/transposition.ts';
import { MIRROR_BYTES_PER_BURST_MAX, MIRROR_COPIES_PER_BURST_MAX } from '../limits.ts';
import type { FrameIo } from '../port/frame-io.ts';
import type { Counters } from './counters.ts';
import { type Mirrors, NO_PEER } from './mirrors.ts';
import type { TransmitQueue } from './transmit-queue.ts';

/** Before each copy: its virtio_net_hdr, rounded up. */
const VNET_ROOM = 16;
const NOTHING = 0;

export class MirrorCopies {
  readonly #bytes: Uint8Array;
  readonly #mirrors: Mirrors;
  readonly #counters: Counters;
  readonly #queue: Pick<TransmitQueue, 'emit' | 'emitTunnel'>;
  /** The end of the ring's scratch area is the copies'. */
  readonly #start: number;
  readonly #limit: number;
  #next: number;
  #left = 0;
  // The frame that was kept last, or NOTHING.
  #at = NOTHING;
  #end = NOTHING;
  #packetBytes = 0;
  readonly #tunnel = { peer: 0, vni: 0, hash: 0 };

  constructor(parts: {
    readonly io: Pick<FrameIo, 'bytes' | 'scratchAt' | 'scratchBytes'>;
    readonly mirrors: Mirrors;
    readonly counters: Counters;
    readonly queue: Pick<TransmitQueue, 'emit' | 'emitTunnel'>;
  }) {
    const { scratchAt, scratchBytes } = parts.io;
    this.#bytes = parts.io.bytes;
    this.#mirrors = parts.mirrors;
    this.#counters = parts.counters;
    this.#queue = parts.queue;
    this.#limit = scratchAt + scratchBytes;
    this.#start = this.#limit - bytesForCopies(scratchBytes);
    this.#next = this.#start;
  }

  /** Starts a burst: what was made for the last one has been sent. */
  clear(): void {
    this.#next = this.#start;
    this.#left = MIRROR_COPIES_PER_BURST_MAX;
  }

  /** Transmit descriptors that copies may still take in this burst. */
  get descriptorsMax(): number {
    return this.#mirrors.hasAny ? this.#left : 0;
  }

  /**
   * Begins with a mirrored frame: keeps it as it is now for `sendKept`, if `mask` names mirrors. `packetBytes` is the length of its IP
   * packet, or of a super-frame's segments.
   */
  keep(mask: number, { at, end, vnetAt }: Frame, packetBytes: number): void {
    this.#packetBytes = packetBytes;
    this.#at = NOTHING;
    if (mask === 0 || this.#left === 0) return;
    const to = this.#next + VNET_ROOM;
    if (to + end - at > this.#limit) return;
    const bytes = this.#bytes;
    bytes.copyWithin(to - VNET_ROOM, vnetAt, vnetAt + VNET_HEADER_LEN);
    bytes.copyWithin(to, at, end);
    this.#at = to;
    this.#end = to + end - at;
    // Aligned, as the kernel's copies like it.
    this.#next = (this.#end + VNET_ROOM - 1) & ~(VNET_ROOM - 1);
  }

  /** Sends the kept frame, which `port` has sent, to the mirrors of the mask. */
  sendKept(mask: number, port: number, hash: number): void {
    this.#send(mask, port, hash, this.#at, this.#end, this.#at - VNET_ROOM);
  }

  /** Sends the frame, which is delivered to `port` as it is now, to the mirrors of the mask. */
  send(mask: number, port: number, hash: number, { at, end, vnetAt }: Frame): void {
    this.#send(mask, port, hash, at, end, vnetAt);
  }

  #send(mask: number, port: number, hash: number, at: number, end: number, vnetAt: number): void {
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const drop = this.#sendTo(31 - Math.clz32(rest & -rest), port, hash, at, end, vnetAt);
      if (drop !== Drop.None) this.#counters.dropped(port, drop);
    }
  }

  #sendTo(slot: number, port: number, hash: number, at: number, end: number, vnetAt: number): Drop {
    const peer = this.#mirrors.peers[slot] ?? NO_PEER;
    const collector = this.#mirrors.collectors[slot] ?? NO_PORT;
    // Its own packets reach the collector anyway.
    if (collector === port) return Drop.None;
    if (peer === NO_PEER && collector === NO_PORT) return Drop.MirrorCollectorAbsent;
    if (at === NOTHING || this.#left === 0) return Drop.MirrorLimited;
    if (peer !== NO_PEER && this.#packetBytes > this.#mirrors.innerMtu) return Drop.MirrorTooBig;
    this.#left -= 1;
    if (peer === NO_PEER) return absentIf(this.#queue.emit(collector, at, end, vnetAt));
    const tunnel = this.#tunnel;
    tunnel.peer = peer;
    tunnel.vni = this.#mirrors.segments[slot] ?? 0;
    tunnel.hash = hash;
    return absentIf(this.#queue.emitTunnel(tunnel, at, end, vnetAt));
  }
}

/** Of a scratch area of so many bytes: what is left to copies, the answers of the switch having their part. */
export function bytesForCopies(scratchBytes: number): number {
  return scratchBytes > MIRROR_BYTES_PER_BURST_MAX ? MIRROR_BYTES_PER_BURST_MAX : 0;
}

function absentIf(drop: Drop): Drop {
  return drop === Drop.None ? Drop.None : Drop.MirrorCollectorAbsent;
}
