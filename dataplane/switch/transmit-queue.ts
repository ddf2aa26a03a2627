/**
 * What the burst at hand sends: transmit descriptors, one after the other, by the numbers that the frame I/O has for the switch's ports. Every frame
 * that leaves the switch passes here, so here it is counted, captured, and taken out where it answers a probe.
 *
 * Called by the forwarder and its parts; allocates nothing.
 */
import { Drop } from '../../packet/drop.ts';
import type { Captures } from '../capture/captures.ts';
import { NO_PORT } from '../engine/header-action.ts';
import { type FrameIo, TX_STRIDE, Tx } from '../port/frame-io.ts';
import type { Probes } from '../probe/probes.ts';
import type { Counters } from './counters.ts';
import { UPLINK_PORT } from './port-registry.ts';

/** Where a tunnelled frame goes, and the hash that spreads flows over paths. */
export interface TunnelEnd {
  readonly peer: number;
  readonly vni: number;
  readonly hash: number;
}

export class TransmitQueue {
  readonly #io: FrameIo;
  readonly #counters: Counters;
  readonly #captures: Captures;
  readonly #probes: Probes;
  /** Number of the switch's port by the frame I/O's number, and back. */
  readonly #portOfDevice: number[] = [];
  readonly #deviceOfPort: number[] = [];
  #count = 0;

  constructor(parts: {
    readonly io: FrameIo;
    readonly counters: Counters;
    readonly captures: Captures;
    readonly probes: Probes;
  }) {
    this.#io = parts.io;
    this.#counters = parts.counters;
    this.#captures = parts.captures;
    this.#probes = parts.probes;
  }

  /** Descriptors written since `clear`. */
  get count(): number {
    return this.#count;
  }

  /** A burst begins. */
  clear(): void {
    this.#count = 0;
  }

  /** The frame I/O's port `device` carries the frames of the switch's port `port`. */
  bind(device: number, port: number): void {
    this.#portOfDevice[device] = port;
    this.#deviceOfPort[port] = device;
  }

  unbind(device: number): void {
    const port = this.#portOfDevice[device] ?? NO_PORT;
    this.#portOfDevice[device] = NO_PORT;
    this.#deviceOfPort[port] = NO_PORT;
  }

  /** NO_PORT: of none. */
  portOf(device: number): number {
    return this.#portOfDevice[device] ?? NO_PORT;
  }

  /** NO_PORT: none is attached. */
  deviceOf(port: number): number {
    return this.#deviceOfPort[port] ?? NO_PORT;
  }

  /** `at` … `end`: offsets into the frame I/O's memory; `vnetAt`: of the frame's virtio header. */
  emit(port: number, at: number, end: number, vnetAt: number): Drop {
    const device = this.#deviceOfPort[port] ?? NO_PORT;
    if (device === NO_PORT) return Drop.PortDetached;
    if (this.#probes.isActive && this.#probes.takes(port, at, end)) return Drop.None;
    const tx = this.#count * TX_STRIDE;
    const words = this.#io.tx;
    words[tx + Tx.PORT] = device;
    words[tx + Tx.AT] = at;
    words[tx + Tx.END] = end;
    words[tx + Tx.VNET] = vnetAt;
    this.#count += 1;
    this.#counters.sent(port, end - at);
    if (this.#captures.isActive) this.#captures.sent(port, tx);
    return Drop.None;
  }

  emitTunnel({ peer, vni, hash }: TunnelEnd, at: number, end: number, vnetAt: number): Drop {
    const tx = this.#count * TX_STRIDE;
    const words = this.#io.tx;
    words[tx + Tx.PEER] = peer;
    words[tx + Tx.VNI] = vni;
    words[tx + Tx.HASH] = hash;
    return this.emit(UPLINK_PORT, at, end, vnetAt);
  }
}
