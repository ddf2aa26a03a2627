/** publicIPAddresses and loadBalancerManager — MS-NCNBI §3.1.5.14, §3.1.5.6: what is accepted, what is shown, what is refused. */
import test from 'ava';
import { VIP_POOL_ADDRESSES_MAX } from '../../../controller/northbound/limits.ts';
import { layGround, nicProperties, startController } from './controller-fixture.ts';
import {
  layPublicGround,
  MANAGER,
  manager,
  PUBLIC_GROUND,
  pool,
  publicNetwork,
  VIP_NETWORK,
  VIP_POOL,
  VIP_POOL_6,
  VIP_SUBNET,
} from './public-addresses-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const WEB = '/publicIPAddresses/web';
const NIC = '/networkInterfaces/nic';
const CONFIGURATION = `${NIC}/ipConfigurations/primary`;

const dynamic = { publicIPAllocationMethod: 'Dynamic' };
const bound = (ref = WEB) => nicProperties({ publicIPAddress: { resourceRef: ref } });

test('§3.1.5.14: a Dynamic address is any free one of the public pools', async (t) => {
  const { client } = await startController(t);
  await layPublicGround(client);
  const made = await client.put(WEB, { ...dynamic, ipAddress: '192.0.2.9' });
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.ipAddress'), '203.0.113.2', '.1 is the manager’s');
  t.is(made.at('properties.publicIPAddressVersion'), 'IPv4');
  t.is(made.at('properties.idleTimeoutInMinutes'), 4);
  t.is(made.at('properties.ipConfiguration'), undefined);
  const again = await client.put(WEB, { ...dynamic, idleTimeoutInMinutes: 30 });
  t.is(again.at('properties.ipAddress'), '203.0.113.2', 'it stays with the resource');
  const six = await client.put('/publicIPAddresses/six', { publicIPAddressVersion: 'IPv6' });
  t.is(six.at('properties.ipAddress'), '2001:db8:113::1');
});

test('§3.1.5.14: a Static address is the one that is asked for', async (t) => {
  const { client } = await startController(t);
  await layPublicGround(client);
  const made = await client.put(WEB, { ipAddress: '203.0.113.5' });
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.publicIPAllocationMethod'), 'Static');
  const usage = await client.get(VIP_POOL);
  t.is(usage.at('properties.usage.numberOfIPAddressesAllocated'), 2);
});

test('an address is bound to one ipConfiguration, shown on both sides, and free again without it', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await layPublicGround(client);
  await client.put(WEB, dynamic);
  const nic = await client.put(NIC, bound());
  t.is(nic.status, 201, nic.text);
  const found = await client.get(WEB);
  t.deepEqual(found.at('properties.ipConfiguration'), { resourceRef: CONFIGURATION });
  t.is((await client.put(WEB, { ...dynamic, idleTimeoutInMinutes: 9 })).status, 200);
  t.is((await client.delete(WEB)).textAt('error.code'), 'ResourceInUse');
  t.is((await client.put(NIC, nicProperties())).status, 200);
  t.is((await client.get(WEB)).at('properties.ipConfiguration'), undefined);
  t.is((await client.delete(WEB)).status, 202);
  const next = await client.put('/publicIPAddresses/next', dynamic);
  t.is(next.at('properties.ipAddress'), '203.0.113.2');
});

test('an address moves between configurations of one interface in one write', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await layPublicGround(client);
  await client.put(WEB, dynamic);
  await client.put(NIC, bound());
  const subnet = { resourceRef: '/virtualNetworks/blue/subnets/web' };
  const moved = await client.put(NIC, {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      { resourceId: 'primary', properties: { subnet } },
      { resourceId: 'second', properties: { subnet, publicIPAddress: { resourceRef: WEB } } },
    ],
  });
  t.is(moved.status, 200, moved.text);
  const at = (await client.get(WEB)).at('properties.ipConfiguration');
  t.deepEqual(at, { resourceRef: `${NIC}/ipConfigurations/second` });
});

test('what a client was shown it may send back, also while the address is in use', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await layPublicGround(client);
  await client.put(WEB, { ...dynamic, dnsSettings: { domainNameLabel: 'web' } });
  await client.put(NIC, bound());
  const shown = (await client.get(WEB)).at('properties');
  const again = await client.send('PUT', WEB, { properties: shown });
  t.is(again.status, 200, again.text);
  const fixed = await client.put(WEB, { ipAddress: '203.0.113.2' });
  t.is(fixed.status, 200, 'a Dynamic address becomes Static as it is');
  t.is(fixed.at('properties.publicIPAllocationMethod'), 'Static');
});

