/**
 * Rule — predicates and an action, the unit of policy (VFP, NSDI 2017 §4). A rule is data and carries the reference of the resource it
 * comes from, so that every decision can be explained in the user's own words.
 *
 * Called by dataplane/layers (writes rules), group (finds them), pipeline (runs their actions).
 */
import type { IpWords } from '../../base/ip-words.ts';
import type { Drop } from '../../packet/drop.ts';
import type { EpochCell } from './epochs.ts';
import type { HeaderAction } from './header-action.ts';
import type { Predicate } from './predicate.ts';

export interface Rule {
  /** Unique within its group, readable. */
  readonly id: string;
  /** The resource that asks for this rule; empty for what the switch does by itself. */
  readonly resourceRef: string;
  /** Lower is tried first. */
  readonly priority: number;
  readonly predicates: readonly Predicate[];
  readonly action: Action;
  /** Set where this one rule may be revoked: flows resolved by it become stale when the cell is bumped. At most four per walk. */
  readonly cell?: EpochCell;
  /** Set where people ask how often a rule decides. */
  readonly counter?: RuleCounter;
  /** Set where flows of this rule end at this port otherwise than others when they are idle. */
  readonly idle?: IdleLimit;
  /** What this rule decides belongs into the flow log. */
  readonly isLogged?: boolean;
}

/** How an established flow ends that nobody uses. */
export interface IdleLimit {
  /** Seconds, up to flow-entries' PAIR_IDLE_SEC_MAX; 0: as long as any of its protocol. */
  readonly sec: number;
  /** Both ends of a TCP connection are told by a reset. */
  readonly reset: boolean;
}

/** Grows by one with every packet that walks its layers and meets the rule: flows it has decided, those it refuses packet by packet. */
export interface RuleCounter {
  decisions: number;
}

export type Action =
  /** On to the next group, with these changes. */
  | { readonly kind: 'allow'; readonly header?: HeaderAction; readonly steering?: Steering }
  /** End of the walk: dropped and counted. */
  | { readonly kind: 'deny'; readonly drop: Drop }
  /** End of the walk: the switch answers by itself (VFP's hairpin). What `service` means is the caller's business. */
  | { readonly kind: 'answer'; readonly service: number };

/** What a layer has found out about where the packet comes from and goes to; later layers and the switch go by it. */
export interface Steering {
  /** Segment the packet comes from. */
  readonly segment?: number;
  /** Segment the packet goes to. */
  readonly nextSegment?: number;
  /** Routing domain whose mappings say where the next hop is; without one the port's own. */
  readonly domain?: number;
  /** Where to deliver instead of the packet's own destination address. */
  readonly nextHop?: IpWords;
  /** It has been routed by this rule already, whatever its destination is now: the layer that routes only repeats it. */
  readonly route?: Rule;
  /** It may be delivered to the port that has sent it. */
  readonly mayReturn?: true;
  /** Port of this switch that receives it. Without one, a pushed outer header says which peer does. */
  readonly port?: number;
}

export const ALLOW: Action = { kind: 'allow' };

export function deny(drop: Drop): Action {
  return { kind: 'deny', drop };
}
