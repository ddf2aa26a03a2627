/**
 * A question to a host with its types: what is asked and what is answered are checked against schema/southbound/diagnostics, so that
 * whoever asks deals with values, never with a target's JSON. Called by start-southbound; asked by controller/diagnostics.
 */

import type Type from 'typebox';
import { BGP_DIAGNOSTICS } from '../../schema/southbound/diagnostics/bgp.ts';
import { EDGE_DIAGNOSTICS } from '../../schema/southbound/diagnostics/edge.ts';
import {
  type Answer,
  DIAGNOSTICS,
  type Method,
  mismatch,
  type Question,
} from '../../schema/southbound/diagnostics/methods.ts';
import { MUX_DIAGNOSTICS } from '../../schema/southbound/diagnostics/slb.ts';
import type { TargetKey } from '../goal-state/goal-states.ts';
import { QuestionFault } from './questions.ts';
import { targetKey } from './target.ts';

/** `host`: resourceId of the server. Rejects with a QuestionFault. */
export type AskTarget = <M extends Method>(
  host: string,
  method: M,
  question: Question<M>,
) => Promise<Answer<M>>;

/** What an edge router answers: about its BGP, and about packets. */
const OF_EDGES: typeof BGP_DIAGNOSTICS & typeof EDGE_DIAGNOSTICS = {
  ...BGP_DIAGNOSTICS,
  ...EDGE_DIAGNOSTICS,
};
type EdgeMethod = keyof typeof OF_EDGES;
type EdgeQuestion<M extends EdgeMethod> = Type.Static<(typeof OF_EDGES)[M]['question']>;
type EdgeAnswer<M extends EdgeMethod> = Type.Static<(typeof OF_EDGES)[M]['answer']>;

/** `edge`: resourceId of the edgeRouter. Rejects with a QuestionFault. */
export type AskEdge = <M extends EdgeMethod>(
  edge: string,
  method: M,
  question: EdgeQuestion<M>,
) => Promise<EdgeAnswer<M>>;

/** What a mux answers: about its BGP, and about virtual addresses. */
const OF_MUXES: typeof BGP_DIAGNOSTICS & typeof MUX_DIAGNOSTICS = {
  ...BGP_DIAGNOSTICS,
  ...MUX_DIAGNOSTICS,
};
type MuxMethod = keyof typeof OF_MUXES;
type MuxQuestion<M extends MuxMethod> = Type.Static<(typeof OF_MUXES)[M]['question']>;
type MuxAnswer<M extends MuxMethod> = Type.Static<(typeof OF_MUXES)[M]['answer']>;

/** `mux`: resourceId of the loadBalancerMux. Rejects with a QuestionFault. */
export type AskMux = <M extends MuxMethod>(
  mux: string,
  method: M,
  question: MuxQuestion<M>,
) => Promise<MuxAnswer<M>>;

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
    const fault = mismatch(OF_EDGES[method].answer, answer);
    if (fault !== undefined) throw malformed(key, method, fault);
    return answer as EdgeAnswer<typeof method>;
  };
}

export function askMux(ask: Ask): AskMux {
  return async (mux, method, question) => {
    const key = targetKey('mux', mux.toLowerCase());
    const answer = await ask(key, method, question);
    const fault = mismatch(OF_MUXES[method].answer, answer);
    if (fault !== undefined) throw malformed(key, method, fault);
    return answer as MuxAnswer<typeof method>;
  };
}

function malformed(key: TargetKey, method: string, fault: string): QuestionFault {
  const message = `the answer of ${key} to '${method}': ${fault}`;
  const remedy = 'Controller and target have different versions: update both.';
  return new QuestionFault(key, 'SDN_ANSWER_MALFORMED', message, remedy);
}
