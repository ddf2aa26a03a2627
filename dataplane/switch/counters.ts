/**
 * Counters of a switch, in shared memory: the forwarding loop counts, anybody in the process reads at any time without a message.
 * Per port: packets and bytes received by the switch from it and sent to it, frames dropped per Drop code, and its flows. Doubles: exact to 2^53,
 * one writer, torn reads impossible on 64-bit machines.
 *
 * rx and tx are the switch's view, as on any switch: rx is what the port's owner sent (outbound), tx what was delivered to it. Drops on
 * the way to the owner are counted twice: among all, and by themselves.
 */
import { DROP_COUNT, DROP_NAMES, type Drop } from '../../packet/drop.ts';
import { FLOW_COUNTS, FlowStatistics } from '../engine/flow-statistics.ts';
import { PORTS_MAX } from '../limits.ts';
import type { PortCounters } from './switch-handle.ts';

const RX_PACKETS = 0;
const RX_BYTES = 1;
const TX_PACKETS = 2;
const TX_BYTES = 3;
const EGRESS = 4;
/** Of the uplink alone: packets given back to muxes, see load-balancing/second-chance. */
const GIVEN_BACK = 8;
const DROPS = 9;
const TX_DROPS = DROPS + DROP_COUNT;
const STRIDE = TX_DROPS + DROP_COUNT;
/** After those of all ports: their flows. */
const FLOWS_AT = PORTS_MAX * STRIDE;
const LENGTH = FLOWS_AT + PORTS_MAX * FLOW_COUNTS;

export class Counters {
  readonly buffer: SharedArrayBuffer;
  /** Written by the flow table. */
  readonly flows: FlowStatistics;
  readonly #values: Float64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(LENGTH * 8)) {
    this.buffer = buffer;
    this.#values = new Float64Array(buffer);
    this.flows = new FlowStatistics(this.#values.subarray(FLOWS_AT, LENGTH));
  }

  received(port: number, bytes: number): void {
    const at = port * STRIDE;
    this.#add(at + RX_PACKETS, 1);
    this.#add(at + RX_BYTES, bytes);
  }

  sent(port: number, bytes: number): void {
    const at = port * STRIDE;
    this.#add(at + TX_PACKETS, 1);
    this.#add(at + TX_BYTES, bytes);
  }

  /** Of what the port sent and the switch forwarded: does somebody pay for it? */
  metered(port: number, isBilled: boolean, bytes: number): void {
    const at = port * STRIDE + EGRESS + (isBilled ? 0 : 2);
    this.#add(at, 1);
    this.#add(at + 1, bytes);
  }

  /** To the mux that it came from. */
  gaveBack(port: number): void {
    this.#add(port * STRIDE + GIVEN_BACK, 1);
  }

  dropped(port: number, drop: Drop): void {
    this.#add(port * STRIDE + DROPS + drop, 1);
  }

  /** On the way to the port's owner. */
  droppedToOwner(port: number, drop: Drop): void {
    this.dropped(port, drop);
    this.#add(port * STRIDE + TX_DROPS + drop, 1);
  }

  /** Sets a counter that somebody else keeps, such as frames lost in a device's queue. */
  setDropped(port: number, drop: Drop, count: number): void {
    this.#values[port * STRIDE + DROPS + drop] = count;
  }

  setDroppedToOwner(port: number, drop: Drop, count: number): void {
    this.setDropped(port, drop, count);
    this.#values[port * STRIDE + TX_DROPS + drop] = count;
  }

  /** Starts a port's counters at zero: its number has gone to another port. */
  clear(port: number): void {
    this.#values.fill(0, port * STRIDE, (port + 1) * STRIDE);
    this.flows.clear(port);
  }

  drops(port: number, drop: Drop): number {
    return this.#values[port * STRIDE + DROPS + drop] ?? 0;
  }

  read(port: number): PortCounters {
    const at = port * STRIDE;
    const value = (offset: number) => this.#values[at + offset] ?? 0;
    const byReason = (offset: number) => {
      const counts: Record<string, number> = {};
      for (let code = 0; code < DROP_COUNT; code += 1) {
        const count = value(offset + code);
        if (count > 0) counts[DROP_NAMES[code] ?? `${code}`] = count;
      }
      return counts;
    };
    const egress = {
      billedPackets: value(EGRESS),
      billedBytes: value(EGRESS + 1),
      unbilledPackets: value(EGRESS + 2),
      unbilledBytes: value(EGRESS + 3),
    };
    const isMetered = egress.billedPackets + egress.unbilledPackets > 0;
    return {
      rxPackets: value(RX_PACKETS),
      rxBytes: value(RX_BYTES),
      txPackets: value(TX_PACKETS),
      txBytes: value(TX_BYTES),
      drops: byReason(DROPS),
      txDrops: byReason(TX_DROPS),
      flows: this.flows.read(port),
      ...(isMetered && { egress }),
      ...(value(GIVEN_BACK) > 0 && { givenBack: value(GIVEN_BACK) }),
    };
  }

  #add(at: number, amount: number): void {
    this.#values[at] = (this.#values[at] ?? 0) + amount;
  }
}
