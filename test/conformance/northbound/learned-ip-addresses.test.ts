/** learnedIpAddresses and Learned ipConfigurations — MS-NCNBI §3.1.5.32, §3.1.5.11.2: addresses that interfaces share. */
import test from 'ava';
import {
  type Client,
  expectCreated,
  layGround,
  nicProperties,
  startController,
} from './controller-fixture.ts';
import { BALANCING_GROUND, balancer, LB } from './load-balancers-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const FLOATING = '/learnedIpAddresses/floating';
const WEB = '/virtualNetworks/blue/subnets/web';
const DATA = '/virtualNetworks/blue/subnets/data';
const NIC = '/networkInterfaces/n1';
const inWeb = { virtualSubnet: { resourceRef: WEB } };
const floating = { ...inWeb, ipAddress: '10.1.1.100' };

/** An interface with an address of its own, and one that it shares. */
function sharing(changes: object = {}, own: readonly object[] = [{}]): object {
  const learned = {
    privateIPAllocationMethod: 'Learned',
    subnet: { resourceRef: WEB },
    learnedIp: { resourceRef: FLOATING },
    ...changes,
  };
  return {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      ...own.map((properties, at) => ({
        resourceId: `own${at}`,
        properties: { subnet: { resourceRef: WEB }, ...properties },
      })),
      { resourceId: 'shared', properties: learned },
    ],
  };
}

async function ground(client: Client): Promise<void> {
  await layGround(client);
  await expectCreated(client, FLOATING, floating);
}

test('an address shared by two interfaces: both show it, it and the subnet name them', async (t) => {
  const { client } = await startController(t);
  await ground(client);
  for (const name of ['n1', 'n2']) {
    const made = await expectCreated(client, `/networkInterfaces/${name}`, sharing());
    const own = made.at('properties.ipConfigurations.0.properties.privateIPAddress');
    t.not(own, '10.1.1.100');
    t.is(made.at('properties.ipConfigurations.1.properties.privateIPAddress'), '10.1.1.100');
  }
  const shown = await client.send('GET', `/networking/v5${FLOATING}`);
  t.is(shown.at('properties.ipAddress'), '10.1.1.100');
  t.deepEqual(
    shown.listAt('properties.ipConfiguration'),
    ['n1', 'n2'].map((name) => ({
      resourceRef: `/networkInterfaces/${name}/ipConfigurations/shared`,
    })),
  );
  const subnet = await client.get(WEB);
  t.deepEqual(subnet.listAt('properties.learnedIpAddresses'), [{ resourceRef: FLOATING }]);
  const again = await client.send('PUT', `/networking/v5${FLOATING}`, shown.body);
  t.is(again.status, 200, 'what a client was given it may send back');
  const nic = await client.get(NIC);
  t.is((await client.send('PUT', `/networking/v5${NIC}`, nic.body)).status, 200);
});

test('without an address, or with an empty one, a free one is given, and kept', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const made = await expectCreated(client, FLOATING, { ...inWeb, ipAddress: '' });
  t.is(made.at('properties.ipAddress'), '10.1.1.4');
  t.is((await client.put(FLOATING, inWeb)).at('properties.ipAddress'), '10.1.1.4');
  const nic = await expectCreated(client, NIC, nicProperties());
  t.is(nic.at('properties.ipConfigurations.0.properties.privateIPAddress'), '10.1.1.5');
  t.is((await client.delete(FLOATING)).status, 202);
  const other = await expectCreated(client, '/networkInterfaces/n2', nicProperties());
  t.is(other.at('properties.ipConfigurations.0.properties.privateIPAddress'), '10.1.1.4');
});

test('the example of the specification calls the subnet `subnet`', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const properties = { ipAddress: '10.1.1.100', subnet: { resourceRef: WEB } };
  const made = await expectCreated(client, FLOATING, properties);
  t.deepEqual(made.at('properties.virtualSubnet'), { resourceRef: WEB });
});

test('who has a learned address now is told beside the specification', async (t) => {
  const { client, realised } = await startController(t);
  await ground(client);
  const n1 = await expectCreated(client, NIC, sharing());
  await expectCreated(client, '/networkInterfaces/n2', sharing());
  const path = '/networking/weft/v1/learnedIpAddresses';
  const shared = {
    resourceRef: FLOATING,
    ipAddress: '10.1.1.100',
    virtualSubnet: WEB,
    sharedBy: [NIC, '/networkInterfaces/n2'],
  };
  t.deepEqual((await client.get(path)).body, { value: [shared] });
  const network = (await client.get('/virtualNetworks/blue')).textAt('instanceId');
  realised.servers.set(n1.textAt('instanceId'), 'host1');
  realised.holders.set(`${network} 10.1.1.100`, n1.textAt('instanceId'));
  const held = { ...shared, networkInterface: NIC, host: 'host1' };
  t.deepEqual((await client.get(path)).body, { value: [held] });
});

