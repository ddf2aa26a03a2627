/**
 * What one round of the router sends: transmit descriptors, one after the other. Every frame that leaves is counted here, at the link it leaves by.
 * Called by departure.ts, error-reporter.ts and neighbour-exchange.ts; allocates nothing.
 */
import { NONE } from '../../../base/lpm.ts';
import { type FrameIo, TX_STRIDE, Tx } from '../../../dataplane/port/frame-io.ts';
import { vnetAtOf } from '../../../dataplane/port/scratch.ts';
import { Drop } from '../../../packet/drop.ts';
import * as vnetHeader from '../../../packet/vnet-header.ts';
import type { LinkCounters } from './link-counters.ts';
import { OVERLAY_LINK } from './links.ts';

/** Where a tunnelled frame goes, and the hash that spreads flows over paths. */
export interface TunnelEnd {
  readonly peer: number;
  readonly vni: number;
  readonly hash: number;
}

export class TransmitQueue {
  readonly #io: FrameIo;
  readonly #counters: LinkCounters;
  #deviceOfLink: number[] = [];
  #count = 0;

  constructor(io: FrameIo, counters: LinkCounters) {
    this.#io = io;
    this.#counters = counters;
  }

  /** Descriptors written since `clear`. */
  get count(): number {
    return this.#count;
  }

  /** A round begins. */
  clear(): void {
    this.#count = 0;
  }

  hasRoomFor(frames: number): boolean {
    return this.#count + frames <= this.#io.txMax;
  }

  /** The frame I/O's ports by number of the link; NONE or absent: it has none. */
  bind(deviceOfLink: number[]): void {
    this.#deviceOfLink = deviceOfLink;
  }

  /** NONE: it has none. */
  deviceOf(link: number): number {
    return this.#deviceOfLink[link] ?? NONE;
  }

  emit(link: number, at: number, end: number, vnetAt: number): Drop {
    const device = this.#deviceOfLink[link] ?? NONE;
    if (device === NONE) return Drop.PortDetached;
    if (this.#count >= this.#io.txMax) return Drop.TransmitQueueFull;
    const tx = this.#count * TX_STRIDE;
    const words = this.#io.tx;
    words[tx + Tx.PORT] = device;
    words[tx + Tx.AT] = at;
    words[tx + Tx.END] = end;
    words[tx + Tx.VNET] = vnetAt;
    this.#count += 1;
    this.#counters.sent(link, end - at);
    return Drop.None;
  }

  emitTunnel({ peer, vni, hash }: TunnelEnd, at: number, end: number, vnetAt: number): Drop {
    if (this.#count < this.#io.txMax) {
      const tx = this.#count * TX_STRIDE;
      const words = this.#io.tx;
      words[tx + Tx.PEER] = peer;
      words[tx + Tx.VNI] = vni;
      words[tx + Tx.HASH] = hash;
    }
    return this.emit(OVERLAY_LINK, at, end, vnetAt);
  }

  /** Sends a frame that was made in scratch, by a link or, with `tunnel`, through one. What finds no place is not sent. */
  sendOwn(link: number, at: number, end: number, tunnel?: TunnelEnd): void {
    const vnetAt = vnetAtOf(at);
    vnetHeader.clear(this.#io.view, vnetAt);
    if (tunnel === undefined) this.emit(link, at, end, vnetAt);
    else this.emitTunnel(tunnel, at, end, vnetAt);
  }
}
