/** Does a trace answer the question "which rule?"? Called by foretold. */
import type { TraceAnswer } from '../../schema/southbound/diagnostics/trace.ts';

/** Reasons that are no rule's: the frame, the port or the switch itself is the reason. */
const NO_RULE: ReadonlySet<string> = new Set([
  'PortUnknown',
  'OuterSourceUnknown',
  'TtlExpired',
  'FrameTooBig',
  'HairpinLoop',
  'FlowTableFull',
  'PortDetached',
  'OffloadInvalid',
]);

export function isExplained({ verdict, steps }: TraceAnswer): boolean {
  if (verdict.kind !== 'drop') return steps.length > 0;
  if (verdict.meaning === '' || verdict.remedy === '') return false;
  return verdict.rule !== undefined || NO_RULE.has(verdict.reason) || steps.length === 0;
}
