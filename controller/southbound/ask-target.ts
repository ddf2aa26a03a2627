/**
 * A question to a host with its types: what is asked and what is answered are checked against schema/southbound/diagnostics, so that
 * whoever asks deals with values, never with a target's JSON. Called by start-southbound; asked by controller/diagnostics.
 */

import {
  BGP_DIAGNOSTICS,
  type BgpAnswer,
  type BgpMethod,
  type BgpQuestion,
} from '../../schema/southbound/diagnostics/bgp.ts';
import {
  type Answer,
  DIAGNOSTICS,
  type Method,
  mismatch,
  type Question,
} from '../../schema/southbound/diagnostics/methods.ts';
import type { TargetKey } from '../goal-state/goal-states.ts';
import { QuestionFault } from './questions.ts';
import { targetKey } from './target.ts';

/** `host`: resourceId of the server. Rejects with a QuestionFault. */
export type AskTarget = <M extends Method>(
  host: string,
  method: M,
  question: Question<M>,
) => Promise<Answer<M>>;

/** `edge`: resourceId of the edgeRouter. Rejects with a QuestionFault. */
export type AskEdge = <M extends BgpMethod>(
  edge: string,
  method: M,
  question: BgpQuestion<M>,
) => Promise<BgpAnswer<M>>;

type Ask = (key: TargetKey, method: string, question: unknown) => Promise<unknown>;

export function askTarget(ask: Ask): AskTarget {
  return async (host, method, question) => {
    const key = targetKey('host', host.toLowerCase());
    const answer = await ask(key, method, question);
    const fault = mismatch(DIAGNOSTICS[method].answer, answer);
    if (fault !== undefined) throw malformed(key, method, fault);
    return answer as Answer<typeof method>;
  };
}

export function askEdge(ask: Ask): AskEdge {
  return async (edge, method, question) => {
    const key = targetKey('edge', edge.toLowerCase());
    const answer = await ask(key, method, question);
    const fault = mismatch(BGP_DIAGNOSTICS[method].answer, answer);
    if (fault !== undefined) throw malformed(key, method, fault);
    return answer as BgpAnswer<typeof method>;
  };
}

function malformed(key: TargetKey, method: string, fault: string): QuestionFault {
  const message = `the answer of ${key} to '${method}': ${fault}`;
  const remedy = 'Controller and target have different versions: update both.';
  return new QuestionFault(key, 'SDN_ANSWER_MALFORMED', message, remedy);
}
