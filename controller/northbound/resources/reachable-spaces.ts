/**
 * Address spaces of virtual networks, and where the interfaces of one can send without a gateway. Called by the rules about routes, their
 * appliances and peerings.
 */
import { type IpPrefix, ipPrefixesOverlap, parseIpPrefix } from '../../../base/ip.ts';
import {
  VirtualNetworkPeeringSchema,
  VirtualNetworkSchema,
} from '../../../schema/northbound/virtual-networks.ts';
import type { DesiredState } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { typed } from '../resource-node.ts';

interface Holder {
  readonly properties: JsonObject;
}

/** Of a network and of those its peerings refer to, connected already or not. */
export function reachableSpaces(
  network: Holder & { readonly children: readonly Holder[] },
  desired: DesiredState,
): IpPrefix[] {
  const peers = network.children.flatMap((child) => {
    const { remoteVirtualNetwork } = typed(VirtualNetworkPeeringSchema, child);
    return desired.byRef(remoteVirtualNetwork?.resourceRef ?? '') ?? [];
  });
  return [network, ...peers].flatMap(spacesOf);
}

export function spacesOf(network: Holder): IpPrefix[] {
  const { addressSpace } = typed(VirtualNetworkSchema, network);
  return addressSpace.addressPrefixes.flatMap((text) => parseIpPrefix(text) ?? []);
}

export function spacesOverlap(a: Holder, b: Holder): boolean {
  const other = spacesOf(b);
  return spacesOf(a).some((one) => other.some((prefix) => ipPrefixesOverlap(one, prefix)));
}
