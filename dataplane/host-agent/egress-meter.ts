/**
 * Egress that goes up to the controller: bytes that each port has sent, billed and unbilled (dataplane/layers/metering), as totals since this
 * process began. The switch's own counters start anew with a port's number; these never fall, so that the controller can add up what
 * has come since the last report whatever was lost between. A port that has gone stays for some reports more. Called by host-agent.
 */
import type { PortMeter } from '../../schema/southbound/messages.ts';
import type { EgressCounters } from '../switch/switch-handle.ts';
import { METER_ROUNDS_KEPT } from './limits.ts';

interface Total {
  billed: number;
  unbilled: number;
  /** Of the switch's counters, when they were last read. */
  lastBilled: number;
  lastUnbilled: number;
  /** Rounds since the port was last there. */
  absentRounds: number;
}

export class EgressMeter {
  readonly #totals = new Map<string, Total>();

  /** Takes in what the switch has counted for a port; true if that is more than before. */
  read(portId: string, egress: EgressCounters | undefined): boolean {
    if (egress === undefined) return false;
    const { billedBytes, unbilledBytes } = egress;
    let total = this.#totals.get(portId);
    if (total === undefined) {
      total = { billed: 0, unbilled: 0, lastBilled: 0, lastUnbilled: 0, absentRounds: 0 };
      this.#totals.set(portId, total);
    }
    const billed = sinceLast(billedBytes, total.lastBilled);
    const unbilled = sinceLast(unbilledBytes, total.lastUnbilled);
    total.billed += billed;
    total.unbilled += unbilled;
    total.lastBilled = billedBytes;
    total.lastUnbilled = unbilledBytes;
    total.absentRounds = 0;
    return billed + unbilled > 0;
  }

  /** A round of reading has ended: ports that have been gone for long are forgotten. */
  endRound(present: ReadonlySet<string>): void {
    for (const [portId, total] of this.#totals) {
      if (present.has(portId)) continue;
      total.absentRounds += 1;
      if (total.absentRounds > METER_ROUNDS_KEPT) this.#totals.delete(portId);
    }
  }

  totals(): readonly PortMeter[] {
    return Array.from(this.#totals, ([portId, { billed, unbilled }]) => ({
      portId,
      billedBytes: billed,
      unbilledBytes: unbilled,
    }));
  }
}

/** A counter that is lower than it was has begun anew. */
function sinceLast(now: number, last: number): number {
  return now >= last ? now - last : now;
}
