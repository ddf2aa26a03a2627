/** Goal state of a small tenant network in a few words: subnets, and where each VM is. */

import { defined } from '../../base/assert.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import {
  HOST_DEFAULTS,
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import type { Resource } from '../../schema/southbound/messages.ts';

export interface GoalVm {
  readonly portId: string;
  readonly host: string;
  readonly subnet: string;
  readonly address: string;
  readonly mac: Mac;
}

export interface GoalNetwork {
  readonly id: string;
  /** Address space: `10.7` stands for 10.7.0.0/16. Default: 10.0.0.0/8. */
  readonly space?: string;
  /** `10.1.0` stands for 10.1.0.0/24. */
  readonly subnets: readonly {
    readonly id: string;
    readonly vni: number;
    readonly prefix: string;
  }[];
  readonly vms: readonly GoalVm[];
}

export interface GoalHost {
  readonly id: string;
  readonly providerAddress: string;
}

/** What a controller would send to `host`. */
export function goalFor(
  host: GoalHost,
  hosts: readonly GoalHost[],
  networks: readonly GoalNetwork[],
): readonly Resource[] {
  return [
    {
      key: 'host',
      version: 1,
      host: {
        providerAddress: bytes(host.providerAddress),
        ...HOST_DEFAULTS,
      },
    },
    ...networks.flatMap((network) => networkGoal(host, hosts, network)),
  ];
}

function networkGoal(
  host: GoalHost,
  hosts: readonly GoalHost[],
  network: GoalNetwork,
): readonly Resource[] {
  const { id, subnets, vms } = network;
  const placeOf = (vm: GoalVm) =>
    defined(
      hosts.find((other) => other.id === vm.host),
      vm.host,
    );
  return [
    {
      key: `vnet/${id}`,
      version: 1,
      virtualNetwork: {
        id,
        resourceRef: `/virtualNetworks/${id}`,
        ...VIRTUAL_NETWORK_DEFAULTS,
        addressSpace: [
          network.space === undefined
            ? { address: bytes('10.0.0.0'), len: 8 }
            : { address: bytes(`${network.space}.0.0`), len: 16 },
        ],
      },
    },
    ...subnets.map((subnet) => ({
      key: `subnet/${subnet.id}`,
      version: 1,
      virtualSubnet: {
        id: subnet.id,
        resourceRef: `/virtualNetworks/${id}/subnets/${subnet.id}`,
        vnetId: id,
        vni: subnet.vni,
        prefix: { address: bytes(`${subnet.prefix}.0`), len: 24 },
        ...VIRTUAL_SUBNET_DEFAULTS,
        gateway: bytes(`${subnet.prefix}.1`),
      },
    })),
    ...vms.map((vm) => ({
      key: `mapping/${id}/${vm.address}`,
      version: 1,
      mapping: {
        vnetId: id,
        address: bytes(vm.address),
        subnetId: vm.subnet,
        mac: vm.mac,
        providerAddress: bytes(placeOf(vm).providerAddress),
        ...MAPPING_DEFAULTS,
        portRef: `/networkInterfaces/${vm.portId}`,
      },
    })),
    ...vms.filter((vm) => vm.host === host.id).map((vm) => portGoal(id, vm)),
  ];
}

function portGoal(vnetId: string, vm: GoalVm): Resource {
  const resourceRef = `/networkInterfaces/${vm.portId}`;
  const address = bytes(vm.address);
  return {
    key: `port/${vm.portId}`,
    version: 1,
    port: {
      id: vm.portId,
      resourceRef,
      vnetId,
      subnetId: vm.subnet,
      mac: vm.mac,
      ipConfigurations: [
        {
          resourceRef: `${resourceRef}/ipConfigurations/ip1`,
          subnetId: vm.subnet,
          address,
          ...IP_CONFIGURATION_DEFAULTS,
        },
      ],
      ...PORT_DEFAULTS,
      hostName: vm.portId,
    },
  };
}

function bytes(text: string): Uint8Array {
  const address = defined(parseIpv4(text), text);
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
}
