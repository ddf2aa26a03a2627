/** How much one encoding of an update group may hold. Called by update-group.ts. */
import { ATTRIBUTE_BYTES_PER_BATCH, PREFIXES_PER_BATCH } from '../limits.ts';
import type { AttributeTable } from './attribute-table.ts';
import { NONE } from './prefix-table.ts';

export class BatchRoom {
  readonly #attributes: AttributeTable;
  #prefixes = PREFIXES_PER_BATCH;
  #bytes = ATTRIBUTE_BYTES_PER_BATCH;
  #last = NONE;

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes;
  }

  get isLeft(): boolean {
    return this.#prefixes > 0 && this.#bytes > 0;
  }

  /** A prefix with this set; negative: with none. Those of one set mostly come one after the other. */
  take(set: number): void {
    this.#prefixes -= 1;
    if (set < 0 || set === this.#last) return;
    this.#last = set;
    this.#bytes -= this.#attributes.encodedLen(set, true);
  }
}
