/**
 * A FrameIo for measuring the forwarder alone: every exchange "receives" the same burst, which lies in the ring already, and throws away
 * what is sent. Nothing is copied, so what is measured is TypeScript. Called by the allocation test and bench/forwarder.
 */
import {
  BURST_MAX,
  type FrameIo,
  RX_STRIDE,
  Rx,
  TX_STRIDE,
} from '../../dataplane/port/frame-io.ts';
import { VNET_HEADER_LEN } from '../../packet/vnet-header.ts';

const SLOT_BYTES = 2048;
const HEAD = 256;

export interface BurstRing extends FrameIo {
  /** What every exchange receives from now on: at most BURST_MAX frames of fewer than 1792 bytes. */
  load(frames: readonly RingFrame[]): void;
  /** Undoes what forwarding has changed in the frames. */
  restore(): void;
}

export interface RingFrame {
  readonly device: number;
  readonly bytes: Uint8Array;
  /** Outer source of a tunnelled frame. */
  readonly source?: readonly [number, number, number, number];
}

export function burstRing(): BurstRing {
  const txMax = 256;
  const slotsAt = 65_536;
  const buffer = new ArrayBuffer(slotsAt + BURST_MAX * SLOT_BYTES + 65_536);
  const bytes = new Uint8Array(buffer);
  const rx = new Uint32Array(BURST_MAX * RX_STRIDE);
  let loaded: readonly RingFrame[] = [];
  const write = () => {
    for (let index = 0; index < loaded.length; index += 1) {
      const frame = loaded[index];
      if (frame !== undefined) bytes.set(frame.bytes, slotsAt + index * SLOT_BYTES + HEAD);
    }
  };
  return {
    view: new DataView(buffer),
    bytes,
    rx,
    tx: new Uint32Array(txMax * TX_STRIDE),
    scratchAt: slotsAt + BURST_MAX * SLOT_BYTES,
    scratchBytes: 65_536,
    txMax,
    load(frames) {
      loaded = frames;
      for (const [index, frame] of frames.entries()) {
        const at = slotsAt + index * SLOT_BYTES + HEAD;
        const base = index * RX_STRIDE;
        rx[base + Rx.PORT] = frame.device;
        rx[base + Rx.AT] = at;
        rx[base + Rx.END] = at + frame.bytes.length;
        rx[base + Rx.VNET] = at - VNET_HEADER_LEN;
        rx.set(frame.source ?? [0, 0, 0, 0], base + Rx.SOURCE);
      }
      write();
    },
    restore: write,
    exchange: () => loaded.length,
    wake: () => undefined,
    setShaping: () => undefined,
    setLinkSpeed: () => undefined,
    shapingDrops: () => 0,
    transmitDrops: () => [0, 0, 0],
    receiveDrops: () => 0,
    isGone: () => false,
    setPeer: () => undefined,
    detach: () => undefined,
    close: () => undefined,
  };
}
