/**
 * Decisions: which rule of which layer decided what, noted down while a packet walks its layers. The forwarding loop's first packet of a
 * flow and a person's question "what would happen to this packet?" go through the same walk; only the latter reads the notes.
 *
 * Called by pipeline (notes), dataplane/switch and whoever explains (reads).
 */
import { assertNever } from '../../base/assert.ts';
import { formatIpWords } from '../../base/ip-words.ts';
import { DROP_NAMES } from '../../packet/drop.ts';
import { DECISIONS_MAX } from '../limits.ts';
import { DIRECTION_NAMES, type Direction } from './direction.ts';
import type { HeaderAction } from './header-action.ts';
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

  clear(): void {
    this.#count = 0;
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
  }

  /** Counts each decision at its rule. For packets that are really forwarded; a question what would happen leaves the counters alone. */
  count(): void {
    for (let index = 0; index < this.#count; index += 1) {
      const counter = this.#notes[index]?.rule.counter;
      if (counter !== undefined) counter.decisions += 1;
    }
  }

  /** The notes in words, first decision first. */
  explain(): Decision[] {
    return this.#notes.slice(0, this.#count).map((note) => ({
      port: note.port,
      direction: DIRECTION_NAMES[note.direction],
      layer: note.layer,
      group: note.group,
      rule: note.rule.id,
      resourceRef: note.rule.resourceRef,
      condition: note.rule.predicates.map(describePredicate).join(', ') || 'anything else',
      outcome: describeAction(note.rule.action),
    }));
  }
}

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

function describeAction(action: Action): string {
  switch (action.kind) {
    case 'deny':
      return `drop ${DROP_NAMES[action.drop] ?? action.drop}`;
    case 'answer':
      return 'answered by the switch';
    case 'allow': {
      const outer = action.header?.outer;
      const parts = [
        action.header?.ethernet === undefined ? '' : 'rewrite MAC',
        action.header?.ttl === undefined ? '' : 'decrement TTL',
        ...describeTranslation(action.header),
        outer?.kind === 'push' ? `encapsulate VNI ${outer.vni} to peer ${outer.peer}` : '',
        outer?.kind === 'pop' ? 'decapsulate' : '',
        action.steering?.port === undefined ? '' : `deliver to port ${action.steering.port}`,
      ].filter((part) => part !== '');
      return parts.length === 0 ? 'allow' : parts.join(', ');
    }
    default:
      return assertNever(action);
  }
}

function describeTranslation(header: HeaderAction | undefined): string[] {
  const { ip, transport } = header ?? {};
  return [
    ip?.src === undefined ? '' : `source becomes ${formatIpWords(ip.src)}`,
    transport?.srcPort === undefined ? '' : `source port becomes ${transport.srcPort}`,
    ip?.dst === undefined ? '' : `destination becomes ${formatIpWords(ip.dst)}`,
    transport?.dstPort === undefined ? '' : `destination port becomes ${transport.dstPort}`,
  ];
}
