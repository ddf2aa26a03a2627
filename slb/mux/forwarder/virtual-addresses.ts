/**
 * Virtual addresses and their rules, a number each. A rule's number has a generation, by which flows notice that their rule has gone or leads to
 * another pool. Which rule a packet belongs to, most exact first: protocol and port; leased ports (the backend's host translates the answer);
 * all ports (HA ports). Called by mux-tables.ts (changes), forwarder.ts (asks).
 */
import { assert } from '../../../base/assert.ts';
import { equalIpWords, type IpWords } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import type { Distribution } from '../../hashing/distribution.ts';
import { TCP_FLOW_IDLE_SEC } from '../../limits.ts';
import { AddressIndex } from './address-index.ts';
import type { Group } from './groups.ts';
import type { AddressGoal, RuleGoal } from './table-change.ts';
import type { Target } from './targets.ts';

/** Number of a rule. */
export type Rule = number;

/** Ports of one leased block (facts of Azure: aligned blocks of eight). */
const BLOCK_SHIFT = 3;
const BLOCKS = 0x1_0000 >>> BLOCK_SHIFT;

interface Address {
  readonly goal: AddressGoal;
  /** By protocol · 65536 + port. */
  readonly rules: Map<number, Rule>;
  /** Target by block, TCP before UDP; undefined: none of its ports is leased. */
  leased: Int32Array | undefined;
}

interface RuleEntry {
  goal: RuleGoal;
  group: Group;
}

export class VirtualAddresses {
  readonly #rulesMax: number;
  readonly #index = new AddressIndex();
  readonly #byKey = new Map<string, number>();
  readonly #addresses = new Map<number, Address>();
  readonly #freeAddresses: number[] = [];
  readonly #rules: (RuleEntry | undefined)[] = [];
  readonly #freeRules: Rule[] = [];
  readonly #generation: Uint32Array;
  readonly #idleSec: Uint32Array;

  constructor(rulesMax: number) {
    this.#rulesMax = rulesMax;
    this.#generation = new Uint32Array(rulesMax);
    this.#idleSec = new Uint32Array(rulesMax);
  }

  get count(): number {
    return this.#addresses.size;
  }

  /** Number of the packet's virtual address; NONE: it is for none. */
  findDestination(key: FlowKey): number {
    return this.#index.findDestination(key);
  }

  /** As findDestination, of any address. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    return this.#index.find(w0, w1, w2, w3);
  }

  /** The rule for a protocol and port of the address; NONE: there is none. */
  rule(address: number, protocol: number, port: number): Rule {
    const rules = this.#addresses.get(address)?.rules;
    if (rules === undefined) return NONE;
    return rules.get(protocol * 0x1_0000 + port) ?? rules.get(0) ?? NONE;
  }

  /** Who has the lease of a port; NONE: nobody. */
  leaseholder(address: number, protocol: number, port: number): Target {
    const leased = this.#addresses.get(address)?.leased;
    if (leased === undefined) return NONE;
    const first = protocol === IpProtocol.UDP ? BLOCKS : 0;
    return leased[first + (port >>> BLOCK_SHIFT)] ?? NONE;
  }

  generation(rule: Rule): number {
    return this.#generation[rule] ?? 0;
  }

  /** Of TCP connections, seconds. */
  idleSec(rule: Rule): number {
    return this.#idleSec[rule] ?? TCP_FLOW_IDLE_SEC;
  }

  group(rule: Rule): Group | undefined {
    return this.#rules[rule]?.group;
  }

  distribution(rule: Rule): Distribution {
    return this.#rules[rule]?.goal.distribution ?? 0;
  }

  ruleId(rule: Rule): string {
    return this.#rules[rule]?.goal.id ?? '';
  }

  numberOf(key: string): number {
    return this.#byKey.get(key) ?? NONE;
  }

