/**
 * What leads in and out: which interface a public address or a forwarded port belongs to, and the other way round, which public addresses
 * and edges a change concerns. Pure; used by the nodes `edges`, `edge-networks` and `public-addresses`.
 */

import type { AddressBytes } from './address-bytes.ts';
import { subnetsReidentified } from './attachment.ts';
import type { EdgeRouter } from './edge-document.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView } from './model-view.ts';
import type { IpConfiguration, NetworkInterface } from './network-document.ts';
import type { Ref } from './ref.ts';

/** An address inside, as an edge must know it. */
export interface Inside {
  readonly vnetId: string;
  readonly address: AddressBytes;
}

export function publicAddressRef(id: string): Ref {
  return `/publicipaddresses/${id}`;
}

/** `/publicipaddresses/web` → `web`. */
export function publicAddressId(ref: Ref): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}

/** The ipConfiguration that has the public address; of several, for as long as the desired state is inconsistent, always the same. */
export function holderOf(publicAddressId: string, model: ModelView): Inside | undefined {
  const ref = publicAddressRef(publicAddressId);
  for (const id of [...model.referring('network-interface', ref)].sort()) {
    const configuration = model.networkInterfaces
      .get(id)
      ?.ipConfigurations.find(({ publicAddress }) => publicAddress === ref);
    const inside = configuration && insideOf(configuration, model);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** The ipConfiguration that a port leads to, by its Ref: `/networkinterfaces/n/ipconfigurations/c`. */
export function configurationAt(ref: Ref, model: ModelView): Inside | undefined {
  const [, , id = ''] = ref.split('/');
  const configuration = model.networkInterfaces
    .get(id)
    ?.ipConfigurations.find(({ resourceRef }) => resourceRef.toLowerCase() === ref);
  return configuration && insideOf(configuration, model);
}

function insideOf({ subnet, address }: IpConfiguration, model: ModelView): Inside | undefined {
  const found = model.virtualSubnet(subnet);
  return found && { vnetId: found.network.instanceId, address };
}

/** Interfaces whose place inside the change can alter, as they were and as they are. */
function interfacesInQuestion(change: ModelChange, model: ModelView): NetworkInterface[] {
  switch (change.kind) {
    case 'network-interface':
      return [change.before, change.after].flatMap((one) => one ?? []);
    case 'virtual-network':
      return subnetsReidentified(change.before, change.after)
        .flatMap((subnet) => [...model.interfacesInSubnet(subnet)])
        .flatMap((id) => model.networkInterfaces.get(id) ?? []);
    default:
      return [];
  }
}

/** Ids of public addresses that may lead elsewhere after the change. */
export function publicAddressesMovedBy(change: ModelChange, model: ModelView): string[] {
  return interfacesInQuestion(change, model)
    .flatMap(({ ipConfigurations }) => ipConfigurations)
    .flatMap(({ publicAddress }) => publicAddress ?? [])
    .map(publicAddressId);
}

/** Ids of edges with a port that may lead elsewhere after the change. */
export function forwardersMovedBy(change: ModelChange, model: ModelView): string[] {
  return interfacesInQuestion(change, model)
    .flatMap(({ ipConfigurations }) => ipConfigurations)
    .flatMap(({ resourceRef }) => [...model.referring('edge-router', resourceRef.toLowerCase())]);
}

/** Without a provider address an edge is no target. */
export function isServing(edge: EdgeRouter | undefined): boolean {
  return edge?.providerAddress !== undefined;
}

/** Shared addresses serve every virtual network. */
export function translatesForTenants(edge: EdgeRouter | undefined): boolean {
  return isServing(edge) && edge !== undefined && edge.natPools.length > 0;
}

const MAC_PREFIX = 0x0257;

/** Inner destination of what is sent to the edge: locally administered, and as much an edge's own as its provider address. */
export function edgeMac(providerAddress: AddressBytes): number {
  const low = providerAddress.slice(-4).reduce((word, octet) => word * 0x100 + octet, 0);
  return MAC_PREFIX * 0x1_0000_0000 + low;
}
