/**
 * Attribute sets, each once. A route is a prefix and the identifier of its set, so a million routes of a thousand sets cost a million integers.
 * A set counts its users and goes when the last one goes.
 *
 * A set is its own encoding (RFC 4271 §4.3, in the one order and form of attribute-encoder.ts): those bytes, as a string of as many characters,
 * are its key, are what update groups send, and are decoded again in the rare case that somebody looks at an old one. What route selection
 * compares (§9.1.2) is kept beside them. So a set costs its octets and a dozen words.
 *
 * Invariants: an identifier stands for the same set as long as its count is above 0; a serial number stands for one set for ever.
 */
import { assert } from '../../base/assert.ts';
import { NEXT_HOPS_KEPT_MAX } from '../limits.ts';
import * as asPath from '../message/as-path.ts';
import { decodeAttributes } from '../message/attribute-decoder.ts';
import { emitShared, encodeShared, sharedLenMax } from '../message/attribute-encoder.ts';
import { type PathAttributes, WellKnownCommunity } from '../message/path-attributes.ts';

/** RFC 4271 §9.1.1 leaves the default to the speaker; every known one takes 100. */
export const LOCAL_PREF_DEFAULT = 100;

export interface AttributeSet {
  readonly id: number;
  /** Of this set alone, though its identifier may be used again when it is gone. */
  readonly serial: number;
  readonly attributes: PathAttributes;
  readonly nextHop: Uint8Array;
  /** Of this speaker alone, never sent: higher is better, before all else. */
  readonly weight: number;
  readonly localPref: number;
  /** AS_PATH as selection counts it (§9.1.2.2 a). */
  readonly pathLength: number;
  readonly origin: number;
  /** A missing MED is 0, the best (§9.1.2.2 c). */
  readonly med: number;
  /** MEDs compare among routes of the same neighbouring AS only (§9.1.2.2 c). */
  readonly neighbourAsn: number;
  readonly originatorId: number | undefined;
  readonly clusterListLength: number;
  /** Kept for want of anything better (RFC 9494 §4.3). */
  readonly isLongLivedStale: boolean;
}

const FOUR_OCTET = { fourOctetAs: true } as const;
/** As internal, because everything that was accepted is to be read again. */
const OWN_FORM = { fourOctetAs: true, isInternal: true } as const;
/** Decoded attributes of the latest sets: what is decided is mostly what has just come. A power of two. */
const RECENT = 128;
/** Of the key, after the attributes: next hop, its length, weight. */
const SUFFIX_LEN_MAX = 32 + 1 + 4;

class Entry implements AttributeSet {
  readonly id: number;
  readonly serial: number;
  readonly key: string;
  /** Octets of `key` that are attributes. */
  readonly sharedLen: number;
  readonly nextHop: Uint8Array;
  readonly weight: number;
  readonly localPref: number;
  readonly pathLength: number;
  readonly origin: number;
  readonly med: number;
  readonly neighbourAsn: number;
  readonly originatorId: number | undefined;
  readonly clusterListLength: number;
  readonly isLongLivedStale: boolean;
  count = 0;
  readonly #table: AttributeTable;

  constructor(
    table: AttributeTable,
    attributes: PathAttributes,
    known: Pick<Entry, 'id' | 'serial' | 'key' | 'sharedLen' | 'nextHop' | 'weight'>,
  ) {
    this.#table = table;
    this.id = known.id;
    this.serial = known.serial;
    this.key = known.key;
    this.sharedLen = known.sharedLen;
    this.nextHop = known.nextHop;
    this.weight = known.weight;
    this.localPref = attributes.localPref ?? LOCAL_PREF_DEFAULT;
    this.pathLength = asPath.selectionLength(attributes.asPath);
    this.origin = attributes.origin;
    this.med = attributes.multiExitDisc ?? 0;
    this.neighbourAsn = asPath.firstAsn(attributes.asPath) ?? 0;
    this.originatorId = attributes.originatorId;
    this.clusterListLength = attributes.clusterList?.length ?? 0;
    this.isLongLivedStale =
      attributes.communities?.includes(WellKnownCommunity.LongLivedStale) === true;
  }

  get attributes(): PathAttributes {
    return this.#table.attributesOf(this);
  }
}

export class AttributeTable {
  readonly #entries: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #byKey = new Map<string, Entry>();
  readonly #nextHops = new Map<string, Uint8Array>();
  readonly #recentSerials = new Float64Array(RECENT).fill(-1);
  readonly #recent: (PathAttributes | undefined)[] = Array(RECENT).fill(undefined);
  #scratch = Buffer.alloc(4_096);
  /** The object that was retained last: a message's attributes are retained once for each of its prefixes. */
  #last: PathAttributes | undefined;
  #lastEntry: Entry | undefined;
  #keyLen = 0;
  #serial = 0;

