/** Node `virtual-networks`: a tenant's routing domain. One unit per virtualNetwork (MS-NCNBI §3.1.5.18). */
import { type IpPrefix, ipBytes } from '../../../base/ip.ts';
import type { Prefix } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { resourceContent, virtualNetworkKey } from '../../goal-state/resource.ts';
import { type CompilerNode, virtualNetworkScope } from '../node.ts';

export const virtualNetworks: CompilerNode = {
  name: 'virtual-networks',
  handle(change) {
    if (change.kind !== 'virtual-network') return [];
    return [change.before, change.after].flatMap((network) => network?.id ?? []);
  },
  units: (model) => model.virtualNetworks.keys(),
  compile(id, model) {
    const network = model.virtualNetworks.get(id);
    if (network === undefined) return NO_OUTPUT;
    const { instanceId, resourceRef, dnsServers } = network;
    const content = resourceContent({
      key: virtualNetworkKey(instanceId),
      virtualNetwork: {
        id: instanceId,
        resourceRef,
        addressSpace: network.addressSpace.map(prefixMessage),
        dnsServers,
        dnsDomain: '',
        peerings: [],
        unbilledPrefixes: [],
      },
    });
    return {
      published: [{ scope: virtualNetworkScope(instanceId), content }],
      subscriptions: [],
    };
  },
};

export function prefixMessage({ first, len }: IpPrefix): Prefix {
  return { address: ipBytes(first), len };
}
