/**
 * Does a packet meet the conditions of a rule (predicate.ts)? Called by group, and by layers that look at a packet themselves.
 */
import { assertNever } from '../../base/assert.ts';
import {
  IPV4_MAPPED_BITS,
  IPV4_MAPPED_WORD,
  type IpPrefixWords,
  wordMask,
} from '../../base/ip-words.ts';
import { type AddressSet, setHas } from './address-set.ts';
import type { Packet } from './packet.ts';
import type { AddressField, FlagField, NumberField, Predicate } from './predicate.ts';

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

export function isRedirected({ route, nextHop, key }: Packet): boolean {
  return (
    route === undefined &&
    (nextHop[3] !== key.dst3 ||
      nextHop[2] !== key.dst2 ||
      nextHop[1] !== key.dst1 ||
      nextHop[0] !== key.dst0)
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
