/** Two networks with the same addresses and labels behind one directory, for the tests of the servers. */
import { ServiceDirectory } from '../../../../dataplane/platform/service-directory.ts';
import {
  HOST_DEFAULTS,
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type { Mapping, Resource } from '../../../../schema/southbound/messages.ts';
import { bytesOf } from '../../../fixtures/addresses.ts';

export const BLUE_PORT = 5;
export const RED_PORT = 6;

export function mapping(vnetId: string, address: string, dnsName: string): Resource {
  const body: Mapping = {
    ...MAPPING_DEFAULTS,
    vnetId,
    address: bytesOf(address),
    subnetId: `${vnetId}-web`,
    mac: 1,
    providerAddress: bytesOf('192.0.2.1'),
    portRef: '',
    dnsName,
  };
  return { key: `mapping/${vnetId}/${address}`, version: 1, mapping: body };
}

export function host(...forwarders: readonly string[]): Resource {
  const dnsForwarders = forwarders.map(bytesOf);
  const providerAddress = bytesOf('192.0.2.1');
  return { key: 'host', version: 1, host: { ...HOST_DEFAULTS, providerAddress, dnsForwarders } };
}

function network(id: string): Resource[] {
  const resourceRef = `/virtualNetworks/${id}`;
  const configuration = (address: string, subnetId: string) => ({
    ...IP_CONFIGURATION_DEFAULTS,
    resourceRef,
    subnetId,
    address: bytesOf(address),
  });
  return [
    {
      key: `vnet/${id}`,
      version: 1,
      virtualNetwork: {
        ...VIRTUAL_NETWORK_DEFAULTS,
        id,
        resourceRef,
        addressSpace: [
          { address: bytesOf('10.0.0.0'), len: 16 },
          { address: bytesOf('fd00::'), len: 48 },
        ],
        dnsDomain: `${id}.weft.internal`,
      },
    },
    {
      key: `subnet/${id}-web`,
      version: 1,
      virtualSubnet: {
        ...VIRTUAL_SUBNET_DEFAULTS,
        id: `${id}-web`,
        resourceRef,
        vnetId: id,
        vni: 5001,
        prefix: { address: bytesOf('10.0.0.0'), len: 24 },
        gateway: bytesOf('10.0.0.1'),
      },
    },
    {
      key: `port/${id}-nic`,
      version: 1,
      port: {
        ...PORT_DEFAULTS,
        id: `${id}-nic`,
        resourceRef: `/networkInterfaces/${id}-nic`,
        vnetId: id,
        subnetId: `${id}-web`,
        mac: 0x000d_3a00_0004,
        hostName: id === 'blue' ? 'vm4' : '',
        ipConfigurations: [
          configuration('10.0.0.4', `${id}-web`),
          configuration('10.0.0.44', `${id}-web`),
          configuration('fd00::4', `${id}-web6`),
        ],
      },
    },
    mapping(id, '10.0.0.4', 'VM4'),
    mapping(id, 'fd00::4', 'VM4'),
    mapping(id, '10.0.0.5', `only-${id}`),
    mapping(id, '10.0.0.6', ''),
  ];
}

/** The ports of both networks, blue's with number BLUE_PORT, red's with RED_PORT. */
export function directory(): ServiceDirectory & { readonly ids: Map<number, string> } {
  const ids = new Map([
    [BLUE_PORT, 'blue-nic'],
    [RED_PORT, 'red-nic'],
    [9, 'unknown'],
  ]);
  const made = new ServiceDirectory((number) => ids.get(number));
  made.note({ upserts: [host(), ...network('blue'), ...network('red')], removes: [] });
  return Object.assign(made, { ids });
}
