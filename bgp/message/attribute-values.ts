/**
 * The values of path attributes, one function each — RFC 4271 §4.3 and the RFC of each attribute (path-attributes.ts). Each says whether its value is
 * well-formed, and puts it into the draft if so; what a malformed one costs is not decided here. Called by attribute-decoder.ts.
 */
import * as asPath from './as-path.ts';
import { Afi, Safi } from './capability.ts';
import { type Aggregator, Origin, type PathAttributes } from './path-attributes.ts';

export interface DecodeContext {
  /** Both sides offered four-octet AS numbers (RFC 6793). */
  readonly fourOctetAs: boolean;
  readonly isInternal: boolean;
}

/** Where MP_REACH_NLRI and MP_UNREACH_NLRI keep their prefixes (RFC 4760 §3, §4). */
export interface MpRange {
  readonly afi: number;
  readonly safi: number;
  /** First byte of the NLRI. */
  readonly at: number;
  readonly end: number;
}

/** What has been read so far. */
export interface Draft {
  readonly attributes: { -readonly [Key in keyof PathAttributes]: PathAttributes[Key] };
  as4Path?: asPath.AsPath;
  as4Aggregator?: Aggregator;
  plainNextHop?: Uint8Array;
  mpReach?: MpRange;
  /** That of MP_REACH_NLRI has the right length, but can be nobody's address. */
  isMpNextHopUnusable?: boolean;
  mpUnreach?: MpRange;
}

export interface Value {
  readonly view: DataView;
  readonly at: number;
  readonly end: number;
}

/** True when the value is well-formed; it then stands in the draft. */
export type Decode = (value: Value, draft: Draft, context: DecodeContext) => boolean;

export function newDraft(): Draft {
  return { attributes: { origin: Origin.Incomplete, asPath: NO_PATH, nextHop: NO_BYTES } };
}

export function decodeOrigin({ view, at, end }: Value, draft: Draft): boolean {
  const origin = end - at === 1 ? view.getUint8(at) : -1;
  if (origin !== Origin.Igp && origin !== Origin.Egp && origin !== Origin.Incomplete) return false;
  draft.attributes.origin = origin;
  return true;
}

export function decodeAsPath(
  { view, at, end }: Value,
  draft: Draft,
  context: DecodeContext,
): boolean {
  const path = asPath.parse(view, at, end, context.fourOctetAs ? 4 : 2);
  if (path === undefined) return false;
  draft.attributes.asPath = path;
  return true;
}

export function decodeAs4Path({ view, at, end }: Value, draft: Draft): boolean {
  const path = asPath.parse(view, at, end, 4);
  if (path === undefined || path.length === 0) return false;
  draft.as4Path = path;
  return true;
}

/** RFC 7606 §7.3: four bytes; and no address that can be nobody's (RFC 4271 §6.3 "syntactically incorrect"). */
export function decodeNextHop({ view, at, end }: Value, draft: Draft): boolean {
  if (end - at !== 4 || !isHostAddress(view, at, 4)) return false;
  draft.plainNextHop = bytesOf(view, at, end);
  // That of MP_REACH_NLRI stands for its prefixes, whichever of the two comes first (RFC 4760 §3).
  if (draft.mpReach === undefined) draft.attributes.nextHop = draft.plainNextHop;
  return true;
}

/** Not unspecified, loopback, multicast or reserved: 0/8, 127/8, 224/3; ::, ::1, ff00::/8. */
function isHostAddress(view: DataView, at: number, len: number): boolean {
  const first = view.getUint8(at);
  if (len === 4) return first !== 0 && first !== 127 && first < 224;
  const isShort = view.getUint32(at) === 0 && view.getUint32(at + 4) === 0;
  const isNobody = isShort && view.getUint32(at + 8) === 0 && view.getUint32(at + 12) <= 1;
  return first !== 0xff && !isNobody;
}

export function uint32(
  name: 'multiExitDisc' | 'localPref' | 'originatorId' | 'onlyToCustomer',
): Decode {
  return ({ view, at, end }, draft) => {
    if (end - at !== 4) return false;
    draft.attributes[name] = view.getUint32(at);
    return true;
  };
}

export function decodeAtomicAggregate({ at, end }: Value, draft: Draft): boolean {
  if (end !== at) return false;
  draft.attributes.atomicAggregate = true;
  return true;
}

export function decodeAggregator(
  { view, at, end }: Value,
  draft: Draft,
  context: DecodeContext,
): boolean {
  const asnLen = context.fourOctetAs ? 4 : 2;
  if (end - at !== asnLen + 4) return false;
  const asn = asnLen === 4 ? view.getUint32(at) : view.getUint16(at);
  if (asn === 0) return false;
  draft.attributes.aggregator = { asn, address: view.getUint32(at + asnLen) };
  return true;
}

