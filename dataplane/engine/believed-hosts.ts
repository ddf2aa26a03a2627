/**
 * Hosts whose tunnels are believed: those that a router or mux has tunnels to (port/tunnel-peers.ts tells which). Called by bgp/edge/router and
 * slb/mux/forwarder, for every tunnelled frame; allocates nothing then. The switch has a group of its uplink's pipeline for it, so that a trace can tell.
 */
import type { IpWords } from '../../base/ip-words.ts';
import { Lpm, NONE } from '../../base/lpm.ts';
import { KnownHosts } from './known-hosts.ts';

const BELIEVED = 0;

export class BelievedHosts {
  readonly #addresses = new Lpm();
  readonly #known: KnownHosts = new KnownHosts({
    hasRuleFor: (w0, w1, w2, w3) => this.#addresses.lookup(w0, w1, w2, w3) !== NONE,
  });

  add(words: IpWords): void {
    this.#addresses.set({ words, len: 128 }, BELIEVED);
  }

  remove(words: IpWords): void {
    this.#addresses.remove({ words, len: 128 });
    this.#known.forget();
  }

  /** Is the address in `words` from `at` on a host's? IPv4 in its mapped form. */
  has(words: Uint32Array, at: number): boolean {
    return this.#known.has(words, at);
  }
}
