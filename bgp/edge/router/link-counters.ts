/**
 * Counters per link: frames and bytes each way, and drops by reason, at the link that the frame came in by. Called by router.ts (counts),
 * answers.ts (reads).
 */
import { DROP_COUNT, DROP_NAMES } from '../../../packet/drop.ts';
import { EDGE_LINKS_MAX } from '../limits.ts';

const RX_FRAMES = 0;
const RX_BYTES = 1;
const TX_FRAMES = 2;
const TX_BYTES = 3;
const DROPS = 4;
const STRIDE = DROPS + DROP_COUNT;
const LINKS = EDGE_LINKS_MAX + 1;

export interface LinkCounts {
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly txFrames: number;
  readonly txBytes: number;
  /** By name (packet/drop.ts); those that are zero are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

export class LinkCounters {
  readonly #words = new Float64Array(LINKS * STRIDE);

  received(link: number, bytes: number): void {
    const words = this.#words;
    const at = link * STRIDE;
    words[at + RX_FRAMES] = (words[at + RX_FRAMES] ?? 0) + 1;
    words[at + RX_BYTES] = (words[at + RX_BYTES] ?? 0) + bytes;
  }

  sent(link: number, bytes: number): void {
    const words = this.#words;
    const at = link * STRIDE;
    words[at + TX_FRAMES] = (words[at + TX_FRAMES] ?? 0) + 1;
    words[at + TX_BYTES] = (words[at + TX_BYTES] ?? 0) + bytes;
  }

  dropped(link: number, drop: number, count = 1): void {
    const words = this.#words;
    const at = link * STRIDE + DROPS + drop;
    words[at] = (words[at] ?? 0) + count;
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
}
