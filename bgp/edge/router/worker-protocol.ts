/**
 * What the edge and its forwarding worker say to each other, in the frame that all roles share (dataplane/port/worker-protocol.ts), whether by messages
 * between threads or over the router's socket. Called by start-router.ts, router-loop.ts, router-server.ts and adopt-router.ts.
 */
import type { WorkerAnswer, WorkerSettings } from '../../../dataplane/port/worker-protocol.ts';
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

export type WorkerMessage =
  | WorkerAnswer<Results[keyof Results]>
  | { readonly kind: 'ports'; readonly lease: PortLease };

export interface WorkerData extends WorkerSettings {
  /** Default: those of limits.ts. */
  readonly natTimeouts: NatTimeouts | undefined;
}
