/**
 * Path attributes as values — RFC 4271 §5, RFC 1997 (communities), RFC 4360 (extended), RFC 8092 (large), RFC 4456 (reflection),
 * RFC 6793 (AS4_*), RFC 9234 (OTC). What one set of attributes says about its routes; how it is decoded stands in
 * attribute-decoder.ts, how it is encoded in attribute-encoder.ts.
 */
import type { AsPath } from './as-path.ts';

export const AttributeType = {
  Origin: 1,
  AsPath: 2,
  NextHop: 3,
  MultiExitDisc: 4,
  LocalPref: 5,
  AtomicAggregate: 6,
  Aggregator: 7,
  Communities: 8,
  OriginatorId: 9,
  ClusterList: 10,
  MpReachNlri: 14,
  MpUnreachNlri: 15,
  ExtendedCommunities: 16,
  As4Path: 17,
  As4Aggregator: 18,
  LargeCommunities: 32,
  OnlyToCustomer: 35,
} as const;
export type AttributeType = (typeof AttributeType)[keyof typeof AttributeType];

/** RFC 4271 §4.3: high-order bits of the flags octet. */
export const AttributeFlag = {
  Optional: 0x80,
  Transitive: 0x40,
  Partial: 0x20,
  ExtendedLength: 0x10,
} as const;

export const Origin = { Igp: 0, Egp: 1, Incomplete: 2 } as const;
export type Origin = (typeof Origin)[keyof typeof Origin];

/** RFC 1997 and RFC 9494 §4: 32-bit values with a meaning of their own. */
export const WellKnownCommunity = {
  GracefulShutdown: 0xffff_0000,
  LongLivedStale: 0xffff_0006,
  NoLongLivedStale: 0xffff_0007,
  Blackhole: 0xffff_029a,
  NoExport: 0xffff_ff01,
  NoAdvertise: 0xffff_ff02,
  NoExportSubconfed: 0xffff_ff03,
} as const;

export interface Aggregator {
  readonly asn: number;
  /** BGP identifier, host order. */
  readonly address: number;
}

/** An optional transitive attribute that this speaker does not know: passed on with the Partial bit (RFC 4271 §9). */
export interface UnknownAttribute {
  readonly type: number;
  readonly flags: number;
  readonly value: Uint8Array;
}

export interface PathAttributes {
  readonly origin: Origin;
  readonly asPath: AsPath;
  /** NEXT_HOP, or the next hop of MP_REACH_NLRI: 4, 16, or 32 bytes (global then link-local, RFC 2545 §3), network order. */
  readonly nextHop: Uint8Array;
  readonly multiExitDisc?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: boolean;
  readonly aggregator?: Aggregator;
  /** Sorted, no duplicates. */
  readonly communities?: readonly number[];
  /** Eight bytes each. */
  readonly extendedCommunities?: readonly Uint8Array[];
  /** Global administrator and two local data parts, 32 bits each. */
  readonly largeCommunities?: readonly (readonly [number, number, number])[];
  readonly originatorId?: number;
  readonly clusterList?: readonly number[];
  readonly onlyToCustomer?: number;
  /** In ascending order of type. */
  readonly unknown?: readonly UnknownAttribute[];
}
