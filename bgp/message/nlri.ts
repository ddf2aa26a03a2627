/**
 * Network layer reachability information: prefixes as UPDATE carries them — RFC 4271 §4.3, RFC 4760 §5, with path identifiers RFC 7911 §3.
 *
 *   +---------------------------+
 *   | Path Identifier (4)       |  only where ADD-PATH was negotiated
 *   +---------------------------+
 *   |   Length (1 octet, bits)  |
 *   +---------------------------+
 *   |   Prefix (variable)       |  as many octets as the length needs; trailing bits have no meaning and are read as zero
 *   +---------------------------+
 *
 * Prefixes are decoded into a PrefixBatch of integers, because a full table is a million of them. Called by update.ts and the RIB.
 */
import { Afi } from './capability.ts';

/** Words of one prefix in a batch: address 4 (IPv4 in the first, unused ones 0), length in bits, path identifier (0 without ADD-PATH). */
export const PREFIX_STRIDE = 6;
export const PrefixField = { ADDRESS: 0, LEN: 4, PATH_ID: 5 } as const;

/** An UPDATE of 65,535 bytes holds at most this many prefixes (of length 0, one octet each). */
export const PREFIX_COUNT_MAX = 65_535;

export interface PrefixBatch {
  /** Prefixes in `words`, PREFIX_STRIDE apart. */
  count: number;
  words: Uint32Array;
}

/** `capacity`: prefixes that fit before it grows; most UPDATEs have few. */
export function prefixBatch(capacity = 8): PrefixBatch {
  return { count: 0, words: new Uint32Array(capacity * PREFIX_STRIDE) };
}

export interface PrefixEncoding {
  readonly afi: number;
  readonly addPath: boolean;
}

/**
 * Appends the prefixes in [at, end) to `batch`. False when they are malformed: a length above 32 or 128 bits, or a prefix that does not fit;
 * the batch then holds what came before.
 */
export function parsePrefixes(
  view: DataView,
  at: number,
  end: number,
  encoding: PrefixEncoding,
  batch: PrefixBatch,
): boolean {
  const bitsMax = encoding.afi === Afi.Ipv6 ? 128 : 32;
  let next = at;
  while (next < end) {
    let pathId = 0;
    if (encoding.addPath) {
      if (end - next < 5) return false;
      pathId = view.getUint32(next);
      next += 4;
    }
    const len = view.getUint8(next);
    next += 1;
    const octets = (len + 7) >>> 3;
    if (len > bitsMax || octets > end - next) return false;
    appendPrefix(batch, view, next, len, pathId);
    next += octets;
  }
  return true;
}

function appendPrefix(
  batch: PrefixBatch,
  view: DataView,
  at: number,
  len: number,
  pathId: number,
): void {
  const base = batch.count * PREFIX_STRIDE;
  if (base === batch.words.length) {
    const grown = new Uint32Array(Math.max(PREFIX_STRIDE, batch.words.length * 2));
    grown.set(batch.words);
    batch.words = grown;
  }
  for (let word = 0; word < 4; word++) {
    batch.words[base + word] = readWord(view, at + word * 4, len - word * 32);
  }
  batch.words[base + PrefixField.LEN] = len;
  batch.words[base + PrefixField.PATH_ID] = pathId;
  batch.count += 1;
}

/** The `bits` (may be ≤ 0 or > 32) most significant bits of the word at `at`, the rest zero. */
function readWord(view: DataView, at: number, bits: number): number {
  if (bits <= 0) return 0;
  if (bits >= 32) return view.getUint32(at);
  let word = 0;
  for (let octet = 0; octet << 3 < bits; octet++) {
    word |= view.getUint8(at + octet) << (24 - (octet << 3));
  }
  return (word & (0xffff_ffff << (32 - bits))) >>> 0;
}

/** Octets that prefix `index` takes on the wire. */
export function prefixLen(batch: PrefixBatch, index: number, addPath: boolean): number {
  const len = batch.words[index * PREFIX_STRIDE + PrefixField.LEN] ?? 0;
  return (addPath ? 5 : 1) + ((len + 7) >>> 3);
}

/** Writes prefix `index` at `at`; returns the offset after it. */
export function emitPrefix(
  batch: PrefixBatch,
  index: number,
  addPath: boolean,
  view: DataView,
  at: number,
): number {
  const base = index * PREFIX_STRIDE;
  let next = at;
  if (addPath) {
    view.setUint32(next, batch.words[base + PrefixField.PATH_ID] ?? 0);
    next += 4;
  }
  const len = batch.words[base + PrefixField.LEN] ?? 0;
  view.setUint8(next++, len);
  for (let octet = 0; octet << 3 < len; octet++) {
    const word = batch.words[base + (octet >>> 2)] ?? 0;
    view.setUint8(next++, (word >>> (24 - ((octet & 3) << 3))) & 0xff);
  }
  return next;
}
