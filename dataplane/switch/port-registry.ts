/**
 * The ports of a switch: one number each, from the moment that either goal state describes it or a device is attached for it, whichever
 * comes first, until both are gone. Called by switch/tables and switch/forwarder.
 */
import { assert } from '../../base/assert.ts';
import type { Epochs } from '../engine/epochs.ts';
import { PORTS_MAX } from '../limits.ts';
import type { PortRecord } from './network-state.ts';

/** The uplink's number. */
export const UPLINK_PORT = 0;
/** The service port's: the servers of platform addresses. */
export const SERVICE_PORT = 1;

/** A port whose frames are others': it has no addresses, no policy and no flows of its own. */
export function isForeign(port: number): boolean {
  return port === UPLINK_PORT || port === SERVICE_PORT;
}

export class PortRegistry {
  readonly #epochs: Epochs;
  readonly #byId = new Map<string, PortRecord>();
  readonly #byIndex: (PortRecord | undefined)[] = [undefined, undefined];
  readonly #free: number[] = [];
  readonly #onRemoved: (index: number) => void;
  #version = 0;

  /** `onRemoved` is told each number that may be given to another port from now on. */
  constructor(epochs: Epochs, onRemoved: (index: number) => void) {
    this.#epochs = epochs;
    this.#onRemoved = onRemoved;
  }

  /** Grows whenever a port comes or goes. */
  get version(): number {
    return this.#version;
  }

  get(id: string): PortRecord | undefined {
    return this.#byId.get(id);
  }

  at(index: number): PortRecord | undefined {
    return this.#byIndex[index];
  }

  all(): PortRecord[] {
    return [...this.#byId.values()];
  }

  /** The port's record, made if it is new; undefined when there are too many. */
  ensure(id: string): PortRecord | undefined {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const index = this.#free.pop() ?? this.#byIndex.length;
    if (index >= PORTS_MAX) return undefined;
    const cell = this.#epochs.allocate();
    const record: PortRecord = { id, index, cell, isAttached: false, configured: undefined };
    this.#version += 1;
    this.#byId.set(id, record);
    this.#byIndex[index] = record;
    return record;
  }

  /** Forgets the port if nothing holds it any more. */
  collect(record: PortRecord): void {
    if (record.isAttached || record.configured !== undefined) return;
    assert(this.#byIndex[record.index] === record, 'a port of this switch');
    this.#version += 1;
    this.#byId.delete(record.id);
    this.#byIndex[record.index] = undefined;
    this.#epochs.release(record.cell);
    this.#free.push(record.index);
    this.#onRemoved(record.index);
  }
}
