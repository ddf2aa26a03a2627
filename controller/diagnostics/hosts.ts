/**
 * The hosts behind the questions that people ask of networks: which host has a network interface, and what the host says about it. A
 * question about all hosts is answered by those that answer; who did not is named with the reason, so that a host that is away
 * leaves a gap that can be seen and hides nothing else. Called by the routes of controller/northbound.
 */
import { messageOf } from '../../base/errors.ts';
import type { Rng } from '../../base/rng.ts';
import type { Answer, Method, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { DesiredState, Resource } from '../model/desired-state.ts';
import type { RealisedState } from '../model/realised-state.ts';
import type { AskEdge, AskMux, AskTarget } from '../southbound/ask-target.ts';

/** What the answers are made from. */
export interface Explained {
  readonly desired: DesiredState;
  readonly realised: Pick<
    RealisedState,
    'serverOf' | 'targets' | 'holderOf' | 'configurationState'
  >;
  readonly ask: AskTarget;
  readonly rng: Rng;
  readonly askEdge: AskEdge;
  readonly askMux: AskMux;
}

/** By resourceId or instanceId. */
export function findInterface({ desired }: Explained, id: string): Resource | undefined {
  const byId = desired.byInstanceId(id);
  return byId?.type === 'networkinterfaces' ? byId : desired.byRef(`/networkInterfaces/${id}`);
}

/** Undefined while it is attached to no host. */
export function hostOf({ realised }: Explained, nic: Resource): string | undefined {
  return realised.serverOf(nic.instanceId);
}

export interface FromHosts<T> {
  readonly answers: readonly { readonly host: string; readonly answer: T }[];
  /** Hosts that did not answer. */
  readonly missing: readonly { readonly host: string; readonly reason: string }[];
}

/** Asks every host, or the one of this name; names compare without case. All the same, or each its own. */
export async function askAll<M extends Method>(
  { realised, ask }: Explained,
  method: M,
  question: Question<M> | ((host: string) => Question<M>),
  only?: string,
): Promise<FromHosts<Answer<M>>> {
  const isAsked = (id: string) => only === undefined || id.toLowerCase() === only.toLowerCase();
  const hosts = realised.targets().filter(({ kind, id }) => kind === 'host' && isAsked(id));
  const answers: { host: string; answer: Answer<M> }[] = [];
  const missing: { host: string; reason: string }[] = [];
  await Promise.all(
    hosts.map(async ({ id: host }) => {
      try {
        const own = typeof question === 'function' ? question(host) : question;
        answers.push({ host, answer: await ask(host, method, own) });
      } catch (thrown) {
        missing.push({ host, reason: messageOf(thrown) });
      }
    }),
  );
  const byHost = (a: { host: string }, b: { host: string }) => (a.host < b.host ? -1 : 1);
  return { answers: answers.sort(byHost), missing: missing.sort(byHost) };
}

/** resourceRef of the interface behind a port; the port's own identifier where none is known. */
export function refOfPort({ desired }: Explained, portId: string): string {
  return desired.byInstanceId(portId)?.ref ?? portId;
}
