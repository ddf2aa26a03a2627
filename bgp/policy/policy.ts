/**
 * Routing policy as data, and its pure evaluation: RFC 4271 §9.1.1 and §9.1.3 leave it to the operator; RFC 8212 says what holds without one
 * (an external peer gives and gets nothing), which is the speaker's default.
 *
 * A policy is an ordered list of rules. The first rule whose conditions all hold acts: it accepts, rejects, or ('next') applies its changes and
 * goes on. A rule without conditions always holds. What no rule decided has the policy's own verdict. Called by the speaker.
 */
import { assertNever } from '../../base/assert.ts';
import {
  type IpPrefixWords,
  ipWordsFromBytes,
  prefixHasWords,
  wordMask,
} from '../../base/ip-words.ts';
import * as asPath from '../message/as-path.ts';
import type { Origin, PathAttributes } from '../message/path-attributes.ts';

export interface Policy {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly otherwise: 'accept' | 'reject';
}

export interface PolicyRule {
  readonly name?: string;
  readonly match?: readonly Match[];
  readonly set?: readonly Change[];
  readonly action: 'accept' | 'reject' | 'next';
}

/** A prefix and how much longer a route's may be; with neither bound exactly this one. */
export interface PrefixEntry {
  readonly prefix: IpPrefixWords;
  /** Bits of the mapped form: IPv4's plus 96. */
  readonly lenMin?: number;
  readonly lenMax?: number;
}

export interface AsRange {
  readonly from: number;
  readonly to: number;
}

export type Match =
  | { readonly kind: 'prefix'; readonly entries: readonly PrefixEntry[] }
  | { readonly kind: 'not-prefix'; readonly entries: readonly PrefixEntry[] }
  | { readonly kind: 'next-hop'; readonly prefixes: readonly IpPrefixWords[] }
  /** Any AS of the path lies in any of the ranges. */
  | { readonly kind: 'as-in-path'; readonly ranges: readonly AsRange[] }
  /** The AS that the route comes from: the first, or the last of its path. */
  | { readonly kind: 'neighbour-as' | 'origin-as'; readonly ranges: readonly AsRange[] }
  | { readonly kind: 'as-path-length'; readonly min: number; readonly max: number }
  /** Any of these. */
  | { readonly kind: 'community'; readonly communities: readonly number[] }
  | {
      readonly kind: 'large-community';
      readonly communities: readonly (readonly [number, number, number])[];
    }
  | { readonly kind: 'med' | 'local-preference'; readonly min: number; readonly max: number };

export type Change =
  | { readonly kind: 'local-preference' | 'med' | 'weight'; readonly value: number }
  | { readonly kind: 'clear-med' | 'clear-communities' }
  | {
      readonly kind: 'add-communities' | 'remove-communities';
      readonly communities: readonly number[];
    }
  | {
      readonly kind: 'add-large-communities';
      readonly communities: readonly (readonly [number, number, number])[];
    }
  /** Put in front of the path, the first of them leftmost. */
  | { readonly kind: 'prepend'; readonly asns: readonly number[] }
  | { readonly kind: 'origin'; readonly origin: Origin }
  /** 4 or 16 bytes. */
  | { readonly kind: 'next-hop'; readonly address: Uint8Array };

export interface PolicyRoute {
  readonly prefix: IpPrefixWords;
  readonly attributes: PathAttributes;
  readonly weight: number;
}

export interface PolicyResult {
  /** The same object as given where nothing was changed. */
  readonly attributes: PathAttributes;
  readonly weight: number;
  readonly isNextHopSet: boolean;
  readonly isMedSet: boolean;
}

/** What a rule did with a route: the condition that did not hold, or undefined where it acted. */
export type PolicyTrace = (rule: PolicyRule, failed: Match | undefined) => void;

/** Undefined: rejected. `trace` hears of each rule that was asked. */
export function evaluate(
  policy: Policy,
  route: PolicyRoute,
  trace?: PolicyTrace,
): PolicyResult | undefined {
  let result: PolicyResult = {
    attributes: route.attributes,
    weight: route.weight,
    isNextHopSet: false,
    isMedSet: false,
  };
  for (const rule of policy.rules) {
    const present = { prefix: route.prefix, ...result };
    const failed = rule.match?.find((match) => !holds(match, present));
    trace?.(rule, failed);
    if (failed !== undefined) continue;
    if (rule.action === 'reject') return undefined;
    result = (rule.set ?? []).reduce(apply, result);
    if (rule.action === 'accept') return result;
  }
  return policy.otherwise === 'accept' ? result : undefined;
}

/** Whether the verdict is the same for all prefixes of one attribute set: it is then worked out once per set. */
export function dependsOnPrefix(policy: Policy): boolean {
  return policy.rules.some((rule) =>
    rule.match?.some(({ kind }) => kind === 'prefix' || kind === 'not-prefix'),
  );
}

