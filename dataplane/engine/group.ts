/**
 * Groups: ordered sets of rules of which the first match counts. What differs between them is only how the match is found, so each
 * large kind of policy gets the classifier that suits it (VFP, NSDI 2017 §5.3) behind one interface:
 *
 *   orderedGroup    a list by priority: a handful of rules with arbitrary predicates
 *   classifiedGroup a list by priority: any number of rules about addresses, protocol and ports
 *   prefixGroup     longest prefix of one address: routes, address mappings (a mapping is a host prefix), peers
 *   branchGroup     one group per value of one number: a table per network identifier
 *
 * Every group has a rule for what nothing else matches, so every packet that reaches a group gets a decision that can be named.
 * Called by layer; built by dataplane/layers and kept up to date by dataplane/switch.
 */
import { assertNever } from '../../base/assert.ts';
import type { IpPrefixWords } from '../../base/ip-words.ts';
import { Lpm, NONE } from '../../base/lpm.ts';
import { Classifier } from './classifier.ts';
import { matchesAll, numberOf } from './matching.ts';
import type { Packet } from './packet.ts';
import type { AddressField, NumberField } from './predicate.ts';
import type { Rule } from './rule.ts';

export interface Group {
  readonly name: string;
  /** The rule that decides this packet. */
  find(packet: Packet): Rule;
  /** All rules, in the order of evaluation where there is one, the default last. */
  rules(): Rule[];
}

export function orderedGroup(name: string, rules: readonly Rule[], otherwise: Rule): Group {
  const sorted = [...rules].sort((a, b) => a.priority - b.priority);
  return {
    name,
    find(packet) {
      for (const rule of sorted) {
        if (matchesAll(rule.predicates, packet)) return rule;
      }
      return otherwise;
    },
    rules: () => [...sorted, otherwise],
  };
}

/** As orderedGroup, of rules that a classifier can be built from (classifier.ts: fields, limits). Among equals the earlier one counts. */
export function classifiedGroup(name: string, rules: readonly Rule[], otherwise: Rule): Group {
  const sorted = [...rules].sort((a, b) => a.priority - b.priority);
  const classifier = new Classifier(sorted);
  return {
    name,
    find: (packet) => sorted[classifier.find(packet.key)] ?? otherwise,
    rules: () => [...sorted, otherwise],
  };
}

/** A group that grows and shrinks with the resources it is made of. */
export interface PrefixGroup extends Group {
  /** Adds a rule, or replaces the one of the same prefix. */
  set(prefix: IpPrefixWords, rule: Rule): void;
  /** Adds a rule unless its prefix has one; false: it has. */
  add(prefix: IpPrefixWords, rule: Rule): boolean;
  remove(prefix: IpPrefixWords): void;
  /** Is there a rule for this address? For callers that have no packet at hand. */
  hasRuleFor(w0: number, w1: number, w2: number, w3: number): boolean;
  /** The rule of exactly this prefix, if there is one. */
  ruleOf(prefix: IpPrefixWords): Rule | undefined;
  /** The rule for this address, if it is not the default. */
  ruleFor(w0: number, w1: number, w2: number, w3: number): Rule | undefined;
  readonly size: number;
}

export function prefixGroup(name: string, field: AddressField, otherwise: Rule): PrefixGroup {
  const lpm = new Lpm();
  const rules: Rule[] = [];
  const free: number[] = [];
  return {
    name,
    find(packet) {
      const index = lookup(lpm, field, packet);
      return rules[index] ?? otherwise;
    },
    rules: () => [...lpm.entries().flatMap(({ value }) => rules[value] ?? []), otherwise],
    set(prefix, rule) {
      const known = lpm.get(prefix);
      const index = known === NONE ? (free.pop() ?? rules.length) : known;
      rules[index] = rule;
      lpm.set(prefix, index);
    },
    add(prefix, rule) {
      if (lpm.add(prefix, rules.length) !== NONE) return false;
      rules.push(rule);
      return true;
    },
    remove(prefix) {
      const index = lpm.remove(prefix);
      if (index === NONE) return;
      rules[index] = otherwise;
      free.push(index);
    },
    hasRuleFor: (w0, w1, w2, w3) => lpm.lookup(w0, w1, w2, w3) !== NONE,
    ruleOf: (prefix) => rules[lpm.get(prefix)],
    ruleFor: (w0, w1, w2, w3) => rules[lpm.lookup(w0, w1, w2, w3)],
    get size() {
      return lpm.size;
    },
  };
}

/** Chooses a group by one number of the packet. `branches` belongs to the caller, who may change it between packets. */
export function branchGroup(
  name: string,
  field: NumberField,
  branches: ReadonlyMap<number, Group>,
  otherwise: Rule,
): Group {
  return {
    name,
    find: (packet) => branches.get(numberOf(field, packet))?.find(packet) ?? otherwise,
    rules: () => [...[...branches.values()].flatMap((group) => group.rules()), otherwise],
  };
}

function lookup(lpm: Lpm, field: AddressField, packet: Packet): number {
  const key = packet.key;
  switch (field) {
    case 'srcAddress':
      return lpm.lookup(key.src0, key.src1, key.src2, key.src3);
    case 'dstAddress':
      return lpm.lookup(key.dst0, key.dst1, key.dst2, key.dst3);
    case 'nextHop':
      return lpm.lookup(...packet.nextHop);
    case 'outerSource':
      return lpm.lookup(...packet.outerSource);
    default:
      return assertNever(field);
  }
}
