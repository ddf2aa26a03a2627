/**
 * Node `mappings`: where each customer address is, CA → (MAC, PA), told to every host that has a port in the virtual network. One
 * unit per networkInterface, one resource per ipConfiguration.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { mappingKey, resourceContent } from '../../goal-state/resource.ts';
import { attachmentOf, interfacesMovedBy } from '../attachment.ts';
import { type CompilerNode, virtualNetworkScope } from '../node.ts';

export const mappings: CompilerNode = {
  name: 'mappings',
  handle: interfacesMovedBy,
  units: (model) => model.networkInterfaces.keys(),
  compile(id, model) {
    const attachment = attachmentOf(id, model);
    if (attachment === undefined) return NO_OUTPUT;
    const { networkInterface, providerAddress, addresses } = attachment;
    const published = addresses.map(({ network, subnet, ipConfiguration: { address } }) => ({
      scope: virtualNetworkScope(network.instanceId),
      content: resourceContent({
        key: mappingKey(network.instanceId, address),
        mapping: {
          vnetId: network.instanceId,
          address,
          subnetId: subnet.instanceId,
          mac: networkInterface.mac,
          providerAddress,
          portRef: networkInterface.resourceRef,
          dnsName: networkInterface.hostName,
        },
      }),
    }));
    return { published, subscriptions: [] };
  },
};
