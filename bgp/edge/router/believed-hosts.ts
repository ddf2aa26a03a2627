/** Hosts whose tunnels are believed: those that the router has tunnels to. Called by router-state.ts, and by router.ts for every tunnelled frame. */
import type { IpWords } from '../../../base/ip-words.ts';
import { Lpm, NONE } from '../../../base/lpm.ts';
import { KnownHosts } from '../../../dataplane/engine/known-hosts.ts';

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

  /** Is the address in `words` from `at` on a host's? */
  has(words: Uint32Array, at: number): boolean {
    return this.#known.has(words, at);
  }
}
