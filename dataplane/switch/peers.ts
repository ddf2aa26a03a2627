/**
 * Peers: the hosts this one has tunnels to, one small number each, for as long as at least one mapping leads there. The same set says
 * whose tunnels are believed (layers/tunnel). Called by tables, realiser and mappings.
 */
import { assert } from '../../base/assert.ts';
import { type IpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import type { PrefixGroup } from '../engine/group.ts';
import { peerGroup, peerRule } from '../layers/tunnel.ts';
import { PEERS_MAX } from '../limits.ts';

/** Tells the frame I/O where a peer's number leads. */
export type SetPeer = (peer: number, address: Uint8Array, udpPort: number) => void;

interface Peer {
  readonly index: number;
  readonly address: Uint8Array;
  readonly words: IpWords;
  mappings: number;
}

export class Peers {
  /** By outer source address: known hosts. */
  readonly group: PrefixGroup = peerGroup();
  readonly #byAddress = new Map<string, Peer>();
  readonly #free: number[] = [];
  readonly #setPeer: SetPeer;
  #udpPort = 0;

  constructor(setPeer: SetPeer) {
    this.#setPeer = setPeer;
  }

  get count(): number {
    return this.#byAddress.size;
  }

  /** Provider address behind a number, for explanations; undefined once no mapping leads there. */
  addressOf(index: number): IpWords | undefined {
    for (const peer of this.#byAddress.values()) if (peer.index === index) return peer.words;
    return undefined;
  }

  /** UDP port that tunnels lead to (RFC 7348 §8). */
  setUdpPort(udpPort: number): void {
    if (udpPort === this.#udpPort) return;
    this.#udpPort = udpPort;
    for (const peer of this.#byAddress.values()) this.#setPeer(peer.index, peer.address, udpPort);
  }

  /** Number of the host with this provider address, for one more mapping; undefined when there are too many hosts. */
  acquire(address: Uint8Array): number | undefined {
    const key = address.join();
    const known = this.#byAddress.get(key);
    if (known !== undefined) {
      known.mappings += 1;
      return known.index;
    }
    const words = ipWordsFromBytes(address);
    assert(words !== undefined, 'a provider address has 4 or 16 bytes');
    const index = this.#free.pop() ?? this.#byAddress.size;
    if (index >= PEERS_MAX) return undefined;
    this.#byAddress.set(key, { index, address, words, mappings: 1 });
    this.group.set({ words, len: 128 }, peerRule(words));
    this.#setPeer(index, address, this.#udpPort);
    return index;
  }

  /** One mapping less; the last one takes the peer away. */
  release(address: Uint8Array): void {
    const key = address.join();
    const peer = this.#byAddress.get(key);
    assert(peer !== undefined, 'a peer in use');
    peer.mappings -= 1;
    if (peer.mappings > 0) return;
    this.#byAddress.delete(key);
    this.#free.push(peer.index);
    this.group.remove({ words: peer.words, len: 128 });
  }
}
