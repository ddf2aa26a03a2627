/**
 * Attribute blocks seen lately, by their bytes: an UPDATE whose attributes are known is not decoded again (RFC 4271 §4.3). Routes of one origin
 * come in messages one after the other, and the same again after a refresh.
 *
 * Only blocks without fault and without MP_REACH/MP_UNREACH are kept: those with prefixes in them hardly repeat. And only those that come a
 * second time: most blocks of a full table come once. One cache per session: how a block is read depends on it. Bounded: a block takes the place
 * of the one that has the same hash.
 */
import { ATTRIBUTE_BLOCK_BYTES_MAX, ATTRIBUTE_BLOCKS_MAX } from '../limits.ts';
import type { DecodedAttributes } from '../message/attribute-decoder.ts';
import type { AttributeBlocks } from '../message/update.ts';

interface Block {
  readonly bytes: Uint8Array;
  readonly decoded: DecodedAttributes;
}

const MASK = ATTRIBUTE_BLOCKS_MAX - 1;

export class AttributeBlockCache implements AttributeBlocks {
  readonly #blocks: (Block | undefined)[] = Array(ATTRIBUTE_BLOCKS_MAX).fill(undefined);
  /** Hashes of blocks that came last. */
  readonly #seen = new Int32Array(ATTRIBUTE_BLOCKS_MAX);
  #hash = 0;
  hits = 0;

  find(view: DataView, at: number, end: number): DecodedAttributes | undefined {
    if (end - at > ATTRIBUTE_BLOCK_BYTES_MAX || end === at) return undefined;
    this.#hash = hash(view, at, end);
    const block = this.#blocks[this.#hash & MASK];
    if (block === undefined || !isSame(block.bytes, view, at, end)) return undefined;
    this.hits += 1;
    return block.decoded;
  }

  /** Of the block that was not found just now. */
  add(view: DataView, at: number, end: number, decoded: DecodedAttributes): void {
    if (end - at > ATTRIBUTE_BLOCK_BYTES_MAX || end === at) return;
    const slot = this.#hash & MASK;
    if (this.#seen[slot] !== this.#hash) {
      this.#seen[slot] = this.#hash;
      return;
    }
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
    this.#blocks[slot] = { bytes, decoded };
  }
}

function isSame(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
  if (bytes.length !== end - at) return false;
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index] !== view.getUint8(at + index)) return false;
  }
  return true;
}

/** FNV-1a over words, the rest over bytes. */
function hash(view: DataView, at: number, end: number): number {
  let value = 0x811c_9dc5;
  let next = at;
  for (; next + 4 <= end; next += 4) {
    value = Math.imul(value ^ view.getInt32(next), 0x0100_0193);
    value ^= value >>> 15;
  }
  for (; next < end; next++) value = Math.imul(value ^ view.getUint8(next), 0x0100_0193);
  return value | 0;
}
