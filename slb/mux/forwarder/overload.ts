/**
 * Sees that a mux is overloaded, and by whom: the virtual address to be withdrawn so that the others keep working (Ananta, SIGCOMM 2013, §3.6.2,
 * "top talker"). Looked at once a second, by what has been counted:
 *
 *   lost packets   the interface's queue has lost more than OVERLOAD_LOST_SHARE of what came, and one address has most of the packets
 *   a SYN flood    flows that were just met are being forgotten, and one address has most of the SYNs, at least FLOOD_SYNS_PER_SEC_MIN
 *
 * Either has to last OVERLOAD_SEC, with the same address to blame. An address that is alone is never withdrawn: nobody would be served by that.
 * Pure but for what it remembers of the second before. Called by mux-core.ts.
 */
import {
  FLOOD_SYNS_PER_SEC_MIN,
  OVERLOAD_BLAME_SHARE,
  OVERLOAD_LOST_SHARE,
  OVERLOAD_SEC,
} from '../../limits.ts';

export interface Overload {
  /** Of the virtual address. */
  readonly key: string;
  readonly reason: string;
}

/** What has been counted so far. */
export interface LoadReading {
  readonly lost: number;
  readonly received: number;
  readonly displaced: number;
  readonly addresses: readonly {
    readonly number: number;
    readonly key: string;
    readonly packets: number;
    readonly syns: number;
  }[];
}

interface Blamed {
  readonly key: string;
  readonly reason: string;
}

export class OverloadWatch {
  readonly #packets: Float64Array;
  readonly #syns: Float64Array;
  #lost = 0;
  #received = 0;
  #displaced = 0;
  #blamed = '';
  #seconds = 0;

  constructor(addressesMax: number) {
    this.#packets = new Float64Array(addressesMax);
    this.#syns = new Float64Array(addressesMax);
  }

  /** Called once a second; the address to withdraw, once it has been to blame for long enough. */
  look(reading: LoadReading): Overload | undefined {
    const lost = reading.lost - this.#lost;
    const received = reading.received - this.#received;
    const displaced = reading.displaced - this.#displaced;
    this.#lost = reading.lost;
    this.#received = reading.received;
    this.#displaced = reading.displaced;
    const blamed = this.#blame(reading, lost, received, displaced);
    if (blamed === undefined || blamed.key !== this.#blamed) {
      this.#blamed = blamed?.key ?? '';
      this.#seconds = blamed === undefined ? 0 : 1;
      return undefined;
    }
    this.#seconds += 1;
    if (this.#seconds < OVERLOAD_SEC) return undefined;
    this.#blamed = '';
    this.#seconds = 0;
    return blamed;
  }

  #blame(
    reading: LoadReading,
    lost: number,
    received: number,
    displaced: number,
  ): Blamed | undefined {
    let packets = 0;
    let syns = 0;
    let busy = 0;
    let talker = { key: '', packets: 0 };
    let flooded = { key: '', syns: 0 };
    for (const address of reading.addresses) {
      const { number, key } = address;
      // Counters of a number that has changed hands begin anew.
      const more = Math.max(0, address.packets - (this.#packets[number] ?? 0));
      const moreSyns = Math.max(0, address.syns - (this.#syns[number] ?? 0));
      this.#packets[number] = address.packets;
      this.#syns[number] = address.syns;
      packets += more;
      syns += moreSyns;
      if (more > 0) busy += 1;
      if (more > talker.packets) talker = { key, packets: more };
      if (moreSyns > flooded.syns) flooded = { key, syns: moreSyns };
    }
    if (busy < 2) return undefined;
    if (
      lost > (received + lost) * OVERLOAD_LOST_SHARE &&
      talker.packets > packets * OVERLOAD_BLAME_SHARE
    ) {
      const reason = `the mux loses ${lost} packets a second, and it gets ${talker.packets} of ${packets}`;
      return { key: talker.key, reason };
    }
    const isFlood = flooded.syns >= FLOOD_SYNS_PER_SEC_MIN;
    if (displaced > 0 && isFlood && flooded.syns > syns * OVERLOAD_BLAME_SHARE) {
      const reason = `${flooded.syns} connections begin in a second, more than can be remembered`;
      return { key: flooded.key, reason };
    }
    return undefined;
  }
}
