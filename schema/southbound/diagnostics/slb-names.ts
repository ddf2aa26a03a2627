/** What goal state's numbers are called in answers about load balancing. Called by slb/mux/agent, dataplane/explain. */
import { HealthState, type LoadBalancingRule, LoadDistribution } from '../messages.ts';

export const HEALTH_NAMES: Readonly<Record<HealthState, string>> = {
  [HealthState.HEALTH_UNKNOWN]: 'unknown',
  [HealthState.HEALTH_UP]: 'up',
  [HealthState.HEALTH_DOWN]: 'down',
  [HealthState.HEALTH_LOST]: 'lost',
};

const DISTRIBUTION_NAMES: Readonly<Record<LoadDistribution, string>> = {
  [LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE]: 'Default',
  [LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP_PROTOCOL]: 'SourceIPProtocol',
  [LoadDistribution.LOAD_DISTRIBUTION_SOURCE_IP]: 'SourceIP',
};

/** What an answer says of a rule itself. */
export function ruleWords(rule: LoadBalancingRule): {
  readonly resourceRef: string;
  readonly protocol: string;
  readonly port: number;
  readonly distribution: string;
  readonly poolId: string;
  readonly probeId?: string;
} {
  const { resourceRef, protocol, port, distribution, poolId, healthId } = rule;
  return {
    resourceRef,
    protocol: PROTOCOL_NAMES[protocol] ?? 'all',
    port,
    distribution: DISTRIBUTION_NAMES[distribution],
    poolId,
    ...(healthId !== '' && { probeId: healthId }),
  };
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp' };
