/**
 * A question to a host with its types: what is asked and what is answered are checked against schema/southbound/diagnostics, so that
 * whoever asks deals with values, never with a target's JSON. Called by start-southbound; asked by controller/diagnostics.
 */
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

export function askTarget(
  ask: (key: TargetKey, method: string, question: unknown) => Promise<unknown>,
): AskTarget {
  return async (host, method, question) => {
    const key = targetKey('host', host.toLowerCase());
    const answer = await ask(key, method, question);
    const fault = mismatch(DIAGNOSTICS[method].answer, answer);
    if (fault === undefined) return answer as Answer<typeof method>;
    const message = `the answer of ${key} to '${method}': ${fault}`;
    const remedy = 'Controller and host have different versions: update both.';
    throw new QuestionFault(key, 'SDN_ANSWER_MALFORMED', message, remedy);
  };
}