export function decodeAs4Aggregator({ view, at, end }: Value, draft: Draft): boolean {
  if (end - at !== 8 || view.getUint32(at) === 0) return false;
  draft.as4Aggregator = { asn: view.getUint32(at), address: view.getUint32(at + 4) };
  return true;
}

export function decodeCommunities(value: Value, draft: Draft): boolean {
  const communities = words(value);
  if (communities === undefined) return false;
  draft.attributes.communities = isAscending(communities)
    ? communities
    : [...new Set(communities)].sort((a, b) => a - b);
  return true;
}

function isAscending(values: readonly number[]): boolean {
  for (let index = 1; index < values.length; index++) {
    if ((values[index] ?? 0) <= (values[index - 1] ?? 0)) return false;
  }
  return true;
}

export function decodeClusterList(value: Value, draft: Draft): boolean {
  const clusterList = words(value);
  if (clusterList === undefined) return false;
  draft.attributes.clusterList = clusterList;
  return true;
}

/** RFC 7606 §7.8, §7.10: a non-zero multiple of four bytes. */
function words({ view, at, end }: Value): number[] | undefined {
  const count = (end - at) / 4;
  if (count === 0 || !Number.isInteger(count)) return undefined;
  const all = new Array<number>(count);
  for (let index = 0; index < count; index++) all[index] = view.getUint32(at + 4 * index);
  return all;
}

export function decodeExtendedCommunities({ view, at, end }: Value, draft: Draft): boolean {
  const count = (end - at) / 8;
  if (count === 0 || !Number.isInteger(count)) return false;
  draft.attributes.extendedCommunities = Array.from({ length: count }, (_, index) =>
    bytesOf(view, at + index * 8, at + index * 8 + 8),
  );
  return true;
}

export function decodeLargeCommunities({ view, at, end }: Value, draft: Draft): boolean {
  const count = (end - at) / 12;
  if (count === 0 || !Number.isInteger(count)) return false;
  draft.attributes.largeCommunities = Array.from({ length: count }, (_, index) => {
    const base = at + index * 12;
    return [view.getUint32(base), view.getUint32(base + 4), view.getUint32(base + 8)] as const;
  });
  return true;
}

/** AFI (2), SAFI (1), length of next hop (1), next hop, reserved (1), NLRI. */
export function decodeMpReach({ view, at, end }: Value, draft: Draft): boolean {
  if (end - at < 5) return false;
  const afi = view.getUint16(at);
  const nextHopLen = view.getUint8(at + 3);
  const nlriAt = at + 4 + nextHopLen + 1;
  if (nlriAt > end) return false;
  const safi = view.getUint8(at + 2);
  draft.mpReach = { afi, safi, at: nlriAt, end };
  // Nobody looks at the prefixes of other families, and their next hops have other forms.
  if ((afi !== Afi.Ipv4 && afi !== Afi.Ipv6) || safi !== Safi.Unicast) return true;
  // RFC 7606 §7.11: an unexpected next hop length makes the NLRI's place doubtful. IPv4 may have an IPv6 next hop (RFC 8950).
  const isLen = nextHopLen === 16 || nextHopLen === 32 || (nextHopLen === 4 && afi === Afi.Ipv4);
  if (!isLen) return false;
  draft.isMpNextHopUnusable = !isHostAddress(view, at + 4, nextHopLen);
  draft.attributes.nextHop = bytesOf(view, at + 4, at + 4 + nextHopLen);
  return true;
}

export function decodeMpUnreach({ view, at, end }: Value, draft: Draft): boolean {
  if (end - at < 3) return false;
  draft.mpUnreach = { afi: view.getUint16(at), safi: view.getUint8(at + 2), at: at + 3, end };
  return true;
}

/** RFC 6793 §4.2.3: AS4_* count only from a two-octet peer, and not at all when AGGREGATOR shows that they were not carried along. */
export function mergeFourOctet({ attributes, as4Aggregator, as4Path }: Draft): void {
  const { aggregator } = attributes;
  if (aggregator !== undefined && as4Aggregator !== undefined) {
    if (aggregator.asn !== asPath.AS_TRANS) return;
    attributes.aggregator = as4Aggregator;
  }
  if (as4Path !== undefined) attributes.asPath = asPath.mergeAs4Path(attributes.asPath, as4Path);
}

export function bytesOf(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
}

const NO_BYTES = new Uint8Array(0);
const NO_PATH: asPath.AsPath = [];
