/** Several values under a key: what an index of the model is made of. Keys without values are not kept. */
export class Multimap<K, V> {
  readonly #values = new Map<K, Set<V>>();

  get(key: K): Iterable<V> {
    return this.#values.get(key) ?? [];
  }

  add(key: K, value: V): void {
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, new Set([value]));
    else values.add(value);
  }

  remove(key: K, value: V): void {
    const values = this.#values.get(key);
    values?.delete(value);
    if (values?.size === 0) this.#values.delete(key);
  }
}