test('§3.1.5.6: the manager is there once it is written, stays, and changes', async (t) => {
  const { client } = await startController(t);
  t.is((await client.get(MANAGER)).status, 404);
  await client.put(VIP_NETWORK, publicNetwork());
  const made = await client.put(MANAGER, manager());
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.loadBalancerMuxMode'), 'BgpPeering');
  const moved = await client.put(MANAGER, manager({ loadBalancerManagerIPAddress: '203.0.113.6' }));
  t.is(moved.status, 200, moved.text);
  const taken = await client.put(WEB, { ipAddress: '203.0.113.1' });
  t.is(taken.status, 201, 'its former address is free');
  t.is((await client.delete(MANAGER)).textAt('error.code'), 'OperationNotSupported');
  const without = await client.put(
    MANAGER,
    manager({
      loadBalancerManagerIPAddress: '203.0.113.6',
      vipIpPools: [{ resourceRef: VIP_POOL }],
    }),
  );
  t.is(without.status, 200, 'a pool without users may go');
});

test('note 13 of §3.1.5.6: a manager without pools', async (t) => {
  const { client } = await startController(t);
  const made = await client.put(MANAGER, {
    loadBalancerManagerIPAddress: '10.0.0.1',
    outboundNatIPExemptions: [],
  });
  t.is(made.status, 201, made.text);
});

