/** What realisation.ts and balancing-realisation.ts say of targets in the words of configurationState (MS-NCNBI §2.2.4). */
import type { ResourceError } from '../../schema/southbound/messages.ts';
import type { TargetKey } from '../goal-state/goal-states.ts';
import type { ConfigurationDetail, ConfigurationStatus } from '../model/realised-state.ts';
import type { Target } from './target.ts';

/** A state before its time is written out. */
export interface Judgement {
  readonly status: ConfigurationStatus;
  readonly details: readonly ConfigurationDetail[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

export const SWITCH = 'VirtualSwitch';
export const EDGE = 'EdgeRouter';
export const BALANCER = 'SoftwareLoadBalancerManager';

export function away(key: TargetKey, target: Target | undefined): ConfigurationDetail {
  const since = target === undefined ? '' : ` since ${new Date(target.since).toISOString()}`;
  return {
    source: SOURCES[key.split('/', 1)[0] ?? ''] ?? SWITCH,
    code: 'HostNotConnectedToController',
    message: `'${key}' is not connected to the controller${since}; it goes on with the goal state it has`,
  };
}

export function detailOf(fault: ResourceError, target: Target): ConfigurationDetail {
  return { source: sourceOf(target), code: fault.code, message: `${fault.key}: ${fault.message}` };
}

export function sourceOf({ kind }: Target): string {
  return SOURCES[kind] ?? SWITCH;
}

const SOURCES: Readonly<Record<string, string>> = { edge: EDGE, mux: BALANCER };
