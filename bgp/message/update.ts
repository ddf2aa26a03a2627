/**
 * UPDATE — RFC 4271 §4.3; multiprotocol NLRI RFC 4760; error handling RFC 7606; End-of-RIB RFC 4724 §2.
 *
 *   +-----------------------------------------------------+
 *   |   Withdrawn Routes Length (2 octets)                |
 *   +-----------------------------------------------------+
 *   |   Withdrawn Routes (variable)                       |
 *   +-----------------------------------------------------+
 *   |   Total Path Attribute Length (2 octets)            |
 *   +-----------------------------------------------------+
 *   |   Path Attributes (variable)                        |
 *   +-----------------------------------------------------+
 *   |   Network Layer Reachability Information (variable) |
 *   +-----------------------------------------------------+
 *
 * Decoding fills two batches per family and returns what to do with them. Prefixes of families that were not negotiated are
 * ignored. Called by bgp/session (receive) and the RIB (send).
 */
import {
  type DecodedAttributes,
  decodeAttributes,
  Outcome,
  stronger,
} from './attribute-decoder.ts';
import { Afi, type Family, Safi } from './capability.ts';
import { type PrefixBatch, parsePrefixes, prefixBatch } from './nlri.ts';
import {
  NotificationCode,
  type NotificationFault,
  notificationFault,
  UpdateSubcode,
} from './notification.ts';
import { AttributeType, type PathAttributes } from './path-attributes.ts';

export interface UpdateContext {
  readonly fourOctetAs: boolean;
  readonly isInternal: boolean;
  /** Negotiated for this session. */
  readonly families: readonly (Family & { readonly addPathReceive: boolean })[];
  /** Blocks that were decoded before in this same context. */
  readonly blocks?: AttributeBlocks;
  /** Batches that every UPDATE may use anew: what it held is then gone. Without, each has its own. */
  readonly batches?: BatchPool;
}

/** Batches that are used again and again. */
export class BatchPool {
  readonly #batches: PrefixBatch[] = [];
  #used = 0;

  reset(): void {
    this.#used = 0;
  }

  take(): PrefixBatch {
    let batch = this.#batches[this.#used];
    if (batch === undefined) {
      batch = prefixBatch();
      this.#batches.push(batch);
    }
    this.#used += 1;
    batch.count = 0;
    return batch;
  }
}

export interface AttributeBlocks {
  find(view: DataView, at: number, end: number): DecodedAttributes | undefined;
  /** Called with faultless blocks without MP_REACH_NLRI and MP_UNREACH_NLRI. */
  add(view: DataView, at: number, end: number, decoded: DecodedAttributes): void;
}

export interface FamilyRoutes extends Family {
  readonly announced: PrefixBatch;
  readonly withdrawn: PrefixBatch;
  /** Where one message has prefixes of both kinds: the next hop of this family, in place of the one in `attributes`. */
  readonly nextHop?: Uint8Array;
}

export interface UpdateRepr {
  /** Accept or AttributeDiscard: announce and withdraw. TreatAsWithdraw: what was announced is in `withdrawn` already. */
  readonly outcome: Exclude<Outcome, 3>;
  readonly complaints: readonly string[];
  /** Meaningful where something is announced. */
  readonly attributes: PathAttributes;
  readonly routes: readonly FamilyRoutes[];
  /** The family whose End-of-RIB marker this is. */
  readonly endOfRib: Family | undefined;
}

export type UpdateResult = { readonly update: UpdateRepr } | { readonly fault: NotificationFault };

const LENGTH_FIELD = 2;
const IPV4_UNICAST: Family = { afi: Afi.Ipv4, safi: Safi.Unicast };
const MANDATORY = [AttributeType.Origin, AttributeType.AsPath] as const;

/** [at, end) is the body, at least four bytes: framing has refused shorter ones. */
export function parse(
  view: DataView,
  at: number,
  end: number,
  context: UpdateContext,
): UpdateResult {
  const withdrawnAt = at + LENGTH_FIELD;
  const withdrawnEnd = withdrawnAt + view.getUint16(at);
  if (withdrawnEnd + LENGTH_FIELD > end) return reset(UpdateSubcode.MalformedAttributeList);
  const attributesAt = withdrawnEnd + LENGTH_FIELD;
  const nlriAt = attributesAt + view.getUint16(withdrawnEnd);
  if (nlriAt > end) return reset(UpdateSubcode.MalformedAttributeList);

  const decoded = decodeOrRecall(view, attributesAt, nlriAt, context);
  if (decoded.fault !== undefined) return { fault: decoded.fault };

  const ranges: Range[] = [];
  const { afi, safi } = IPV4_UNICAST;
  if (withdrawnAt < withdrawnEnd) {
    ranges.push({ afi, safi, at: withdrawnAt, end: withdrawnEnd, isWithdrawal: true });
  }
  if (nlriAt < end) ranges.push({ afi, safi, at: nlriAt, end, isWithdrawal: false });
  if (decoded.mpUnreach) ranges.push({ ...decoded.mpUnreach, isWithdrawal: true });
  if (decoded.mpReach) ranges.push({ ...decoded.mpReach, isWithdrawal: false });

  const missing = missingMandatory(decoded.present, nlriAt < end, decoded.mpReach !== undefined);
  const complaints =
    missing.length === 0 ? decoded.complaints : [...decoded.complaints, ...missing];
  const outcome = stronger(
    decoded.outcome,
    missing.length > 0 ? Outcome.TreatAsWithdraw : Outcome.Accept,
  );
  // RFC 7606 §5.2: a withdrawal needs prefixes; where the damaged attributes may have held them, the session is reset.
  const hasAnnounced = nlriAt < end || decoded.mpReach !== undefined;
  if (outcome === Outcome.TreatAsWithdraw && !hasAnnounced) {
    return reset(UpdateSubcode.MalformedAttributeList);
  }

  const collected = collect(view, ranges, context, outcome === Outcome.TreatAsWithdraw);
  const { plainNextHop, mpReach } = decoded;
  const isMixed = plainNextHop !== undefined && mpReach !== undefined && nlriAt < end;
  const routes = isMixed
    ? collected?.map((each) =>
        isSameFamily(each, mpReach) ? each : { ...each, nextHop: plainNextHop },
      )
    : collected;
  if (routes === undefined) return reset(UpdateSubcode.InvalidNetworkField);
  return {
    update: {
      outcome: outcome === Outcome.SessionReset ? Outcome.TreatAsWithdraw : outcome,
      complaints,
      attributes: decoded.attributes,
      routes,
      endOfRib: endOfRib(at, end, decoded.present, decoded.mpUnreach),
    },
  };
}

