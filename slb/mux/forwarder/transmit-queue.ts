/** What one round of the mux sends: transmit descriptors, one after the other, counted here. Called by forwarder.ts and reporter.ts; allocates nothing. */
import { NONE } from '../../../base/lpm.ts';
import { type FrameIo, TX_STRIDE, Tx } from '../../../dataplane/port/frame-io.ts';
import { Drop } from '../../../packet/drop.ts';
import * as vnetHeader from '../../../packet/vnet-header.ts';
import { type Counters, OVERLAY, UPLINK } from './counters.ts';

export class TransmitQueue {
  readonly #io: FrameIo;
  readonly #counters: Counters;
  #uplink = NONE;
  #overlay = NONE;
  #count = 0;

  constructor(io: FrameIo, counters: Counters) {
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

  bind(uplink: number, overlay: number): void {
    this.#uplink = uplink;
    this.#overlay = overlay;
  }

  hasRoomFor(frames: number): boolean {
    return this.#count + frames <= this.#io.txMax;
  }

  /** Through the tunnel to a host. */
  emitTunnel(
    peer: number,
    vni: number,
    hash: number,
    at: number,
    end: number,
    vnetAt: number,
  ): Drop {
    if (this.#overlay === NONE) return Drop.PortDetached;
    if (!this.hasRoomFor(1)) return Drop.TransmitQueueFull;
    const words = this.#io.tx;
    const tx = this.#count * TX_STRIDE;
    words[tx + Tx.PEER] = peer;
    words[tx + Tx.VNI] = vni;
    words[tx + Tx.HASH] = hash;
    this.#append(this.#overlay, at, end, vnetAt);
    this.#counters.sent(OVERLAY, end - at);
    return Drop.None;
  }

  /** A frame of the mux's own, complete, to the provider network. */
  emitOwn(at: number, end: number, vnetAt: number): Drop {
    if (this.#uplink === NONE) return Drop.PortDetached;
    if (!this.hasRoomFor(1)) return Drop.TransmitQueueFull;
    vnetHeader.clear(this.#io.view, vnetAt);
    this.#append(this.#uplink, at, end, vnetAt);
    this.#counters.sent(UPLINK, end - at);
    return Drop.None;
  }

  #append(device: number, at: number, end: number, vnetAt: number): void {
    const words = this.#io.tx;
    const tx = this.#count * TX_STRIDE;
    words[tx + Tx.PORT] = device;
    words[tx + Tx.AT] = at;
    words[tx + Tx.END] = end;
    words[tx + Tx.VNET] = vnetAt;
    this.#count += 1;
  }
}
