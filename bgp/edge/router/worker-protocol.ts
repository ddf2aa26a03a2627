/**
 * What the edge and its forwarding worker say to each other, whether by messages between threads or over the router's socket. Requests are numbered and
 * answered in order; in shared memory a word counts them, so that the loop sees with one load whether there are any. Called by
 * start-router.ts, router-loop.ts, router-server.ts and adopt-router.ts.
 */
import type { Resource, ResourceError } from '../../../schema/southbound/messages.ts';
import type { LearnedRoute } from '../../control/learned-route.ts';
import type { NatTimeouts } from '../nat44/mapping-table.ts';
import type { PortLease } from '../nat44/port-lease.ts';
import type { RouterAnswer, RouterQuestion } from './answers.ts';
import type { LinkSettings } from './links.ts';
import type { RouterSettings, StaticGateway } from './router-state.ts';

/** Settings as the worker brings them into force: it opens and closes what frames come through. */
export interface RouterConfiguration {
  readonly settings: RouterSettings;
  readonly links: readonly LinkSettings[];
  readonly gateways: readonly StaticGateway[];
}

export type Request =
  | { readonly kind: 'configure'; readonly configuration: RouterConfiguration }
  | {
      readonly kind: 'apply';
      readonly upserts: readonly Resource[];
      readonly removes: readonly string[];
    }
  /** Of all resources, only those with these keys stay. */
  | { readonly kind: 'keep'; readonly keys: readonly string[] }
  | { readonly kind: 'learn'; readonly routes: readonly LearnedRoute[] }
  /** From here on routes are learned anew; those of before stay until `forget`. */
  | { readonly kind: 'relearn' }
  /** Learned routes that have not been told since `relearn` go. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'ask'; readonly question: RouterQuestion }
  | { readonly kind: 'close' };

/** What each kind of request is answered with. */
export interface Results {
  readonly configure: true;
  readonly apply: readonly ResourceError[];
  /** How many have gone. */
  readonly keep: number;
  readonly learn: true;
  readonly relearn: true;
  /** How many have gone. */
  readonly forget: number;
  readonly ask: RouterAnswer;
  readonly close: true;
}

export interface NumberedRequest {
  readonly number: number;
  readonly request: Request;
}

/** An SdnError on its way between threads. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | undefined;
}

/** To the request with that number. */
export type WorkerAnswer =
  | { readonly kind: 'result'; readonly number: number; readonly value: Results[keyof Results] }
  | { readonly kind: 'fault'; readonly number: number; readonly fault: Fault };

export type WorkerMessage =
  | WorkerAnswer
  /** The loop runs; `wakeFd` ends its wait. */
  | { readonly kind: 'ready'; readonly wakeFd: number }
  | { readonly kind: 'ports'; readonly lease: PortLease };

export interface WorkerData {
  /** One 32-bit word: requests posted so far. */
  readonly requestCount: SharedArrayBuffer;
  readonly hasOffload: boolean;
  /** Default: those of limits.ts. */
  readonly natTimeouts: NatTimeouts | undefined;
}