const given = [[FLOATING, floating]] as const;
const REFUSALS: readonly Refusal[] = [
  {
    what: 'a learned address without a subnet',
    request: ['PUT', FLOATING, { ipAddress: '10.1.1.100' }],
    code: 'LearnedIpAddressSubnetMissing',
  },
  {
    what: 'a learned address in a subnet that does not exist',
    request: ['PUT', FLOATING, { virtualSubnet: { resourceRef: `${WEB}x` } }],
    code: 'LearnedIpAddressSubnetMissing',
  },
  {
    what: 'a learned address that is none',
    request: ['PUT', FLOATING, { ...inWeb, ipAddress: '10.1.1.300' }],
    code: 'LearnedIpInvalidIpAddress',
  },
  {
    what: 'a learned IPv6 address',
    request: ['PUT', FLOATING, { ...inWeb, ipAddress: 'fd00::1' }],
    code: 'LearnedIpInvalidIpAddress',
  },
  {
    what: 'a learned address outside its subnet',
    request: ['PUT', FLOATING, { ...inWeb, ipAddress: '10.1.2.100' }],
    code: 'LearnedIpNotPartofSubnet',
  },
  {
    what: 'the gateway’s address as a learned one',
    request: ['PUT', FLOATING, { ...inWeb, ipAddress: '10.1.1.1' }],
    code: 'PrivateIPAddressInReservedRange',
  },
  {
    what: 'a learned address that an interface has',
    given: [[NIC, nicProperties()]],
    request: ['PUT', FLOATING, { ...inWeb, ipAddress: '10.1.1.4' }],
    code: 'PrivateIPAddressInUse',
  },
  {
    what: 'an interface with a learned address of others as its own',
    given,
    request: [
      'PUT',
      NIC,
      nicProperties({ privateIPAllocationMethod: 'Static', privateIPAddress: '10.1.1.100' }),
    ],
    code: 'PrivateIPAddressInUse',
  },
  {
    what: 'another address for a learned one',
    given,
    request: ['PUT', FLOATING, { ...inWeb, ipAddress: '10.1.1.101' }],
    code: 'LearnedIpConfigModified',
  },
  {
    what: 'another subnet for a learned address',
    given,
    request: ['PUT', FLOATING, { virtualSubnet: { resourceRef: DATA } }],
    code: 'LearnedIpConfigModified',
  },
  {
    what: 'deleting a learned address that is shared',
    given: [...given, [NIC, sharing()]],
    request: ['DELETE', FLOATING],
    code: 'ResourceInUse',
    status: 409,
  },
  {
    what: 'deleting the subnet of a learned address',
    given: [
      [`${WEB}2`, { addressPrefix: '10.1.9.0/24' }],
      [FLOATING, { virtualSubnet: { resourceRef: `${WEB}2` } }],
    ],
    request: ['DELETE', `${WEB}2`],
    code: 'LearnedIpSubnetInUse',
    status: 409,
  },
  {
    what: 'moving the subnet under a learned address',
    given,
    request: ['PUT', WEB, { addressPrefix: '10.1.7.0/24' }],
    code: 'InUseSubnetCannotBeUpdated',
    status: 409,
  },
  {
    what: 'a Learned configuration that shares nothing',
    request: ['PUT', NIC, sharing({ learnedIp: undefined })],
    code: 'LearnedIpConfigInvalidConfiguration',
  },
  {
    what: 'a Learned configuration that shares what does not exist',
    request: ['PUT', NIC, sharing()],
    code: 'LearnedIpConfigInvalidConfiguration',
  },
  {
    what: 'learnedIp on a configuration that is not Learned',
    given,
    request: ['PUT', NIC, nicProperties({ learnedIp: { resourceRef: FLOATING } })],
    code: 'LearnedIpConfigInvalidConfiguration',
  },
  {
    what: 'a Learned configuration with another address than it shares',
    given,
    request: ['PUT', NIC, sharing({ privateIPAddress: '10.1.1.99' })],
    code: 'LearnedIpConfigInvalidConfiguration',
  },
  {
    what: 'a Learned configuration without a subnet',
    given,
    request: ['PUT', NIC, sharing({ subnet: undefined })],
    code: 'LearnedIpAddressSubnetMissing',
  },
  {
    what: 'a Learned configuration in another subnet than the address it shares',
    given,
    request: ['PUT', NIC, sharing({ subnet: { resourceRef: DATA } })],
    code: 'LearnedIpNotPartofSubnet',
  },
  {
    what: 'a primary Learned configuration',
    given,
    request: ['PUT', NIC, sharing({ isPrimary: true })],
    code: 'LearnedIpConfigCannotBePrimary',
  },
  {
    what: 'a Learned configuration behind a load balancer',
    given: [...given, ...BALANCING_GROUND, [LB, balancer()]],
    request: [
      'PUT',
      NIC,
      sharing({
        loadBalancerBackendAddressPools: [{ resourceRef: `${LB}/backendAddressPools/all` }],
      }),
    ],
    code: 'LearnedIpConfigCannotBeLoadbalancedOrHavePublicIP',
  },
  {
    what: 'a Learned configuration as the only one',
    given,
    request: ['PUT', NIC, sharing({}, [])],
    code: 'LearnedIpConfigMissingPrimary',
  },
  {
    what: 'two Learned configurations of one interface',
    given,
    request: [
      'PUT',
      NIC,
      sharing({}, [
        {},
        { privateIPAllocationMethod: 'Learned', learnedIp: { resourceRef: FLOATING } },
      ]),
    ],
    code: 'SingleLearnedIpPerNic',
  },
  {
    what: 'a Learned configuration that shares another address than before',
    given: [...given, ['/learnedIpAddresses/other', inWeb], [NIC, sharing()]],
    request: ['PUT', NIC, sharing({ learnedIp: { resourceRef: '/learnedIpAddresses/other' } })],
    code: 'LearnedIpConfigModified',
  },
  {
    what: 'a Learned configuration that was Dynamic',
    given: [...given, [NIC, sharing()]],
    request: ['PUT', `${NIC}/ipConfigurations/own0`, learned()],
    code: 'PrivateIpAllocationMethodCannotBeUpdated',
  },
];

function learned(): object {
  return {
    privateIPAllocationMethod: 'Learned',
    subnet: { resourceRef: WEB },
    learnedIp: { resourceRef: FLOATING },
  };
}

testRefusals(REFUSALS);
