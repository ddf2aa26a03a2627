/**
 * edgeRouters with bgpRouters, bgpPeers, policyMaps (in the shape of MS-NCNBI §3.1.5.17.2 and .3), natPools and portForwards: what is accepted,
 * what is shown, what is refused.
 */
import test from 'ava';
import { formatExtAsNumber, parseAsNumber } from '../../../base/as-number.ts';
import { layGround, nicProperties, startController } from './controller-fixture.ts';
import {
  layPublicGround,
  MANAGER,
  manager,
  PUBLIC_GROUND,
  VIP_NETWORK,
  VIP_POOL,
} from './public-addresses-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const EDGE = '/edgeRouters/edge';
const ROUTER = `${EDGE}/bgpRouters/bgp`;
const PEER = `${ROUTER}/bgpPeers/tor`;
const MAP = `${EDGE}/policyMaps/in`;
const POOL = `${EDGE}/natPools/shared`;
const FORWARD = `${EDGE}/portForwards/ssh`;
const NIC = '/networkInterfaces/nic';

const edge = (properties: object = {}) => ({
  providerAddress: '100.64.0.20',
  isProviderGateway: true,
  outsideInterfaces: [
    {
      name: 'outside0',
      addresses: ['192.0.2.2/24', '2001:db8:ffff::2/64'],
      gateways: ['192.0.2.1', '2001:db8:ffff::1'],
    },
  ],
  ...properties,
});
const shared = { startIpAddress: '203.0.113.240', endIpAddress: '203.0.113.241' };
const peer = { peerIpAddress: '192.0.2.1', extAsNumber: '0.64601' };
const reference = (resourceRef: string) => ({ resourceRef });
const entries = (...policyMapEntryList: readonly object[]) => ({ policyMapEntryList });

test('AS numbers are plain or dotted, and shown as extAsNumber', (t) => {
  t.is(parseAsNumber('64512'), 64512);
  t.is(parseAsNumber('0.64512'), 64512);
  t.is(parseAsNumber('1.10'), 65546);
  t.is(formatExtAsNumber(65546), '1.10');
  for (const text of ['0', '0.0', '23456', '4294967296', '1.65536', '65536.1', '-1', 'x', '']) {
    t.is(parseAsNumber(text), undefined, text);
  }
});

test('an edge takes the provider address it is given, or one of the pools', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const given = await client.put(EDGE, edge());
  t.is(given.status, 201, given.text);
  t.is(given.at('properties.providerAddress'), '100.64.0.20');
  const next = await client.put('/edgeRouters/second', {});
  t.is(next.at('properties.providerAddress'), '100.64.0.4', 'after the two servers');
  const again = await client.put('/edgeRouters/second', {});
  t.is(again.at('properties.providerAddress'), '100.64.0.4', 'it stays');
});

test('§3.1.5.17.2: a router and its peers, in the body of the edge and by themselves', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const made = await client.put(EDGE, {
    ...edge(),
    bgpRouters: [
      {
        resourceId: 'bgp',
        properties: {
          isEnabled: 'true',
          extASNumber: '64600',
          bgpPeers: [
            { resourceId: 'tor', properties: { ...peer, policyMapIn: null, policyMapOut: null } },
          ],
        },
      },
    ],
  });
  t.is(made.status, 201, made.text);
  const router = await client.get(ROUTER);
  t.is(router.at('properties.extAsNumber'), '0.64600');
  t.is(router.at('properties.isGenerated'), false);
  t.deepEqual(router.listAt('properties.routerIP'), [
    '100.64.0.20',
    '192.0.2.2',
    '2001:db8:ffff::2',
  ]);
  const found = await client.get(PEER);
  t.is(found.at('properties.asNumber'), '64601');
  t.deepEqual(found.at('properties.addressFamilies'), ['IPv4']);
  t.is((await client.send('PUT', PEER, { properties: found.at('properties') })).status, 200);
  const range = { peerPrefix: '100.64.0.0/24' };
  t.is((await client.put(`${ROUTER}/bgpPeers/muxes`, range)).status, 201);
});

