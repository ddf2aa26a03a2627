/**
 * Which virtual address a packet is for: open addressing over four words, half full at most, asked for every packet. Made anew when an address comes
 * or goes, which is seldom. Called by virtual-addresses.ts.
 */
import type { IpWords } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';

const STRIDE = 5;
/** Address words, then the number plus one; 0: empty. */
const NUMBER = 4;
/** 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;

export class AddressIndex {
  #words = new Uint32Array(2 * STRIDE);
  #mask = 1;

  /** Addresses by number. */
  build(addresses: ReadonlyMap<number, IpWords>): void {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, addresses.size * 2)));
    const words = new Uint32Array(places * STRIDE);
    for (const [number, address] of addresses) {
      let place = hashOf(...address) & (places - 1);
      while (words[place * STRIDE + NUMBER] !== 0) place = (place + 1) & (places - 1);
      words.set(address, place * STRIDE);
      words[place * STRIDE + NUMBER] = number + 1;
    }
    this.#words = words;
    this.#mask = places - 1;
  }

  /** Number of the destination; NONE: it is none of these. Words one by one would need a box each. */
  findDestination(key: FlowKey): number {
    const words = this.#words;
    const mask = this.#mask;
    for (
      // Signed, since an unsigned word of an address may need a box, too.
      let place = hashOf(key.dst0 | 0, key.dst1 | 0, key.dst2 | 0, key.dst3 | 0) & mask;
      ;
      place = (place + 1) & mask
    ) {
      const at = place * STRIDE;
      const number = words[at + NUMBER] ?? 0;
      if (number === 0) return NONE;
      if (
        words[at + 3] === key.dst3 &&
        words[at + 2] === key.dst2 &&
        words[at + 1] === key.dst1 &&
        words[at] === key.dst0
      ) {
        return number - 1;
      }
    }
  }

  /** As findDestination, of any address. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    const words = this.#words;
    for (let place = hashOf(w0, w1, w2, w3) & this.#mask; ; place = (place + 1) & this.#mask) {
      const at = place * STRIDE;
      const number = words[at + NUMBER] ?? 0;
      if (number === 0) return NONE;
      if (
        words[at + 3] === w3 &&
        words[at + 2] === w2 &&
        words[at + 1] === w1 &&
        words[at] === w0
      ) {
        return number - 1;
      }
    }
  }
}

function hashOf(w0: number, w1: number, w2: number, w3: number): number {
  let hash = Math.imul(w3 ^ (w3 >>> 15), GOLDEN) ^ w1;
  hash = Math.imul(hash ^ (hash >>> 13), GOLDEN) ^ w2;
  hash = Math.imul(hash ^ (hash >>> 15), GOLDEN) ^ w0;
  return hash ^ (hash >>> 16);
}
