/** Desired documents as the northbound commits them, for tests and benches of the compiler: only what a goal state is made of. */
import type { JsonObject } from '../../../../controller/store/store.ts';

export interface ServerSample {
  readonly id: string;
  readonly providerAddress?: string;
  readonly instanceId?: string;
}

export function serverDocument({ id, providerAddress, instanceId }: ServerSample): JsonObject {
  return {
    ...envelope(`/servers/${id}`, instanceId ?? `server-${id}`),
    properties: {},
    internal: {
      providerSubnetRef: '/logicalNetworks/HNVPA/subnets/provider',
      ...(providerAddress !== undefined && { providerAddress }),
    },
  };
}

export function logicalNetworkDocument(prefix = '192.0.2.0/24', gateway = '192.0.2.1'): JsonObject {
  return {
    ...envelope('/logicalNetworks/hnvpa', 'logical-hnvpa'),
    properties: {
      subnets: [
        {
          ...envelope('/logicalNetworks/hnvpa/subnets/provider', 'logical-hnvpa-provider'),
          properties: { addressPrefix: prefix, defaultGateways: [gateway] },
        },
      ],
    },
  };
}

export interface SubnetSample {
  readonly id: string;
  readonly prefix: string;
  readonly vni: number;
  readonly instanceId?: string;
}

export interface VirtualNetworkSample {
  readonly id: string;
  readonly instanceId?: string;
  readonly dnsServers?: readonly string[];
  readonly subnets: readonly SubnetSample[];
}

export function virtualNetworkDocument(sample: VirtualNetworkSample): JsonObject {
  const ref = `/virtualNetworks/${sample.id}`;
  return {
    ...envelope(ref, sample.instanceId ?? `vnet-${sample.id}`),
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/8'] },
      dhcpOptions: { dnsServers: sample.dnsServers ?? [] },
      subnets: sample.subnets.map((subnet) => ({
        ...envelope(
          `${ref}/subnets/${subnet.id}`,
          subnet.instanceId ?? `subnet-${sample.id}-${subnet.id}`,
        ),
        properties: { addressPrefix: subnet.prefix, virtualSubnetId: subnet.vni },
      })),
    },
  };
}

export interface NetworkInterfaceSample {
  readonly id: string;
  readonly mac: string;
  readonly instanceId?: string;
  readonly hostName?: string;
  readonly addresses: readonly { readonly subnet: string; readonly address: string }[];
}

export function networkInterfaceDocument(sample: NetworkInterfaceSample): JsonObject {
  const ref = `/networkInterfaces/${sample.id}`;
  return {
    ...envelope(ref, sample.instanceId ?? `nic-${sample.id}`),
    properties: {
      privateMacAddress: sample.mac,
      internalDnsNameLabel: sample.hostName ?? '',
      ipConfigurations: sample.addresses.map(({ subnet, address }, at) => ({
        ...envelope(`${ref}/ipConfigurations/ip${at}`, `ip-${sample.id}-${at}`),
        properties: {
          isPrimary: at === 0,
          privateIPAddress: address,
          subnet: { resourceRef: subnet },
        },
      })),
    },
  };
}

function envelope(resourceRef: string, instanceId: string): JsonObject {
  const resourceId = resourceRef.slice(resourceRef.lastIndexOf('/') + 1);
  return { resourceId, resourceRef, instanceId, etag: 'W/"1"' };
}
