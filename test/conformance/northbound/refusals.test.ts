/** MS-NCNBI §3.1.5.35: what is refused, with which of the closed list of codes; and that nothing of it is written. */
import test from 'ava';
import {
  expectCreated,
  layGround,
  nicProperties,
  startController,
  vnetProperties,
} from './controller-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const BLUE = '/virtualNetworks/blue';
const WEB = `${BLUE}/subnets/web`;
const NIC = '/networkInterfaces/n1';
const POOL = '/logicalNetworks/provider/subnets/hosts/ipPools/pool';

const withSubnets = (subnets: Record<string, string>): object => vnetProperties(subnets);
const withSpace = (...addressPrefixes: string[]): object => ({
  addressSpace: { addressPrefixes },
  logicalNetwork: { resourceRef: '/logicalNetworks/provider' },
});
const withAddress = (privateIPAddress: string): object =>
  nicProperties({ privateIPAllocationMethod: 'Static', privateIPAddress });
const withMac = (privateMacAddress?: string): object => ({
  privateMacAllocationMethod: 'Static',
  privateMacAddress,
});
const logical = (properties: object): object => ({
  subnets: [{ resourceId: 'a', properties: { vlanId: 1, ...properties } }],
});
const inBlue = { subnet: { resourceRef: WEB } };

