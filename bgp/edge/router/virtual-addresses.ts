/**
 * Public addresses of load balancers: what comes to one goes to a mux, by the route that muxes announce; what a backend answers leaves as from it,
 * if it is of the backend's own network. Called by networks.ts.
 */
import type { IpWords } from '../../../base/ip-words.ts';
import { Lpm } from '../../../base/lpm.ts';

/** `D`: a network's routing domain. */
export interface VirtualAddress<D> {
  /** Of the resource. */
  readonly key: string;
  readonly words: IpWords;
  /** Of its backends; undefined: it has none. */
  readonly domain: D | undefined;
  readonly resourceRef: string;
}

export class VirtualAddresses<D> {
  readonly #byKey = new Map<
    string,
    { readonly number: number; readonly address: VirtualAddress<D> }
  >();
  readonly #numbered: (VirtualAddress<D> | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #numbers = new Lpm();

  get(w0: number, w1: number, w2: number, w3: number): VirtualAddress<D> | undefined {
    return this.#numbered[this.#numbers.lookup(w0, w1, w2, w3)];
  }

  set(address: VirtualAddress<D>): void {
    const number = this.#free.pop() ?? this.#numbered.length;
    this.#numbered[number] = address;
    this.#numbers.set({ words: address.words, len: 128 }, number);
    this.#byKey.set(address.key, { number, address });
  }

  remove(key: string): VirtualAddress<D> | undefined {
    const found = this.#byKey.get(key);
    if (found === undefined) return undefined;
    this.#byKey.delete(key);
    this.#numbers.remove({ words: found.address.words, len: 128 });
    this.#numbered[found.number] = undefined;
    this.#free.push(found.number);
    return found.address;
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }
}
