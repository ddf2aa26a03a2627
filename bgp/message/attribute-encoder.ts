/**
 * Encodes path attributes — RFC 4271 §4.3, in ascending order of type (§5), with extended length only where a value needs it. For a peer
 * without four-octet AS numbers, AS_PATH and AGGREGATOR carry AS_TRANS and AS4_PATH / AS4_AGGREGATOR the truth (RFC 6793 §4.2.2).
 *
 * The result is the same for every peer of an update group, so the RIB encodes a set once; the bytes are also what it knows the set by. Called by
 * update.ts and the RIB.
 */
import * as asPath from './as-path.ts';
import { AttributeFlag, AttributeType, type PathAttributes } from './path-attributes.ts';

export interface EncodeContext {
  readonly fourOctetAs: boolean;
}

const WELL_KNOWN = AttributeFlag.Transitive;
const OPTIONAL = AttributeFlag.Optional;
const OPTIONAL_TRANSITIVE = AttributeFlag.Optional | AttributeFlag.Transitive;
/** Flags, type and a length of two octets. */
const HEADER_LEN_MAX = 4;
/** All values of fixed length with their headers, and a little. */
const FIXED_LEN_MAX = 128;

/** `mpReach`: value of MP_REACH_NLRI for families other than IPv4 unicast; then there is no NEXT_HOP (RFC 4760 §3). */
export function encodeAttributes(
  attributes: PathAttributes,
  context: EncodeContext,
  mpReach?: Uint8Array,
): Uint8Array {
  const hop = mpReach ?? attributes.nextHop;
  const out = new Uint8Array(sharedLenMax(attributes) + HEADER_LEN_MAX + hop.length);
  const writer = new Writer(out, attributes);
  const type = mpReach === undefined ? AttributeType.NextHop : AttributeType.MpReachNlri;
  const flags = mpReach === undefined ? WELL_KNOWN : OPTIONAL;
  writer.all(attributes, context, { type, flags, value: hop });
  return out.slice(0, writer.end);
}

/** Everything but NEXT_HOP and MP_REACH_NLRI, which the sender puts in front (RFC 7606 §5.1): the same for all prefixes and peers. */
export function encodeShared(attributes: PathAttributes, context: EncodeContext): Uint8Array {
  const out = new Uint8Array(sharedLenMax(attributes));
  return out.slice(0, emitShared(attributes, context, out));
}

/** As encodeShared, into `out` from its first byte on; returns the end. `out` has room for sharedLenMax. */
export function emitShared(
  attributes: PathAttributes,
  context: EncodeContext,
  out: Uint8Array,
): number {
  const writer = new Writer(out, attributes);
  writer.all(attributes, context, undefined);
  return writer.end;
}

/** Octets that emitShared may write. */
export function sharedLenMax(attributes: PathAttributes): number {
  const { communities, extendedCommunities, largeCommunities, clusterList, unknown } = attributes;
  let len = FIXED_LEN_MAX;
  // Twice: AS4_PATH.
  for (const { asns } of attributes.asPath) len += 2 * (2 + 4 * asns.length);
  len += 4 * ((communities?.length ?? 0) + (clusterList?.length ?? 0));
  len += 8 * (extendedCommunities?.length ?? 0) + 12 * (largeCommunities?.length ?? 0);
  if (unknown !== undefined) for (const { value } of unknown) len += HEADER_LEN_MAX + value.length;
  return len;
}

interface Extra {
  readonly type: number;
  readonly flags: number;
  readonly value: Uint8Array;
}

class Writer {
  readonly #out: Uint8Array;
  /** Attributes that this speaker does not know, by type: they go where their type stands. */
  readonly #unknown: NonNullable<PathAttributes['unknown']>;
  #unknownAt = 0;
  end = 0;

  constructor(out: Uint8Array, { unknown = [] }: PathAttributes) {
    this.#out = out;
    this.#unknown = unknown;
  }

