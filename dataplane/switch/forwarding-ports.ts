/**
 * Ports that forward for others, by what tunnelled packets for them carry: network identifier and inner destination MAC address. Such a
 * packet's destination address is not the port's, so it cannot be found by address. Changed with goal state, read for every
 * tunnelled frame; hosts without such ports pay one comparison. Called by configured-ports (sets), forwarder (finds).
 */
import type { Mac } from '../../base/mac.ts';

export const NOT_FORWARDING = -1;

/** Multiplicative hashing constant: 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;
const HIGH = 0x1_0000_0000;
/** Words of a slot: VNI + 1 (0: empty), upper 16 and lower 32 bits of the MAC address, port. */
const SLOT_WORDS = 4;

interface ForwardingPort {
  readonly mac: Mac;
  readonly segments: readonly number[];
}

export class ForwardingPorts {
  readonly #byIndex = new Map<number, ForwardingPort>();
  #slots = new Uint32Array(0);
  #mask = -1;

  /** The port receives what comes for `mac` in each of `segments`. */
  set(index: number, mac: Mac, segments: readonly number[]): void {
    this.#byIndex.set(index, { mac, segments });
    this.#rebuild();
  }

  remove(index: number): void {
    if (this.#byIndex.delete(index)) this.#rebuild();
  }

  /** The port's number, or NOT_FORWARDING. The MAC address comes in its upper 16 and lower 32 bits. */
  find(vni: number, macHigh: number, macLow: number): number {
    if (this.#mask < 0) return NOT_FORWARDING;
    const slots = this.#slots;
    for (let slot = hashOf(vni, macHigh, macLow) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * SLOT_WORDS;
      if (slots[at] === 0) return NOT_FORWARDING;
      if (slots[at] === vni + 1 && slots[at + 1] === macHigh && slots[at + 2] === macLow) {
        return slots[at + 3] ?? NOT_FORWARDING;
      }
    }
  }

  #rebuild(): void {
    const ports = [...this.#byIndex];
    const count = ports.reduce((sum, [, { segments }]) => sum + segments.length, 0);
    const size = count === 0 ? 0 : 2 ** Math.ceil(Math.log2(count * 2));
    this.#slots = new Uint32Array(size * SLOT_WORDS);
    this.#mask = size - 1;
    for (const [index, { mac, segments }] of ports) {
      for (const vni of segments) this.#add(vni, Math.floor(mac / HIGH), mac % HIGH, index);
    }
  }

  #add(vni: number, macHigh: number, macLow: number, index: number): void {
    let slot = hashOf(vni, macHigh, macLow) & this.#mask;
    while (this.#slots[slot * SLOT_WORDS] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots.set([vni + 1, macHigh, macLow, index], slot * SLOT_WORDS);
  }
}

function hashOf(vni: number, macHigh: number, macLow: number): number {
  const hash = Math.imul(Math.imul(vni ^ macLow, GOLDEN) ^ macHigh, GOLDEN);
  return hash ^ (hash >>> 15);
}
