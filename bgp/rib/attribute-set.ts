/**
 * One attribute set as it is looked at, and the row of integers that it is kept as — RFC 4271 §9.1.2: what route selection compares. The table
 * (attribute-table.ts) fills rows; decision.ts and people see sets.
 */
import { assert } from '../../base/assert.ts';
import type { PathAttributes } from '../message/path-attributes.ts';

export interface AttributeSet {
  readonly id: number;
  /** Of this set alone, though its identifier may be used again when it is gone. */
  readonly serial: number;
  /** To be looked at while the set is in use. */
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

/** Words of a row. */
export const SET_STRIDE = 12;
export const SetField = {
  /** Users; 0: the row is free. */
  COUNT: 0,
  /** Of the attributes in the arena, in words, and their octets. */
  AT: 1,
  LEN: 2,
  NEXT_HOP: 3,
  WEIGHT: 4,
  LOCAL_PREF: 5,
  PATH_LENGTH: 6,
  /** And the bits below. */
  ORIGIN: 7,
  MED: 8,
  NEIGHBOUR_ASN: 9,
  ORIGINATOR_ID: 10,
  CLUSTER_LIST_LENGTH: 11,
} as const;
const ORIGIN_MASK = 3;
export const HAS_ORIGINATOR = 4;
export const IS_LONG_LIVED_STALE = 8;

/** The table that the set is in. */
interface SetOwner {
  nextHopOf(id: number): Uint8Array;
  serialOf(id: number): number;
  attributesOf(id: number): PathAttributes;
}

/** What is seen of a set: as it is when it is made. */
export class SetView implements AttributeSet {
  readonly id: number;
  readonly serial: number;
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
  readonly #table: SetOwner;

  /** `row`: its integers, which are read now. */
  constructor(table: SetOwner, id: number, serial: number, row: Int32Array) {
    const at = (field: number): number => row[field] ?? 0;
    this.#table = table;
    this.id = id;
    this.serial = serial;
    this.nextHop = table.nextHopOf(id);
    this.weight = at(SetField.WEIGHT) >>> 0;
    this.localPref = at(SetField.LOCAL_PREF) >>> 0;
    this.pathLength = at(SetField.PATH_LENGTH);
    const origin = at(SetField.ORIGIN);
    this.origin = origin & ORIGIN_MASK;
    this.med = at(SetField.MED) >>> 0;
    this.neighbourAsn = at(SetField.NEIGHBOUR_ASN) >>> 0;
    const hasOriginator = (origin & HAS_ORIGINATOR) !== 0;
    this.originatorId = hasOriginator ? at(SetField.ORIGINATOR_ID) >>> 0 : undefined;
    this.clusterListLength = at(SetField.CLUSTER_LIST_LENGTH);
    this.isLongLivedStale = (origin & IS_LONG_LIVED_STALE) !== 0;
  }

  get attributes(): PathAttributes {
    assert(this.#table.serialOf(this.id) === this.serial, 'the set is still in use');
    return this.#table.attributesOf(this.id);
  }
}
