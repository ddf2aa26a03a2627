/**
 * Node `mappings`: where each customer address is, CA → (MAC, PA), told to every host that has a port in the virtual network. One
 * unit per networkInterface, one resource per ipConfiguration. A learned address is where the interface is that says it has it; names of
 * interfaces do not stand for such addresses.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { mappingKey, resourceContent } from '../../goal-state/resource.ts';
import { addressText } from '../address-bytes.ts';
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
    const { instanceId, hostName } = networkInterface;
    const has = ({
      network,
      ipConfiguration: { learnedIp, address },
    }: (typeof addresses)[number]) =>
      learnedIp === undefined ||
      model.holderOf(network.instanceId, addressText(address)) === instanceId;
    const published = addresses.filter(has).map(({ network, subnet, ipConfiguration }) => ({
      scope: virtualNetworkScope(network.instanceId),
      content: resourceContent({
        key: mappingKey(network.instanceId, ipConfiguration.address),
        mapping: {
          vnetId: network.instanceId,
          address: ipConfiguration.address,
          subnetId: subnet.instanceId,
          mac: networkInterface.mac,
          providerAddress,
          portRef: networkInterface.resourceRef,
          dnsName: ipConfiguration.learnedIp === undefined ? hostName : '',
        },
      }),
    }));
    return { published, subscriptions: [] };
  },
};
