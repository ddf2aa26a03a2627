/**
 * Node `virtual-subnets`: prefix, VNI and gateway of a tenant's subnets. One unit per virtualNetwork, whose document holds its
 * subnets (MS-NCNBI §3.1.5.18.2). The gateway is the prefix's first address but one, as in Azure, in either family.
 */
import { ipBytes } from '../../../base/ip.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { resourceContent, virtualSubnetKey } from '../../goal-state/resource.ts';
import { type CompilerNode, virtualNetworkScope } from '../node.ts';
import { listId, listUsers, reidentified } from '../policy.ts';
import { tableAt, tableUsers } from '../routing.ts';
import { prefixMessage } from './virtual-networks.ts';

export const virtualSubnets: CompilerNode = {
  name: 'virtual-subnets',
  handle(change, model) {
    switch (change.kind) {
      case 'virtual-network':
        return [change.before, change.after].flatMap((network) => network?.id ?? []);
      case 'access-control-list':
        return reidentified(change) ? listUsers('virtual-network', change, model) : [];
      case 'route-table':
        return reidentified(change) ? tableUsers(change, model) : [];
      default:
        return [];
    }
  },
  units: (model) => model.virtualNetworks.keys(),
  compile(id, model) {
    const network = model.virtualNetworks.get(id);
    if (network === undefined) return NO_OUTPUT;
    const scope = virtualNetworkScope(network.instanceId);
    const published = network.subnets.map((subnet) => ({
      scope,
      content: resourceContent({
        key: virtualSubnetKey(subnet.instanceId),
        virtualSubnet: {
          id: subnet.instanceId,
          resourceRef: subnet.resourceRef,
          vnetId: network.instanceId,
          vni: subnet.vni,
          prefix: prefixMessage(subnet.prefix),
          gateway: ipBytes(subnet.prefix.first + 1n),
          accessControlListId: listId(subnet.accessControlList, model),
          routeTableId: tableAt(subnet.routeTable, model)?.instanceId ?? '',
        },
      }),
    }));
    return { published, subscriptions: [] };
  },
};
