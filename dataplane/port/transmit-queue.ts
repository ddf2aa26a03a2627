/**
 * What one round of a router in user space sends: transmit descriptors, one after the other. Every frame that leaves is counted here, at the link it
 * leaves by. Links have numbers, one of them is that of the tunnels; which device of the frame I/O carries a link, it is told.
 * Called by bgp/edge/router and slb/mux/forwarder for every frame; allocates nothing. The switch has its own (dataplane/switch/transmit-queue.ts).
 */
import { NONE } from '../../base/lpm.ts';
import { Drop } from '../../packet/drop.ts';
import * as vnetHeader from '../../packet/vnet-header.ts';
import { type FrameIo, TX_STRIDE, Tx } from './frame-io.ts';
import type { LinkCounters } from './link-counters.ts';
import { vnetAtOf } from './scratch.ts';

export class TransmitQueue {
  readonly #io: FrameIo;
  readonly #counters: LinkCounters;
  readonly #overlayLink: number;
  #deviceOfLink: readonly number[] = [];
  #count = 0;

  /** `overlayLink`: number of the tunnels' link. */
  constructor(io: FrameIo, counters: LinkCounters, overlayLink: number) {
    this.#io = io;
    this.#counters = counters;
    this.#overlayLink = overlayLink;
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
  bind(deviceOfLink: readonly number[]): void {
    this.#deviceOfLink = deviceOfLink;
  }

  /** NONE: it has none. */
  deviceOf(link: number): number {
    return this.#deviceOfLink[link] ?? NONE;
  }

  /** `at` … `end`: offsets into the frame I/O's memory; `vnetAt`: of the frame's virtio_net_hdr. */
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

  /** Through the tunnel to a peer; `hash` spreads flows over paths. */
  emitTunnel(
    peer: number,
    vni: number,
    hash: number,
    at: number,
    end: number,
    vnetAt: number,
  ): Drop {
    if (this.#count < this.#io.txMax) {
      const tx = this.#count * TX_STRIDE;
      const words = this.#io.tx;
      words[tx + Tx.PEER] = peer;
      words[tx + Tx.VNI] = vni;
      words[tx + Tx.HASH] = hash;
    }
    return this.emit(this.#overlayLink, at, end, vnetAt);
  }

  /** Sends a frame that was made in scratch, by a link. What finds no place is not sent. */
  emitOwn(link: number, at: number, end: number): Drop {
    return this.emit(link, at, end, this.#clearedHeader(at));
  }

  /** The same, through a tunnel. */
  emitOwnTunnel(peer: number, vni: number, at: number, end: number): Drop {
    return this.emitTunnel(peer, vni, 0, at, end, this.#clearedHeader(at));
  }

  #clearedHeader(at: number): number {
    const vnetAt = vnetAtOf(at);
    vnetHeader.clear(this.#io.view, vnetAt);
    return vnetAt;
  }
}
