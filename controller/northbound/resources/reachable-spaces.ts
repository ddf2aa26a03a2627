/** Where the interfaces of a virtual network can send without a gateway. Called by the rules about routes and their appliances. */
import { type IpPrefix, parseIpPrefix } from '../../../base/ip.ts';
import { VirtualNetworkSchema } from '../../../schema/northbound/virtual-networks.ts';
import type { DesiredState } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { typed } from '../resource-node.ts';

/** Address spaces of a network and of those it is peered with. */
export function reachableSpaces(
  network: { readonly properties: JsonObject },
  _desired: DesiredState,
): IpPrefix[] {
  return spacesOf(network);
}

function spacesOf(network: { readonly properties: JsonObject }): IpPrefix[] {
  const { addressSpace } = typed(VirtualNetworkSchema, network);
  return addressSpace.addressPrefixes.flatMap((text) => parseIpPrefix(text) ?? []);
}
