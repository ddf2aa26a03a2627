/** `weft peering`: both sides of a connection and the states people see. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const BLUE = '/virtualNetworks/blue';
const SIDE = `${BLUE}/virtualNetworkPeerings/to-red`;
const peering = (ref: string, remote: string | null, peeringState: string, access = true) =>
  resource(ref, {
    remoteVirtualNetwork: remote === null ? null : { resourceRef: `/virtualNetworks/${remote}` },
    ...{ peeringState, allowVirtualNetworkAccess: access, allowForwardedTraffic: !access },
  });
const NETWORK = resource(BLUE, {
  virtualNetworkPeerings: [
    peering(SIDE, 'red', 'Connected'),
    peering(`${BLUE}/virtualNetworkPeerings/gone`, null, 'Disconnected', false),
  ],
});

test('peering list: of one network or of all; a remote network that is gone is a dash', async (t) => {
  const controller = await scriptedController({
    'GET /virtualNetworks': {
      body: { value: [NETWORK, resource('/virtualNetworks/red', {})], nextLink: '' },
    },
    [`GET ${BLUE}`]: { body: NETWORK },
    'GET /virtualNetworks/red': { body: resource('/virtualNetworks/red', {}) },
  });
  const table = [
    'VNET  PEERING  REMOTE  STATE         ACCESS  FORWARDED  PROVISIONING',
    'blue  to-red   red     Connected     yes     no         Succeeded',
    'blue  gone     -       Disconnected  no      yes        Succeeded',
    '',
  ].join('\n');
  t.is((await controller.weft('peering', 'list')).out, table);
  t.is((await controller.weft('peering', 'list', '--vnet', 'blue')).out, table);
  const none = await controller.weft('peering', 'list', '--vnet', 'red');
  t.regex(none.out, /weft peering create VNET NAME/);
  await controller.close();
});

test('peering create: the flags, and the command for the side that is missing', async (t) => {
  const controller = await scriptedController({
    [`PUT ${SIDE}`]: [
      { status: 201, body: peering(SIDE, 'red', 'Initiated') },
      { status: 201, body: peering(SIDE, 'red', 'Connected') },
    ],
  });
  const create = ['peering', 'create', 'blue', 'to-red', '--remote', 'red'];
  const first = await controller.weft(...create);
  t.is(first.out, `created ${SIDE}\n`);
  t.regex(first.err, /weft peering create red NAME --remote blue\n$/);
  const second = await controller.weft(...create, '--allow-forwarded', '--no-access');
  t.is(second.err, '');
  const remoteVirtualNetwork = { resourceRef: '/virtualNetworks/red' };
  t.deepEqual(
    controller.received.map(({ body }) => body),
    [
      { allowVirtualNetworkAccess: true, allowForwardedTraffic: false },
      { allowVirtualNetworkAccess: false, allowForwardedTraffic: true },
    ].map((flags) => ({ resourceId: 'to-red', properties: { remoteVirtualNetwork, ...flags } })),
  );
  await controller.close();
});

test('peering create of networks that overlap says what can be peered', async (t) => {
  const error = { code: 'VnetAddressSpacesOverlap', message: 'blue and red overlap' };
  const controller = await scriptedController({
    [`PUT ${SIDE}`]: { status: 400, body: { error } },
  });
  const { code, err } = await controller.weft(
    ...['peering', 'create', 'blue', 'to-red', '--remote', 'red'],
  );
  t.is(code, 1);
  t.regex(err, /do not overlap can be peered/);
  await controller.close();
});

test('peering delete', async (t) => {
  const controller = await scriptedController({
    [`GET ${SIDE}`]: { body: peering(SIDE, 'red', 'Connected') },
    [`DELETE ${SIDE}`]: { status: 204 },
  });
  t.is((await controller.weft('peering', 'delete', 'blue', 'to-red')).out, `deleted ${SIDE}\n`);
  await controller.close();
});
