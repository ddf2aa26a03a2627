/**
 * Attribute sets, each once. A route is a prefix and the identifier of its set, so a million routes of a thousand sets cost a million integers.
 * A set counts its users and goes when the last one goes. What route selection compares (RFC 4271 §9.1.2) is computed once per set, and so are
 * the bytes that every update group sends.
 *
 * Invariant: an identifier stands for the same set as long as its count is above 0.
 */
import { assert } from '../../base/assert.ts';
import * as asPath from '../message/as-path.ts';
import { encodeAttributes, encodeShared } from '../message/attribute-encoder.ts';
import { type PathAttributes, WellKnownCommunity } from '../message/path-attributes.ts';

/** RFC 4271 §9.1.1 leaves the default to the speaker; every known one takes 100. */
export const LOCAL_PREF_DEFAULT = 100;

export interface AttributeSet {
  readonly id: number;
  readonly attributes: PathAttributes;
  /** Of this speaker alone, never sent: higher is better, before all else. */
  readonly weight: number;
  readonly localPref: number;
  /** AS_PATH as selection counts it (§9.1.2.2 a). */
  readonly pathLength: number;
  /** MEDs compare among routes of the same neighbouring AS only (§9.1.2.2 c). */
  readonly neighbourAsn: number;
  /** Kept for want of anything better (RFC 9494 §4.3). */
  readonly isLongLivedStale: boolean;
}

interface Entry extends AttributeSet {
  readonly key: string;
  count: number;
  /** By [fourOctetAs]. */
  shared: [Uint8Array | undefined, Uint8Array | undefined];
}

export class AttributeTable {
  readonly #entries: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #byKey = new Map<string, Entry>();
  /** The decoder hands out the same object for the same bytes: those need no key. Weight 0 only. */
  readonly #byObject = new WeakMap<PathAttributes, Entry>();

  get count(): number {
    return this.#byKey.size;
  }

  /** Identifier of the set, used once more. */
  retain(attributes: PathAttributes, weight = 0): number {
    const seen = weight === 0 ? this.#byObject.get(attributes) : undefined;
    if (seen !== undefined && seen.count > 0) {
      seen.count += 1;
      return seen.id;
    }
    const key = keyOf(attributes, weight);
    const entry = this.#byKey.get(key) ?? this.#add(attributes, weight, key);
    entry.count += 1;
    if (weight === 0) this.#byObject.set(attributes, entry);
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

  /** All attributes but NEXT_HOP and MP_*, encoded once for all peers of that kind. */
  encoded(id: number, fourOctetAs: boolean): Uint8Array {
    const entry = this.#entry(id);
    const index = fourOctetAs ? 1 : 0;
    const known = entry.shared[index];
    if (known !== undefined) return known;
    const bytes = encodeShared(entry.attributes, { fourOctetAs });
    entry.shared[index] = bytes;
    return bytes;
  }

  #add(attributes: PathAttributes, weight: number, key: string): Entry {
    const id = this.#free.pop() ?? this.#entries.length;
    const entry: Entry = {
      id,
      attributes,
      weight,
      localPref: attributes.localPref ?? LOCAL_PREF_DEFAULT,
      pathLength: asPath.selectionLength(attributes.asPath),
      neighbourAsn: asPath.firstAsn(attributes.asPath) ?? 0,
      isLongLivedStale:
        attributes.communities?.includes(WellKnownCommunity.LongLivedStale) === true,
      key,
      count: 0,
      shared: [undefined, undefined],
    };
    this.#entries[id] = entry;
    this.#byKey.set(entry.key, entry);
    return entry;
  }

  #entry(id: number): Entry {
    const entry = this.#entries[id];
    assert(entry !== undefined, 'an attribute set in use exists');
    return entry;
  }
}

/** The set in its one encoding; text, because Map compares text by value. */
function keyOf(attributes: PathAttributes, weight: number): string {
  const bytes = encodeAttributes(attributes, { fourOctetAs: true });
  return `${weight} ${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')}`;
}
