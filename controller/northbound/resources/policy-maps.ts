/**
 * policyMaps of an edge router — MS-NCNBI §3.1.5.17.3: which routes are taken in or told, and what is changed in them. The values of each
 * criterion and action are read here, so that a slip is an answer to its writer and not a silent session. Several values are an array,
 * or one text with commas.
 */
import { parseAsNumber } from '../../../base/as-number.ts';
import { familyBits, parseIp, parseIpPrefix } from '../../../base/ip.ts';
import { PolicyMapSchema } from '../../../schema/northbound/bgp.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { POLICY_MAP_ENTRIES_MAX, POLICY_VALUES_MAX } from '../limits.ts';
import { typed } from '../resource-node.ts';
import type { ResourceNode, ResourceType } from '../resource-type.ts';

export const policyMaps: ResourceType = {
  collection: 'policyMaps',
  section: '3.1.5.17.3',
  summary: 'Which routes a BGP peer may announce or is told, and what is changed in them.',
  schema: PolicyMapSchema,
  validate,
};

type Check = (text: string) => boolean;

interface Rule {
  readonly check: Check;
  /** What each value is, for people. */
  readonly what: string;
  readonly countMax: number;
}

const WORD_MAX = 0xffff_ffff;
const isWord: Check = (text) => /^[0-9]{1,10}$/.test(text) && Number(text) <= WORD_MAX;
const isPrefix: Check = (text) => parseIpPrefix(text) !== undefined;
const BOUNDED = /^(\S+)(?: ge (\d{1,3}))?(?: le (\d{1,3}))?$/;

/** A prefix, and how much longer a route's may be: `10.0.0.0/8 ge 16 le 24`. */
function isBoundedPrefix(text: string): boolean {
  const [, prefixText = '', from, to] = BOUNDED.exec(text) ?? [];
  const prefix = parseIpPrefix(prefixText);
  if (prefix === undefined) return false;
  const longest = familyBits(prefix.family);
  const [first, last] = [Number(from ?? prefix.len), Number(to ?? longest)];
  return prefix.len <= first && first <= last && last <= longest;
}

const isAddress: Check = (text) => parseIp(text) !== undefined;
const isHop: Check = (text) => (text.includes('/') ? isPrefix(text) : isAddress(text));
const isAsNumber: Check = (text) => parseAsNumber(text) !== undefined;
const NAMED_COMMUNITIES: ReadonlySet<string> = new Set([
  'no-export',
  'no-advertise',
  'local-as',
  'graceful-shutdown',
  'blackhole',
]);

function isAsRange(text: string): boolean {
  const parts = text.split('-').map((part) => parseAsNumber(part.trim()));
  const [from, to = from] = parts;
  return parts.length <= 2 && from !== undefined && to !== undefined && from <= to;
}

/** RFC 1997: `asn:value`, a word, or a name of RFC 1997, 7999 and 8326. */
function isCommunity(text: string): boolean {
  if (NAMED_COMMUNITIES.has(text.toLowerCase()) || isWord(text)) return true;
  const [high = '', low = '', ...rest] = text.split(':');
  const half = (part: string) => /^[0-9]{1,5}$/.test(part) && Number(part) <= 0xffff;
  return rest.length === 0 && half(high) && half(low);
}

const MANY = POLICY_VALUES_MAX;
const PREFIXES: Rule = {
  check: isBoundedPrefix,
  what: 'a prefix without host bits, and how much longer it may be: 10.0.0.0/8 ge 16 le 24',
  countMax: MANY,
};
const COMMUNITIES: Rule = { check: isCommunity, what: 'a community, asn:value', countMax: MANY };
const NUMBER: Rule = { check: isWord, what: 'a number below 4294967296', countMax: 1 };
const NOTHING: Rule = { check: () => false, what: 'left out', countMax: 0 };

const RULES: Readonly<Record<string, Rule>> = {
  MatchPrefix: PREFIXES,
  IgnorePrefix: PREFIXES,
  NextHop: { check: isHop, what: 'an address or a prefix', countMax: MANY },
  AsnRange: { check: isAsRange, what: 'an AS number or a range of them', countMax: MANY },
  Community: COMMUNITIES,
  'As-Path': { check: isAsNumber, what: 'an AS number', countMax: 64 },
  'Add-Community': COMMUNITIES,
  'Remove-Community': COMMUNITIES,
  'Remove-All-Community': NOTHING,
  MED: NUMBER,
  'Clear-MED': NOTHING,
  Weight: NUMBER,
  'Local-Pref': NUMBER,
  'Next-Hop': { check: isAddress, what: 'an address', countMax: 1 },
};

function validate(node: ResourceNode): readonly FaultDetail[] {
  const { policyMapEntryList = [] } = typed(PolicyMapSchema, node);
  if (policyMapEntryList.length > POLICY_MAP_ENTRIES_MAX) {
    const message = `at most ${POLICY_MAP_ENTRIES_MAX} entries are allowed`;
    return [detail('InvalidParameterValue', message, node.ref)];
  }
  return policyMapEntryList.flatMap(({ action, matchCriteria = [], setActions = [] }, at) => {
    const target = `${node.ref} policyMapEntryList[${at}]`;
    const faults = [...matchCriteria, ...setActions].flatMap((each) => valueFaults(each, target));
    if (action === 'Deny' && setActions.length > 0) {
      const message = 'an entry that denies changes nothing';
      faults.push(detail('InvalidParameterValue', message, target));
    }
    if (action === 'ModifyAttribute' && setActions.length === 0) {
      const message = 'an entry that modifies attributes has setActions';
      faults.push(detail('InvalidParameterValue', message, target));
    }
    return faults;
  });
}

interface Property {
  readonly property: string;
  readonly value?: readonly string[];
}

function valueFaults({ property, value = [] }: Property, target: string): FaultDetail[] {
  const rule = RULES[property] ?? NOTHING;
  const separator = property === 'As-Path' ? /[,;\s]+/ : /[,;]/;
  const values = value.flatMap((text) => text.split(separator)).map((text) => text.trim());
  const given = values.filter((text) => text !== '');
  const bad = given.find((text) => !rule.check(text));
  if (bad !== undefined && rule.countMax > 0) {
    return [detail('InvalidParameterValue', `${property}: '${bad}' is not ${rule.what}`, target)];
  }
  if (rule.countMax === 0 && given.length > 0) {
    return [detail('InvalidParameterValue', `${property} takes no value`, target)];
  }
  if (given.length >= Math.min(1, rule.countMax) && given.length <= rule.countMax) return [];
  const message = `${property} has 1 to ${rule.countMax} values, not ${given.length}`;
  return [detail('InvalidParameterValue', message, target)];
}
