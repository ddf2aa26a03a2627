/**
 * Predicates: the conditions of a rule, as data, so that one value is evaluated, explained to a person and (for a large group)
 * compiled into an index. A rule matches when all of its predicates do.
 *
 * Called by group (evaluates), explain (describes), dataplane/layers (writes them).
 */
import { assertNever } from '../../base/assert.ts';
import {
  formatIpPrefixWords,
  IPV4_MAPPED_BITS,
  IPV4_MAPPED_WORD,
  type IpPrefixWords,
  wordMask,
} from '../../base/ip-words.ts';
import { formatMac, type Mac } from '../../base/mac.ts';
import { type AddressSet, setHas } from './address-set.ts';
import type { Packet } from './packet.ts';

export type NumberField =
  | 'etherType'
  | 'protocol'
  | 'srcPort'
  | 'dstPort'
  | 'arpOpcode'
  | 'vni'
  | 'segment'
  | 'domain';
export type MacField = 'srcMac' | 'dstMac' | 'arpSenderMac';
export type AddressField = 'srcAddress' | 'dstAddress' | 'nextHop' | 'outerSource';
export type FlagField =
  /** Destination MAC has the group bit: broadcast or multicast. */
  | 'toGroup'
  | 'tagged'
  /** Source and destination lie in different layer-2 segments. */
  | 'crossesSegments'
  /** Goes to a next hop that is not its destination. */
  | 'redirected'
  /** Answers a flow that the other side opened. */
  | 'reply';

/** Inclusive. */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

export type Predicate =
  | { readonly field: NumberField; readonly from: number; readonly to: number }
  /** One of many; for a group that is classified (classifier). */
  | { readonly field: NumberField; readonly anyOf: readonly NumberRange[] }
  | { readonly field: AddressField; readonly set: AddressSet }
  | { readonly field: MacField; readonly is: Mac }
  | { readonly field: AddressField; readonly in: IpPrefixWords }
  | { readonly field: FlagField; readonly holds: boolean };

/** A number field that must have exactly this value. */
export function equals(field: NumberField, value: number): Predicate {
  return { field, from: value, to: value };
}

export function matchesAll(predicates: readonly Predicate[], packet: Packet): boolean {
  for (const predicate of predicates) {
    if (!matches(predicate, packet)) return false;
  }
  return true;
}

export function matches(predicate: Predicate, packet: Packet): boolean {
  if ('from' in predicate) {
    const value = numberOf(predicate.field, packet);
    return value >= predicate.from && value <= predicate.to;
  }
  if ('anyOf' in predicate) {
    const value = numberOf(predicate.field, packet);
    return predicate.anyOf.some(({ from, to }) => value >= from && value <= to);
  }
  if ('set' in predicate) return setMatches(predicate.field, predicate.set, packet);
  if ('is' in predicate) return packet[predicate.field] === predicate.is;
  if ('in' in predicate) return addressMatches(predicate.field, predicate.in, packet);
  return flagOf(predicate.field, packet) === predicate.holds;
}

export function numberOf(field: NumberField, packet: Packet): number {
  switch (field) {
    case 'etherType':
      return packet.key.etherType;
    case 'protocol':
      return packet.key.protocol;
    case 'srcPort':
      return packet.key.srcPort;
    case 'dstPort':
      return packet.key.dstPort;
    case 'arpOpcode':
      return packet.arpOpcode;
    case 'vni':
      return packet.vni;
    case 'segment':
      return packet.segment;
    case 'domain':
      return packet.domain;
    default:
      return assertNever(field);
  }
}

function flagOf(field: FlagField, packet: Packet): boolean {
  switch (field) {
    case 'toGroup':
      return (Math.floor(packet.dstMac / 0x100_0000_0000) & 1) === 1;
    case 'tagged':
      return packet.isTagged;
    case 'crossesSegments':
      return packet.segment !== packet.nextSegment;
    case 'redirected':
      return isRedirected(packet);
    case 'reply':
      return packet.isReply;
    default:
      return assertNever(field);
  }
}

export function isRedirected({ nextHop, key }: Packet): boolean {
  return (
    nextHop[3] !== key.dst3 ||
    nextHop[2] !== key.dst2 ||
    nextHop[1] !== key.dst1 ||
    nextHop[0] !== key.dst0
  );
}

function addressMatches(field: AddressField, prefix: IpPrefixWords, packet: Packet): boolean {
  const key = packet.key;
  switch (field) {
    case 'srcAddress':
      return contains(prefix, key.src0, key.src1, key.src2, key.src3);
    case 'dstAddress':
      return contains(prefix, key.dst0, key.dst1, key.dst2, key.dst3);
    case 'nextHop':
      return contains(prefix, ...packet.nextHop);
    case 'outerSource':
      return contains(prefix, ...packet.outerSource);
    default:
      return assertNever(field);
  }
}

function setMatches(field: AddressField, set: AddressSet, packet: Packet): boolean {
  const key = packet.key;
  switch (field) {
    case 'srcAddress':
      return setHas(set, key.src0, key.src1, key.src2, key.src3);
    case 'dstAddress':
      return setHas(set, key.dst0, key.dst1, key.dst2, key.dst3);
    case 'nextHop':
      return setHas(set, ...packet.nextHop);
    case 'outerSource':
      return setHas(set, ...packet.outerSource);
    default:
      return assertNever(field);
  }
}

function contains(prefix: IpPrefixWords, w0: number, w1: number, w2: number, w3: number): boolean {
  const { words, len } = prefix;
  // An IPv6 prefix has no IPv4 addresses (base/ip-words).
  if (len < IPV4_MAPPED_BITS && w0 === 0 && w1 === 0 && w2 === IPV4_MAPPED_WORD) return false;
  return (
    ((w0 ^ words[0]) & wordMask(len, 0)) === 0 &&
    ((w1 ^ words[1]) & wordMask(len, 1)) === 0 &&
    ((w2 ^ words[2]) & wordMask(len, 2)) === 0 &&
    ((w3 ^ words[3]) & wordMask(len, 3)) === 0
  );
}

/** For people: `srcAddress 10.0.0.4/32`, `not tagged`. */
export function describePredicate(predicate: Predicate): string {
  if ('from' in predicate) {
    return `${predicate.field} ${describeRange(predicate.field, predicate)}`;
  }
  if ('anyOf' in predicate) {
    const ranges = predicate.anyOf.map((range) => describeRange(predicate.field, range));
    return `${predicate.field} ${ranges.join(' or ')}`;
  }
  if ('set' in predicate) return `${predicate.field} ${predicate.set.name}`;
  if ('is' in predicate) return `${predicate.field} ${formatMac(predicate.is)}`;
  if ('in' in predicate) return `${predicate.field} ${formatIpPrefixWords(predicate.in)}`;
  return predicate.holds ? predicate.field : `not ${predicate.field}`;
}

function describeRange(field: NumberField, { from, to }: NumberRange): string {
  const value = (part: number) =>
    field === 'etherType' ? `0x${part.toString(16).padStart(4, '0')}` : `${part}`;
  return from === to ? value(from) : `${value(from)}–${value(to)}`;
}
