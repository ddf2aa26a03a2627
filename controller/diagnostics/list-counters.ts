/**
 * What each rule of an access control list has decided, summed over hosts: every rule that the list has, those that no host has ever used
 * included, in the order in which they are tried. Called by controller/northbound/traffic-routes.
 */
import type {
  RuleCounterRow,
  RuleCountersAnswer,
} from '../../schema/southbound/diagnostics/rule-counters.ts';
import type { Resource } from '../model/desired-state.ts';
import { refKey } from '../model/resource-ref.ts';

export interface ListedRule {
  /** The rule; of a default action, the list. */
  readonly resourceRef: string;
  readonly direction: RuleCounterRow['direction'];
  /** Absent for the default action. */
  readonly priority?: number;
  readonly isDefault: boolean;
  readonly action: RuleCounterRow['action'];
  readonly decisions: number;
}

export function countedRules(
  list: Resource,
  answers: readonly { readonly answer: RuleCountersAnswer }[],
): readonly ListedRule[] {
  const sums = new Map<string, number>();
  for (const { resourceRef, direction, decisions } of answers.flatMap(
    ({ answer }) => answer.rules,
  )) {
    const key = keyOf(resourceRef, direction);
    sums.set(key, (sums.get(key) ?? 0) + decisions);
  }
  return (['inbound', 'outbound'] as const).flatMap((direction) =>
    rulesOf(list, direction).map((rule) => ({
      ...rule,
      decisions: sums.get(keyOf(rule.resourceRef, direction)) ?? 0,
    })),
  );
}

function keyOf(resourceRef: string, direction: string): string {
  return `${direction} ${refKey(resourceRef)}`;
}

/** As they are tried; the default action last. */
function rulesOf(
  { ref, children, properties }: Resource,
  direction: ListedRule['direction'],
): readonly Omit<ListedRule, 'decisions'>[] {
  const is = (value: unknown, word: string) => String(value).toLowerCase() === word;
  const actionOf = (value: unknown): ListedRule['action'] => (is(value, 'deny') ? 'Deny' : 'Allow');
  const rules = children
    .filter((rule) => is(rule.properties['type'], direction))
    .map((rule) => ({
      resourceRef: rule.ref,
      direction,
      priority: Number(rule.properties['priority']),
      isDefault: false,
      action: actionOf(rule.properties['action']),
    }))
    .sort((a, b) => a.priority - b.priority);
  const action = actionOf(properties[`${direction}DefaultAction`]);
  return [...rules, { resourceRef: ref, direction, isDefault: true, action }];
}
