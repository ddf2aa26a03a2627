/**
 * Muxes as the switch knows them: who may bring what is for public virtual addresses, and how to reach them. Called by switch/realiser (sets),
 * virtual-addresses and second-chance (ask).
 */
import { equalIpWords, type IpWords } from '../../base/ip-words.ts';

export interface Mux {
  /** Provider address. */
  readonly words: IpWords;
  /** Number of its tunnel. */
  readonly peer: number;
}

/** Number of no tunnel. */
export const NO_PEER = -1;

export class Muxes {
  #all: readonly Mux[] = [];

  /** Replaces them. */
  set(muxes: readonly Mux[]): void {
    this.#all = muxes;
  }

  has(address: IpWords): boolean {
    return this.#all.some(({ words }) => equalIpWords(words, address));
  }

  /** Tunnel to the mux whose provider address lies at [at, at + 4), IPv4 in its mapped form; NO_PEER: it is none. */
  peerAt(address: Uint32Array, at: number): number {
    for (const { words, peer } of this.#all) {
      const isSame =
        words[3] === address[at + 3] &&
        words[2] === address[at + 2] &&
        words[1] === address[at + 1] &&
        words[0] === address[at];
      if (isSame) return peer;
    }
    return NO_PEER;
  }
}
