/**
 * Counters of a mux: of its links (what comes from the provider network, what goes through tunnels), and of every virtual address. A packet to a
 * virtual address that does not go on is counted there, any other at the link it came by. Called by forwarder.ts (counts), answers.ts (reads).
 */
import { DROP_COUNT, DROP_NAMES } from '../../../packet/drop.ts';

export const UPLINK = 0;
export const OVERLAY = 1;
export const LINK_NAMES: readonly string[] = ['uplink', 'overlay'];

const RX_FRAMES = 0;
const RX_BYTES = 1;
const TX_FRAMES = 2;
const TX_BYTES = 3;
/** Of a virtual address alone: TCP segments that begin a connection. */
const SYNS = 4;
/** Of a virtual address alone: packets that a host has returned, since their connection is not there. */
const RETURNED = 5;
/** Of a virtual address alone: connections that no backend knows, and that go by the table. */
const UNCLAIMED = 6;
const DROPS = 7;
const STRIDE = DROPS + DROP_COUNT;

export interface Counts {
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly txFrames: number;
  readonly txBytes: number;
  readonly syns: number;
  readonly returned: number;
  readonly unclaimed: number;
  /** By name (packet/drop.ts); those that are zero are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

export class Counters {
  readonly #words: Float64Array;

  constructor(rows: number) {
    this.#words = new Float64Array(rows * STRIDE);
  }

  received(row: number, bytes: number): void {
    this.#add(row * STRIDE + RX_FRAMES, 1);
    this.#add(row * STRIDE + RX_BYTES, bytes);
  }

  sent(row: number, bytes: number): void {
    this.#add(row * STRIDE + TX_FRAMES, 1);
    this.#add(row * STRIDE + TX_BYTES, bytes);
  }

  syn(row: number): void {
    this.#add(row * STRIDE + SYNS, 1);
  }

  returned(row: number): void {
    this.#add(row * STRIDE + RETURNED, 1);
  }

  unclaimed(row: number): void {
    this.#add(row * STRIDE + UNCLAIMED, 1);
  }

  dropped(row: number, drop: number, count = 1): void {
    this.#add(row * STRIDE + DROPS + drop, count);
  }

  frames(row: number): number {
    return this.#words[row * STRIDE + RX_FRAMES] ?? 0;
  }

  syns(row: number): number {
    return this.#words[row * STRIDE + SYNS] ?? 0;
  }

  /** The row is somebody else's from now on. */
  clear(row: number): void {
    this.#words.fill(0, row * STRIDE, (row + 1) * STRIDE);
  }

  read(row: number): Counts {
    const words = this.#words;
    const at = row * STRIDE;
    const drops: Record<string, number> = {};
    for (const [drop, name] of DROP_NAMES.entries()) {
      const count = words[at + DROPS + drop] ?? 0;
      if (count > 0 && name !== '') drops[name] = count;
    }
    return {
      rxFrames: words[at + RX_FRAMES] ?? 0,
      rxBytes: words[at + RX_BYTES] ?? 0,
      txFrames: words[at + TX_FRAMES] ?? 0,
      txBytes: words[at + TX_BYTES] ?? 0,
      syns: words[at + SYNS] ?? 0,
      returned: words[at + RETURNED] ?? 0,
      unclaimed: words[at + UNCLAIMED] ?? 0,
      drops,
    };
  }

  #add(at: number, value: number): void {
    this.#words[at] = (this.#words[at] ?? 0) + value;
  }
}
