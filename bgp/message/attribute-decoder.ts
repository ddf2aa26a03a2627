/**
 * Decodes the path attributes of an UPDATE — RFC 4271 §4.3 and §6.3 as revised by RFC 7606, which decides per attribute what a malformed
 * one costs, from least to most:
 *
 *   attribute-discard   the attribute is dropped, the routes stand
 *   treat-as-withdraw   the routes of this UPDATE are withdrawn, the session stands
 *   session-reset       NOTIFICATION: only where the rest of the message cannot be found any more (§3 of RFC 7606)
 *
 * The worst outcome of all attributes is the message's. One table says for each type its flags, its length rule and its outcome; decoding an
 * attribute is a function of that table's row. Attributes of internal sessions (LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST) from an external
 * peer are discarded (RFC 7606 §7.5, §7.9, §7.10). Called by update.ts.
 */
import * as asPath from './as-path.ts';
import { Afi, Safi } from './capability.ts';
import {
  NotificationCode,
  type NotificationFault,
  notificationFault,
  UpdateSubcode,
} from './notification.ts';
import {
  type Aggregator,
  AttributeFlag,
  AttributeType,
  Origin,
  type PathAttributes,
  type UnknownAttribute,
} from './path-attributes.ts';

/** RFC 7606 §2, weakest first: outcomes are compared as numbers. */
export const Outcome = {
  Accept: 0,
  AttributeDiscard: 1,
  TreatAsWithdraw: 2,
  SessionReset: 3,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

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

export interface DecodedAttributes {
  readonly outcome: Outcome;
  /** Set when outcome is SessionReset. */
  readonly fault: NotificationFault | undefined;
  /** What was wrong, one line each, for the log. */
  readonly complaints: readonly string[];
  /** Incomplete (mandatory attributes at their defaults) unless `isPresent` finds them. */
  readonly attributes: PathAttributes;
  /** Types of the well-formed ones. */
  readonly present: readonly number[];
  /** NEXT_HOP, for the prefixes of the message itself. */
  readonly plainNextHop: Uint8Array | undefined;
  readonly mpReach: MpRange | undefined;
  readonly mpUnreach: MpRange | undefined;
}

interface Draft {
  readonly attributes: { -readonly [Key in keyof PathAttributes]: PathAttributes[Key] };
  as4Path?: asPath.AsPath;
  as4Aggregator?: Aggregator;
  plainNextHop?: Uint8Array;
  mpReach?: MpRange;
  /** That of MP_REACH_NLRI has the right length, but can be nobody's address. */
  isMpNextHopUnusable?: boolean;
  mpUnreach?: MpRange;
}

interface Value {
  readonly view: DataView;
  readonly at: number;
  readonly end: number;
}

/** True when the value is well-formed; it then stands in the draft. */
type Decode = (value: Value, draft: Draft, context: DecodeContext) => boolean;

interface AttributeRule {
  readonly name: string;
  /** Required Optional and Transitive bits. */
  readonly flags: number;
  /** What a malformed value costs. */
  readonly onMalformed: Outcome;
  readonly internalOnly?: boolean;
  readonly decode: Decode;
}

const WELL_KNOWN = AttributeFlag.Transitive;
const OPTIONAL = AttributeFlag.Optional;
const OPTIONAL_TRANSITIVE = AttributeFlag.Optional | AttributeFlag.Transitive;
const KIND_MASK = AttributeFlag.Optional | AttributeFlag.Transitive;

const RULES: ReadonlyMap<number, AttributeRule> = new Map<number, AttributeRule>([
  [AttributeType.Origin, rule('ORIGIN', WELL_KNOWN, Outcome.TreatAsWithdraw, decodeOrigin)],
  [AttributeType.AsPath, rule('AS_PATH', WELL_KNOWN, Outcome.TreatAsWithdraw, decodeAsPath)],
  [AttributeType.NextHop, rule('NEXT_HOP', WELL_KNOWN, Outcome.TreatAsWithdraw, decodeNextHop)],
  [
    AttributeType.MultiExitDisc,
    rule('MULTI_EXIT_DISC', OPTIONAL, Outcome.TreatAsWithdraw, uint32('multiExitDisc')),
  ],
  [
    AttributeType.LocalPref,
    internal(rule('LOCAL_PREF', WELL_KNOWN, Outcome.TreatAsWithdraw, uint32('localPref'))),
  ],
  [
    AttributeType.AtomicAggregate,
    rule('ATOMIC_AGGREGATE', WELL_KNOWN, Outcome.AttributeDiscard, decodeAtomicAggregate),
  ],
  [
    AttributeType.Aggregator,
    rule('AGGREGATOR', OPTIONAL_TRANSITIVE, Outcome.AttributeDiscard, decodeAggregator),
  ],
  [
    AttributeType.Communities,
    rule('COMMUNITIES', OPTIONAL_TRANSITIVE, Outcome.TreatAsWithdraw, decodeCommunities),
  ],
  [
    AttributeType.OriginatorId,
    internal(rule('ORIGINATOR_ID', OPTIONAL, Outcome.TreatAsWithdraw, uint32('originatorId'))),
  ],
  [
    AttributeType.ClusterList,
    internal(rule('CLUSTER_LIST', OPTIONAL, Outcome.TreatAsWithdraw, decodeClusterList)),
  ],
  [AttributeType.MpReachNlri, rule('MP_REACH_NLRI', OPTIONAL, Outcome.SessionReset, decodeMpReach)],
  [
    AttributeType.MpUnreachNlri,
    rule('MP_UNREACH_NLRI', OPTIONAL, Outcome.SessionReset, decodeMpUnreach),
  ],
  [
    AttributeType.ExtendedCommunities,
    rule(
      'EXTENDED_COMMUNITIES',
      OPTIONAL_TRANSITIVE,
      Outcome.TreatAsWithdraw,
      decodeExtendedCommunities,
    ),
  ],
  [
    AttributeType.As4Path,
    rule('AS4_PATH', OPTIONAL_TRANSITIVE, Outcome.AttributeDiscard, decodeAs4Path),
  ],
  [
    AttributeType.As4Aggregator,
    rule('AS4_AGGREGATOR', OPTIONAL_TRANSITIVE, Outcome.AttributeDiscard, decodeAs4Aggregator),
  ],
  [
    AttributeType.LargeCommunities,
    rule('LARGE_COMMUNITY', OPTIONAL_TRANSITIVE, Outcome.TreatAsWithdraw, decodeLargeCommunities),
  ],
  [
    AttributeType.OnlyToCustomer,
    rule('OTC', OPTIONAL_TRANSITIVE, Outcome.TreatAsWithdraw, uint32('onlyToCustomer')),
  ],
]);

/** All attributes in [at, end): the block after Total Path Attribute Length. */
export function decodeAttributes(
  view: DataView,
  at: number,
  end: number,
  context: DecodeContext,
): DecodedAttributes {
  const draft: Draft = {
    attributes: { origin: Origin.Incomplete, asPath: NO_PATH, nextHop: NO_BYTES },
  };
  const unknown: UnknownAttribute[] = [];
  const present: number[] = [];
  const complaints: string[] = [];
  let outcome: Outcome = Outcome.Accept;
  let fault: NotificationFault | undefined;
  const worsen = (to: Outcome, complaint: string): void => {
    outcome = stronger(outcome, to);
    complaints.push(complaint);
  };

  let next = at;
  while (next < end) {
    const header = attributeHeader(view, next, end);
    if (header === undefined) {
      // RFC 7606 §4: the NLRI can still be found by the lengths of the message, so the routes are withdrawn, not the session.
      worsen(Outcome.TreatAsWithdraw, 'attribute list overruns its length');
      break;
    }
    const { flags, type, valueAt, valueEnd } = header;
    next = valueEnd;
    const known = RULES.get(type);
    if (present.includes(type)) {
      if (type === AttributeType.MpReachNlri || type === AttributeType.MpUnreachNlri) {
        fault = updateFault(UpdateSubcode.MalformedAttributeList);
        worsen(Outcome.SessionReset, `${known?.name} appears twice`);
        break;
      }
      worsen(Outcome.AttributeDiscard, `attribute ${type} appears twice; the first stands`);
      continue;
    }
    present.push(type);
    if (known === undefined) {
      if ((flags & AttributeFlag.Optional) === 0) {
        fault = updateFault(
          UpdateSubcode.UnrecognizedWellKnownAttribute,
          bytesOf(view, header.at, valueEnd),
        );
        worsen(Outcome.SessionReset, `well-known attribute ${type} is not known`);
        break;
      }
      if ((flags & AttributeFlag.Transitive) !== 0) {
        unknown.push({ type, flags, value: bytesOf(view, valueAt, valueEnd) });
      }
      continue;
    }
    if (known.internalOnly === true && !context.isInternal) {
      present.pop();
      worsen(Outcome.AttributeDiscard, `${known.name} from an external peer`);
      continue;
    }
    const isFlagged = (flags & KIND_MASK) === known.flags;
    if (isFlagged && known.decode({ view, at: valueAt, end: valueEnd }, draft, context)) continue;
    present.pop();
    const cost = isFlagged
      ? known.onMalformed
      : stronger(known.onMalformed, Outcome.TreatAsWithdraw);
    worsen(cost, `${known.name} is malformed${isFlagged ? '' : ': flags'}`);
    if (cost === Outcome.SessionReset) {
      fault = updateFault(UpdateSubcode.OptionalAttributeError, bytesOf(view, header.at, valueEnd));
      break;
    }
  }
  if (draft.isMpNextHopUnusable === true) {
    worsen(Outcome.TreatAsWithdraw, 'the next hop of MP_REACH_NLRI is no address of a host');
  }
  if (!context.fourOctetAs) mergeFourOctet(draft);
  const { attributes, plainNextHop, mpReach, mpUnreach } = draft;
  if (unknown.length > 0) attributes.unknown = unknown.sort(byType);
  return {
    outcome,
    fault,
    complaints,
    attributes,
    present,
    plainNextHop,
    mpReach,
    mpUnreach,
  };
}

export function stronger(a: Outcome, b: Outcome): Outcome {
  return a > b ? a : b;
}

interface AttributeHeader {
  readonly at: number;
  readonly flags: number;
  readonly type: number;
  readonly valueAt: number;
  readonly valueEnd: number;
}

function attributeHeader(view: DataView, at: number, end: number): AttributeHeader | undefined {
  if (end - at < 3) return undefined;
  const flags = view.getUint8(at);
  const isExtended = (flags & AttributeFlag.ExtendedLength) !== 0;
  if (isExtended && end - at < 4) return undefined;
  const valueAt = at + (isExtended ? 4 : 3);
  const valueEnd = valueAt + (isExtended ? view.getUint16(at + 2) : view.getUint8(at + 2));
  if (valueEnd > end) return undefined;
  return { at, flags, type: view.getUint8(at + 1), valueAt, valueEnd };
}

/** RFC 6793 §4.2.3: AS4_* count only from a two-octet peer, and not at all when AGGREGATOR shows that they were not carried along. */
function mergeFourOctet({ attributes, as4Aggregator, as4Path }: Draft): void {
  const { aggregator } = attributes;
  if (aggregator !== undefined && as4Aggregator !== undefined) {
    if (aggregator.asn !== asPath.AS_TRANS) return;
    attributes.aggregator = as4Aggregator;
  }
  if (as4Path !== undefined) attributes.asPath = asPath.mergeAs4Path(attributes.asPath, as4Path);
}

function rule(name: string, flags: number, onMalformed: Outcome, decode: Decode): AttributeRule {
  return { name, flags, onMalformed, decode };
}

function internal(base: AttributeRule): AttributeRule {
  return { ...base, internalOnly: true };
}

function decodeOrigin({ view, at, end }: Value, draft: Draft): boolean {
  const origin = end - at === 1 ? view.getUint8(at) : -1;
  if (origin !== Origin.Igp && origin !== Origin.Egp && origin !== Origin.Incomplete) return false;
  draft.attributes.origin = origin;
  return true;
}

function decodeAsPath({ view, at, end }: Value, draft: Draft, context: DecodeContext): boolean {
  const path = asPath.parse(view, at, end, context.fourOctetAs ? 4 : 2);
  if (path === undefined) return false;
  draft.attributes.asPath = path;
  return true;
}

function decodeAs4Path({ view, at, end }: Value, draft: Draft): boolean {
  const path = asPath.parse(view, at, end, 4);
  if (path === undefined || path.length === 0) return false;
  draft.as4Path = path;
  return true;
}

/** RFC 7606 §7.3: four bytes; and no address that can be nobody's (RFC 4271 §6.3 "syntactically incorrect"). */
function decodeNextHop({ view, at, end }: Value, draft: Draft): boolean {
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

function uint32(name: 'multiExitDisc' | 'localPref' | 'originatorId' | 'onlyToCustomer'): Decode {
  return ({ view, at, end }, draft) => {
    if (end - at !== 4) return false;
    draft.attributes[name] = view.getUint32(at);
    return true;
  };
}

function decodeAtomicAggregate({ at, end }: Value, draft: Draft): boolean {
  if (end !== at) return false;
  draft.attributes.atomicAggregate = true;
  return true;
}

function decodeAggregator({ view, at, end }: Value, draft: Draft, context: DecodeContext): boolean {
  const asnLen = context.fourOctetAs ? 4 : 2;
  if (end - at !== asnLen + 4) return false;
  const asn = asnLen === 4 ? view.getUint32(at) : view.getUint16(at);
  if (asn === 0) return false;
  draft.attributes.aggregator = { asn, address: view.getUint32(at + asnLen) };
  return true;
}

function decodeAs4Aggregator({ view, at, end }: Value, draft: Draft): boolean {
  if (end - at !== 8 || view.getUint32(at) === 0) return false;
  draft.as4Aggregator = { asn: view.getUint32(at), address: view.getUint32(at + 4) };
  return true;
}

function decodeCommunities(value: Value, draft: Draft): boolean {
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

function decodeClusterList(value: Value, draft: Draft): boolean {
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

function decodeExtendedCommunities({ view, at, end }: Value, draft: Draft): boolean {
  const count = (end - at) / 8;
  if (count === 0 || !Number.isInteger(count)) return false;
  draft.attributes.extendedCommunities = Array.from({ length: count }, (_, index) =>
    bytesOf(view, at + index * 8, at + index * 8 + 8),
  );
  return true;
}

function decodeLargeCommunities({ view, at, end }: Value, draft: Draft): boolean {
  const count = (end - at) / 12;
  if (count === 0 || !Number.isInteger(count)) return false;
  draft.attributes.largeCommunities = Array.from({ length: count }, (_, index) => {
    const base = at + index * 12;
    return [view.getUint32(base), view.getUint32(base + 4), view.getUint32(base + 8)] as const;
  });
  return true;
}

/** AFI (2), SAFI (1), length of next hop (1), next hop, reserved (1), NLRI. */
function decodeMpReach({ view, at, end }: Value, draft: Draft): boolean {
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

function decodeMpUnreach({ view, at, end }: Value, draft: Draft): boolean {
  if (end - at < 3) return false;
  draft.mpUnreach = { afi: view.getUint16(at), safi: view.getUint8(at + 2), at: at + 3, end };
  return true;
}

function bytesOf(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice();
}

function byType(a: UnknownAttribute, b: UnknownAttribute): number {
  return a.type - b.type;
}

function updateFault(subcode: number, data?: Uint8Array): NotificationFault {
  return notificationFault(NotificationCode.UpdateMessage, subcode, data);
}

const NO_BYTES = new Uint8Array(0);
const NO_PATH: asPath.AsPath = [];
