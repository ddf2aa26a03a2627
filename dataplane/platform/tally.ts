/** Counts what is going on per key, up to a maximum: connections or questions of one port. Called by the servers. */

export class Tally {
  readonly #max: number;
  readonly #counts = new Map<number, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** False: there are as many as may be. */
  add(key: number): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  remove(key: number): void {
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
