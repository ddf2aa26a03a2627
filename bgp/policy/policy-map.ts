/**
 * The policyMaps of MS-NCNBI §3.1.5.17.3 as policies: `policyMapEntryList` with an action (Deny, Allow, ModifyAttribute), match criteria
 * (MatchPrefix, IgnorePrefix, NextHop, AsnRange, Community) and set actions (As-Path, Add-Community, Remove-Community, Remove-All-Community,
 * MED, Clear-MED, Weight, Local-Pref, Next-Hop). Values are text, several of them separated by commas or as an array. Names are compared
 * without regard to case. RFC 1997 `asn:value` for communities. A prefix to match is that prefix alone, as the specification has it; Weft adds
 * how much longer a route's may be, as routers write it: `203.0.113.0/24 ge 32`, `10.0.0.0/8 ge 16 le 24`.
 *
 * The specification does not say what becomes of a route that no entry matches. Here: refused if the map allows anything (else its Allow
 * entries would mean nothing), let through if it only denies and modifies. Called by roles that turn goal state into a speaker's policies.
 */
import { SdnError } from '../../base/errors.ts';
import { ipPrefixFromBytes, parseIpPrefixWords, parseIpWords } from '../../base/ip-words.ts';
import { WellKnownCommunity } from '../message/path-attributes.ts';
import type { AsRange, Change, Match, Policy, PolicyRule, PrefixEntry } from './policy.ts';

export interface PolicyMapProperty {
  readonly property: string;
  readonly value?: string | number | readonly (string | number)[];
}

export interface PolicyMapEntry {
  readonly policyName?: string;
  readonly action: string;
  readonly matchCriteria?: readonly PolicyMapProperty[];
  readonly setActions?: readonly PolicyMapProperty[];
}

/** Throws SDN_BGP_POLICY for what cannot be understood. */
export function policyOfMap(name: string, entries: readonly PolicyMapEntry[]): Policy {
  const rules = entries.map(ruleOf);
  const allows = entries.some((entry) => entry.action.toLowerCase() === 'allow');
  return { name, rules, otherwise: allows ? 'reject' : 'accept' };
}

function ruleOf(entry: PolicyMapEntry): PolicyRule {
  const action = entry.action.toLowerCase();
  if (action !== 'deny' && action !== 'allow' && action !== 'modifyattribute') {
    throw fault(`action '${entry.action}'`, 'Use Deny, Allow or ModifyAttribute.');
  }
  return {
    ...(entry.policyName !== undefined && { name: entry.policyName }),
    match: (entry.matchCriteria ?? []).map(matchOf),
    set: (entry.setActions ?? []).map(changeOf),
    action: action === 'deny' ? 'reject' : 'accept',
  };
}

function matchOf(criterion: PolicyMapProperty): Match {
  const values = valuesOf(criterion);
  switch (criterion.property.toLowerCase()) {
    case 'matchprefix':
      return { kind: 'prefix', entries: values.map(prefixEntryOf) };
    case 'ignoreprefix':
      return { kind: 'not-prefix', entries: values.map(prefixEntryOf) };
    case 'nexthop':
      return {
        kind: 'next-hop',
        prefixes: values.map((text) => prefixOf(text.includes('/') ? text : hostPrefix(text))),
      };
    case 'asnrange':
      return { kind: 'as-in-path', ranges: values.map(rangeOf) };
    case 'community':
      return { kind: 'community', communities: values.map(communityOf) };
    default:
      throw fault(
        `match criterion '${criterion.property}'`,
        'Use MatchPrefix, IgnorePrefix, NextHop, AsnRange or Community.',
      );
  }
}

function changeOf(action: PolicyMapProperty): Change {
  const values = valuesOf(action);
  const [first = ''] = values;
  switch (action.property.toLowerCase()) {
    case 'as-path':
      return { kind: 'prepend', asns: values.flatMap((text) => text.split(/\s+/)).map(asnOf) };
    case 'add-community':
      return { kind: 'add-communities', communities: values.map(communityOf) };
    case 'remove-community':
      return { kind: 'remove-communities', communities: values.map(communityOf) };
    case 'remove-all-community':
      return { kind: 'clear-communities' };
    case 'med':
      return { kind: 'med', value: wordOf(first) };
    case 'clear-med':
      return { kind: 'clear-med' };
    case 'weight':
      return { kind: 'weight', value: wordOf(first) };
    case 'local-pref':
      return { kind: 'local-preference', value: wordOf(first) };
    case 'next-hop':
      return { kind: 'next-hop', address: addressBytes(first) };
    default:
      throw fault(
        `set action '${action.property}'`,
        'Use As-Path, Add-Community, Remove-Community, Remove-All-Community, MED, Clear-MED, Weight, Local-Pref or Next-Hop.',
      );
  }
}

