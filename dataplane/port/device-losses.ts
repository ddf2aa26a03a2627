/**
 * Frames that are lost in the queues of devices, where nobody counts them one by one: collected from the frame I/O once in a while and counted at the
 * link of the device. Called by bgp/edge/router/router-core.ts and slb/mux/forwarder/mux-core.ts.
 */
import { NONE } from '../../base/lpm.ts';
import { Drop } from '../../packet/drop.ts';
import type { FrameIo } from './frame-io.ts';

export interface LossCounter {
  dropped(link: number, drop: number, count: number): void;
}

/** A link's number, and the frame I/O's of the device that carries it; NONE: it has none. */
export type DeviceOfLink = readonly [link: number, device: number];

/** As transmitDrops and receiveDrops have them. */
const LOSSES = [
  Drop.TransmitQueueFull,
  Drop.TransmitFailed,
  Drop.OffloadInvalid,
  Drop.ReceiveQueueFull,
] as const;
const NOTHING: readonly number[] = LOSSES.map(() => 0);

export class DeviceLosses {
  readonly #io: Pick<FrameIo, 'transmitDrops' | 'receiveDrops'>;
  readonly #counters: LossCounter;
  /** By device: what is counted already. */
  readonly #counted = new Map<number, readonly number[]>();

  constructor(io: Pick<FrameIo, 'transmitDrops' | 'receiveDrops'>, counters: LossCounter) {
    this.#io = io;
    this.#counters = counters;
  }

  /** Counts what has been lost since the last call. */
  collect(devices: readonly DeviceOfLink[]): void {
    for (const [link, device] of devices) {
      if (device === NONE) continue;
      const now = [...this.#io.transmitDrops(device), this.#io.receiveDrops(device)];
      const before = this.#counted.get(device) ?? NOTHING;
      for (const [index, drop] of LOSSES.entries()) {
        const count = (now[index] ?? 0) - (before[index] ?? 0);
        if (count > 0) this.#counters.dropped(link, drop, count);
      }
      this.#counted.set(device, now);
    }
  }
}
