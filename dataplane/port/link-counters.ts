/**
 * Counters of a router in user space, per link (or whatever else it counts by): frames and bytes each way, and drops by reason, at the link that the
 * frame came in by. Doubles: exact to 2^53. Called by bgp/edge/router and slb/mux/forwarder for every frame; counting allocates nothing. Those of the
 * switch are in shared memory and know more (dataplane/switch/counters.ts).
 */
import { DROP_COUNT, DROP_NAMES } from '../../packet/drop.ts';

const RX_FRAMES = 0;
const RX_BYTES = 1;
const TX_FRAMES = 2;
const TX_BYTES = 3;
const DROPS = 4;
const STRIDE = DROPS + DROP_COUNT;

export interface LinkCounts {
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly txFrames: number;
  readonly txBytes: number;
  /** By name (packet/drop.ts); those that are zero are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

export class LinkCounters {
  readonly #words: Float64Array;

  /** Of so many links, numbered from 0. */
  constructor(links: number) {
    this.#words = new Float64Array(links * STRIDE);
  }

  received(link: number, bytes: number): void {
    this.#add(link * STRIDE + RX_FRAMES, 1);
    this.#add(link * STRIDE + RX_BYTES, bytes);
  }

  sent(link: number, bytes: number): void {
    this.#add(link * STRIDE + TX_FRAMES, 1);
    this.#add(link * STRIDE + TX_BYTES, bytes);
  }

  dropped(link: number, drop: number, count = 1): void {
    this.#add(link * STRIDE + DROPS + drop, count);
  }

  /** Frames received. */
  frames(link: number): number {
    return this.#words[link * STRIDE + RX_FRAMES] ?? 0;
  }

  /** The number is somebody else's from now on. */
  clear(link: number): void {
    this.#words.fill(0, link * STRIDE, (link + 1) * STRIDE);
  }

  read(link: number): LinkCounts {
    const words = this.#words;
    const at = link * STRIDE;
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
      drops,
    };
  }

  #add(at: number, value: number): void {
    this.#words[at] = (this.#words[at] ?? 0) + value;
  }
}