function holds(match: Match, route: PolicyRoute): boolean {
  const { attributes } = route;
  switch (match.kind) {
    case 'prefix':
      return match.entries.some((entry) => isIn(entry, route.prefix));
    case 'not-prefix':
      return !match.entries.some((entry) => isIn(entry, route.prefix));
    case 'next-hop': {
      const words = ipWordsFromBytes(attributes.nextHop.slice(0, 16));
      return words !== undefined && match.prefixes.some((prefix) => prefixHasWords(prefix, words));
    }
    case 'as-in-path':
      return attributes.asPath.some(({ asns }) => asns.some((asn) => isWithin(match.ranges, asn)));
    case 'neighbour-as':
      return isWithin(match.ranges, asPath.firstAsn(attributes.asPath));
    case 'origin-as':
      return isWithin(match.ranges, asPath.originAsn(attributes.asPath));
    case 'as-path-length':
      return isBetween(match, asPath.selectionLength(attributes.asPath));
    case 'community':
      return match.communities.some((each) => attributes.communities?.includes(each) === true);
    case 'large-community':
      return match.communities.some(
        (wanted) => attributes.largeCommunities?.some((each) => isSameLarge(each, wanted)) === true,
      );
    case 'med':
      return isBetween(match, attributes.multiExitDisc ?? 0);
    case 'local-preference':
      return isBetween(match, attributes.localPref ?? 100);
    default:
      return assertNever(match);
  }
}

function apply(result: PolicyResult, change: Change): PolicyResult {
  const { attributes } = result;
  switch (change.kind) {
    case 'weight':
      return { ...result, weight: change.value };
    case 'local-preference':
      return { ...result, attributes: { ...attributes, localPref: change.value } };
    case 'med':
      return {
        ...result,
        attributes: { ...attributes, multiExitDisc: change.value },
        isMedSet: true,
      };
    case 'clear-med': {
      const { multiExitDisc: _, ...rest } = attributes;
      return { ...result, attributes: rest, isMedSet: false };
    }
    case 'clear-communities': {
      const {
        communities: _,
        largeCommunities: __,
        extendedCommunities: ___,
        ...rest
      } = attributes;
      return { ...result, attributes: rest };
    }
    case 'add-communities':
      return withCommunities(result, [...(attributes.communities ?? []), ...change.communities]);
    case 'remove-communities':
      return withCommunities(
        result,
        (attributes.communities ?? []).filter((each) => !change.communities.includes(each)),
      );
    case 'add-large-communities': {
      const present = attributes.largeCommunities ?? [];
      const added = change.communities.filter(
        (wanted) => !present.some((each) => isSameLarge(each, wanted)),
      );
      return { ...result, attributes: { ...attributes, largeCommunities: [...present, ...added] } };
    }
    case 'prepend': {
      const path = [...change.asns]
        .reverse()
        .reduce((longer, asn) => asPath.prepend(longer, asn), attributes.asPath);
      return { ...result, attributes: { ...attributes, asPath: path } };
    }
    case 'origin':
      return { ...result, attributes: { ...attributes, origin: change.origin } };
    case 'next-hop':
      return {
        ...result,
        attributes: { ...attributes, nextHop: change.address },
        isNextHopSet: true,
      };
    default:
      return assertNever(change);
  }
}

/** Sorted and without duplicates, as PathAttributes has it. */
function withCommunities(result: PolicyResult, communities: readonly number[]): PolicyResult {
  const { communities: _, ...rest } = result.attributes;
  const unique = [...new Set(communities)].sort((a, b) => a - b);
  return {
    ...result,
    attributes: unique.length === 0 ? rest : { ...rest, communities: unique },
  };
}

function isIn({ prefix, lenMin, lenMax }: PrefixEntry, route: IpPrefixWords): boolean {
  const isExact = lenMin === undefined && lenMax === undefined;
  const shortest = lenMin ?? prefix.len;
  const longest = isExact ? prefix.len : (lenMax ?? 128);
  if (route.len < prefix.len || route.len < shortest || route.len > longest) return false;
  return prefix.words.every(
    (word, index) => ((word ^ (route.words[index] ?? 0)) & wordMask(prefix.len, index)) === 0,
  );
}

function isWithin(ranges: readonly AsRange[], asn: number | undefined): boolean {
  return asn !== undefined && ranges.some(({ from, to }) => asn >= from && asn <= to);
}

function isBetween({ min, max }: { readonly min: number; readonly max: number }, value: number) {
  return value >= min && value <= max;
}

function isSameLarge(
  a: readonly [number, number, number],
  b: readonly [number, number, number],
): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}
