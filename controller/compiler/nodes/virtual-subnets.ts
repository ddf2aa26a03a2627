/**
 * Node `virtual-subnets`: prefix, VNI and gateway of a tenant's subnets. One unit per virtualNetwork, whose document holds its
 * subnets (MS-NCNBI §3.1.5.18.2). The gateway is the prefix's first address but one, as in Azure, in either family.
 */
import { ipBytes } from '../../../base/ip.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { resourceContent, virtualSubnetKey } from '../../goal-state/resource.ts';
import { type CompilerNode, virtualNetworkScope } from '../node.ts';
import { prefixMessage } from './virtual-networks.ts';

export const virtualSubnets: CompilerNode = {
  name: 'virtual-subnets',
  handle(change) {
    if (change.kind !== 'virtual-network') return [];
    return [change.before, change.after].flatMap((network) => network?.id ?? []);
  },
  units: (model) => model.virtualNetworks.keys(),
  compile(id, model) {
    const network = model.virtualNetworks.get(id);
    if (network === undefined) return NO_OUTPUT;
    const scope = virtualNetworkScope(network.instanceId);
    const published = network.subnets.map(({ instanceId, resourceRef, vni, prefix }) => ({
      scope,
      content: resourceContent({
        key: virtualSubnetKey(instanceId),
        virtualSubnet: {
          id: instanceId,
          resourceRef,
          vnetId: network.instanceId,
          vni,
          prefix: prefixMessage(prefix),
          gateway: ipBytes(prefix.first + 1n),
          accessControlListId: '',
          routeTableId: '',
        },
      }),
    }));
    return { published, subscriptions: [] };
  },
};
