/**
 * Hosts at the other end of tunnels, a small number each for as long as at least one mapping leads there; the same set says whose tunnels are
 * believed. Called by networks.ts, and by router.ts for every tunnelled frame.
 */
import { assert } from '../../../base/assert.ts';
import { type IpWords, ipWordsFromBytes } from '../../../base/ip-words.ts';
import { Lpm, NONE } from '../../../base/lpm.ts';
import { KnownHosts } from '../../../dataplane/engine/known-hosts.ts';
import { EDGE_PEERS_MAX } from '../limits.ts';

interface Peer {
  readonly index: number;
  readonly address: Uint8Array;
  readonly words: IpWords;
  mappings: number;
}

export class EdgePeers {
  readonly #byAddress = new Map<string, Peer>();
  readonly #addresses = new Lpm();
  readonly #known: KnownHosts = new KnownHosts({
    hasRuleFor: (w0, w1, w2, w3) => this.#addresses.lookup(w0, w1, w2, w3) !== NONE,
  });
  readonly #free: number[] = [];
  readonly #setPeer: (peer: number, address: Uint8Array, udpPort: number) => void;
  #udpPort = 4789;

  constructor(setPeer: (peer: number, address: Uint8Array, udpPort: number) => void) {
    this.#setPeer = setPeer;
  }

  get count(): number {
    return this.#byAddress.size;
  }

  setUdpPort(udpPort: number): void {
    if (udpPort === this.#udpPort) return;
    this.#udpPort = udpPort;
    for (const { index, address } of this.#byAddress.values()) {
      this.#setPeer(index, address, udpPort);
    }
  }

  /** Number of the host, for one more mapping; undefined: the address is none, or there are too many hosts. */
  acquire(address: Uint8Array): number | undefined {
    const key = address.join();
    const known = this.#byAddress.get(key);
    if (known !== undefined) {
      known.mappings += 1;
      return known.index;
    }
    const words = ipWordsFromBytes(address);
    const index = this.#free.pop() ?? this.#byAddress.size;
    if (words === undefined || index >= EDGE_PEERS_MAX) return undefined;
    this.#byAddress.set(key, { index, address, words, mappings: 1 });
    this.#addresses.set({ words, len: 128 }, index);
    this.#setPeer(index, address, this.#udpPort);
    return index;
  }

  release(address: Uint8Array): void {
    const key = address.join();
    const peer = this.#byAddress.get(key);
    assert(peer !== undefined, 'a peer in use');
    peer.mappings -= 1;
    if (peer.mappings > 0) return;
    this.#byAddress.delete(key);
    this.#free.push(peer.index);
    this.#addresses.remove({ words: peer.words, len: 128 });
    this.#known.forget();
  }

  /** Of the number that `acquire` gave; for explanations. */
  addressOf(index: number): IpWords | undefined {
    return [...this.#byAddress.values()].find((peer) => peer.index === index)?.words;
  }

  /** Is the address in `words` from `at` on a host's? */
  isKnown(words: Uint32Array, at: number): boolean {
    return this.#known.has(words, at);
  }
}
