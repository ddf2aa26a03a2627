/**
 * NLRI with path identifiers — RFC 7911 §3. The route numbered `prefix · pathsMax + n` is the prefix's nth path and has the identifier
 * n + 1. Called by packing.ts in place of the prefix table.
 */
import type { Nlri } from './packing.ts';
import type { PrefixTable } from './prefix-table.ts';

const PATH_ID_LEN = 4;

export class PathNlri implements Nlri {
  readonly afi: number;
  readonly wireLenMax: number;
  readonly #prefixes: PrefixTable;
  readonly #pathsMax: number;

  constructor(prefixes: PrefixTable, pathsMax: number) {
    this.afi = prefixes.afi;
    this.wireLenMax = PATH_ID_LEN + prefixes.wireLenMax;
    this.#prefixes = prefixes;
    this.#pathsMax = pathsMax;
  }

  wireLen(route: number): number {
    return PATH_ID_LEN + this.#prefixes.wireLen(Math.floor(route / this.#pathsMax));
  }

  emit(route: number, bytes: Uint8Array, at: number): number {
    const pathId = (route % this.#pathsMax) + 1;
    bytes[at] = pathId >>> 24;
    bytes[at + 1] = pathId >>> 16;
    bytes[at + 2] = pathId >>> 8;
    bytes[at + 3] = pathId;
    return this.#prefixes.emit(Math.floor(route / this.#pathsMax), bytes, at + PATH_ID_LEN);
  }
}
