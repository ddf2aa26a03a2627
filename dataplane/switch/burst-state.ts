/**
 * The burst that is being forwarded and the frame of it that is at hand: one of each, shared by the forwarder and its parts (departure,
 * service-exchange, own-frames), reused for every frame.
 */
import { type FlowKey, newFlowKey } from '../../packet/flow-key.ts';
import type { Frame } from '../engine/transposition.ts';
import type { FrameIo } from '../port/frame-io.ts';

export interface BurstState {
  readonly frame: Frame;
  /** Parse result of the frame. */
  readonly key: FlowKey;
  nowSec: number;
  /** Frames of the burst that come after this one. */
  waiting: number;
}

export function newBurstState({ view }: Pick<FrameIo, 'view'>): BurstState {
  const frame = { view, at: 0, end: 0, vnetAt: 0 };
  return { frame, key: newFlowKey(), nowSec: 0, waiting: 0 };
}
