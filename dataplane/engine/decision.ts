/**
 * Decisions: which rule of which layer decided what, noted down while a packet walks its layers. The forwarding loop's first packet of a
 * flow and a person's question "what would happen to this packet?" go through the same walk; only the latter reads the notes.
 *
 * Called by pipeline (notes), dataplane/switch and whoever explains (reads).
 */
import { assertNever } from '../../base/assert.ts';
import { formatIpWords } from '../../base/ip-words.ts';
import { formatMac } from '../../base/mac.ts';
import { DROP_NAMES } from '../../packet/drop.ts';
import { DECISIONS_MAX } from '../limits.ts';
import { DIRECTION_NAMES, type Direction } from './direction.ts';
import { describePredicate } from './predicate.ts';
import type { Action, Rule } from './rule.ts';

export interface Decision {
  /** Port whose policy decided. */
  readonly port: number;
  readonly direction: (typeof DIRECTION_NAMES)[number];
  readonly layer: string;
  readonly group: string;
  readonly rule: string;
  /** Empty for what the switch does by itself. */
  readonly resourceRef: string;
  /** The rule's conditions, for people. */
  readonly condition: string;
  readonly outcome: string;
}

/** Notes of one walk; reused, so that taking them costs two writes and nothing to collect. */
export class DecisionLog {
  readonly #notes: Note[] = Array.from({ length: DECISIONS_MAX }, () => ({ ...BLANK }));
  #count = 0;
  #logged = 0;

  clear(): void {
    this.#count = 0;
    this.#logged = 0;
  }

  note(port: number, direction: Direction, layer: string, group: string, rule: Rule): void {
    const note = this.#notes[this.#count];
    if (note === undefined) return;
    note.port = port;
    note.direction = direction;
    note.layer = layer;
    note.group = group;
    note.rule = rule;
    this.#count += 1;
    if (rule.isLogged === true) this.#logged += 1;
  }

  /** Counts each decision at its rule. For packets that are really forwarded; a question what would happen leaves the counters alone. */
  count(): void {
    for (let index = 0; index < this.#count; index += 1) {
      const counter = this.#notes[index]?.rule.counter;
      if (counter !== undefined) counter.decisions += 1;
    }
  }

  /** Decisions at this port that belong into the flow log. */
  loggedAt(port: number): readonly LoggedDecision[] {
    if (this.#logged === 0) return NOTHING_LOGGED;
    const notes = this.#notes.slice(0, this.#count);
    return notes
      .filter((note) => note.port === port && note.rule.isLogged === true)
      .map(({ rule, direction }) => ({ rule, direction }));
  }

  /** Has a rule of this port ended the walk? */
  isDeniedAt(port: number): boolean {
    const note = this.#count === 0 ? undefined : this.#notes[this.#count - 1];
    return note?.port === port && note.rule.action.kind === 'deny';
  }

  /** The notes in words, first decision first. Without names, ports and peers are told by number. */
  explain(names: Names = NUMBERS): Decision[] {
    return this.#notes.slice(0, this.#count).map((note) => ({
      port: note.port,
      direction: DIRECTION_NAMES[note.direction],
      layer: note.layer,
      group: note.group,
      rule: note.rule.id,
      resourceRef: note.rule.resourceRef,
      condition: note.rule.predicates.map(describePredicate).join(', ') || 'anything else',
      outcome: describeAction(note.rule.action, names),
    }));
  }

  /** The rule that was noted last: of a walk that ended early, the one that ended it. */
  get last(): Rule | undefined {
    return this.#count === 0 ? undefined : this.#notes[this.#count - 1]?.rule;
  }
}

export interface LoggedDecision {
  readonly rule: Rule;
  readonly direction: Direction;
}

const NOTHING_LOGGED: readonly LoggedDecision[] = [];

/** What people call the numbers that actions go by. */
export interface Names {
  port(index: number): string;
  peer(index: number): string;
}

const NUMBERS: Names = { port: (index) => `port ${index}`, peer: (index) => `peer ${index}` };

interface Note {
  port: number;
  direction: Direction;
  layer: string;
  group: string;
  rule: Rule;
}

const BLANK: Note = {
  port: 0,
  direction: 0,
  layer: '',
  group: '',
  rule: { id: '', resourceRef: '', priority: 0, predicates: [], action: { kind: 'allow' } },
};

function describeAction(action: Action, names: Names): string {
  switch (action.kind) {
    case 'deny':
      return `drop ${DROP_NAMES[action.drop] ?? action.drop}`;
    case 'answer':
      return 'answered by the switch';
    case 'allow':
      return describeAllow(action, names) || 'allow';
    default:
      return assertNever(action);
  }
}

function describeAllow(action: Extract<Action, { kind: 'allow' }>, names: Names): string {
  const { header, steering } = action;
  const { ethernet, ip, transport, outer } = header ?? {};
  const told = (what: string, value: unknown) => (value === undefined ? '' : what);
  return [
    told(`destination MAC ${formatMac(ethernet?.dst ?? 0)}`, ethernet?.dst),
    told(`source MAC ${formatMac(ethernet?.src ?? 0)}`, ethernet?.src),
    told('TTL minus one', header?.ttl),
    ip?.src === undefined ? '' : `source address ${formatIpWords(ip.src)}`,
    ip?.dst === undefined ? '' : `destination address ${formatIpWords(ip.dst)}`,
    told(`source port ${transport?.srcPort}`, transport?.srcPort),
    told(`destination port ${transport?.dstPort}`, transport?.dstPort),
    told('copied to its collector', header?.mirror),
    outer?.kind === 'push' ? `encapsulate VNI ${outer.vni} to ${names.peer(outer.peer)}` : '',
    outer?.kind === 'pop' ? 'decapsulate' : '',
    steering?.nextHop === undefined ? '' : `next hop ${formatIpWords(steering.nextHop)}`,
    steering?.port === undefined ? '' : `deliver to ${names.port(steering.port)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}