  /** Has anybody behind the address a live backend? */
  isLive(address: number): boolean {
    for (const rule of this.#addresses.get(address)?.rules.values() ?? []) {
      if (this.#rules[rule]?.group.hasLiveBackend === true) return true;
    }
    return false;
  }

  all(): readonly { readonly number: number; readonly goal: AddressGoal }[] {
    return [...this.#addresses].map(([number, { goal }]) => ({ number, goal }));
  }

  keyOf(address: number): string {
    return this.#addresses.get(address)?.goal.key ?? '';
  }

  /** The address and its rules from now on; or why not. Its number, if it has one, stays. */
  apply(
    goal: AddressGoal,
    groupOf: (key: string) => Group,
    numbersMax: number,
  ): string | undefined {
    const known = this.#byKey.get(goal.key);
    const [w0, w1, w2, w3] = goal.words;
    const holder = this.find(w0, w1, w2, w3);
    if (holder !== NONE && holder !== known) {
      return `its address is that of ${this.keyOf(holder)} too`;
    }
    const number = known ?? this.#freeAddresses.pop() ?? this.#addresses.size;
    if (number >= numbersMax) return `a mux has at most ${numbersMax} virtual addresses`;
    const before = this.#addresses.get(number);
    const fault = this.#roomFor(goal, before);
    if (fault !== undefined) {
      if (known === undefined) this.#freeAddresses.push(number);
      return fault;
    }
    const rules = this.#setRules(goal, before?.rules ?? new Map(), groupOf);
    this.#addresses.set(number, { goal, rules, leased: before?.leased });
    this.#byKey.set(goal.key, number);
    if (before === undefined || !equalIpWords(before.goal.words, goal.words)) this.#reindex();
    return undefined;
  }

  /** Its number; NONE: it was not here. */
  remove(key: string): number {
    const number = this.#byKey.get(key);
    const address = number === undefined ? undefined : this.#addresses.get(number);
    if (number === undefined || address === undefined) return NONE;
    for (const rule of address.rules.values()) this.#releaseRule(rule);
    this.#byKey.delete(key);
    this.#addresses.delete(number);
    this.#freeAddresses.push(number);
    this.#reindex();
    return number;
  }

  /** Ports of the address lead to the target, or, with NONE, to nobody. */
  lease(
    address: number,
    protocol: number,
    ports: readonly { readonly from: number; readonly to: number }[],
    target: Target,
  ): void {
    const entry = this.#addresses.get(address);
    if (entry === undefined) return;
    entry.leased ??= new Int32Array(2 * BLOCKS).fill(NONE);
    for (const { from, to } of ports) {
      for (let block = from >>> BLOCK_SHIFT; block <= to >>> BLOCK_SHIFT; block += 1) {
        if (protocol !== IpProtocol.UDP) entry.leased[block] = target;
        if (protocol !== IpProtocol.TCP) entry.leased[BLOCKS + block] = target;
      }
    }
  }

  #roomFor({ rules }: AddressGoal, before: Address | undefined): string | undefined {
    const room =
      this.#rulesMax - this.#rules.length + this.#freeRules.length + (before?.rules.size ?? 0);
    if (rules.length > room) return `a mux has at most ${this.#rulesMax} rules`;
    const places = new Set(rules.map(placeOf));
    return places.size === rules.length ? undefined : 'two of its rules have one port';
  }

  #setRules(
    goal: AddressGoal,
    before: Map<number, Rule>,
    groupOf: (key: string) => Group,
  ): Map<number, Rule> {
    const after = new Map<number, Rule>();
    for (const ruleGoal of goal.rules) {
      const place = placeOf(ruleGoal);
      const known = before.get(place);
      before.delete(place);
      const rule = known ?? this.#freeRules.pop() ?? this.#rules.length;
      const entry = this.#rules[rule];
      const group = groupOf(ruleGoal.groupKey);
      // Flows of a rule that leads to another pool, or by another probe, are decided anew.
      if (entry !== undefined && entry.group !== group) this.#bump(rule);
      this.#rules[rule] = { goal: ruleGoal, group };
      this.#idleSec[rule] = ruleGoal.idleSec === 0 ? TCP_FLOW_IDLE_SEC : ruleGoal.idleSec;
      after.set(place, rule);
    }
    for (const rule of before.values()) this.#releaseRule(rule);
    return after;
  }

  #releaseRule(rule: Rule): void {
    assert(this.#rules[rule] !== undefined, 'a rule in use');
    this.#bump(rule);
    this.#rules[rule] = undefined;
    this.#freeRules.push(rule);
  }

  #bump(rule: Rule): void {
    this.#generation[rule] = this.generation(rule) + 1;
  }

  #reindex(): void {
    const addresses = new Map<number, IpWords>();
    for (const [number, { goal }] of this.#addresses) addresses.set(number, goal.words);
    this.#index.build(addresses);
  }
}

function placeOf({ protocol, port }: RuleGoal): number {
  return protocol * 0x1_0000 + port;
}