function decodeOrRecall(
  view: DataView,
  at: number,
  end: number,
  context: UpdateContext,
): DecodedAttributes {
  const known = context.blocks?.find(view, at, end);
  if (known !== undefined) return known;
  const decoded = decodeAttributes(view, at, end, context);
  const isPlain = decoded.mpReach === undefined && decoded.mpUnreach === undefined;
  if (isPlain && decoded.outcome === Outcome.Accept) context.blocks?.add(view, at, end, decoded);
  return decoded;
}

interface Range extends Family {
  readonly at: number;
  readonly end: number;
  readonly isWithdrawal: boolean;
}

function missingMandatory(
  present: readonly number[],
  hasNlri: boolean,
  hasMpReach: boolean,
): readonly string[] {
  if (!hasNlri && !hasMpReach) return NOTHING;
  const missing: string[] = [];
  for (const type of MANDATORY) {
    if (!present.includes(type)) missing.push(`attribute ${type} is missing`);
  }
  if (hasNlri && !present.includes(AttributeType.NextHop)) missing.push('NEXT_HOP is missing');
  return missing;
}

interface DraftRoutes extends Family {
  announced: PrefixBatch;
  withdrawn: PrefixBatch;
}

/** Undefined when a range's prefixes are malformed (RFC 7606 §5.3: their end cannot be trusted). */
function collect(
  view: DataView,
  ranges: readonly Range[],
  context: UpdateContext,
  withdrawAll: boolean,
): FamilyRoutes[] | undefined {
  context.batches?.reset();
  const routes: DraftRoutes[] = [];
  for (const range of ranges) {
    const negotiated = context.families.find((family) => isSameFamily(family, range));
    if (negotiated === undefined || range.at === range.end) continue;
    let entry = routes.find((known) => isSameFamily(known, range));
    if (entry === undefined) {
      entry = { afi: range.afi, safi: range.safi, announced: NO_PREFIXES, withdrawn: NO_PREFIXES };
      routes.push(entry);
    }
    const side = range.isWithdrawal || withdrawAll ? 'withdrawn' : 'announced';
    // Four octets are what a prefix takes at least, but for short ones, for which the batch grows.
    if (entry[side] === NO_PREFIXES) {
      entry[side] = context.batches?.take() ?? prefixBatch(1 + ((range.end - range.at) >>> 2));
    }
    const batch = entry[side];
    const encoding = { afi: range.afi, addPath: negotiated.addPathReceive };
    if (!parsePrefixes(view, range.at, range.end, encoding, batch)) return undefined;
  }
  return routes;
}

function endOfRib(
  at: number,
  end: number,
  present: readonly number[],
  mpUnreach: (Family & { readonly at: number; readonly end: number }) | undefined,
): Family | undefined {
  if (end - at === 2 * LENGTH_FIELD) return IPV4_UNICAST;
  const isAlone = present.length === 1 && mpUnreach !== undefined && mpUnreach.at === mpUnreach.end;
  return isAlone && mpUnreach.end === end
    ? { afi: mpUnreach.afi, safi: mpUnreach.safi }
    : undefined;
}

function isSameFamily(a: Family, b: Family): boolean {
  return a.afi === b.afi && a.safi === b.safi;
}

function reset(subcode: number): UpdateResult {
  return { fault: notificationFault(NotificationCode.UpdateMessage, subcode) };
}

/** The body of an UPDATE from its three encoded parts, IPv4 unicast's prefixes in `withdrawn` and `nlri`. */
export function encode(parts: {
  readonly withdrawn?: Uint8Array;
  readonly attributes?: Uint8Array;
  readonly nlri?: Uint8Array;
}): Uint8Array {
  const { withdrawn = NO_BYTES, attributes = NO_BYTES, nlri = NO_BYTES } = parts;
  const body = new Uint8Array(
    2 * LENGTH_FIELD + withdrawn.length + attributes.length + nlri.length,
  );
  const view = new DataView(body.buffer);
  view.setUint16(0, withdrawn.length);
  body.set(withdrawn, LENGTH_FIELD);
  view.setUint16(LENGTH_FIELD + withdrawn.length, attributes.length);
  body.set(attributes, 2 * LENGTH_FIELD + withdrawn.length);
  body.set(nlri, 2 * LENGTH_FIELD + withdrawn.length + attributes.length);
  return body;
}

const NO_BYTES = new Uint8Array(0);
const NOTHING: readonly string[] = [];
/** Most UPDATEs have prefixes on one side only. */
const NO_PREFIXES: PrefixBatch = prefixBatch(0);
