/**
 * How often each rule of the access control lists in force has decided. A list that several virtual networks have is compiled for each;
 * what its rules have decided there is added up. Called by answers.
 */
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { RuleCounterRow } from '../../schema/southbound/diagnostics/rule-counters.ts';
import type { ListInNetwork } from '../switch/network-state.ts';
import type { SwitchTables } from '../switch/tables.ts';

export function answerRuleCounters(
  { ports }: SwitchTables,
  { listId, limit }: Question<'ruleCounters'>,
): Answer<'ruleCounters'> {
  const lists = new Set(ports.all().flatMap(({ configured }) => [...(configured?.lists ?? [])]));
  const rows = new Map<string, RuleCounterRow>();
  for (const list of lists) {
    if (listId === undefined || list.listId === listId) addRules(list, rows);
  }
  const rules = [...rows.values()].sort(byDecisions);
  return { rules: rules.slice(0, limit), total: rules.length };
}

function addRules(list: ListInNetwork, rows: Map<string, RuleCounterRow>): void {
  for (const direction of ['inbound', 'outbound'] as const) {
    const rules = list[direction].rules();
    for (const rule of rules) {
      const decisions = rule.counter?.decisions ?? 0;
      if (decisions === 0) continue;
      const { resourceRef, action } = rule;
      const key = `${direction} ${resourceRef}`;
      rows.set(key, {
        ...{ resourceRef, direction, isDefault: rule === rules.at(-1) },
        action: action.kind === 'deny' ? 'Deny' : 'Allow',
        decisions: decisions + (rows.get(key)?.decisions ?? 0),
      });
    }
  }
}

/** Names decide among equals, so that the same question has the same answer. */
function byDecisions(a: RuleCounterRow, b: RuleCounterRow): number {
  if (a.decisions !== b.decisions) return b.decisions - a.decisions;
  return `${a.resourceRef} ${a.direction}` < `${b.resourceRef} ${b.direction}` ? -1 : 1;
}
