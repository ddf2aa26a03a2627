/**
 * What was made of an attribute set on its way to an update group, by the set's identifier: routes share sets, and for each set the work is done
 * once. An answer counts only while both sets are the ones they were (serial numbers). Called by rib-out.ts.
 */
import type { AttributeTable } from '../rib/attribute-table.ts';
import type { ExportSource } from '../rib/export.ts';
import { NONE } from '../rib/prefix-table.ts';

const CAPACITY_INITIAL = 256;
export const UNKNOWN = -2;

export class ExportCache {
  readonly #sets: AttributeTable;
  #serial = new Float64Array(CAPACITY_INITIAL).fill(-1);
  #kind = new Float64Array(CAPACITY_INITIAL);
  #result = new Int32Array(CAPACITY_INITIAL);
  #resultSerial = new Float64Array(CAPACITY_INITIAL);

  constructor(sets: AttributeTable) {
    this.#sets = sets;
  }

  /** The set (retained once more) or NONE that was `put` for these; UNKNOWN when there is none any more. */
  get(id: number, source: ExportSource): number {
    const isKnown = this.#serial[id] === this.#sets.serialOf(id);
    if (!isKnown || this.#kind[id] !== kindOf(source)) return UNKNOWN;
    const result = this.#result[id] ?? NONE;
    if (result === NONE) return NONE;
    if (this.#sets.serialOf(result) !== this.#resultSerial[id]) return UNKNOWN;
    this.#sets.retainId(result);
    return result;
  }

  /** Remembers `result`; it is not retained for that. */
  put(id: number, source: ExportSource, result: number): void {
    if (id >= this.#serial.length) this.#grow(id + 1);
    this.#serial[id] = this.#sets.serialOf(id);
    this.#kind[id] = kindOf(source);
    this.#result[id] = result;
    this.#resultSerial[id] = result === NONE ? -1 : this.#sets.serialOf(result);
  }

  #grow(least: number): void {
    const capacity = Math.max(least, this.#serial.length * 2);
    const larger = (array: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(capacity).fill(-1);
      grown.set(array);
      return grown;
    };
    this.#serial = larger(this.#serial);
    this.#kind = larger(this.#kind);
    this.#resultSerial = larger(this.#resultSerial);
    const result = new Int32Array(capacity);
    result.set(this.#result);
    this.#result = result;
  }
}

/** All that export looks at, as one number: the reflected's originator is the source itself (RFC 4456 §8). */
function kindOf({ isLocal, isExternal, isClient, bgpIdentifier }: ExportSource): number {
  const kind = (isLocal ? 1 : 0) + (isExternal ? 2 : 0) + (isClient ? 4 : 0);
  return isExternal ? kind : kind + 8 * bgpIdentifier;
}
