/** MS-NCNBI §3.1.5.35: what virtual networks, their subnets and their manager refuse, and with which code. */
import { nicProperties, vnetProperties } from './controller-fixture.ts';
import { testRefusals } from './refusals-fixture.ts';

const BLUE = '/virtualNetworks/blue';
const WEB = `${BLUE}/subnets/web`;
const NIC = '/networkInterfaces/n1';
const withSubnets = (subnets: Record<string, string>): object => vnetProperties(subnets);
const withSpace = (...addressPrefixes: string[]): object => ({
  addressSpace: { addressPrefixes },
  logicalNetwork: { resourceRef: '/logicalNetworks/provider' },
});

testRefusals([
  {
    what: 'encryption of a subnet',
    request: ['PUT', WEB, { addressPrefix: '10.1.1.0/24', encryptionEnabled: true }],
    code: 'OperationNotSupported',
  },
  {
    what: 'NVGRE',
    request: [
      'PUT',
      '/virtualNetworkManager/configuration',
      { networkVirtualizationProtocol: 'NVGRE' },
    ],
    code: 'OperationNotSupported',
  },
  {
    what: 'a virtual network on nothing',
    request: [
      'PUT',
      BLUE,
      { ...vnetProperties(), logicalNetwork: { resourceRef: '/logicalNetworks/none' } },
    ],
    code: 'InvalidLogicalNetworkReference',
  },
  {
    what: 'a virtual network on a network that carries none',
    given: [['/logicalNetworks/plain', {}]],
    request: [
      'PUT',
      '/virtualNetworks/red',
      {
        addressSpace: { addressPrefixes: ['10.0.0.0/8'] },
        logicalNetwork: { resourceRef: '/logicalNetworks/plain' },
      },
    ],
    code: 'InvalidLogicalNetworkReference',
  },
  {
    what: 'a prefix with host bits',
    request: ['PUT', '/virtualNetworks/red', withSpace('10.0.0.1/8')],
    code: 'InvalidIPPrefix',
  },
  {
    what: 'an IPv6 prefix with host bits',
    request: ['PUT', '/virtualNetworks/red', withSpace('fd00::1/64')],
    code: 'InvalidIPPrefix',
  },
  {
    what: 'overlapping address prefixes',
    request: ['PUT', '/virtualNetworks/red', withSpace('10.0.0.0/8', '10.1.0.0/16')],
    code: 'InvalidParameterValue',
  },
  {
    what: 'no address prefix',
    request: ['PUT', '/virtualNetworks/red', withSpace()],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a loopback address space',
    request: ['PUT', '/virtualNetworks/red', withSpace('127.0.0.0/8')],
    code: 'AddressPrefixInRestrictedAddressSpace',
  },
  {
    what: 'the platform’s address',
    request: ['PUT', '/virtualNetworks/red', withSpace('168.63.0.0/16')],
    code: 'AddressPrefixInRestrictedAddressSpace',
  },
  {
    what: 'overlapping subnets',
    request: ['PUT', BLUE, withSubnets({ web: '10.1.1.0/24', data: '10.1.1.128/25' })],
    code: 'InvalidSubnet',
  },
  {
    what: 'a subnet that overlaps its sibling',
    request: ['PUT', `${BLUE}/subnets/new`, { addressPrefix: '10.1.1.0/25' }],
    code: 'InvalidSubnet',
  },
  {
    what: 'a subnet outside the address space',
    request: ['PUT', `${BLUE}/subnets/new`, { addressPrefix: '10.2.0.0/24' }],
    code: 'InvalidSubnet',
  },
  {
    what: 'a subnet too small to use',
    request: ['PUT', `${BLUE}/subnets/new`, { addressPrefix: '10.1.9.0/30' }],
    code: 'InvalidSubnet',
  },
  {
    what: 'an address space that leaves a subnet out',
    request: [
      'PUT',
      BLUE,
      {
        ...withSubnets({ web: '10.1.1.0/24' }),
        addressSpace: { addressPrefixes: ['10.9.0.0/16'] },
      },
    ],
    code: 'InvalidSubnet',
  },
  {
    what: 'a DNS server that is no address',
    request: ['PUT', BLUE, { ...vnetProperties(), dhcpOptions: { dnsServers: ['dns'] } }],
    code: 'InvalidIPAddress',
  },
  {
    what: 'too many DNS servers',
    request: [
      'PUT',
      BLUE,
      {
        ...vnetProperties(),
        dhcpOptions: { dnsServers: Array.from({ length: 11 }, (_, i) => `10.1.1.${i}`) },
      },
    ],
    code: 'DnsServerCountLimitReached',
  },
  {
    what: 'moving a subnet under an address in use',
    given: [[NIC, nicProperties()]],
    request: ['PUT', WEB, { addressPrefix: '10.1.7.0/24' }],
    code: 'InUseSubnetCannotBeUpdated',
    status: 409,
  },
  {
    what: 'a range of identifiers upside down',
    request: [
      'PUT',
      '/virtualNetworkManager/configuration',
      { virtualSubnetIdRange: { startId: 9000, endId: 8000 } },
    ],
    code: 'InvalidVsidRangeFormat',
  },
  {
    what: 'a range of identifiers below 4096',
    request: [
      'PUT',
      '/virtualNetworkManager/configuration',
      { virtualSubnetIdRange: { startId: 1, endId: 8000 } },
    ],
    code: 'InvalidVsidRangeValues',
  },
  {
    what: 'deleting a subnet in use',
    given: [[NIC, nicProperties()]],
    request: ['DELETE', WEB],
    code: 'InUseSubnetCannotBeDeleted',
    status: 409,
  },
  {
    what: 'deleting a virtual network in use',
    given: [[NIC, nicProperties()]],
    request: ['DELETE', BLUE],
    code: 'InUseSubnetCannotBeDeleted',
    status: 409,
  },
  {
    what: 'leaving out a subnet in use',
    given: [[NIC, nicProperties()]],
    request: ['PUT', BLUE, withSubnets({ data: '10.1.2.0/24' })],
    code: 'InUseSubnetCannotBeDeleted',
    status: 409,
  },
]);
