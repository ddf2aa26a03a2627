/**
 * Answers of the switch to questions about what it does (schema/southbound/diagnostics), made between two bursts from the tables that
 * forward. Called by switch-core.
 */
import { parseIpWords } from '../../base/ip-words.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import { TRACE_FRAME_BYTES_MAX } from '../../schema/southbound/diagnostics/trace.ts';
import { invalid, portAt } from './asked-port.ts';
import { answerFlowVerify } from './flow-verify.ts';
import { answerEffectiveRoutes, answerNextHop } from './route-answers.ts';
import { answerEffectiveRules } from './rule-answers.ts';
import { answerRuleCounters } from './rule-counters.ts';
import { senderOf } from './sender.ts';
import { answerSnat } from './snat-answers.ts';
import type { SwitchMethod } from './switch-method.ts';
import type { TracerParts } from './trace-walk.ts';
import { frameOf, type Sender } from './traced-frame.ts';
import type { Tracer } from './tracer.ts';

export type SwitchAnswers = {
  readonly [M in SwitchMethod]: (question: Question<M>) => Answer<M>;
};

/** Each throws an SdnError where the question makes no sense here. */
export function switchAnswers(parts: TracerParts, tracer: Tracer): SwitchAnswers {
  const { tables } = parts;
  return {
    effectiveRoutes: (question) => answerEffectiveRoutes(portAt(tables, question.portId), question),
    effectiveRules: (question) => answerEffectiveRules(portAt(tables, question.portId), question),
    flowVerify: (question) => {
      const port = portAt(tables, question.portId);
      return answerFlowVerify(port, senderOf(port), question);
    },
    nextHop: (question) => answerNextHop(portAt(tables, question.portId), question),
    ruleCounters: (question) => answerRuleCounters(tables, question),
    snat: (question) => answerSnat(parts, question),
    trace: (question) => answerTrace(parts, tracer, question),
  };
}

/** Fills nothing in: a packet that comes out of a tunnel is described as a whole. */
const NOBODY: Sender = {
  mac: 0,
  addresses: [],
  nextMac() {
    throw invalid('name the destinationMac');
  },
};

function answerTrace(
  { tables }: TracerParts,
  tracer: Tracer,
  question: Question<'trace'>,
): Answer<'trace'> {
  const { asReply = false } = question;
  if ('tunnel' in question) {
    const source = parseIpWords(question.tunnel.source);
    if (source === undefined) throw invalid('the tunnel’s source is no address');
    const frame =
      'packet' in question
        ? frameOf(question.packet, NOBODY)
        : Buffer.from(question.frame, 'base64');
    if (frame.length > TRACE_FRAME_BYTES_MAX) throw invalid('the frame is too long');
    const entrance = { kind: 'tunnel' as const, source, vni: question.tunnel.vni };
    return tracer.trace(entrance, frame, { asReply }).answer;
  }
  const { portId, packet } = question;
  const frame = frameOf(packet, senderOf(portAt(tables, portId)));
  return tracer.trace({ kind: 'port', portId }, frame, { asReply }).answer;
}
