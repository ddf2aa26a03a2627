/**
 * Encodes path attributes — RFC 4271 §4.3, in ascending order of type (§5), with extended length only where a value needs it. For a peer
 * without four-octet AS numbers, AS_PATH and AGGREGATOR carry AS_TRANS and AS4_PATH / AS4_AGGREGATOR the truth (RFC 6793 §4.2.2).
 *
 * The result is the same for every peer of an update group, so the RIB encodes a set once. Called by update.ts and the RIB.
 */
import * as asPath from './as-path.ts';
import { AttributeFlag, AttributeType, type PathAttributes } from './path-attributes.ts';

export interface EncodeContext {
  readonly fourOctetAs: boolean;
}

const WELL_KNOWN = AttributeFlag.Transitive;
const OPTIONAL = AttributeFlag.Optional;
const OPTIONAL_TRANSITIVE = AttributeFlag.Optional | AttributeFlag.Transitive;

type Part = readonly [type: number, flags: number, value: ArrayLike<number>];

/** `mpReach`: value of MP_REACH_NLRI for families other than IPv4 unicast; then there is no NEXT_HOP (RFC 4760 §3). */
export function encodeAttributes(
  attributes: PathAttributes,
  context: EncodeContext,
  mpReach?: Uint8Array,
): Uint8Array {
  const parts = sharedParts(attributes, context);
  if (mpReach === undefined) parts.push([AttributeType.NextHop, WELL_KNOWN, attributes.nextHop]);
  else parts.push([AttributeType.MpReachNlri, OPTIONAL, mpReach]);
  return join(parts.sort(([a], [b]) => a - b));
}

/** Everything but NEXT_HOP and MP_REACH_NLRI, which the sender puts in front (RFC 7606 §5.1): the same for all prefixes and peers. */
export function encodeShared(attributes: PathAttributes, context: EncodeContext): Uint8Array {
  return join(sharedParts(attributes, context).sort(([a], [b]) => a - b));
}

function sharedParts(attributes: PathAttributes, context: EncodeContext): Part[] {
  return [
    [AttributeType.Origin, WELL_KNOWN, [attributes.origin]],
    ...asParts(attributes, context),
    ...optionalParts(attributes),
    ...(attributes.unknown ?? []).map(
      (entry): Part => [
        entry.type,
        (entry.flags & ~AttributeFlag.ExtendedLength) | AttributeFlag.Partial,
        entry.value,
      ],
    ),
  ];
}

function asParts(attributes: PathAttributes, context: EncodeContext): Part[] {
  const path = attributes.asPath;
  const { aggregator } = attributes;
  const asnLen = context.fourOctetAs ? 4 : 2;
  const parts: Part[] = [[AttributeType.AsPath, WELL_KNOWN, asPath.encode(path, asnLen)]];
  if (aggregator !== undefined) {
    const asn = context.fourOctetAs
      ? uint32(aggregator.asn)
      : uint32(
          Math.min(aggregator.asn, 0x1_0000) === 0x1_0000 ? asPath.AS_TRANS : aggregator.asn,
        ).slice(2);
    parts.push([
      AttributeType.Aggregator,
      OPTIONAL_TRANSITIVE,
      [...asn, ...uint32(aggregator.address)],
    ]);
  }
  if (context.fourOctetAs) return parts;
  if (path.some((segment) => segment.asns.some((asn) => asn > 0xffff))) {
    parts.push([AttributeType.As4Path, OPTIONAL_TRANSITIVE, asPath.encode(path, 4)]);
  }
  if (aggregator !== undefined && aggregator.asn > 0xffff) {
    parts.push([
      AttributeType.As4Aggregator,
      OPTIONAL_TRANSITIVE,
      [...uint32(aggregator.asn), ...uint32(aggregator.address)],
    ]);
  }
  return parts;
}

function optionalParts(attributes: PathAttributes): Part[] {
  const parts: Part[] = [];
  const add = (type: number, flags: number, value: ArrayLike<number> | undefined): void => {
    if (value !== undefined) parts.push([type, flags, value]);
  };
  add(AttributeType.MultiExitDisc, OPTIONAL, word(attributes.multiExitDisc));
  add(AttributeType.LocalPref, WELL_KNOWN, word(attributes.localPref));
  add(AttributeType.AtomicAggregate, WELL_KNOWN, attributes.atomicAggregate ? [] : undefined);
  add(AttributeType.Communities, OPTIONAL_TRANSITIVE, list(attributes.communities?.map(uint32)));
  add(AttributeType.OriginatorId, OPTIONAL, word(attributes.originatorId));
  add(AttributeType.ClusterList, OPTIONAL, list(attributes.clusterList?.map(uint32)));
  add(
    AttributeType.ExtendedCommunities,
    OPTIONAL_TRANSITIVE,
    list(attributes.extendedCommunities?.map((value) => [...value])),
  );
  add(
    AttributeType.LargeCommunities,
    OPTIONAL_TRANSITIVE,
    list(attributes.largeCommunities?.map((value) => value.flatMap(uint32))),
  );
  add(AttributeType.OnlyToCustomer, OPTIONAL_TRANSITIVE, word(attributes.onlyToCustomer));
  return parts;
}

function join(parts: readonly Part[]): Uint8Array {
  const headerLen = (value: ArrayLike<number>): number => (value.length > 255 ? 4 : 3);
  const bytes = new Uint8Array(
    parts.reduce((sum, [, , value]) => sum + headerLen(value) + value.length, 0),
  );
  let next = 0;
  for (const [type, flags, value] of parts) {
    const isExtended = value.length > 255;
    bytes[next] = isExtended ? flags | AttributeFlag.ExtendedLength : flags;
    bytes[next + 1] = type;
    if (isExtended) bytes[next + 2] = value.length >>> 8;
    bytes[next + headerLen(value) - 1] = value.length & 0xff;
    bytes.set(value, next + headerLen(value));
    next += headerLen(value) + value.length;
  }
  return bytes;
}

function word(value: number | undefined): number[] | undefined {
  return value === undefined ? undefined : uint32(value);
}

/** Empty lists are not sent: RFC 7606 §7.8 makes them malformed. */
function list(values: readonly (readonly number[])[] | undefined): number[] | undefined {
  return values === undefined || values.length === 0 ? undefined : values.flat();
}

function uint32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
