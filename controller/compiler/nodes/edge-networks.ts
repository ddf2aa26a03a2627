/**
 * Node `edge-networks`: which virtual networks an edge with shared addresses must know, which is all of them: any interface may send to the
 * outside, and the answers need its mapping. One unit per virtualNetwork, so that an edge hears of an interface no more than that one
 * mapping. Networks that only public addresses or forwarded ports lead to are the business of those nodes.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { translatesForTenants } from '../edges.ts';
import { type CompilerNode, edgeTarget, virtualNetworkScope } from '../node.ts';

export const edgeNetworks: CompilerNode = {
  name: 'edge-networks',
  handle(change) {
    if (change.kind === 'virtual-network') {
      return [change.before, change.after].flatMap((network) => network?.id ?? []);
    }
    if (change.kind !== 'edge-router') return [];
    const was = translatesForTenants(change.before);
    return was === translatesForTenants(change.after) ? [] : 'unhandled';
  },
  units: (model) => model.virtualNetworks.keys(),
  compile(id, model) {
    const network = model.virtualNetworks.get(id);
    if (network === undefined) return NO_OUTPUT;
    const scope = virtualNetworkScope(network.instanceId);
    const subscriptions = [...model.edgeRouters.values()]
      .filter(translatesForTenants)
      .map((edge) => ({ target: edgeTarget(edge.id), scope }));
    return { published: [], subscriptions };
  },
};
