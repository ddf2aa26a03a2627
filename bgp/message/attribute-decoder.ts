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
import {
  bytesOf,
  type Decode,
  type DecodeContext,
  decodeAggregator,
  decodeAs4Aggregator,
  decodeAs4Path,
  decodeAsPath,
  decodeAtomicAggregate,
  decodeClusterList,
  decodeCommunities,
  decodeExtendedCommunities,
  decodeLargeCommunities,
  decodeMpReach,
  decodeMpUnreach,
  decodeNextHop,
  decodeOrigin,
  type MpRange,
  mergeFourOctet,
  newDraft,
  uint32,
} from './attribute-values.ts';
import {
  NotificationCode,
  type NotificationFault,
  notificationFault,
  UpdateSubcode,
} from './notification.ts';
import {
  AttributeFlag,
  AttributeType,
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
  const draft = newDraft();
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

function rule(name: string, flags: number, onMalformed: Outcome, decode: Decode): AttributeRule {
  return { name, flags, onMalformed, decode };
}

function internal(base: AttributeRule): AttributeRule {
  return { ...base, internalOnly: true };
}

function byType(a: UnknownAttribute, b: UnknownAttribute): number {
  return a.type - b.type;
}

function updateFault(subcode: number, data?: Uint8Array): NotificationFault {
  return notificationFault(NotificationCode.UpdateMessage, subcode, data);
}
