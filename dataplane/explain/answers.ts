/**
 * Answers of the switch to questions about what it does (schema/southbound/diagnostics), made between two bursts from the tables that
 * forward. Called by switch-core.
 */
import { type IpWords, parseIpWords } from '../../base/ip-words.ts';
import { TRACE_FRAME_BYTES_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { PacketEnds, TracedRequest } from '../../schema/southbound/diagnostics/trace.ts';
import { invalid, portAt } from './asked-port.ts';
import { answerFlowVerify } from './flow-verify.ts';
import { answerEffectiveRoutes, answerNextHop } from './route-answers.ts';
import { answerEffectiveRules } from './rule-answers.ts';
import { answerRuleCounters } from './rule-counters.ts';
import { senderOf } from './sender.ts';
import { answerSnat } from './snat-answers.ts';
import type { SwitchMethod } from './switch-method.ts';
import type { AnsweredRequest, RequestEnds, TracerParts } from './trace-walk.ts';
import { frameOf, type Sender } from './traced-frame.ts';
import type { Tracer } from './tracer.ts';
import { answerVirtualAddresses } from './virtual-address-answers.ts';

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
    virtualAddresses: (question) => answerVirtualAddresses(parts, question),
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
  const options = question.answers === undefined ? {} : { answers: requestOf(question.answers) };
  if ('tunnel' in question) {
    const source = addressOf(question.tunnel.source, 'the tunnel’s source');
    const frame =
      'packet' in question
        ? frameOf(question.packet, NOBODY)
        : Buffer.from(question.frame, 'base64');
    if (frame.length > TRACE_FRAME_BYTES_MAX) throw invalid('the frame is too long');
    const entrance = { kind: 'tunnel' as const, source, vni: question.tunnel.vni };
    return tracer.trace(entrance, frame, options).answer;
  }
  const { portId, packet } = question;
  const frame = frameOf(packet, senderOf(portAt(tables, portId)));
  return tracer.trace({ kind: 'port', portId }, frame, options).answer;
}

function requestOf({ sent, came }: TracedRequest): AnsweredRequest {
  return {
    ...(sent !== undefined && { sent: endsOf(sent) }),
    ...(came !== undefined && { came: endsOf(came) }),
  };
}

function endsOf(ends: PacketEnds): RequestEnds {
  const source = addressOf(ends.source, 'the request’s source');
  const destination = addressOf(ends.destination, 'the request’s destination');
  return { ...ends, source, destination };
}

function addressOf(text: string, whose: string): IpWords {
  const address = parseIpWords(text);
  if (address === undefined) throw invalid(`${whose} is no address`);
  return address;
}