const given = PUBLIC_GROUND;
const SECOND_NIC = '/networkInterfaces/other';
const WIDE = '/logicalNetworks/wide/subnets/s/ipPools/p';

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a public address without a manager',
    request: ['PUT', WEB, dynamic],
    code: 'LbManagerResourceNotConfigured',
  },
  {
    what: 'a Static address that is not said',
    given,
    request: ['PUT', WEB, { publicIPAllocationMethod: 'Static' }],
    code: 'PublicIPAddressMissing',
  },
  {
    what: 'a Static address that is none',
    given,
    request: ['PUT', WEB, { ipAddress: 'here' }],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a Static address of the other version',
    given,
    request: ['PUT', WEB, { ipAddress: '2001:db8:113::9' }],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a Static address of no pool',
    given,
    request: ['PUT', WEB, { ipAddress: '203.0.113.99' }],
    code: 'FrontEndIpNotInVipPool',
  },
  {
    what: 'a Static address of a pool that is not public',
    given: [
      given[0] ?? [VIP_NETWORK, {}],
      [
        MANAGER,
        manager({
          vipIpPools: [
            { resourceRef: VIP_POOL },
            { resourceRef: `${VIP_NETWORK}/subnets/private/ipPools/first` },
          ],
        }),
      ],
    ],
    request: ['PUT', WEB, { ipAddress: '10.200.0.4' }],
    code: 'FrontEndIpNotInVipPool',
  },
  {
    what: 'the address of another',
    given: [...given, [WEB, { ipAddress: '203.0.113.5' }]],
    request: ['PUT', '/publicIPAddresses/b', { ipAddress: '203.0.113.5' }],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'the manager’s own address',
    given,
    request: ['PUT', WEB, { ipAddress: '203.0.113.1' }],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'more addresses than the pools have',
    given: [
      ...given,
      ...[2, 3, 4, 5, 6].map((n) => [`/publicIPAddresses/p${n}`, dynamic] as const),
    ],
    request: ['PUT', WEB, dynamic],
    code: 'SubnetIsFull',
  },
  {
    what: 'another version',
    given: [...given, [WEB, dynamic]],
    request: ['PUT', WEB, { publicIPAddressVersion: 'IPv6' }],
    code: 'PublicIPAddressVersionCannotUpdate',
  },
  {
    what: 'an idle timeout of a minute',
    given,
    request: ['PUT', WEB, { idleTimeoutInMinutes: 1 }],
    code: 'PublicIPIdleTimeoutIsOutOfRange',
  },
  {
    what: 'an idle timeout of half an hour and more',
    given,
    request: ['PUT', WEB, { idleTimeoutInMinutes: 31 }],
    code: 'PublicIPIdleTimeoutIsOutOfRange',
  },
  {
    what: 'DNS settings without a name',
    given,
    request: ['PUT', WEB, { dnsSettings: { fqdn: 'a.example' } }],
    code: 'DomainNameLabelCannotBeNullOrEmpty',
  },
  {
    what: 'a name that is no label',
    given,
    request: ['PUT', WEB, { dnsSettings: { domainNameLabel: 'a.b' } }],
    code: 'InvalidDomainNameLabel',
  },
  {
    what: 'the name of another',
    given: [...given, [WEB, { dnsSettings: { domainNameLabel: 'web' } }]],
    request: ['PUT', '/publicIPAddresses/b', { dnsSettings: { domainNameLabel: 'WEB' } }],
    code: 'DnsRecordInUse',
  },
  {
    what: 'another address while an interface has it',
    given: [...given, [WEB, dynamic], [NIC, bound()]],
    request: ['PUT', WEB, { ipAddress: '203.0.113.5' }],
    code: 'PublicIPAddressInUseCannotUpdate',
  },
  {
    what: 'removal while an interface has it',
    given: [...given, [WEB, dynamic], [NIC, bound()]],
    request: ['DELETE', WEB],
    code: 'ResourceInUse',
    status: 409,
  },
  {
    what: 'the address of another interface',
    given: [...given, [WEB, dynamic], [NIC, bound()]],
    request: ['PUT', SECOND_NIC, bound()],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'an address that does not exist',
    given,
    request: ['PUT', NIC, bound('/publicIPAddresses/none')],
    code: 'InvalidResourceReference',
  },
  {
    what: 'an address of the other family',
    given: [...given, [WEB, { publicIPAddressVersion: 'IPv6' }]],
    request: ['PUT', NIC, bound()],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a public address in a logical network',
    given: [...given, [WEB, dynamic]],
    request: [
      'PUT',
      NIC,
      nicProperties(
        { publicIPAddress: { resourceRef: WEB } },
        '/logicalNetworks/provider/subnets/hosts',
      ),
    ],
    code: 'OperationNotSupported',
  },
  // loadBalancerManager
  {
    what: 'a manager without address',
    request: ['PUT', MANAGER, { outboundNatIPExemptions: [] }],
    code: 'RequiredParamMissing',
  },
  {
    what: 'a manager outside its pools',
    given: [[VIP_NETWORK, publicNetwork()]],
    request: ['PUT', MANAGER, manager({ loadBalancerManagerIPAddress: '192.0.2.1' })],
    code: 'FrontEndIpNotInVipPool',
  },
  {
    what: 'an exemption that is no prefix',
    given: [[VIP_NETWORK, publicNetwork()]],
    request: ['PUT', MANAGER, manager({ outboundNatIPExemptions: ['all'] })],
    code: 'InvalidIPPrefix',
  },
  {
    what: 'muxes that answer ARP',
    given: [[VIP_NETWORK, publicNetwork()]],
    request: ['PUT', MANAGER, manager({ loadBalancerMuxMode: 'L2Forwarding' })],
    code: 'LoadBalancerMuxModeNotSupported',
  },
  {
    what: 'a mode there is not',
    given: [[VIP_NETWORK, publicNetwork()]],
    request: ['PUT', MANAGER, manager({ loadBalancerMuxMode: 'Anycast' })],
    code: 'LoadBalancerMuxModeNotSupported',
  },
  {
    what: 'a pool that does not exist',
    given: [[VIP_NETWORK, publicNetwork()]],
    request: [
      'PUT',
      MANAGER,
      manager({ vipIpPools: [{ resourceRef: `${VIP_SUBNET}/ipPools/none` }] }),
    ],
    code: 'InvalidResourceReference',
  },
  {
    what: 'taking away a pool that a public address is of',
    given: [...given, ['/publicIPAddresses/six', { publicIPAddressVersion: 'IPv6' }]],
    request: ['PUT', MANAGER, manager({ vipIpPools: [{ resourceRef: VIP_POOL }] })],
    code: 'InUseVipPoolCannotBeRemoved',
    status: 409,
  },
  {
    what: 'adding a pool that is in use already',
    given: [
      [VIP_NETWORK, publicNetwork()],
      [NIC, nicProperties({}, VIP_SUBNET)],
    ],
    request: ['PUT', MANAGER, manager({ loadBalancerManagerIPAddress: '203.0.113.6' })],
    code: 'ResourceInUse',
    status: 409,
  },
  {
    what: `a pool of more than ${VIP_POOL_ADDRESSES_MAX} addresses`,
    given: [
      [
        '/logicalNetworks/wide',
        {
          subnets: [
            {
              resourceId: 's',
              properties: {
                addressPrefix: '100.64.0.0/12',
                vlanId: 0,
                isPublic: true,
                ipPools: [pool('100.64.0.1', '100.65.0.1', 'p')],
              },
            },
          ],
        },
      ],
    ],
    request: [
      'PUT',
      MANAGER,
      manager({ loadBalancerManagerIPAddress: '100.64.0.9', vipIpPools: [{ resourceRef: WIDE }] }),
    ],
    code: 'VipRangeTooLarge',
  },
  {
    what: 'removing a pool of the manager',
    given,
    request: ['DELETE', VIP_POOL_6],
    code: 'InUseIpPoolCannotBeDeleted',
    status: 409,
  },
  {
    what: 'making a subnet private whose public addresses are in use',
    given: [...given, [WEB, dynamic]],
    request: ['PUT', VIP_NETWORK, publicNetwork({ isPublic: false })],
    code: 'InUseSubnetCannotBeUpdated',
    status: 409,
  },
  {
    what: 'another VLAN for a subnet of the manager',
    given,
    request: ['PUT', VIP_NETWORK, publicNetwork({ vlanId: 7 })],
    code: 'CannotUpdateVLanId',
  },
];

testRefusals(REFUSALS);
