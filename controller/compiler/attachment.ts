/**
 * Where an interface is: the join of networkInterface, virtual subnets, placement and server that ports and mappings both
 * need, and the other way round, which interfaces a change can move. Pure; used by the nodes `ports` and `mappings`.
 */

import type { AddressBytes } from './address-bytes.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView, SubnetInNetwork } from './model-view.ts';
import type { IpConfiguration, NetworkInterface, VirtualNetwork } from './network-document.ts';

export interface Attachment {
  readonly networkInterface: NetworkInterface;
  readonly serverId: string;
  readonly providerAddress: AddressBytes;
  /** Those whose virtual subnet exists, primary first, learned ones last; one at least is its own. */
  readonly addresses: readonly (SubnetInNetwork & { readonly ipConfiguration: IpConfiguration })[];
}

/** Undefined for an interface that is attached nowhere, or to a server without a provider address, or to no virtual subnet. */
export function attachmentOf(id: string, model: ModelView): Attachment | undefined {
  const networkInterface = model.networkInterfaces.get(id);
  if (networkInterface === undefined) return undefined;
  const serverId = model.serverIdOf(networkInterface.instanceId);
  if (serverId === undefined) return undefined;
  const providerAddress = model.servers.get(serverId)?.providerAddress;
  if (providerAddress === undefined) return undefined;
  const addresses = networkInterface.ipConfigurations.flatMap((ipConfiguration) => {
    const found = model.virtualSubnet(ipConfiguration.subnet);
    return found === undefined ? [] : [{ ...found, ipConfiguration }];
  });
  if (addresses.every(({ ipConfiguration }) => ipConfiguration.learnedIp !== undefined)) {
    return undefined;
  }
  return { networkInterface, serverId, providerAddress, addresses };
}

/** Ids of interfaces whose attachment the change can alter. */
export function interfacesMovedBy(change: ModelChange, model: ModelView): Iterable<string> {
  switch (change.kind) {
    case 'network-interface':
      return [change.before, change.after].flatMap((found) => found?.id ?? []);
    case 'placement': {
      const document = model.byInstanceId(change.interfaceInstanceId);
      return document?.kind === 'network-interface' ? [document.id] : [];
    }
    case 'holder':
      return change.interfaceInstanceIds.flatMap((instanceId) => {
        const document = model.byInstanceId(instanceId);
        return document?.kind === 'network-interface' ? [document.id] : [];
      });
    case 'server': {
      const { before, after } = change;
      if (sameAddress(before?.providerAddress, after?.providerAddress)) return [];
      const id = before?.id ?? after?.id;
      return id === undefined ? [] : model.interfacesOnServer(id);
    }
    case 'virtual-network':
      return subnetsReidentified(change.before, change.after).flatMap((ref) => [
        ...model.interfacesInSubnet(ref),
      ]);
    case 'logical-network':
    case 'access-control-list':
    case 'security-tag':
    case 'settings':
    case 'route-table':
    case 'service-insertion':
    case 'edge-router':
    case 'public-ip-address':
    case 'load-balancer':
    case 'load-balancer-mux':
    case 'backend-settings':
    case 'health':
    case 'announcement':
    case 'snat':
      return [];
  }
}

/** Attachments refer to subnets by instanceId only: a subnet with another prefix or VNI moves nothing. */
export function subnetsReidentified(
  before: VirtualNetwork | undefined,
  after: VirtualNetwork | undefined,
): string[] {
  const sameNetwork = before?.instanceId === after?.instanceId;
  const idsAfter = new Map(after?.subnets.map(({ ref, instanceId }) => [ref, instanceId]));
  const moved: string[] = [];
  for (const { ref, instanceId } of before?.subnets ?? []) {
    if (!sameNetwork || idsAfter.get(ref) !== instanceId) moved.push(ref);
    idsAfter.delete(ref);
  }
  return [...moved, ...idsAfter.keys()];
}

function sameAddress(a: AddressBytes | undefined, b: AddressBytes | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((octet, at) => octet === b[at]);
}