test('a peer’s BFD has times of its own, and only where there is BFD', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(EDGE, edge());
  await client.put(ROUTER, { extAsNumber: '64600' });
  const times = { bfdIntervalInMilliseconds: 100, bfdMultiplier: 5 };
  const made = await client.put(PEER, { ...peer, isBfdEnabled: true, ...times });
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.bfdIntervalInMilliseconds'), 100);
  for (const wrong of [
    times,
    { isBfdEnabled: true, bfdIntervalInMilliseconds: 49 },
    { isBfdEnabled: true, bfdIntervalInMilliseconds: 60_001 },
    { isBfdEnabled: true, bfdMultiplier: 0 },
    { isBfdEnabled: true, bfdMultiplier: 256 },
  ]) {
    t.is((await client.put(PEER, { ...peer, ...wrong })).status, 400, JSON.stringify(wrong));
  }
});

test('a router’s stations and files: what is accepted and refused', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(EDGE, edge());
  const bmpStations = [
    { address: '192.0.2.1', port: 11_019 },
    { address: '2001:db8:ffff::1', port: 11_019 },
  ];
  const mrtExport = { isUpdateLogEnabled: true, tableDumpIntervalInMinutes: 60 };
  const exports = { bmpStations, bmpStatisticsIntervalInSeconds: 30, mrtExport };
  const made = await client.put(ROUTER, { extAsNumber: '64600', ...exports });
  t.is(made.status, 201, made.text);
  t.deepEqual(made.at('properties.bmpStations'), bmpStations);
  t.deepEqual(made.at('properties.mrtExport'), mrtExport);
  const many = Array.from({ length: 17 }, (_, at) => ({ address: '192.0.2.1', port: 1 + at }));
  for (const wrong of [
    { bmpStations: [{ address: 'station', port: 11_019 }] },
    { bmpStations: [{ address: '192.0.2.1', port: 0 }] },
    { bmpStations: [{ address: '192.0.2.1' }] },
    { bmpStations: [bmpStations[0], bmpStations[0]] },
    { bmpStations: many },
    { bmpStatisticsIntervalInSeconds: 0 },
    { mrtExport: { tableDumpIntervalInMinutes: 0 } },
  ]) {
    const refused = await client.put(ROUTER, { extAsNumber: '64600', ...wrong });
    t.is(refused.status, 400, JSON.stringify(wrong));
  }
});

test('an edge has one BGP router: a second one is refused by name', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(EDGE, edge());
  await client.put(ROUTER, { extAsNumber: '64600' });
  const second = await client.put(`${EDGE}/bgpRouters/other`, { extAsNumber: '64601' });
  t.is(second.status, 400, second.text);
  t.regex(second.text, /is the edge's BGP router; it has one/);
});

test('a key signs a session and is never shown', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(EDGE, edge());
  await client.put(ROUTER, { extAsNumber: '64600' });
  const made = await client.put(PEER, { ...peer, md5Key: 'secret' });
  t.is(made.status, 201, made.text);
  t.false(made.text.includes('secret'));
  t.false((await client.get(EDGE)).text.includes('secret'));
});

test('§3.1.5.17.3: a policy map knows the peers that have it, and stays while they do', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(EDGE, edge());
  const map = entries(
    {
      policyName: 'INPOLICY1',
      action: 'deny',
      matchCritera: [
        { property: 'matchprefix', value: ['5.4.3.2/32', '5.4.3.1/32'] },
        { property: 'NextHop', value: '4.3.2.1,6.4.3.1' },
      ],
      setActions: [],
    },
    {
      action: 'ModifyAttribute',
      setActions: [
        { property: 'As-Path', value: '64600 64600' },
        { property: 'Add-Community', value: ['64600:1', 'no-export'] },
        { property: 'MED', value: 10 },
        { property: 'Clear-MED' },
      ],
    },
    { action: 'Allow', matchCriteria: [{ property: 'AsnRange', value: '64512-65534' }] },
  );
  const made = await client.put(MAP, map);
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.policyMapEntryList.0.action'), 'Deny');
  await client.put(ROUTER, { extAsNumber: '64600' });
  const bound = await client.put(PEER, { ...peer, policyMapIn: reference(MAP) });
  t.is(bound.status, 201, bound.text);
  t.deepEqual((await client.get(MAP)).listAt('properties.bgpPeersWithPolicyMapIn'), [
    reference(PEER),
  ]);
  t.deepEqual((await client.get(MAP)).listAt('properties.bgpPeersWithPolicyMapOut'), []);
  t.is((await client.delete(MAP)).textAt('error.code'), 'ResourceInUse');
});

