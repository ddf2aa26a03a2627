/** MS-NCNBI §3.1.5.35: what network interfaces and their addresses refuse, and with which code. */
import test from 'ava';
import { expectCreated, layGround, nicProperties, startController } from './controller-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

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
/** An interface with these IP configurations, named a, b, … */
const withConfigurations = (...configurations: object[]): object => ({
  privateMacAllocationMethod: 'Dynamic',
  ipConfigurations: configurations.map((properties, index) => ({
    resourceId: 'abc'.charAt(index),
    properties,
  })),
});
const inSubnet = (resourceRef: string): object => ({ subnet: { resourceRef } });
const staticAt = (privateIPAddress: string): object => ({
  ...{ ...inBlue, privateIPAllocationMethod: 'Static' },
  privateIPAddress,
});

/** What is written as an interface, after what is given. */
const rows: readonly (readonly [
  what: string,
  properties: object,
  code: string,
  ...given: NonNullable<Refusal['given']>,
])[] = [
  [
    'an unmanaged address',
    nicProperties({ privateIPAllocationMethod: 'Unmanaged' }),
    'UnmanagedAllocationMethodNotSupported',
  ],
  ['an interface without a subnet', withConfigurations({}), 'SubnetIsRequired'],
  [
    'a static address that is not given',
    nicProperties({ privateIPAllocationMethod: 'Static' }),
    'PrivateIPAddressMissing',
  ],
  ['a malformed address', withAddress('10.1.1.256'), 'InvalidPrivateIPAddressFormat'],
  ['an address outside the subnet', withAddress('10.1.2.4'), 'PrivateIPAddressNotInSubnet'],
  ['the gateway’s address', withAddress('10.1.1.1'), 'PrivateIPAddressInReservedRange'],
  ['the platform’s reserved address', withAddress('10.1.1.3'), 'PrivateIPAddressInReservedRange'],
  ['the broadcast address', withAddress('10.1.1.255'), 'PrivateIPAddressInReservedRange'],
  [
    'an address that another has',
    withAddress('10.1.1.4'),
    'PrivateIPAddressInUse',
    ['/networkInterfaces/other', withAddress('10.1.1.4')],
  ],
  [
    'one address twice on one interface',
    withConfigurations(staticAt('10.1.1.9'), staticAt('10.1.1.9')),
    'PrivateIPAddressInUse',
  ],
  [
    'a change of the allocation method',
    withAddress('10.1.1.9'),
    'PrivateIpAllocationMethodCannotBeUpdated',
    [NIC, nicProperties()],
  ],
  [
    'two virtual networks on one interface',
    withConfigurations(inBlue, inSubnet('/virtualNetworks/red/subnets/s')),
    'VirtualNetworkMismatch',
    [
      '/virtualNetworks/red',
      {
        ...withSpace('10.0.0.0/8'),
        subnets: [{ resourceId: 's', properties: { addressPrefix: '10.0.0.0/24' } }],
      },
    ],
  ],
  [
    'a virtual and a logical network on one interface',
    withConfigurations(inBlue, inSubnet('/logicalNetworks/provider/subnets/hosts')),
    'NetworkMismatch',
  ],
  [
    'two primary addresses',
    withConfigurations({ ...inBlue, isPrimary: true }, { ...inBlue, isPrimary: true }),
    'InvalidParameterValue',
  ],
  [
    'a host’s interface in a virtual network',
    { ...nicProperties(), isHostVirtualNetworkInterface: true },
    'HostVirtualNetworkInterfaceCannotConnectToVirtualNetwork',
  ],
  ['a static MAC address that is not given', withMac(), 'PrivateMacAddressMissing'],
  ['a malformed MAC address', withMac('00-11-22'), 'InvalidPrivateMacAddress'],
  ['a group MAC address', withMac('01-00-5E-00-00-01'), 'InvalidPrivateMacAddress'],
  ['the virtual router’s MAC address', withMac('12-34-56-78-9A-BC'), 'InvalidPrivateMacAddress'],
  [
    'a MAC address that another has',
    withMac('02-00-00-00-00-01'),
    'InvalidPrivateMacAddress',
    ['/networkInterfaces/other', withMac('02-00-00-00-00-01')],
  ],
  [
    'a change of the MAC allocation method',
    { ...nicProperties(), ...withMac('02-00-00-00-00-01') },
    'PrivateMacAllocationMethodCannotBeUpdated',
    [NIC, nicProperties()],
  ],
  [
    'a change of isPrimary',
    { ...nicProperties(), isPrimary: false },
    'PrimaryNicPropertyCannotBeUpdated',
    [NIC, nicProperties()],
  ],
  [
    'DNS settings of a secondary interface',
    { ...nicProperties(), isPrimary: false, dnsSettings: { dnsServers: ['10.1.1.9'] } },
    'OnlyPrimaryNetworkInterfaceCanHaveDnsSettings',
  ],
  [
    'a name that is no DNS label',
    { ...nicProperties(), internalDnsNameLabel: 'a.b' },
    'InvalidDomainNameLabel',
  ],
];

testRefusals(
  rows.map(([what, properties, code, ...given]) => ({
    ...{ what, code, given },
    request: ['PUT', NIC, properties],
  })),
);

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