  get count(): number {
    return this.#byKey.size;
  }

  /** Identifier of the set, used once more. */
  retain(attributes: PathAttributes, weight = 0): number {
    const last = this.#lastEntry;
    const isLast = this.#last === attributes && last?.weight === weight && last.count > 0;
    const entry = isLast ? last : this.#find(attributes, weight);
    entry.count += 1;
    return entry.id;
  }

  retainId(id: number): void {
    this.#entry(id).count += 1;
  }

  release(id: number): void {
    const entry = this.#entry(id);
    entry.count -= 1;
    assert(entry.count >= 0, 'a set is released as often as it is retained');
    if (entry.count > 0) return;
    this.#byKey.delete(entry.key);
    this.#entries[id] = undefined;
    this.#free.push(id);
  }

  get(id: number): AttributeSet {
    return this.#entry(id);
  }

  /** Serial number of the set that has this identifier now; -1 when none has. */
  serialOf(id: number): number {
    return this.#entries[id]?.serial ?? -1;
  }

  /** Octets of all attributes but NEXT_HOP and MP_* for a peer of that kind. */
  encodedLen(id: number, fourOctetAs: boolean): number {
    const entry = this.#entry(id);
    return fourOctetAs ? entry.sharedLen : this.#twoOctetForm(entry).length;
  }

  /** Writes them at `at`; returns the offset after them. */
  emit(id: number, fourOctetAs: boolean, out: Buffer, at: number): number {
    const entry = this.#entry(id);
    if (fourOctetAs) return at + out.write(entry.key, at, entry.sharedLen, 'latin1');
    const bytes = this.#twoOctetForm(entry);
    out.set(bytes, at);
    return at + bytes.length;
  }

  /** Called by the sets. */
  attributesOf({ serial, key, sharedLen, nextHop }: Entry): PathAttributes {
    const slot = serial & (RECENT - 1);
    const recent = this.#recent[slot];
    if (this.#recentSerials[slot] === serial && recent !== undefined) return recent;
    const bytes = Buffer.from(key, 'latin1');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const { attributes } = decodeAttributes(view, 0, sharedLen, OWN_FORM);
    return this.#remember(serial, { ...attributes, nextHop });
  }

  #remember(serial: number, attributes: PathAttributes): PathAttributes {
    const slot = serial & (RECENT - 1);
    this.#recentSerials[slot] = serial;
    this.#recent[slot] = attributes;
    return attributes;
  }

  #find(attributes: PathAttributes, weight: number): Entry {
    const sharedLen = this.#writeKey(attributes, weight);
    const key = this.#scratch.toString('latin1', 0, this.#keyLen);
    const entry = this.#byKey.get(key) ?? this.#add(attributes, { key, sharedLen, weight });
    this.#last = attributes;
    this.#lastEntry = entry;
    return entry;
  }

  #add(attributes: PathAttributes, known: Pick<Entry, 'key' | 'sharedLen' | 'weight'>): Entry {
    const id = this.#free.pop() ?? this.#entries.length;
    const serial = this.#serial++;
    const nextHop = this.#nextHop(attributes.nextHop);
    const entry = new Entry(this, attributes, { ...known, id, serial, nextHop });
    this.#entries[id] = entry;
    this.#byKey.set(entry.key, entry);
    this.#remember(serial, attributes);
    return entry;
  }

  /** Many sets have the same next hop: they share its bytes. */
  #nextHop(bytes: Uint8Array): Uint8Array {
    const key = bytes.join('.');
    const known = this.#nextHops.get(key);
    if (known !== undefined) return known;
    if (this.#nextHops.size >= NEXT_HOPS_KEPT_MAX) this.#nextHops.clear();
    this.#nextHops.set(key, bytes);
    return bytes;
  }

  /** The set in its one encoding, next hop and weight behind it, into #scratch; text then, because Map compares text by value. */
  #writeKey(attributes: PathAttributes, weight: number): number {
    const lenMax = sharedLenMax(attributes) + SUFFIX_LEN_MAX;
    if (lenMax > this.#scratch.length) this.#scratch = Buffer.alloc(2 * lenMax);
    const scratch = this.#scratch;
    const { nextHop } = attributes;
    const sharedLen = emitShared(attributes, FOUR_OCTET, scratch);
    let end = sharedLen;
    for (const byte of nextHop) scratch[end++] = byte;
    scratch[end++] = nextHop.length;
    this.#keyLen = scratch.writeUInt32BE(weight >>> 0, end);
    return sharedLen;
  }

  #twoOctetForm(entry: Entry): Uint8Array {
    return encodeShared(this.attributesOf(entry), { fourOctetAs: false });
  }

  #entry(id: number): Entry {
    const entry = this.#entries[id];
    assert(entry !== undefined, 'an attribute set in use exists');
    return entry;
  }
}
