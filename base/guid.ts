/**
 * Globally unique identifiers in the text form of RFC 9562: version 4 for names that must not be guessed from one another
 * (instanceId, etag), version 7 where order of creation matters (operations, whose history is kept and evicted in key order).
 */
import type { Rng } from './rng.ts';

/** RFC 9562 §5.4: 122 random bits. */
export function randomGuid(rng: Rng): string {
  return format([rng.uint32(), rng.uint32(), rng.uint32(), rng.uint32()], 4);
}

/** RFC 9562 §5.7: 48 bits of `wallMs` (milliseconds since 1970), then chance; sorts by time as text. */
export function orderedGuid(rng: Rng, wallMs: number): string {
  const high = Math.floor(wallMs / 0x1_0000);
  const low = ((wallMs % 0x1_0000) * 0x1_0000 + (rng.uint32() & 0xffff)) >>> 0;
  return format([high, low, rng.uint32(), rng.uint32()], 7);
}

/** Four big-endian words, with version and variant (RFC 9562 §4.1, §4.2) written over their bits. */
function format(words: readonly [number, number, number, number], version: number): string {
  const [a, b, c, d] = words;
  const versioned = ((b & 0xffff_0fff) | (version << 12)) >>> 0;
  const varied = ((c & 0x3fff_ffff) | 0x8000_0000) >>> 0;
  const hex = [a, versioned, varied, d].map((word) => word.toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
