/**
 * Hosts at the other end of tunnels: a small number each, which the frame I/O knows them by, for as long as somebody sends there. Users are counted; the
 * last one takes the number away, and the next new host gets it. Numbers are 0 … peersMax − 1, and none is lost.
 * Called by dataplane/switch, bgp/edge/router and slb/mux/forwarder; never for a frame.
 */
import { assert } from '../../base/assert.ts';
import { type IpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import * as vxlan from '../../packet/vxlan.ts';

/** Tells the frame I/O where a peer's number leads. */
export type SetPeer = (peer: number, address: Uint8Array, udpPort: number) => void;

interface Peer {
  readonly number: number;
  readonly address: Uint8Array;
  readonly words: IpWords;
  users: number;
}

export interface TunnelPeersOptions {
  readonly peersMax: number;
  readonly setPeer: SetPeer;
  /** A host has a number that had none. */
  readonly onAdded?: (words: IpWords) => void;
  /** A host has no number any more. */
  readonly onRemoved?: (words: IpWords) => void;
}

export class TunnelPeers {
  readonly #options: TunnelPeersOptions;
  readonly #byAddress = new Map<string, Peer>();
  readonly #byNumber: (Peer | undefined)[] = [];
  readonly #free: number[] = [];
  #udpPort = vxlan.UDP_PORT;

  constructor(options: TunnelPeersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#byAddress.size;
  }

  /** UDP port that tunnels lead to (RFC 7348 §8); before it is set, the one that is assigned. */
  setUdpPort(udpPort: number): void {
    if (udpPort === this.#udpPort) return;
    this.#udpPort = udpPort;
    for (const { number, address } of this.#byAddress.values()) {
      this.#options.setPeer(number, address, udpPort);
    }
  }

  /** Number of the host with this provider address, for one more user; undefined: the address is none, or there are too many hosts. */
  acquire(address: Uint8Array): number | undefined {
    const key = address.join();
    const known = this.#byAddress.get(key);
    if (known !== undefined) {
      known.users += 1;
      return known.number;
    }
    const words = ipWordsFromBytes(address);
    const { peersMax, setPeer, onAdded } = this.#options;
    if (words === undefined || this.count >= peersMax) return undefined;
    const number = this.#free.pop() ?? this.#byNumber.length;
    const peer: Peer = { number, address, words, users: 1 };
    this.#byAddress.set(key, peer);
    this.#byNumber[number] = peer;
    onAdded?.(words);
    setPeer(number, address, this.#udpPort);
    return number;
  }

  /** One user less of a host that has a number; the last one takes it away. */
  release(address: Uint8Array): void {
    const key = address.join();
    const peer = this.#byAddress.get(key);
    assert(peer !== undefined, 'a peer in use');
    peer.users -= 1;
    if (peer.users > 0) return;
    this.#byAddress.delete(key);
    this.#byNumber[peer.number] = undefined;
    this.#free.push(peer.number);
    this.#options.onRemoved?.(peer.words);
  }

  /** Provider address behind a number, for explanations; undefined once nobody sends there. */
  addressOf(number: number): IpWords | undefined {
    return this.#byNumber[number]?.words;
  }
}
