/** `weft route-table`: tables and their routes. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const TABLE = '/routeTables/via';
const route = (name: string, addressPrefix: string, nextHopType: string, address?: string) =>
  resource(`${TABLE}/routes/${name}`, {
    ...{ addressPrefix, nextHopType },
    ...(address !== undefined && { nextHopIpAddress: address }),
  });
const VIA = resource(TABLE, {
  subnets: [{ resourceRef: '/virtualNetworks/blue/subnets/front' }],
  configurationState: { status: 'Success' },
  routes: [
    route('six', '::/0', 'None'),
    route('inner', '10.9.1.0/24', 'VnetLocal'),
    route('outer', '10.9.0.0/16', 'VirtualAppliance', '10.1.1.9'),
    route('all', '0.0.0.0/0', 'Internet'),
  ],
});

test('route-table list and show: routes by address, the wider before those inside it', async (t) => {
  const controller = await scriptedController({
    'GET /routeTables': { body: { value: [VIA], nextLink: '' } },
    [`GET ${TABLE}`]: { body: VIA },
  });
  t.is(
    (await controller.weft('route-table', 'list')).out,
    [
      'NAME  ROUTES  USED BY     PROVISIONING  CONFIGURATION',
      'via        4  blue/front  Succeeded     Success',
      '',
    ].join('\n'),
  );
  const { out } = await controller.weft('route-table', 'show', 'via');
  t.true(
    out.endsWith(
      [
        '',
        'ROUTE  PREFIX       NEXT HOP',
        'all    0.0.0.0/0    Internet',
        'outer  10.9.0.0/16  VirtualAppliance 10.1.1.9',
        'inner  10.9.1.0/24  VnetLocal',
        'six    ::/0         None',
        '',
      ].join('\n'),
    ),
    out,
  );
  await controller.close();
});

test('an empty list says how to make the first one', async (t) => {
  const none = { body: { value: [], nextLink: '' } };
  const controller = await scriptedController({ 'GET /routeTables': none });
  t.regex((await controller.weft('route-table', 'list')).out, /weft route-table create NAME/);
  await controller.close();
});

test('route add: each kind of next hop as the API names it', async (t) => {
  const path = `${TABLE}/routes/r`;
  const made = route('r', '10.9.0.0/16', 'None');
  const controller = await scriptedController({ [`PUT ${path}`]: { body: made } });
  const hops = ['appliance:10.1.1.9', 'appliance:fd00::9', 'vnet-local', 'internet', 'gateway'];
  for (const hop of [...hops, 'none']) {
    const { out } = await controller.weft(
      ...['route-table', 'route', 'add', 'via', 'r', '--prefix', '10.9.0.0/16', '--next-hop', hop],
    );
    t.is(out, `created ${path}\n`);
  }
  t.deepEqual(
    controller.received.map(({ body }) => body),
    [
      { nextHopType: 'VirtualAppliance', nextHopIpAddress: '10.1.1.9' },
      { nextHopType: 'VirtualAppliance', nextHopIpAddress: 'fd00::9' },
      { nextHopType: 'VnetLocal' },
      { nextHopType: 'Internet' },
      { nextHopType: 'VirtualNetworkGateway' },
      { nextHopType: 'None' },
    ].map((hop) => ({ resourceId: 'r', properties: { addressPrefix: '10.9.0.0/16', ...hop } })),
  );
  await controller.close();
});

test('a next hop that is none is a usage error', async (t) => {
  const controller = await scriptedController({});
  for (const hop of ['appliance:', 'appliance:nva', 'toString', 'VnetLocal', '10.1.1.9']) {
    const { code, err } = await controller.weft(
      ...['route-table', 'route', 'add', 'via', 'r', '--prefix', '10.9.0.0/16', '--next-hop', hop],
    );
    t.is(code, 2, hop);
    t.regex(err, hop.startsWith('appliance:') ? /is no address/ : /appliance:ADDRESS, or one of/);
  }
  t.deepEqual(controller.received, []);
  await controller.close();
});

test('route-table create, delete and route remove', async (t) => {
  const path = `${TABLE}/routes/all`;
  const controller = await scriptedController({
    [`PUT ${TABLE}`]: { status: 201, body: VIA },
    [`GET ${TABLE}`]: { body: VIA },
    [`DELETE ${TABLE}`]: { status: 204 },
    [`GET ${path}`]: { body: route('all', '0.0.0.0/0', 'Internet') },
    [`DELETE ${path}`]: { status: 204 },
  });
  t.is((await controller.weft('route-table', 'create', 'via')).out, `created ${TABLE}\n`);
  t.deepEqual(controller.received[0]?.body, { resourceId: 'via', properties: {} });
  const removed = await controller.weft('route-table', 'route', 'remove', 'via', 'all');
  t.is(removed.out, `deleted ${path}\n`);
  t.is((await controller.weft('route-table', 'delete', 'via')).out, `deleted ${TABLE}\n`);
  await controller.close();
});
