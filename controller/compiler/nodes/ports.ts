/**
 * Node `ports`: an interface as the switch of its own host must treat it, and that host's interest in the interface's virtual
 * networks, in those they are connected with, and in the lists, route tables and mirrors that apply to it. One unit per networkInterface
 * (MS-NCNBI §3.1.5.11).
 */
import type { PortQos } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { portKey, resourceContent } from '../../goal-state/resource.ts';
import { attachmentOf, interfacesMovedBy } from '../attachment.ts';
import { interfacesMirroredBy, mirrorsOf } from '../mirroring.ts';
import {
  accessControlListScope,
  type CompilerNode,
  hostScope,
  hostTarget,
  internalBalancingScope,
  KBPS_PER_MBPS,
  mirrorScope,
  overlayMtu,
  routeTableScope,
  virtualNetworkScope,
} from '../node.ts';
import { interfacesPeeredBy, networksReachedFrom, networksSeenFrom } from '../peering.ts';
import { interfacesPolicedBy, listId, listsOf, tagListsOf } from '../policy.ts';
import { forwards, interfacesRoutedBy, tablesOf } from '../routing.ts';
import type { PortQosSettings } from '../settings-document.ts';

export const ports: CompilerNode = {
  name: 'ports',
  handle: (change, model) =>
    new Set([
      ...interfacesMovedBy(change, model),
      ...interfacesPolicedBy(change, model),
      ...interfacesRoutedBy(change, model),
      ...interfacesPeeredBy(change, model),
      ...interfacesMirroredBy(change, model),
    ]),
  units: (model) => model.networkInterfaces.keys(),
  compile(id, model, { providerMtu }) {
    const attachment = attachmentOf(id, model);
    const [primary] = attachment?.addresses ?? [];
    if (attachment === undefined || primary === undefined) return NO_OUTPUT;
    const { networkInterface, serverId, providerAddress, addresses } = attachment;
    const { instanceId, resourceRef, mac, dnsServers, hostName, portSettings } = networkInterface;
    const mirrors = mirrorsOf(attachment, model);
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
          accessControlListId: listId(ipConfiguration.accessControlList, model),
          learned: ipConfiguration.learnedIp !== undefined,
        })),
        dnsServers,
        hostName,
        mtu: overlayMtu(providerMtu, providerAddress),
        macSpoofing: portSettings.macSpoofing,
        ipForwarding: forwards(addresses, model),
        arpGuardOff: portSettings.arpGuardOff,
        dhcpGuardOff: portSettings.dhcpGuardOff,
        ...(portSettings.qos !== undefined && { qos: qosMessage(portSettings.qos) }),
        flowsMax: portSettings.flowsMax,
        broadcastPerSecMax: portSettings.broadcastPerSecMax,
        mirrorIds: mirrors.map((mirror) => mirror.instanceId),
        tagLists: tagListsOf(networkInterface, model),
      },
    });
    const target = hostTarget(serverId);
    const scopes = new Set([
      ...networksSeenFrom(addresses, model).map(virtualNetworkScope),
      ...networksReachedFrom(addresses, model).map(internalBalancingScope),
      ...listsOf(attachment, model).map(accessControlListScope),
      ...tablesOf(addresses, model).map(routeTableScope),
      ...mirrors.map((mirror) => mirrorScope(mirror.instanceId)),
    ]);
    return {
      published: [{ scope: hostScope(serverId), content }],
      subscriptions: [...scopes].map((scope) => ({ target, scope })),
    };
  },
};

function qosMessage(qos: PortQosSettings): PortQos {
  return {
    inboundKbpsMax: qos.inboundMbpsMax * KBPS_PER_MBPS,
    outboundKbpsMax: qos.outboundMbpsMax * KBPS_PER_MBPS,
    outboundReservedValue: qos.outboundReserved,
  };
}