function valuesOf({ value }: PolicyMapProperty): string[] {
  if (value === undefined) return [];
  const list = typeof value === 'string' || typeof value === 'number' ? [value] : value;
  return list
    .flatMap((each) => String(each).split(/[,;]/))
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function prefixOf(text: string) {
  const prefix = parseIpPrefixWords(text);
  if (prefix === undefined) throw fault(`prefix '${text}'`, 'Write it as 10.1.0.0/16.');
  return prefix;
}

const BOUNDED = /^(\S+)(?: ge (\d{1,3}))?(?: le (\d{1,3}))?$/;

/** `10.0.0.0/8`, and how much longer: ` ge 16`, ` le 24`, or both. */
function prefixEntryOf(text: string): PrefixEntry {
  const [, prefixText = '', from, to] = BOUNDED.exec(text) ?? [];
  const prefix = prefixOf(prefixText === '' ? text : prefixText);
  if (from === undefined && to === undefined) return { prefix };
  const mapped = prefixText.includes(':') ? 0 : 96;
  const lenMin = from === undefined ? prefix.len : Number(from) + mapped;
  const lenMax = to === undefined ? 128 : Number(to) + mapped;
  if (lenMin < prefix.len || lenMin > lenMax || lenMax > 128)
    throw fault(`prefix '${text}'`, 'A longer prefix is from its own length to the longest.');
  return { prefix, lenMin, lenMax };
}

function hostPrefix(address: string): string {
  return address.includes(':') ? `${address}/128` : `${address}/32`;
}

/** `64512-64515`, `64512`, or asdot `1.10-1.20`. */
function rangeOf(text: string): AsRange {
  const [from = '', to = from] = text.split('-').map((each) => each.trim());
  return { from: asnOf(from), to: asnOf(to) };
}

/** Plain or asdot (RFC 5396), as MS-NCNBI's extAsNumber has it. */
export function asnOf(text: string): number {
  const match = /^(?:(\d{1,5})\.)?(\d{1,10})$/.exec(text);
  const high = match?.[1] === undefined ? 0 : Number(match[1]);
  const low = Number(match?.[2] ?? Number.NaN);
  const isDotted = match?.[1] !== undefined;
  const isFitting = isDotted ? high <= 0xffff && low <= 0xffff : low <= 0xffff_ffff;
  const asn = high * 0x1_0000 + low;
  if (!isFitting || !(asn > 0)) throw fault(`AS number '${text}'`, 'Write it as 64512 or 0.64512.');
  return asn;
}

const NAMED: Readonly<Record<string, number>> = {
  'no-export': WellKnownCommunity.NoExport,
  'no-advertise': WellKnownCommunity.NoAdvertise,
  'local-as': WellKnownCommunity.NoExportSubconfed,
  'graceful-shutdown': WellKnownCommunity.GracefulShutdown,
  blackhole: WellKnownCommunity.Blackhole,
};

function communityOf(text: string): number {
  const named = NAMED[text.toLowerCase()];
  if (named !== undefined) return named;
  const match = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  const [high, low] = [Number(match?.[1] ?? Number.NaN), Number(match?.[2] ?? Number.NaN)];
  if (high <= 0xffff && low <= 0xffff) return high * 0x1_0000 + low;
  return wordOf(text);
}

function wordOf(text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 0xffff_ffff)) throw fault(`value '${text}'`, 'Write a number below 4294967296.');
  return value;
}

function addressBytes(text: string): Uint8Array {
  const words = parseIpWords(text);
  if (words === undefined) throw fault(`address '${text}'`, 'Write an IPv4 or IPv6 address.');
  const bytes = Uint8Array.from(
    words.flatMap((word) => [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]),
  );
  const isIpv4 = !text.includes(':') && ipPrefixFromBytes(bytes.slice(12), 32) !== undefined;
  return isIpv4 ? bytes.slice(12) : bytes;
}

function fault(what: string, remedy: string): SdnError {
  return new SdnError('SDN_BGP_POLICY', `a policy has the ${what}, which has no meaning`, {
    remedy,
  });
}
