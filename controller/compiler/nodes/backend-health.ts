/**
 * Node `backend-health`: what probes say of backends. One unit per probe, by its Ref; a change of health alters nothing else, so that it is
 * with the muxes at once.
 */
import { ipBytes, parseIp } from '../../../base/ip.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { backendHealthKey, resourceContent } from '../../goal-state/resource.ts';
import { balancerId, balancersTurnedBy, scopesOf, sideOf } from '../balancing.ts';
import type { CompilerNode } from '../node.ts';

export const backendHealth: CompilerNode = {
  name: 'backend-health',
  handle(change, model) {
    switch (change.kind) {
      case 'load-balancer':
        return new Set(
          [change.before, change.after].flatMap((one) => one?.probes.map(({ ref }) => ref) ?? []),
        );
      case 'health': {
        const found = model.byInstanceId(change.probeId);
        if (found?.kind !== 'load-balancer') return [];
        return found.probes
          .filter(({ instanceId }) => instanceId === change.probeId)
          .map(({ ref }) => ref);
      }
      default:
        return balancersTurnedBy(change, model).flatMap(
          (id) => model.loadBalancers.get(id)?.probes.map(({ ref }) => ref) ?? [],
        );
    }
  },
  units: (model) =>
    [...model.loadBalancers.values()].flatMap(({ probes }) => probes.map(({ ref }) => ref)),
  compile(ref, model) {
    const balancer = model.loadBalancers.get(balancerId(ref));
    const side = balancer && sideOf(balancer, model);
    const probe = balancer?.probes.find((each) => each.ref === ref);
    if (balancer === undefined || side === undefined || probe === undefined) return NO_OUTPUT;
    const states = [...model.balancing.healthOf(probe.instanceId)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([text, state]) => {
        const address = parseIp(text);
        return address === undefined ? [] : [{ address: ipBytes(address), state }];
      });
    const content = resourceContent({
      key: backendHealthKey(probe.instanceId),
      backendHealth: { id: probe.instanceId, probeRef: probe.resourceRef, states },
    });
    return {
      published: [{ scope: scopesOf(balancer, side).pools, content }],
      subscriptions: [],
    };
  },
};
