/**
 * Predicates: the conditions of a rule, as data, so that one value is evaluated, explained to a person and (for a large group)
 * compiled into an index. A rule matches when all of its predicates do.
 *
 * Called by matching (evaluates), explain (describes), dataplane/layers (writes them).
 */
import { formatIpPrefixWords, type IpPrefixWords } from '../../base/ip-words.ts';
import { formatMac, type Mac } from '../../base/mac.ts';
import type { AddressSet } from './address-set.ts';

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
