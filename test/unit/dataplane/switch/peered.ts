/**
 * A third network beside blue and red, which it may be peered with: 10.1.0.0/16 with one subnet 10.1.0.0/24 (VNI 7001),
 * 10.1.0.4 and 10.1.0.5 here, 10.1.0.6 at 192.0.2.2.
 */
import { parseIpv4 } from '../../../../base/ipv4.ts';
import {
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { HOST_ADDRESS, octets, PEER_ADDRESS } from './tenants.ts';

export const GREEN_VNI = 7001;
export const GREEN_SPACE = '10.1.0.0/16';

export function greenMac(text: string): number {
  return 0x0200_0d00_0000 + ((parseIpv4(text) ?? 0) & 0xffff);
}

export function greenPortId(text: string): string {
  return `green-${text}`;
}

export function greenNetwork(): Resource {
  return {
    key: 'vnet/green',
    version: 1,
    virtualNetwork: {
      id: 'green',
      resourceRef: '/virtualNetworks/green',
      ...VIRTUAL_NETWORK_DEFAULTS,
      addressSpace: [{ address: octets('10.1.0.0'), len: 16 }],
    },
  };
}

export function greenSubnet(): Resource {
  return {
    key: 'subnet/green-web',
    version: 1,
    virtualSubnet: {
      id: 'green-web',
      resourceRef: '/virtualNetworks/green/subnets/web',
      vnetId: 'green',
      vni: GREEN_VNI,
      prefix: { address: octets('10.1.0.0'), len: 24 },
      ...VIRTUAL_SUBNET_DEFAULTS,
      gateway: octets('10.1.0.1'),
    },
  };
}

export function greenPort(text: string): Resource {
  const id = greenPortId(text);
  return {
    key: `port/${id}`,
    version: 1,
    port: {
      id,
      resourceRef: `/networkInterfaces/${id}`,
      vnetId: 'green',
      subnetId: 'green-web',
      mac: greenMac(text),
      ipConfigurations: [
        {
          resourceRef: `/networkInterfaces/${id}/ipConfigurations/${text}`,
          subnetId: 'green-web',
          address: octets(text),
          ...IP_CONFIGURATION_DEFAULTS,
        },
      ],
      ...PORT_DEFAULTS,
    },
  };
}

function greenMapping(text: string, at: string): Resource {
  return {
    key: `mapping/green/${text}`,
    version: 1,
    mapping: {
      vnetId: 'green',
      address: octets(text),
      subnetId: 'green-web',
      mac: greenMac(text),
      providerAddress: octets(at),
      ...MAPPING_DEFAULTS,
      portRef: `/networkInterfaces/${greenPortId(text)}`,
    },
  };
}

export function greenGoal(): Resource[] {
  return [
    greenNetwork(),
    greenSubnet(),
    greenPort('10.1.0.4'),
    greenPort('10.1.0.5'),
    greenMapping('10.1.0.4', HOST_ADDRESS),
    greenMapping('10.1.0.5', HOST_ADDRESS),
    greenMapping('10.1.0.6', PEER_ADDRESS),
  ];
}
