/**
 * Is the outer source of a tunnelled frame one of a set of hosts? Tunnels come in bursts from the same host, so the one that was found last is
 * known without a lookup. Called by dataplane/switch and bgp/edge for every tunnelled frame; allocates nothing.
 */
import type { PrefixGroup } from './group.ts';

export class KnownHosts {
  readonly #hosts: Pick<PrefixGroup, 'hasRuleFor'>;
  #last0 = 0;
  #last1 = 0;
  #last2 = 0;
  #last3 = 0;

  constructor(hosts: Pick<PrefixGroup, 'hasRuleFor'>) {
    this.#hosts = hosts;
  }

  /** The set has changed: the host that was found last may no longer be one. */
  forget(): void {
    this.#last0 = 0;
    this.#last1 = 0;
    this.#last2 = 0;
    this.#last3 = 0;
  }

  /** `words`: the address at [at, at + 4), IPv4 in its mapped form. */
  has(words: Uint32Array, at: number): boolean {
    const w0 = words[at] ?? 0;
    const w1 = words[at + 1] ?? 0;
    const w2 = words[at + 2] ?? 0;
    const w3 = words[at + 3] ?? 0;
    const isLast =
      w3 === this.#last3 && w2 === this.#last2 && w1 === this.#last1 && w0 === this.#last0;
    if (isLast && w3 !== 0) return true;
    if (!this.#hosts.hasRuleFor(w0, w1, w2, w3)) return false;
    this.#last0 = w0;
    this.#last1 = w1;
    this.#last2 = w2;
    this.#last3 = w3;
    return true;
  }
}