test('a pool of shared addresses has them to itself, and ports of them lead inside', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await layPublicGround(client);
  await client.put(EDGE, edge());
  const pool = await client.put(POOL, shared);
  t.is(pool.status, 201, pool.text);
  t.is(pool.at('properties.portFirst'), 1024);
  await client.put(NIC, nicProperties());
  const made = await client.put(FORWARD, {
    protocol: 'tcp',
    frontendIPAddress: '203.0.113.240',
    frontendPort: 2222,
    backendPort: 22,
    ipConfiguration: reference(`${NIC}/ipConfigurations/primary`),
  });
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.address'), '10.1.1.4');
  t.is((await client.delete(NIC)).textAt('error.code'), 'ResourceInUse');
  t.is((await client.delete(POOL)).textAt('error.code'), 'FrontEndIpNotInVipPool');
  t.is((await client.delete(FORWARD)).status, 202);
  t.is((await client.delete(POOL)).status, 202);
  const network = await client.get(VIP_NETWORK);
  t.is(network.status, 200);
});

const given = [[EDGE, edge()]] as const;
const withRouter = [...given, [ROUTER, { extAsNumber: '64600' }]] as const;
const withPool = [...PUBLIC_GROUND, ...given, [POOL, shared]] as const;
const forward = (properties: object = {}) => ({
  protocol: 'TCP',
  frontendIPAddress: '203.0.113.240',
  frontendPort: 80,
  privateIPAddress: '100.64.0.30',
  ...properties,
});
const outside = (properties: object) => ({
  outsideInterfaces: [{ name: 'outside0', addresses: ['192.0.2.2/24'], ...properties }],
});

