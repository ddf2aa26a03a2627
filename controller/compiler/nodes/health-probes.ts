/**
 * Node `health-probes`: which backends a host probes, and how. One unit per probe (MS-NCNBI §3.1.5.5.7), by its Ref; each host is told of the
 * backends on it alone. A probe that no rule uses asks nobody.
 */
import type { ProbedBackend } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { healthProbeKey, resourceContent } from '../../goal-state/resource.ts';
import { balancerId, membersOf, targetsMovedBy } from '../balancing.ts';
import type { LoadBalancer } from '../load-balancer-document.ts';
import type { ModelView } from '../model-view.ts';
import { type CompilerNode, hastened, hostScope } from '../node.ts';
import type { Ref } from '../ref.ts';

export const healthProbes: CompilerNode = {
  name: 'health-probes',
  handle(change, model) {
    if (change.kind === 'load-balancer') {
      return new Set([change.before, change.after].flatMap(probesOf));
    }
    return new Set([...targetsMovedBy(change, model)].flatMap((ref) => probesAt(ref, model)));
  },
  units: (model) => [...model.loadBalancers.values()].flatMap(probesOf),
  compile(ref, model, settings) {
    const balancer = model.loadBalancers.get(balancerId(ref));
    const probe = balancer?.probes.find((each) => each.ref === ref);
    if (balancer === undefined || probe === undefined) return NO_OUTPUT;
    const byServer = new Map<string, ProbedBackend[]>();
    const seen = new Set<string>();
    for (const target of new Set(rulesWith(ref, balancer).map((rule) => rule.target))) {
      for (const { networkInterface, ipConfiguration, serverId, ...at } of membersOf(
        target,
        model,
      )) {
        // Members of several pools are probed once.
        if (serverId === undefined || at.providerAddress === undefined) continue;
        if (seen.has(ipConfiguration.resourceRef)) continue;
        seen.add(ipConfiguration.resourceRef);
        const { address } = ipConfiguration;
        const backend = { portId: networkInterface.instanceId, address };
        const here = byServer.get(serverId);
        if (here === undefined) byServer.set(serverId, [backend]);
        else here.push(backend);
      }
    }
    const { instanceId: id, resourceRef, protocol, port, requestPath } = probe;
    const { failuresMax } = probe;
    const intervalSec = hastened(probe.intervalSec, settings);
    const published = [...byServer].map(([serverId, backends]) => ({
      scope: hostScope(serverId),
      content: resourceContent({
        key: healthProbeKey(id),
        healthProbe: {
          ...{ id, resourceRef, protocol, port, requestPath, intervalSec, failuresMax },
          backends,
        },
      }),
    }));
    return { published, subscriptions: [] };
  },
};

function probesOf(balancer: LoadBalancer | undefined): readonly Ref[] {
  return (balancer?.probes ?? []).map(({ ref }) => ref);
}

function rulesWith(probe: Ref, balancer: LoadBalancer) {
  return balancer.rules.filter((rule) => rule.probe === probe);
}

/** Probes of the rules that lead to a pool. */
function probesAt(target: Ref, model: ModelView): readonly Ref[] {
  const rules = model.loadBalancers.get(balancerId(target))?.rules ?? [];
  return rules.flatMap((rule) => (rule.target === target ? (rule.probe ?? []) : []));
}