const REFUSALS: readonly Refusal[] = [
  // Format
  {
    what: 'an unknown property',
    request: ['PUT', BLUE, { ...vnetProperties(), colour: 1 }],
    code: 'InvalidRequestFormat',
  },
  {
    what: 'an unknown property of a child',
    request: ['PUT', WEB, { addressPrefix: '10.1.1.0/24', x: 1 }],
    code: 'InvalidRequestFormat',
  },
  {
    what: 'an object where a text belongs',
    request: ['PUT', WEB, { addressPrefix: {} }],
    code: 'InvalidRequestFormat',
  },
  { what: 'a missing property', request: ['PUT', WEB, {}], code: 'RequiredParamMissing' },
  {
    what: 'a word that is none of the list',
    request: ['PUT', NIC, { privateMacAllocationMethod: 'Maybe' }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a number out of range',
    request: ['PUT', '/logicalNetworks/x', logical({ vlanId: 4096 })],
    code: 'InvalidParameterValue',
  },
  {
    what: 'two children of one name',
    request: [
      'PUT',
      '/virtualNetworks/red',
      {
        ...withSpace('10.0.0.0/8'),
        subnets: [
          { resourceId: 'a', properties: { addressPrefix: '10.0.0.0/24' } },
          { resourceId: 'A', properties: { addressPrefix: '10.0.1.0/24' } },
        ],
      },
    ],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a child without a name',
    request: [
      'PUT',
      '/virtualNetworks/red',
      { ...withSpace('10.0.0.0/8'), subnets: [{ properties: {} }] },
    ],
    code: 'RequiredParamMissing',
  },
  {
    what: 'a malformed reference',
    request: ['PUT', NIC, nicProperties({}, 'blue')],
    code: 'InvalidRequestFormat',
  },
  {
    what: 'a name with a slash in it',
    request: ['PUT', '/macPools/a%2Fb', {}],
    code: 'InvalidResourceName',
  },
  {
    what: 'a name that ends with a dot',
    request: ['PUT', '/macPools/a.', {}],
    code: 'InvalidResourceName',
  },
  // Features that are not built
  {
    what: 'a reference to a type that does not exist here',
    request: [
      'PUT',
      NIC,
      nicProperties({
        loadBalancerBackendAddressPools: [
          { resourceRef: '/loadBalancers/lb/backendAddressPools/p' },
        ],
      }),
    ],
    code: 'InvalidResourceReference',
  },
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
    what: 'an unmanaged address',
    request: ['PUT', NIC, nicProperties({ privateIPAllocationMethod: 'Unmanaged' })],
    code: 'UnmanagedAllocationMethodNotSupported',
  },
  // References
  {
    what: 'a dangling reference',
    request: ['PUT', NIC, nicProperties({}, `${BLUE}/subnets/none`)],
    code: 'InvalidResourceReference',
  },
  {
    what: 'a reference of the wrong type',
    request: ['PUT', NIC, nicProperties({}, '/macPools/default')],
    code: 'InvalidJsonReferenceWrongType',
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
  // Address spaces and subnets
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
  // Addresses of interfaces
  {
    what: 'an interface without a subnet',
    request: [
      'PUT',
      NIC,
      {
        privateMacAllocationMethod: 'Dynamic',
        ipConfigurations: [{ resourceId: 'a', properties: {} }],
      },
    ],
    code: 'SubnetIsRequired',
  },
  {
    what: 'a static address that is not given',
    request: ['PUT', NIC, nicProperties({ privateIPAllocationMethod: 'Static' })],
    code: 'PrivateIPAddressMissing',
  },
  {
    what: 'a malformed address',
    request: ['PUT', NIC, withAddress('10.1.1.256')],
    code: 'InvalidPrivateIPAddressFormat',
  },
  {
    what: 'an address outside the subnet',
    request: ['PUT', NIC, withAddress('10.1.2.4')],
    code: 'PrivateIPAddressNotInSubnet',
  },
  {
    what: 'the gateway’s address',
    request: ['PUT', NIC, withAddress('10.1.1.1')],
    code: 'PrivateIPAddressInReservedRange',
  },
  {
    what: 'the platform’s reserved address',
    request: ['PUT', NIC, withAddress('10.1.1.3')],
    code: 'PrivateIPAddressInReservedRange',
  },
  {
    what: 'the broadcast address',
    request: ['PUT', NIC, withAddress('10.1.1.255')],
    code: 'PrivateIPAddressInReservedRange',
  },
  {
    what: 'an address that another has',
    given: [['/networkInterfaces/other', withAddress('10.1.1.4')]],
    request: ['PUT', NIC, withAddress('10.1.1.4')],
    code: 'PrivateIPAddressInUse',
  },
  {
    what: 'one address twice on one interface',
    request: [
      'PUT',
      NIC,
      {
        privateMacAllocationMethod: 'Dynamic',
        ipConfigurations: ['a', 'b'].map((resourceId) => ({
          resourceId,
          properties: {
            ...inBlue,
            privateIPAllocationMethod: 'Static',
            privateIPAddress: '10.1.1.9',
          },
        })),
      },
    ],
    code: 'PrivateIPAddressInUse',
  },
  {
    what: 'a change of the allocation method',
    given: [[NIC, nicProperties()]],
    request: ['PUT', NIC, withAddress('10.1.1.9')],
    code: 'PrivateIpAllocationMethodCannotBeUpdated',
  },
  {
    what: 'two virtual networks on one interface',
    given: [
      [
        '/virtualNetworks/red',
        {
          ...withSpace('10.0.0.0/8'),
          subnets: [{ resourceId: 's', properties: { addressPrefix: '10.0.0.0/24' } }],
        },
      ],
    ],
    request: [
      'PUT',
      NIC,
      {
        privateMacAllocationMethod: 'Dynamic',
        ipConfigurations: [
          { resourceId: 'a', properties: inBlue },
          {
            resourceId: 'b',
            properties: { subnet: { resourceRef: '/virtualNetworks/red/subnets/s' } },
          },
        ],
      },
    ],
    code: 'VirtualNetworkMismatch',
  },
  {
    what: 'a virtual and a logical network on one interface',
    request: [
      'PUT',
      NIC,
      {
        privateMacAllocationMethod: 'Dynamic',
        ipConfigurations: [
          { resourceId: 'a', properties: inBlue },
          {
            resourceId: 'b',
            properties: { subnet: { resourceRef: '/logicalNetworks/provider/subnets/hosts' } },
          },
        ],
      },
    ],
    code: 'NetworkMismatch',
  },
  {
    what: 'two primary addresses',
    request: [
      'PUT',
      NIC,
      {
        privateMacAllocationMethod: 'Dynamic',
        ipConfigurations: ['a', 'b'].map((resourceId) => ({
          resourceId,
          properties: { ...inBlue, isPrimary: true },
        })),
      },
    ],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a host’s interface in a virtual network',
    request: ['PUT', NIC, { ...nicProperties(), isHostVirtualNetworkInterface: true }],
    code: 'HostVirtualNetworkInterfaceCannotConnectToVirtualNetwork',
  },
  // MAC addresses
  {
    what: 'a static MAC address that is not given',
    request: ['PUT', NIC, withMac()],
    code: 'PrivateMacAddressMissing',
  },
  {
    what: 'a malformed MAC address',
    request: ['PUT', NIC, withMac('00-11-22')],
    code: 'InvalidPrivateMacAddress',
  },
  {
    what: 'a group MAC address',
    request: ['PUT', NIC, withMac('01-00-5E-00-00-01')],
    code: 'InvalidPrivateMacAddress',
  },
  {
    what: 'the virtual router’s MAC address',
    request: ['PUT', NIC, withMac('12-34-56-78-9A-BC')],
    code: 'InvalidPrivateMacAddress',
  },
  {
    what: 'a MAC address that another has',
    given: [['/networkInterfaces/other', withMac('02-00-00-00-00-01')]],
    request: ['PUT', NIC, withMac('02-00-00-00-00-01')],
    code: 'InvalidPrivateMacAddress',
  },
  {
    what: 'a change of the MAC allocation method',
    given: [[NIC, nicProperties()]],
    request: ['PUT', NIC, { ...nicProperties(), ...withMac('02-00-00-00-00-01') }],
    code: 'PrivateMacAllocationMethodCannotBeUpdated',
  },
  {
    what: 'a change of isPrimary',
    given: [[NIC, nicProperties()]],
    request: ['PUT', NIC, { ...nicProperties(), isPrimary: false }],
    code: 'PrimaryNicPropertyCannotBeUpdated',
  },
  {
    what: 'DNS settings of a secondary interface',
    request: [
      'PUT',
      NIC,
      { ...nicProperties(), isPrimary: false, dnsSettings: { dnsServers: ['10.1.1.9'] } },
    ],
    code: 'OnlyPrimaryNetworkInterfaceCanHaveDnsSettings',
  },
  {
    what: 'a name that is no DNS label',
    request: ['PUT', NIC, { ...nicProperties(), internalDnsNameLabel: 'a.b' }],
    code: 'InvalidDomainNameLabel',
  },
  {
    what: 'a pool upside down',
    request: [
      'PUT',
      '/macPools/p',
      { startMacAddress: '02-00-00-00-00-09', endMacAddress: '02-00-00-00-00-00' },
    ],
    code: 'InvalidMacAddressForMacPool',
  },
  {
    what: 'a pool of group addresses',
    request: [
      'PUT',
      '/macPools/p',
      { startMacAddress: '01-00-00-00-00-00', endMacAddress: '01-00-00-00-00-09' },
    ],
    code: 'MacPoolContainsMulticastAddresses',
  },
  {
    what: 'pools that overlap',
    request: [
      'PUT',
      '/macPools/p',
      { startMacAddress: '00-1D-D8-00-00-09', endMacAddress: '00-1D-D8-00-00-0A' },
    ],
    code: 'InvalidMacAddressForMacPool',
  },
  {
    what: 'a pool that grows',
    request: [
      'PUT',
      '/macPools/default',
      { startMacAddress: '00-1D-D8-00-00-00', endMacAddress: '00-1D-D8-01-FF-FF' },
    ],
    code: 'InvalidMacAddressForMacPool',
  },
  // Logical networks
  {
    what: 'overlapping logical subnets',
    request: [
      'PUT',
      '/logicalNetworks/x',
      {
        subnets: [
          { resourceId: 'a', properties: { addressPrefix: '192.0.2.0/24', vlanId: 1 } },
          { resourceId: 'b', properties: { addressPrefix: '192.0.2.0/25', vlanId: 2 } },
        ],
      },
    ],
    code: 'InvalidSubnet',
  },
  {
    what: 'a pool outside its subnet',
    request: ['PUT', POOL, { startIpAddress: '100.64.0.1', endIpAddress: '100.65.0.1' }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a pool that leaves out an address it gave',
    request: ['PUT', POOL, { startIpAddress: '100.64.0.5', endIpAddress: '100.64.0.9' }],
    code: 'InUseIpPoolCannotBeDeleted',
    status: 409,
  },
  {
    what: 'a gateway outside its subnet',
    request: [
      'PUT',
      '/logicalNetworks/x',
      logical({ addressPrefix: '192.0.2.0/24', defaultGateways: ['198.51.100.1'] }),
    ],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a next hop outside its subnet',
    request: [
      'PUT',
      '/logicalNetworks/x',
      logical({
        addressPrefix: '192.0.2.0/24',
        routes: [
          { resourceId: 'r', properties: { destination: '0.0.0.0/0', nextHop: '198.51.100.1' } },
        ],
      }),
    ],
    code: 'InvalidNextHopIpAddress',
  },
  {
    what: 'a malformed route',
    request: [
      'PUT',
      '/logicalNetworks/x',
      logical({
        addressPrefix: '192.0.2.0/24',
        routes: [{ resourceId: 'r', properties: { destination: 'all', nextHop: '192.0.2.1' } }],
      }),
    ],
    code: 'InvalidRouteAddressPrefix',
  },
  {
    what: 'two routes to one destination',
    request: [
      'PUT',
      '/logicalNetworks/x',
      logical({
        addressPrefix: '192.0.2.0/24',
        routes: ['r', 's'].map((resourceId) => ({
          resourceId,
          properties: { destination: '0.0.0.0/0', nextHop: '192.0.2.1' },
        })),
      }),
    ],
    code: 'RouteConflict',
  },
  // In use
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
  {
    what: 'deleting a logical network in use',
    request: ['DELETE', '/logicalNetworks/provider'],
    code: 'ResourceInUse',
    status: 409,
  },
  {
    what: 'deleting a logical subnet in use',
    request: ['DELETE', '/logicalNetworks/provider/subnets/hosts'],
    code: 'InUseSubnetCannotBeDeleted',
    status: 409,
  },
  {
    what: 'deleting a pool in use',
    request: ['DELETE', POOL],
    code: 'InUseIpPoolCannotBeDeleted',
    status: 409,
  },
  {
    what: 'deleting a MAC pool in use',
    given: [[NIC, nicProperties()]],
    request: ['DELETE', '/macPools/default'],
    code: 'ResourceInUse',
    status: 409,
  },
  {
    what: 'deleting a credential in use',
    given: [
      ['/credentials/c', { type: 'usernamePassword', value: 'x' }],
      [
        '/servers/host3',
        {
          connections: [
            { managementAddresses: ['h'], credential: { resourceRef: '/credentials/c' } },
          ],
        },
      ],
    ],
    request: ['DELETE', '/credentials/c'],
    code: 'InUseCredentialCannotBeDeleted',
    status: 409,
  },
  {
    what: 'switching virtualization off under virtual networks',
    request: [
      'PUT',
      '/logicalNetworks/provider',
      {
        subnets: [
          {
            resourceId: 'hosts',
            properties: {
              addressPrefix: '100.64.0.0/24',
              vlanId: 0,
              ipPools: [
                {
                  resourceId: 'pool',
                  properties: { startIpAddress: '100.64.0.1', endIpAddress: '100.64.0.9' },
                },
              ],
            },
          },
        ],
      },
    ],
    code: 'ResourceInUse',
    status: 409,
  },
];

testRefusals(REFUSALS);

test('the error names the property, and every further one in details', async (t) => {
  const { client } = await startController(t);
  const answer = await client.put('/servers/s', { colour: 1, size: 2 });
  t.is(answer.at('error.target'), 'properties.colour');
  t.deepEqual(
    answer
      .listAt('error.details')
      .map((detail) => JSON.stringify(detail).match(/colour|size/)?.[0]),
    ['colour', 'size'],
  );
});

test('a subnet that is full says so, and has room again after a deletion', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await expectCreated(client, `${BLUE}/subnets/small`, { addressPrefix: '10.1.9.0/29' });
  const inSmall = nicProperties({}, `${BLUE}/subnets/small`);
  for (const name of ['a', 'b', 'c'])
    await expectCreated(client, `/networkInterfaces/${name}`, inSmall);
  const full = await client.put('/networkInterfaces/d', inSmall);
  t.is(full.textAt('error.code'), 'SubnetIsFull');
  t.is((await client.delete('/networkInterfaces/b')).status, 202);
  const made = await expectCreated(client, '/networkInterfaces/d', inSmall);
  t.is(made.at('properties.ipConfigurations.0.properties.privateIPAddress'), '10.1.9.5');
});
