/**
 * FrameIo with a bad line: a decorator that loses, damages, cuts or doubles frames on their way in, by chance from a seeded Rng, so that a
 * failing run repeats. Transmission is left alone: what one side sends, the other side's decorator receives.
 *
 * A doubled frame's copy lies at the end of the scratch area, which is that much shorter for the loop. Called by tests and simulation.
 */
import { assert } from '../../base/assert.ts';
import { below, type Rng } from '../../base/rng.ts';
import { VNET_HEADER_LEN } from '../../packet/vnet-header.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import { BURST_MAX, type FrameIo, HEADROOM, RX_STRIDE, Rx } from './frame-io.ts';

const VXLAN_LEN = 8;
const COPY_BYTES = HEADROOM + VXLAN_LEN + FRAME_BYTES_MAX;

/** Chances of 0 … 1, tried in this order; at most one fault befalls a frame. */
export interface FaultRates {
  readonly drop?: number;
  /** One byte of the frame becomes another. */
  readonly corrupt?: number;
  /** The frame ends early, at any length down to nothing. */
  readonly truncate?: number;
  /** The frame comes twice; at most one of a burst does, and none of a full one. */
  readonly duplicate?: number;
}

export interface FaultCounts {
  dropped: number;
  corrupted: number;
  truncated: number;
  duplicated: number;
}

export interface FaultFrameIo extends FrameIo {
  readonly counts: Readonly<FaultCounts>;
}

export function faultFrameIo(inner: FrameIo, rng: Rng, rates: FaultRates): FaultFrameIo {
  const counts: FaultCounts = { dropped: 0, corrupted: 0, truncated: 0, duplicated: 0 };
  const thresholds = [rates.drop, rates.corrupt, rates.truncate, rates.duplicate].map(
    (rate = 0) => {
      assert(rate >= 0 && rate <= 1, 'a chance is 0 … 1');
      return rate * 2 ** 32;
    },
  );
  const befalls = (fault: number): boolean => rng.uint32() < (thresholds[fault] ?? 0);
  const { rx, bytes } = inner;
  const scratchBytes = inner.scratchBytes - COPY_BYTES;
  const copyAt = inner.scratchAt + scratchBytes + HEADROOM;

  const corrupt = (base: number): void => {
    const at = rx[base + Rx.AT] ?? 0;
    const len = (rx[base + Rx.END] ?? 0) - at;
    if (len === 0) return;
    const victim = at + below(rng, len);
    bytes[victim] = (bytes[victim] ?? 0) ^ (1 + below(rng, 255));
    counts.corrupted++;
  };
  const truncate = (base: number): void => {
    const at = rx[base + Rx.AT] ?? 0;
    rx[base + Rx.END] = at + below(rng, (rx[base + Rx.END] ?? 0) - at + 1);
    counts.truncated++;
  };

  /** Appends the frame at `base` once more, from its own bytes. */
  const duplicate = (base: number, kept: number): void => {
    const copy = kept * RX_STRIDE;
    const at = rx[base + Rx.AT] ?? 0;
    const end = rx[base + Rx.END] ?? 0;
    const vnetAt = rx[base + Rx.VNET] ?? 0;
    bytes.copyWithin(copyAt, at, end);
    bytes.copyWithin(copyAt - VNET_HEADER_LEN, vnetAt, vnetAt + VNET_HEADER_LEN);
    rx.copyWithin(copy, base, base + RX_STRIDE);
    rx[copy + Rx.AT] = copyAt;
    rx[copy + Rx.END] = copyAt + end - at;
    rx[copy + Rx.VNET] = copyAt - VNET_HEADER_LEN;
    counts.duplicated++;
  };

  /** Rewrites the descriptors of `received` frames in place; how many there are afterwards. */
  const spoil = (received: number): number => {
    let doubled: number | undefined;
    let kept = 0;
    for (let index = 0; index < received; index++) {
      if (befalls(0)) {
        counts.dropped++;
        continue;
      }
      const base = kept++ * RX_STRIDE;
      rx.copyWithin(base, index * RX_STRIDE, (index + 1) * RX_STRIDE);
      if (befalls(1)) corrupt(base);
      else if (befalls(2)) truncate(base);
      else if (befalls(3)) doubled ??= base;
    }
    if (doubled !== undefined && kept < BURST_MAX) duplicate(doubled, kept++);
    return kept;
  };

  return {
    view: inner.view,
    bytes,
    rx,
    tx: inner.tx,
    scratchAt: inner.scratchAt,
    scratchBytes,
    txMax: inner.txMax,
    counts,
    exchange: (txCount, timeoutMs) => spoil(inner.exchange(txCount, timeoutMs)),
    wake: () => inner.wake(),
    transmitDrops: (port) => inner.transmitDrops(port),
    receiveDrops: (port) => inner.receiveDrops(port),
    isGone: (port) => inner.isGone(port),
    setPeer: (peer, address, udpPort) => inner.setPeer(peer, address, udpPort),
    setShaping: (port, shaping) => inner.setShaping(port, shaping),
    setLinkSpeed: (kbps) => inner.setLinkSpeed(kbps),
    shapingDrops: (port) => inner.shapingDrops(port),
    detach: (port) => inner.detach(port),
    close: () => inner.close(),
  };
}
