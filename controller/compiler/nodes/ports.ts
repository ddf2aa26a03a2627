/**
 * Node `ports`: an interface as the switch of its own host must treat it, and that host's interest in the interface's virtual
 * networks. One unit per networkInterface (MS-NCNBI §3.1.5.11).
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { portKey, resourceContent } from '../../goal-state/resource.ts';
import { attachmentOf, interfacesMovedBy } from '../attachment.ts';
import {
  type CompilerNode,
  hostScope,
  hostTarget,
  overlayMtu,
  virtualNetworkScope,
} from '../node.ts';

export const ports: CompilerNode = {
  name: 'ports',
  handle: interfacesMovedBy,
  units: (model) => model.networkInterfaces.keys(),
  compile(id, model, { providerMtu }) {
    const attachment = attachmentOf(id, model);
    const [primary] = attachment?.addresses ?? [];
    if (attachment === undefined || primary === undefined) return NO_OUTPUT;
    const { networkInterface, serverId, providerAddress, addresses } = attachment;
    const { instanceId, resourceRef, mac, dnsServers, hostName, macSpoofing } = networkInterface;
    const content = resourceContent({
      key: portKey(instanceId),
      port: {
        id: instanceId,
        resourceRef,
        vnetId: primary.network.instanceId,
        subnetId: primary.subnet.instanceId,
        mac,
        ipConfigurations: addresses.map(({ subnet, ipConfiguration }) => ({
          resourceRef: ipConfiguration.resourceRef,
          subnetId: subnet.instanceId,
          address: ipConfiguration.address,
          accessControlListId: '',
        })),
        dnsServers,
        hostName,
        mtu: overlayMtu(providerMtu, providerAddress),
        macSpoofing,
        ipForwarding: false,
        arpGuardOff: false,
        dhcpGuardOff: false,
        learnsAddresses: false,
        flowsMax: 0,
        broadcastPerSecMax: 0,
        mirrorIds: [],
      },
    });
    const target = hostTarget(serverId);
    const networks = new Set(addresses.map(({ network }) => network.instanceId));
    return {
      published: [{ scope: hostScope(serverId), content }],
      subscriptions: [...networks].map((network) => ({
        target,
        scope: virtualNetworkScope(network),
      })),
    };
  },
};
