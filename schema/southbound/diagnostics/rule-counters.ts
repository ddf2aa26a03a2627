/**
 * `ruleCounters`: how often the rules of access control lists have decided, over all interfaces of a host. Rules that have not decided
 * anything are absent.
 */
import Type from 'typebox';
import { RuleAction, RuleDirection } from './rules.ts';

/** Rules of one answer: all of the largest list, and what it does by default in each direction. */
export const RULE_COUNTERS_MAX = 4098;

export const RuleCountersQuestion = Type.Object(
  {
    /** instanceId of an access control list; absent: of every list. */
    listId: Type.Optional(Type.String({ maxLength: 128 })),
    limit: Type.Integer({ minimum: 1, maximum: RULE_COUNTERS_MAX }),
  },
  { additionalProperties: false },
);

export const RuleCounterRow = Type.Object({
  /** The rule; of a default action, the list. */
  resourceRef: Type.String(),
  direction: RuleDirection,
  isDefault: Type.Boolean(),
  action: RuleAction,
  /** First packets of flows and refused packets that it has decided about, since this host has had the rule. */
  decisions: Type.Number(),
});
export type RuleCounterRow = Type.Static<typeof RuleCounterRow>;

export const RuleCountersAnswer = Type.Object({
  /** Those that have decided most often first. */
  rules: Type.Array(RuleCounterRow),
  /** There are more than `rules` shows where this is larger. */
  total: Type.Integer(),
});
export type RuleCountersAnswer = Type.Static<typeof RuleCountersAnswer>;