  all(attributes: PathAttributes, { fourOctetAs }: EncodeContext, extra: Extra | undefined): void {
    const { aggregator, multiExitDisc, localPref, originatorId, onlyToCustomer } = attributes;
    const { communities, clusterList, extendedCommunities, largeCommunities } = attributes;
    this.#header(AttributeType.Origin, WELL_KNOWN, 1);
    this.#out[this.end++] = attributes.origin;
    this.#path(AttributeType.AsPath, WELL_KNOWN, attributes.asPath, fourOctetAs ? 4 : 2);
    if (extra?.type === AttributeType.NextHop) this.#bytes(extra);
    this.#word(AttributeType.MultiExitDisc, OPTIONAL, multiExitDisc);
    this.#word(AttributeType.LocalPref, WELL_KNOWN, localPref);
    if (attributes.atomicAggregate) this.#header(AttributeType.AtomicAggregate, WELL_KNOWN, 0);
    if (aggregator !== undefined) {
      this.#header(AttributeType.Aggregator, OPTIONAL_TRANSITIVE, fourOctetAs ? 8 : 6);
      if (fourOctetAs) this.#put32(aggregator.asn);
      else this.#put16(twoOctetForm(aggregator.asn));
      this.#put32(aggregator.address);
    }
    this.#words(AttributeType.Communities, OPTIONAL_TRANSITIVE, communities);
    this.#word(AttributeType.OriginatorId, OPTIONAL, originatorId);
    this.#words(AttributeType.ClusterList, OPTIONAL, clusterList);
    if (extra?.type === AttributeType.MpReachNlri) this.#bytes(extra);
    if (extendedCommunities !== undefined && extendedCommunities.length > 0) {
      const len = extendedCommunities.length * 8;
      this.#header(AttributeType.ExtendedCommunities, OPTIONAL_TRANSITIVE, len);
      for (const each of extendedCommunities) this.#putAll(each);
    }
    if (!fourOctetAs) this.#fourOctetTruth(attributes);
    if (largeCommunities !== undefined && largeCommunities.length > 0) {
      const len = largeCommunities.length * 12;
      this.#header(AttributeType.LargeCommunities, OPTIONAL_TRANSITIVE, len);
      for (const each of largeCommunities) for (const part of each) this.#put32(part);
    }
    this.#word(AttributeType.OnlyToCustomer, OPTIONAL_TRANSITIVE, onlyToCustomer);
    this.#unknownBefore(Number.POSITIVE_INFINITY);
  }

  #fourOctetTruth({ asPath: path, aggregator }: PathAttributes): void {
    if (path.some((segment) => segment.asns.some((asn) => asn > 0xffff))) {
      this.#path(AttributeType.As4Path, OPTIONAL_TRANSITIVE, path, 4);
    }
    if (aggregator !== undefined && aggregator.asn > 0xffff) {
      this.#header(AttributeType.As4Aggregator, OPTIONAL_TRANSITIVE, 8);
      this.#put32(aggregator.asn);
      this.#put32(aggregator.address);
    }
  }

  #path(type: number, flags: number, path: asPath.AsPath, asnLen: 2 | 4): void {
    let len = 0;
    for (const { asns } of path) len += 2 + asns.length * asnLen;
    this.#header(type, flags, len);
    this.end = asPath.emit(path, asnLen, this.#out, this.end);
  }

  #word(type: number, flags: number, value: number | undefined): void {
    if (value === undefined) return;
    this.#header(type, flags, 4);
    this.#put32(value);
  }

  /** Empty lists are not sent: RFC 7606 §7.8 makes them malformed. */
  #words(type: number, flags: number, values: readonly number[] | undefined): void {
    if (values === undefined || values.length === 0) return;
    this.#header(type, flags, values.length * 4);
    for (const value of values) this.#put32(value);
  }

  #bytes({ type, flags, value }: Extra): void {
    this.#header(type, flags, value.length);
    this.#putAll(value);
  }

  #header(type: number, flags: number, len: number): void {
    this.#unknownBefore(type);
    this.#putHeader(type, flags, len);
  }

  #unknownBefore(type: number): void {
    for (; this.#unknownAt < this.#unknown.length; this.#unknownAt++) {
      const next = this.#unknown[this.#unknownAt];
      if (next === undefined || next.type > type) return;
      const flags = (next.flags & ~AttributeFlag.ExtendedLength) | AttributeFlag.Partial;
      this.#putHeader(next.type, flags, next.value.length);
      this.#putAll(next.value);
    }
  }

  #putHeader(type: number, flags: number, len: number): void {
    const isExtended = len > 255;
    this.#out[this.end++] = isExtended ? flags | AttributeFlag.ExtendedLength : flags;
    this.#out[this.end++] = type;
    if (isExtended) this.#out[this.end++] = len >>> 8;
    this.#out[this.end++] = len & 0xff;
  }

  #put16(value: number): void {
    this.#out[this.end++] = value >>> 8;
    this.#out[this.end++] = value & 0xff;
  }

  #put32(value: number): void {
    const out = this.#out;
    const { end } = this;
    out[end] = value >>> 24;
    out[end + 1] = value >>> 16;
    out[end + 2] = value >>> 8;
    out[end + 3] = value;
    this.end = end + 4;
  }

  #putAll(bytes: Uint8Array): void {
    this.#out.set(bytes, this.end);
    this.end += bytes.length;
  }
}

function twoOctetForm(asn: number): number {
  return asn > 0xffff ? asPath.AS_TRANS : asn;
}
