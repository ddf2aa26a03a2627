/**
 * A router as the edge's agent has it: requests with types, over whatever leads to the router. Large changes are cut, so that the router forwards
 * between the parts. Called by agent/, start-router.ts and adopt-router.ts.
 */
import type { Resource, ResourceError } from '../../../schema/southbound/messages.ts';
import type { LearnedRoute } from '../../control/learned-route.ts';
import { RESOURCES_PER_CHANGE_MAX } from '../limits.ts';
import type { RouterAnswer, RouterQuestion } from './answers.ts';
import type { Request, Results, RouterConfiguration } from './worker-protocol.ts';

/** The way to a router: a thread of this process (start-router.ts), or a process of its own (adopt-router.ts). */
export interface RouterLink {
  request<Kind extends Request['kind']>(
    request: Request & { readonly kind: Kind },
  ): Promise<Results[Kind]>;
  readonly isHealthy: boolean;
  /** It has run, with all that it holds, before this process did. */
  readonly isAdopted: boolean;
  /** Process that it runs in. */
  readonly pid: number;
  /** Ends the router. */
  close(): Promise<void>;
}

export interface RouterHandle extends Omit<RouterLink, 'request'> {
  configure(configuration: RouterConfiguration): Promise<void>;
  apply(
    upserts: readonly Resource[],
    removes: readonly string[],
  ): Promise<readonly ResourceError[]>;
  /** Of all resources in force, only those with these keys stay; resolves with how many have gone. */
  keep(keys: readonly string[]): Promise<number>;
  learn(routes: readonly LearnedRoute[]): Promise<void>;
  /** From here on routes are learned anew; those of before stay until `forget`, which resolves with how many have gone. */
  relearn(): Promise<void>;
  forget(): Promise<number>;
  ask(question: RouterQuestion): Promise<RouterAnswer>;
}

export function routerHandle(link: RouterLink): RouterHandle {
  return {
    get isHealthy() {
      return link.isHealthy;
    },
    isAdopted: link.isAdopted,
    pid: link.pid,
    close: () => link.close(),
    async configure(configuration) {
      await link.request({ kind: 'configure', configuration });
    },
    async apply(upserts, removes) {
      const errors: ResourceError[] = [];
      for (let at = 0; at === 0 || at < upserts.length; at += RESOURCES_PER_CHANGE_MAX) {
        const end = at + RESOURCES_PER_CHANGE_MAX;
        const isLast = end >= upserts.length;
        errors.push(
          ...(await link.request({
            kind: 'apply',
            upserts: upserts.slice(at, end),
            removes: isLast ? removes : [],
          })),
        );
      }
      return errors;
    },
    keep: (keys) => link.request({ kind: 'keep', keys }),
    async learn(routes) {
      await link.request({ kind: 'learn', routes });
    },
    async relearn() {
      await link.request({ kind: 'relearn' });
    },
    forget: () => link.request({ kind: 'forget' }),
    ask: (question) => link.request({ kind: 'ask', question }),
  };
}
