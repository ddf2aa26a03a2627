/**
 * What the switch sends of its own accord: advertisements of its routers, and the segments that end idle connections (load-balancing/idle-resets.ts).
 * Called by forwarder.
 */
import type { FlowIndex } from '../engine/flow-entries.ts';
import {
  ADVERTISED_PORTS_PER_SEC,
  IDLE_RESETS_PER_BURST_MAX,
  PORTS_MAX,
  PROBES_PER_BURST_MAX,
} from '../limits.ts';
import type { IdleResets } from '../load-balancing/idle-resets.ts';
import type { FrameIo } from '../port/frame-io.ts';
import type { Answers } from './answers.ts';
import type { BurstState } from './burst-state.ts';
import type { MirrorCopies } from './mirror-copies.ts';
import type { SwitchTables } from './tables.ts';
import type { TransmitQueue } from './transmit-queue.ts';

interface OwnFramesParts {
  readonly io: FrameIo;
  readonly tables: SwitchTables;
  readonly resets: IdleResets;
  readonly answers: Answers;
  readonly queue: TransmitQueue;
  readonly copies: MirrorCopies;
  readonly burst: BurstState;
}

export class OwnFrames {
  readonly #parts: OwnFramesParts;
  /** Port that was last considered for an advertisement. */
  #advertised = 0;

  constructor(parts: OwnFramesParts) {
    this.#parts = parts;
  }

  /** Once a second: routers say that they are still there, to a few ports at a time (RFC 4861 §6.2.4). */
  advertise(): void {
    const { tables, answers, queue } = this.#parts;
    for (let count = 0; count < ADVERTISED_PORTS_PER_SEC; count += 1) {
      this.#advertised = (this.#advertised + 1) % PORTS_MAX;
      const record = tables.ports.at(this.#advertised);
      const settings = record?.configured?.service.ipv6;
      if (record?.isAttached !== true || settings === undefined) continue;
      if (!answers.advertise(settings)) return;
      queue.emit(record.index, answers.at, answers.end, answers.vnetAt);
    }
  }

  /** VMs are asked where their idle connections stand. */
  provoke(): void {
    for (let count = 0; count < IDLE_RESETS_PER_BURST_MAX; count += 1) {
      const next = this.#parts.resets.next();
      if (next === undefined) return;
      this.#tell(next.port, next.bytes);
    }
  }

  /** What a VM answers to that ends the connection, at both ends. */
  reset(port: number, flow: FlowIndex): void {
    const { resets, burst } = this.#parts;
    const back = resets.take(flow, burst.frame, burst.key);
    if (back !== undefined) this.#tell(port, back);
  }

  #tell(port: number, bytes: Uint8Array): void {
    const { io, answers, queue, copies, burst } = this.#parts;
    // Whatever else the burst may send has its descriptors.
    const reserved = burst.waiting + 1 + PROBES_PER_BURST_MAX + copies.descriptorsMax;
    if (queue.count + 1 + reserved > io.txMax) return;
    if (answers.place(bytes)) queue.emit(port, answers.at, answers.end, answers.vnetAt);
  }
}
