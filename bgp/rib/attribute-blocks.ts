/**
 * Attribute blocks seen before, by their bytes: an UPDATE whose attributes are known is not decoded again (RFC 4271 §4.3). A table of a million
 * routes comes in a few thousand blocks, many of them again and again.
 *
 * Only blocks without fault and without MP_REACH/MP_UNREACH are kept: those with prefixes in them hardly repeat. One cache per way of
 * reading (two- or four-octet AS, internal or external). Bounded: when full it forgets all and learns anew.
 */
import { ATTRIBUTE_BLOCK_BYTES_MAX, ATTRIBUTE_BLOCKS_MAX } from '../limits.ts';
import type { DecodedAttributes } from '../message/attribute-decoder.ts';
import type { AttributeBlocks } from '../message/update.ts';

interface Block {
  readonly bytes: Uint8Array;
  readonly decoded: DecodedAttributes;
  readonly next: Block | undefined;
}

export class AttributeBlockCache implements AttributeBlocks {
  readonly #byHash = new Map<number, Block>();
  #count = 0;
  hits = 0;

  find(view: DataView, at: number, end: number): DecodedAttributes | undefined {
    if (end - at > ATTRIBUTE_BLOCK_BYTES_MAX || end === at) return undefined;
    let block = this.#byHash.get(hash(view, at, end));
    while (block !== undefined && !isSame(block.bytes, view, at, end)) block = block.next;
    if (block !== undefined) this.hits += 1;
    return block?.decoded;
  }

  add(view: DataView, at: number, end: number, decoded: DecodedAttributes): void {
    if (end - at > ATTRIBUTE_BLOCK_BYTES_MAX || end === at) return;
    if (this.#count >= ATTRIBUTE_BLOCKS_MAX) {
      this.#byHash.clear();
      this.#count = 0;
    }
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
    const key = hash(view, at, end);
    this.#byHash.set(key, { bytes, decoded, next: this.#byHash.get(key) });
    this.#count += 1;
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
  return value >>> 0;
}
