/** MS-NCNBI §3.1.5.35: what network interfaces and their addresses refuse, and with which code. */
import test from 'ava';
import { expectCreated, layGround, nicProperties, startController } from './controller-fixture.ts';
import { testRefusals } from './refusals-fixture.ts';

const BLUE = '/virtualNetworks/blue';
const WEB = `${BLUE}/subnets/web`;
const NIC = '/networkInterfaces/n1';
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
const inBlue = { subnet: { resourceRef: WEB } };

testRefusals([
  {
    what: 'an unmanaged address',
    request: ['PUT', NIC, nicProperties({ privateIPAllocationMethod: 'Unmanaged' })],
    code: 'UnmanagedAllocationMethodNotSupported',
  },
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
]);

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