const REFUSALS: readonly Refusal[] = [
  ...(
    [
      [
        'a provider address outside the provider networks',
        { providerAddress: '10.0.0.1' },
        'PrivateIPAddressNotInSubnet',
      ],
      [
        'the gateway’s provider address',
        { providerAddress: '100.64.0.1' },
        'PrivateIPAddressInReservedRange',
      ],
      ['a server’s provider address', { providerAddress: '100.64.0.2' }, 'PrivateIPAddressInUse'],
      ['a provider address that is none', { providerAddress: 'x' }, 'InvalidIPAddress'],
      [
        'two interfaces of one name',
        {
          outsideInterfaces: [
            { name: 'a', addresses: ['192.0.2.2/24'] },
            { name: 'a', addresses: ['192.0.2.3/24'] },
          ],
        },
        'InvalidParameterValue',
      ],
      ['an interface without address', outside({ addresses: [] }), 'InvalidParameterValue'],
      [
        'an interface address without length',
        outside({ addresses: ['192.0.2.2'] }),
        'InvalidIPPrefix',
      ],
      [
        'an interface address of too great a length',
        outside({ addresses: ['192.0.2.2/33'] }),
        'InvalidIPPrefix',
      ],
      [
        'a gateway that is not reached',
        outside({ gateways: ['198.51.100.1'] }),
        'InvalidNextHopIpAddress',
      ],
      [
        'two gateways of one family',
        outside({ gateways: ['192.0.2.1', '192.0.2.3'] }),
        'InvalidParameterValue',
      ],
      [
        'too long a name for an interface',
        { outsideInterfaces: [{ name: 'a'.repeat(16), addresses: ['192.0.2.2/24'] }] },
        'InvalidParameterValue',
      ],
    ] as const
  ).map(([what, properties, code]) => ({
    what: `an edge with ${what}`,
    request: ['PUT', EDGE, properties] as const,
    code,
  })),
  {
    what: 'a second gateway of the provider network',
    given,
    request: ['PUT', '/edgeRouters/b', { isProviderGateway: true }],
    code: 'InvalidParameterValue',
  },
  // BGP
  {
    what: 'a router without AS',
    given,
    request: ['PUT', ROUTER, {}],
    code: 'RequiredParamMissing',
  },
  {
    what: 'a router of AS 0',
    given,
    request: ['PUT', ROUTER, { extAsNumber: '0.0' }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a router that waits for an IGP',
    given,
    request: ['PUT', ROUTER, { extAsNumber: '1', requireIGPSync: true }],
    code: 'OperationNotSupported',
  },
  {
    what: 'an identifier that is none',
    given,
    request: ['PUT', ROUTER, { extAsNumber: '1', routerId: '::1' }],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a network with host bits',
    given,
    request: ['PUT', ROUTER, { extAsNumber: '1', networks: ['203.0.113.1/24'] }],
    code: 'InvalidIPPrefix',
  },
  {
    what: 'a second router',
    given: withRouter,
    request: ['PUT', `${EDGE}/bgpRouters/b`, { extAsNumber: '1' }],
    code: 'OperationNotSupported',
  },
  ...(
    [
      ['without address', { extAsNumber: '1' }, 'RequiredParamMissing'],
      ['with address and prefix', { ...peer, peerPrefix: '192.0.2.0/24' }, 'RequiredParamMissing'],
      ['without AS', { peerIpAddress: '192.0.2.1' }, 'RequiredParamMissing'],
      ['of two AS', { ...peer, asNumber: '1' }, 'InvalidParameterValue'],
      ['with too long a key', { ...peer, md5Key: 'k'.repeat(81) }, 'InvalidParameterValue'],
      ['with a hold time of a second', { ...peer, holdTimeInSeconds: 1 }, 'InvalidParameterValue'],
      [
        'of a prefix that it connects to',
        { peerPrefix: '192.0.2.0/24', isPassive: false },
        'InvalidParameterValue',
      ],
      [
        'with a policy map that does not exist',
        { ...peer, policyMapIn: reference(MAP) },
        'InvalidResourceReference',
      ],
      ['without families', { ...peer, addressFamilies: [] }, 'InvalidParameterValue'],
    ] as const
  ).map(([what, properties, code]) => ({
    what: `a peer ${what}`,
    given: withRouter,
    request: ['PUT', PEER, properties] as const,
    code,
  })),
  {
    what: 'a peer that is there under another name',
    given: [...withRouter, [PEER, peer]],
    request: ['PUT', `${ROUTER}/bgpPeers/b`, peer],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a peer with a map and without',
    given: [...withRouter, [MAP, entries()]],
    request: ['PUT', PEER, { ...peer, policyMapOut: reference(MAP), acceptAllRoutesOut: true }],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a peer with the map of another edge',
    given: [...withRouter, ['/edgeRouters/b', {}], ['/edgeRouters/b/policyMaps/in', entries()]],
    request: ['PUT', PEER, { ...peer, policyMapIn: reference('/edgeRouters/b/policyMaps/in') }],
    code: 'InvalidResourceReference',
  },
  ...(
    [
      ['of another action', { action: 'Drop' }],
      [
        'of another criterion',
        { action: 'Deny', matchCriteria: [{ property: 'Colour', value: '1' }] },
      ],
      [
        'of a prefix that is none',
        { action: 'Deny', matchCriteria: [{ property: 'MatchPrefix', value: '10.0.0.1/8' }] },
      ],
      [
        'of a prefix that is longer than itself',
        {
          action: 'Deny',
          matchCriteria: [{ property: 'MatchPrefix', value: '10.0.0.0/8 ge 33' }],
        },
      ],
      [
        'of a range that is none',
        { action: 'Deny', matchCriteria: [{ property: 'AsnRange', value: '2-1' }] },
      ],
      [
        'of a community that is none',
        { action: 'Deny', matchCriteria: [{ property: 'Community', value: '1:2:3' }] },
      ],
      [
        'of a criterion without value',
        { action: 'Deny', matchCriteria: [{ property: 'NextHop' }] },
      ],
      [
        'that denies and changes',
        { action: 'Deny', setActions: [{ property: 'MED', value: '1' }] },
      ],
      ['that changes nothing', { action: 'ModifyAttribute' }],
      [
        'of two values for one',
        { action: 'Allow', setActions: [{ property: 'MED', value: ['1', '2'] }] },
      ],
      [
        'of a value for none',
        { action: 'Allow', setActions: [{ property: 'Clear-MED', value: '1' }] },
      ],
      [
        'of too great a value',
        { action: 'Allow', setActions: [{ property: 'Local-Pref', value: '4294967296' }] },
      ],
    ] as const
  ).map(([what, entry]) => ({
    what: `a policy ${what}`,
    given,
    request: ['PUT', MAP, entries(entry)] as const,
    code: 'InvalidParameterValue',
  })),
  // Address translation
  {
    what: 'a pool outside every public subnet',
    given: [...PUBLIC_GROUND, ...given],
    request: ['PUT', POOL, { startIpAddress: '10.200.0.1', endIpAddress: '10.200.0.2' }],
    code: 'FrontEndIpNotInVipPool',
  },
  {
    what: 'a pool of IPv6',
    given: [...PUBLIC_GROUND, ...given],
    request: ['PUT', POOL, { startIpAddress: '2001:db8:113::1', endIpAddress: '2001:db8:113::2' }],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a pool with a public address in it',
    given: [...PUBLIC_GROUND, ...given],
    request: ['PUT', POOL, { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.2' }],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'a pool with the subnet’s broadcast address in it',
    given: [...PUBLIC_GROUND, ...given],
    request: ['PUT', POOL, { startIpAddress: '203.0.113.254', endIpAddress: '203.0.113.255' }],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'ports in descending order',
    given: [...PUBLIC_GROUND, ...given],
    request: ['PUT', POOL, { ...shared, portFirst: 9, portLast: 8 }],
    code: 'PortValueIsOutOfRange',
  },
  {
    what: 'a block of more ports than there are',
    given: [...PUBLIC_GROUND, ...given],
    request: ['PUT', POOL, { ...shared, portFirst: 65_100 }],
    code: 'PortValueIsOutOfRange',
  },
  {
    what: 'a public address out of a pool that is shared',
    given: [
      [
        VIP_NETWORK,
        {
          subnets: [
            {
              resourceId: 'public',
              properties: {
                addressPrefix: '203.0.113.0/24',
                vlanId: 0,
                isPublic: true,
                ipPools: [
                  {
                    resourceId: 'first',
                    properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.254' },
                  },
                ],
              },
            },
          ],
        },
      ],
      [MANAGER, manager({ vipIpPools: [reference(VIP_POOL)] })],
      ...given,
      [POOL, shared],
    ],
    request: ['PUT', '/publicIPAddresses/p', { ipAddress: '203.0.113.240' }],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'a port of an address that is not shared',
    given: withPool,
    request: ['PUT', FORWARD, forward({ frontendIPAddress: '203.0.113.3' })],
    code: 'FrontEndIpNotInVipPool',
  },
  {
    what: 'a port that leads nowhere',
    given: withPool,
    request: ['PUT', FORWARD, forward({ privateIPAddress: '' })],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a port that leads to IPv6',
    given: withPool,
    request: ['PUT', FORWARD, forward({ privateIPAddress: '2001:db8::1' })],
    code: 'InvalidIPAddress',
  },
  {
    what: 'a port that another has',
    given: [...withPool, [FORWARD, forward()]],
    request: ['PUT', `${EDGE}/portForwards/z`, forward({ privateIPAddress: '100.64.0.31' })],
    code: 'RulesUseSameFrontendPort',
  },
  {
    what: 'a port into a logical network by its interface',
    given: [...withPool, [NIC, nicProperties({}, '/logicalNetworks/provider/subnets/hosts')]],
    request: [
      'PUT',
      FORWARD,
      forward({
        privateIPAddress: null,
        ipConfiguration: reference(`${NIC}/ipConfigurations/primary`),
      }),
    ],
    code: 'OperationNotSupported',
  },
];

testRefusals(REFUSALS);
