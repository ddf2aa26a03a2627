/**
 * Fragment table: the ports of datagrams that come in fragments — RFC 791 §3.2, RFC 8200 §4.5. Only the first fragment has a transport
 * header; it is noted here by what all fragments share (scope, addresses, identification, protocol), and those that follow are of
 * its flow.
 *
 * A later fragment that comes before its first one, or more than FRAGMENT_SEC_MAX after it, is dropped as FragmentWithoutFirst: what it
 * belongs to is not known. Senders send the first one first; where a network lies between that may change their order, they wait for a moment
 * (fragment-hold.ts).
 *
 * Bounded without lists: a datagram lies in one of WAYS places of a set, and the sets of one scope are a window of the table, so that a port
 * that floods pushes out its own. The oldest place of a full set is taken. Nothing is allocated. Called by forwarder.
 */
import type { FlowKey } from '../../packet/flow-key.ts';
import { FRAGMENT_SEC_MAX, FRAGMENTED_DATAGRAMS_MAX, FRAGMENTED_PER_PORT_MAX } from '../limits.ts';
import { DATAGRAM_WORDS, isOfDatagram, writeDatagram } from './datagram-words.ts';
import { type FlowScope, portsOf } from './flow-id.ts';

const WAYS = 4;
const SETS = FRAGMENTED_DATAGRAMS_MAX / WAYS;
const WINDOW = FRAGMENTED_PER_PORT_MAX / WAYS;
const STRIDE = 16;
/** Words of an entry: what identifies the datagram, its ports, and the second it was noted plus one (0: empty). */
const PORTS = DATAGRAM_WORDS;
const NOTED = PORTS + 1;

/** Multiplicative hashing constant: 2^32 / golden ratio. */
const GOLDEN = 0x9e37_79b1;

export class FragmentTable {
  readonly #words = new Uint32Array(FRAGMENTED_DATAGRAMS_MAX * STRIDE);
  readonly #seed: number;

  /** `seed` is random: nobody outside shall be able to choose whose datagrams share a set. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Notes the ports of a first fragment. */
  note(scope: FlowScope, key: FlowKey, nowSec: number): void {
    const words = this.#words;
    const known = this.#find(scope, key);
    const at = known >= 0 ? known : this.#oldest(this.#setOf(scope, key));
    writeDatagram(words, at, scope, key);
    words[at + PORTS] = portsOf(key);
    words[at + NOTED] = nowSec + 1;
  }

  /** Gives a later fragment the ports of its first; false if that is not known. */
  complete(scope: FlowScope, key: FlowKey, nowSec: number): boolean {
    const at = this.#find(scope, key);
    if (at < 0 || (this.#words[at + NOTED] ?? 0) + FRAGMENT_SEC_MAX <= nowSec) return false;
    const ports = this.#words[at + PORTS] ?? 0;
    key.srcPort = ports >>> 16;
    key.dstPort = ports & 0xffff;
    return true;
  }

  #setOf(scope: FlowScope, key: FlowKey): number {
    const window = mix(this.#seed, scope);
    let hash = mix(window, key.fragmentId);
    hash = mix(hash, key.src3);
    hash = mix(hash, key.dst3);
    const set = (window & ~(WINDOW - 1)) | ((hash >>> 8) & (WINDOW - 1));
    return (set & (SETS - 1)) * WAYS * STRIDE;
  }

  #find(scope: FlowScope, key: FlowKey): number {
    const set = this.#setOf(scope, key);
    for (let at = set; at < set + WAYS * STRIDE; at += STRIDE) {
      if (this.#isOf(at, scope, key)) return at;
    }
    return -1;
  }

  #oldest(set: number): number {
    let oldest = set;
    for (let at = set; at < set + WAYS * STRIDE; at += STRIDE) {
      if ((this.#words[at + NOTED] ?? 0) < (this.#words[oldest + NOTED] ?? 0)) oldest = at;
    }
    return oldest;
  }

  #isOf(at: number, scope: FlowScope, key: FlowKey): boolean {
    const words = this.#words;
    return isOfDatagram(words, at, scope, key) && words[at + NOTED] !== 0;
  }
}

function mix(hash: number, word: number): number {
  return Math.imul(hash ^ (hash >>> 15) ^ word, GOLDEN);
}
