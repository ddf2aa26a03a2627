/**
 * Node `virtual-networks`: a tenant's routing domain, and what it may reach in those it is connected with. One unit per virtualNetwork
 * (MS-NCNBI §3.1.5.18). Access is a matter of both sides: either switches it off. Whether packets that others sent are let in is
 * the receiving side's word.
 */
import { type IpPrefix, ipBytes } from '../../../base/ip.ts';
import type { Prefix } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { resourceContent, virtualNetworkKey } from '../../goal-state/resource.ts';
import { type CompilerNode, virtualNetworkScope } from '../node.ts';
import { connectedPeerings, peeredIds } from '../peering.ts';

export const virtualNetworks: CompilerNode = {
  name: 'virtual-networks',
  handle(change) {
    if (change.kind !== 'virtual-network') return [];
    const { before, after } = change;
    return [...[before, after].flatMap((network) => network?.id ?? []), ...peeredIds(change)];
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
        dnsDomain: dnsDomainOf(resourceRef),
        peerings: connectedPeerings(network, model).map(({ own, remote, back }) => ({
          resourceRef: own.resourceRef,
          remoteVnetId: remote.instanceId,
          remoteAddressSpace: remote.addressSpace.map(prefixMessage),
          allowAccess: own.allowAccess && back.allowAccess,
          allowForwarded: back.allowForwarded,
        })),
        unbilledPrefixes: network.unbilled.map(prefixMessage),
      },
    });
    return {
      published: [{ scope: virtualNetworkScope(instanceId), content }],
      subscriptions: [],
    };
  },
};

/** All networks' names are below it, whatever the cloud is called. */
const ROOT_DOMAIN = 'weft.internal';
const DOMAIN_LENGTH_MAX = 200;
const LABELS = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*$/;

/** `blue.weft.internal`; empty, so that its interfaces have no names, where the resourceId cannot be part of one. */
function dnsDomainOf(resourceRef: string): string {
  const name = resourceRef.slice(resourceRef.lastIndexOf('/') + 1).toLowerCase();
  return LABELS.test(name) && name.length <= DOMAIN_LENGTH_MAX ? `${name}.${ROOT_DOMAIN}` : '';
}

export function prefixMessage({ first, len }: IpPrefix): Prefix {
  return { address: ipBytes(first), len };
}
