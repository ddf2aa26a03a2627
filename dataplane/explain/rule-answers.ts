/**
 * Answers about access control: the lists that apply to a port's addresses, rule by rule, read from the groups that judge its packets.
 * Called by answers.
 */
import { formatIpPrefixWords, formatIpWords, type IpPrefixWords } from '../../base/ip-words.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import {
  ANSWER_PREFIXES_MAX,
  RULE_PREFIXES_MAX,
} from '../../schema/southbound/diagnostics/limits.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type {
  EffectiveList,
  EffectiveRule,
  RuleAddresses,
  RuleDirection,
} from '../../schema/southbound/diagnostics/rules.ts';
import { type AddressSet, prefixesOf } from '../engine/address-set.ts';
import type { NumberRange, Predicate } from '../engine/predicate.ts';
import type { Rule } from '../engine/rule.ts';
import type { PortAddress } from '../layers/port-policy.ts';
import type { ConfiguredPort } from '../switch/network-state.ts';
import { nameOf, type PlacedList, placedLists } from './placed-lists.ts';

export function answerEffectiveRules(
  port: ConfiguredPort,
  { limit, direction }: Question<'effectiveRules'>,
): Answer<'effectiveRules'> {
  const directions = direction === undefined ? (['inbound', 'outbound'] as const) : [direction];
  const room: Room = { rules: limit, prefixes: ANSWER_PREFIXES_MAX, sets: new Map() };
  return {
    addresses: byLists(port.policy.addresses).map((same) => ({
      ipConfigurations: same.map(({ resourceRef, address }) => ({
        resourceRef,
        address: formatIpWords(address),
      })),
      lists: directions.flatMap((way) =>
        placedLists(port, same[0], way).map((placed) => listOf(placed, way, port, room)),
      ),
    })),
  };
}

type Alike = readonly [PortAddress, ...PortAddress[]];

/** Addresses that the same lists judge, in the order of the first of each. */
function byLists(addresses: readonly PortAddress[]): readonly Alike[] {
  const alike: [PortAddress, ...PortAddress[]][] = [];
  for (const own of addresses) {
    const same = alike.find(
      ([{ accessLists, segment }]) =>
        segment === own.segment &&
        accessLists.interface === own.accessLists.interface &&
        accessLists.subnet === own.accessLists.subnet,
    );
    if (same === undefined) alike.push([own]);
    else same.push(own);
  }
  return alike;
}

/** What an answer may still hold. */
interface Room {
  rules: number;
  prefixes: number;
  /** What sets stand for; many rules share those of tags. */
  readonly sets: Map<AddressSet, readonly IpPrefixWords[]>;
}

function listOf(
  placed: PlacedList,
  direction: RuleDirection,
  port: ConfiguredPort,
  room: Room,
): EffectiveList {
  const { level, appliesTo, list } = placed;
  const name = nameOf(port, placed, direction);
  const rules = name.pending === undefined ? (list?.[direction].rules() ?? []) : [];
  const shown = rules.slice(0, room.rules);
  room.rules -= shown.length;
  return {
    ...{ direction, level, appliesTo, ...name },
    rules: shown.map((rule) => rowOf(rule, rule === rules.at(-1), room)),
    total: rules.length,
  };
}

function rowOf(rule: Rule, isDefault: boolean, room: Room): EffectiveRule {
  const { id, resourceRef, priority, action, predicates } = rule;
  const of = (field: Predicate['field']) =>
    predicates.find((predicate) => predicate.field === field);
  return {
    rule: id,
    resourceRef,
    priority,
    isDefault,
    action: action.kind === 'deny' ? 'Deny' : 'Allow',
    protocols: rangesOf(of('protocol')).map(({ from }) => PROTOCOL_NAMES[from] ?? `${from}`),
    source: addressesOf(of('srcAddress'), room),
    destination: addressesOf(of('dstAddress'), room),
    sourcePorts: rangesOf(of('srcPort')).map(formatRange),
    destinationPorts: rangesOf(of('dstPort')).map(formatRange),
    isLogged: rule.isLogged === true,
    decisions: rule.counter?.decisions ?? 0,
  };
}

/** As MS-NCNBI §3.1.5.1.2 writes them. */
const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IpProtocol.TCP]: 'TCP',
  [IpProtocol.UDP]: 'UDP',
  [IpProtocol.ICMP]: 'ICMPv4',
  [IpProtocol.ICMPV6]: 'ICMPv6',
};

/** None: every number. */
function rangesOf(predicate: Predicate | undefined): readonly NumberRange[] {
  if (predicate === undefined) return [];
  if ('anyOf' in predicate) return predicate.anyOf;
  return 'from' in predicate ? [predicate] : [];
}

function formatRange({ from, to }: NumberRange): string {
  return from === to ? `${from}` : `${from}-${to}`;
}

function addressesOf(predicate: Predicate | undefined, room: Room): RuleAddresses {
  if (predicate === undefined) return { name: '*', prefixes: [], total: 0 };
  if ('in' in predicate) return shown(formatIpPrefixWords(predicate.in), [predicate.in], room);
  if (!('set' in predicate)) return { name: '', prefixes: [], total: 0 };
  const { set } = predicate;
  const prefixes = room.sets.get(set) ?? prefixesOf(set);
  room.sets.set(set, prefixes);
  return shown(set.name, prefixes, room);
}

function shown(name: string, all: readonly IpPrefixWords[], room: Room): RuleAddresses {
  const prefixes = all.slice(0, Math.min(RULE_PREFIXES_MAX, room.prefixes));
  room.prefixes -= prefixes.length;
  return { name, prefixes: prefixes.map(formatIpPrefixWords), total: all.length };
}
