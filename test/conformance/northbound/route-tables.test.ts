/** routeTables and routes — MS-NCNBI §3.1.5.10: what is accepted, what is shown, what is refused. */
import test from 'ava';
import { ROUTES_MAX } from '../../../controller/northbound/limits.ts';
import { layGround, startController } from './controller-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const VIA = '/routeTables/via';
const ROUTE = `${VIA}/routes/r`;
const MORE = '/virtualNetworks/blue/subnets/more';

function table(...routes: readonly object[]): object {
  return { routes: routes.map((properties, at) => ({ resourceId: `r${at}`, properties })) };
}

function appliance(nextHopIpAddress?: string, addressPrefix = '0.0.0.0/0'): object {
  return { addressPrefix, nextHopType: 'VirtualAppliance', nextHopIpAddress };
}

const withTable = { addressPrefix: '10.1.3.0/24', routeTable: { resourceRef: VIA } };

test('§3.1.5.10.2: every type of next hop, in either family', async (t) => {
  const { client } = await startController(t);
  const made = await client.put(
    VIA,
    table(
      appliance('10.1.1.4'),
      appliance('2001:DB8::4', '::/0'),
      { addressPrefix: '10.9.0.0/16', nextHopType: 'vnetlocal' },
      { addressPrefix: '192.0.2.0/24', nextHopType: 'Internet', nextHopIpAddress: '' },
      { addressPrefix: '198.51.100.0/24', nextHopType: 'VirtualNetworkGateway' },
      { addressPrefix: '203.0.113.0/24', nextHopType: 'None' },
    ),
  );
  t.is(made.status, 201, made.text);
  const at = (index: number, name: string) =>
    made.at(`properties.routes.${index}.properties.${name}`);
  t.is(at(1, 'nextHopIpAddress'), '2001:db8::4');
  t.is(at(2, 'nextHopType'), 'VnetLocal');
  t.is(at(3, 'nextHopIpAddress'), undefined);
  t.deepEqual(made.listAt('properties.subnets'), []);
});

test('a route is addressable, and its table names the subnets that have it', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(VIA, {});
  t.is((await client.put(ROUTE, appliance('10.1.1.4'))).status, 201);
  t.is((await client.put(MORE, withTable)).status, 201);
  const found = await client.get(VIA);
  t.deepEqual(found.listAt('properties.subnets'), [{ resourceRef: MORE }]);
  t.is(found.at('properties.routes.0.resourceRef'), ROUTE);
  t.is((await client.delete(ROUTE)).status, 202);
  t.deepEqual((await client.get(VIA)).listAt('properties.routes'), []);
});

test('a default route to the Internet is no route to a private prefix', async (t) => {
  const { client } = await startController(t);
  const made = await client.put(
    VIA,
    table({ addressPrefix: '0.0.0.0/0', nextHopType: 'Internet' }),
  );
  t.is(made.status, 201, made.text);
});

const REFUSALS: readonly Refusal[] = [
  ...(
    [
      ['a prefix that is none', appliance('10.1.1.4', 'default'), 'InvalidRouteAddressPrefix'],
      ['a prefix with host bits', appliance('10.1.1.4', '10.1.1.1/8'), 'InvalidRouteAddressPrefix'],
      ['no prefix', { nextHopType: 'None' }, 'InvalidRouteAddressPrefix'],
      [
        'a reserved prefix',
        { addressPrefix: '169.254.169.254/32', nextHopType: 'None' },
        'AddressPrefixInRestrictedAddressSpace',
      ],
      ['an appliance without address', appliance(), 'MissingNextHopIpAddress'],
      ['an appliance with an empty address', appliance(''), 'MissingNextHopIpAddress'],
      ['an appliance that is no address', appliance('firewall'), 'InvalidNextHopIpAddress'],
      ['an appliance of another family', appliance('2001:db8::4'), 'InvalidNextHopIpAddress'],
      ['an appliance at a reserved address', appliance('127.0.0.1'), 'InvalidNextHopIpAddress'],
      [
        'an address where none is allowed',
        { addressPrefix: '10.0.0.0/8', nextHopType: 'None', nextHopIpAddress: '10.1.1.4' },
        'NextHopIpAddressNotAllowed',
      ],
      [
        'the Internet for a private prefix',
        { addressPrefix: '192.168.1.0/24', nextHopType: 'Internet' },
        'AddressPrefixMustBeInPublicAddressSpace',
      ],
      [
        'a type that is none',
        { addressPrefix: '10.0.0.0/8', nextHopType: 'Peer' },
        'InvalidParameterValue',
      ],
    ] as const
  ).map(([what, route, code]) => ({
    what: `a route with ${what}`,
    request: ['PUT', VIA, table(route)] as const,
    code,
  })),
  {
    what: 'two routes for one prefix',
    request: [
      'PUT',
      VIA,
      table(appliance('10.1.1.4', '10.0.0.0/8'), appliance('10.1.1.5', '10.0.0.0/8')),
    ],
    code: 'RouteConflict',
  },
  {
    what: 'a route for the prefix of its sibling, spelt otherwise',
    given: [[VIA, table(appliance('2001:db8::4', '2001:db8::/32'))]],
    request: ['PUT', ROUTE, appliance('2001:db8::5', '2001:DB8:0::/32')],
    code: 'RouteConflict',
  },
  {
    what: 'more routes than a table may have',
    request: [
      'PUT',
      VIA,
      table(
        ...Array.from({ length: ROUTES_MAX + 1 }, (_, at) => ({
          addressPrefix: `10.${at >> 8}.${at & 255}.0/24`,
          nextHopType: 'None',
        })),
      ),
    ],
    code: 'RouteCountLimitReached',
  },
  {
    what: 'a table whose appliance is outside the network of its subnet',
    given: [[VIA, table(appliance('10.2.0.4'))]],
    request: ['PUT', MORE, withTable],
    code: 'RouteNextHopIpAddressNotFound',
  },
  {
    what: 'an appliance outside the network in which the table is used',
    given: [
      [VIA, {}],
      [MORE, withTable],
    ],
    request: ['PUT', ROUTE, appliance('10.2.0.4')],
    code: 'RouteNextHopIpAddressNotFound',
  },
  {
    what: 'deleting a table that a subnet has',
    given: [
      [VIA, {}],
      [MORE, withTable],
    ],
    request: ['DELETE', VIA],
    code: 'InUseRouteTableCannotBeDeleted',
    status: 409,
  },
];

testRefusals(REFUSALS);
