/** The questions of schema/southbound/diagnostics that a switch answers from its own tables. */
export type SwitchMethod =
  | 'effectiveRoutes'
  | 'effectiveRules'
  | 'flowVerify'
  | 'nextHop'
  | 'ruleCounters'
  | 'snat'
  | 'trace'
  | 'virtualAddresses';
