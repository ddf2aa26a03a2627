/**
 * What the controller can ask a host (weft.proto, Query and Answer): the name of each method with the shape of its question and of its
 * answer. Both ends check what they get: the host refuses a question that is not of its shape with the reason, the controller an
 * answer. Questions may not have unknown properties; answers may, since a host may be newer.
 *
 * Called by controller/southbound (asks). Roles that answer import types alone: they check questions by question-shapes.ts, which
 * `npm run generate` makes from these schemas.
 */
import type Type from 'typebox';
import Value from 'typebox/value';
import {
  CapturesAnswer,
  CapturesQuestion,
  ReadCaptureAnswer,
  ReadCaptureQuestion,
  StartCaptureAnswer,
  StartCaptureQuestion,
  StopCaptureAnswer,
  StopCaptureQuestion,
} from './captures.ts';
import { CountersAnswer, CountersQuestion } from './counters.ts';
import { FlowLogAnswer, FlowLogQuestion } from './flow-log.ts';
import { FlowVerifyAnswer, FlowVerifyQuestion } from './flow-verify.ts';
import { FlowsAnswer, FlowsQuestion } from './flows.ts';
import {
  ProbeAnswer,
  ProbeQuestion,
  ProbeSeenAnswer,
  ProbeSeenQuestion,
  ProbeWatchAnswer,
  ProbeWatchQuestion,
} from './probe.ts';
import { ProviderPingAnswer, ProviderPingQuestion } from './provider-ping.ts';
import {
  EffectiveRoutesAnswer,
  EffectiveRoutesQuestion,
  NextHopAnswer,
  NextHopQuestion,
} from './routes.ts';
import { RuleCountersAnswer, RuleCountersQuestion } from './rule-counters.ts';
import { EffectiveRulesAnswer, EffectiveRulesQuestion } from './rules.ts';
import {
  ProbesAnswer,
  ProbesQuestion,
  SnatAnswer,
  SnatQuestion,
  VirtualAddressesAnswer,
  VirtualAddressesQuestion,
} from './slb.ts';
import { TraceAnswer, TraceQuestion } from './trace.ts';

export const DIAGNOSTICS = {
  captures: { question: CapturesQuestion, answer: CapturesAnswer },
  counters: { question: CountersQuestion, answer: CountersAnswer },
  effectiveRoutes: { question: EffectiveRoutesQuestion, answer: EffectiveRoutesAnswer },
  effectiveRules: { question: EffectiveRulesQuestion, answer: EffectiveRulesAnswer },
  flowLog: { question: FlowLogQuestion, answer: FlowLogAnswer },
  flowVerify: { question: FlowVerifyQuestion, answer: FlowVerifyAnswer },
  flows: { question: FlowsQuestion, answer: FlowsAnswer },
  nextHop: { question: NextHopQuestion, answer: NextHopAnswer },
  probe: { question: ProbeQuestion, answer: ProbeAnswer },
  probeSeen: { question: ProbeSeenQuestion, answer: ProbeSeenAnswer },
  probeWatch: { question: ProbeWatchQuestion, answer: ProbeWatchAnswer },
  probes: { question: ProbesQuestion, answer: ProbesAnswer },
  ruleCounters: { question: RuleCountersQuestion, answer: RuleCountersAnswer },
  providerPing: { question: ProviderPingQuestion, answer: ProviderPingAnswer },
  readCapture: { question: ReadCaptureQuestion, answer: ReadCaptureAnswer },
  snat: { question: SnatQuestion, answer: SnatAnswer },
  startCapture: { question: StartCaptureQuestion, answer: StartCaptureAnswer },
  stopCapture: { question: StopCaptureQuestion, answer: StopCaptureAnswer },
  trace: { question: TraceQuestion, answer: TraceAnswer },
  virtualAddresses: { question: VirtualAddressesQuestion, answer: VirtualAddressesAnswer },
} as const;

export type Method = keyof typeof DIAGNOSTICS;
export type Question<M extends Method> = Type.Static<(typeof DIAGNOSTICS)[M]['question']>;
export type Answer<M extends Method> = Type.Static<(typeof DIAGNOSTICS)[M]['answer']>;

/** Where `value` is not what the schema says, in words; undefined: it is. */
export function mismatch(schema: Type.TSchema, value: unknown): string | undefined {
  if (Value.Check(schema, value)) return undefined;
  const [first] = Value.Errors(schema, value);
  return `${first?.instancePath || 'the body'} ${first?.message ?? 'is wrong'}`;
}
