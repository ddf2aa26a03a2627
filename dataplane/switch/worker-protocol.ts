/**
 * What the host's main thread and its forwarding worker say to each other, in the frame that all roles share (dataplane/port/worker-protocol).
 * Called by start-switch and forwarding-loop.
 */

import type { CaptureRequest, CaptureStatus } from '../../schema/southbound/diagnostics/capture.ts';
import type { ResourceError } from '../../schema/southbound/messages.ts';
import type { CaptureChunk } from '../capture/captures.ts';
import type { SwitchMethod } from '../explain/switch-method.ts';
import type { FlowRecordBatch } from '../flow-log/flow-record.ts';
import type { WorkerAnswer, WorkerSettings } from '../port/worker-protocol.ts';
import type { ProbeMethod } from '../probe/probes.ts';
import type { FlowQuery } from './flow-listing.ts';
import type { AddressBytes } from './learned-addresses.ts';
import type { AttachedDevice, Device, FlowEntry } from './switch-handle.ts';
import type { GoalChange } from './tables.ts';

export type Request =
  | { readonly kind: 'applyGoal'; readonly change: GoalChange }
  | { readonly kind: 'attach'; readonly portId: string; readonly device: Device }
  | { readonly kind: 'detach'; readonly portId: string }
  | { readonly kind: 'openServices'; readonly name: string }
  | { readonly kind: 'flows'; readonly query: FlowQuery }
  | { readonly kind: 'captureStart'; readonly request: CaptureRequest }
  | {
      readonly kind: 'captureRead';
      readonly id: number;
      readonly bytesMax: number | undefined;
    }
  | { readonly kind: 'captureStop'; readonly id: number }
  | { readonly kind: 'captures' }
  | { readonly kind: 'takeFlowRecords' }
  | { readonly kind: 'answer'; readonly method: SwitchMethod; readonly question: unknown }
  | { readonly kind: 'probe'; readonly method: ProbeMethod; readonly question: unknown }
  | { readonly kind: 'close' };

/** What each kind of request is answered with. */
export interface Results {
  readonly applyGoal: readonly ResourceError[];
  readonly attach: AttachedDevice;
  readonly detach: boolean;
  readonly openServices: true;
  readonly flows: readonly FlowEntry[];
  readonly captureStart: CaptureStatus;
  readonly captureRead: CaptureChunk;
  readonly captureStop: CaptureStatus;
  readonly captures: readonly CaptureStatus[];
  readonly takeFlowRecords: FlowRecordBatch;
  /** Of the shape of the method's answer. */
  readonly answer: object;
  /** Of the shape of the method's answer. */
  readonly probe: object;
  readonly close: true;
}

export type WorkerMessage =
  /** `ports`: where counters are, if that has changed. */
  | (WorkerAnswer<Results[keyof Results]> & { readonly ports?: PortIndices | undefined })
  /** Addresses that a port speaks with besides its own: all of them. */
  | { readonly kind: 'learned'; readonly portId: string; readonly addresses: AddressBytes }
  | { readonly kind: 'deviceGone'; readonly portId: string; readonly ports: PortIndices };

/** Where each port's counters are; sent whenever it has changed. */
export type PortIndices = readonly (readonly [portId: string, index: number])[];

export interface WorkerData extends WorkerSettings {
  /** Counters.buffer */
  readonly counters: SharedArrayBuffer;
}
