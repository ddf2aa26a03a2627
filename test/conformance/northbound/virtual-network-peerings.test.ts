/** virtualNetworkPeerings — MS-NCNBI §3.1.5.18.3: states and flags, what is shown, what is refused. */
import test from 'ava';
import { ConfigurationStatus } from '../../../controller/model/realised-state.ts';
import { type Client, expectCreated, layGround, startController } from './controller-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const BLUE = '/virtualNetworks/blue';
const RED = '/virtualNetworks/red';
const GREEN = '/virtualNetworks/green';
const TO_RED = `${BLUE}/virtualNetworkPeerings/toRed`;
const TO_BLUE = `${RED}/virtualNetworkPeerings/toBlue`;

function network(prefix: string, ...peerings: readonly (readonly [string, object])[]): object {
  return {
    addressSpace: { addressPrefixes: [prefix] },
    logicalNetwork: { resourceRef: '/logicalNetworks/provider' },
    virtualNetworkPeerings: peerings.map(([resourceId, properties]) => ({
      resourceId,
      properties,
    })),
  };
}

const remote = (resourceRef: string, flags: object = {}): object => ({
  remoteVirtualNetwork: { resourceRef },
  ...flags,
});

async function twoNetworks(client: Client): Promise<void> {
  await layGround(client);
  await expectCreated(client, RED, network('10.2.0.0/16'));
}

async function stateOf(client: Client, path: string): Promise<unknown> {
  return (await client.get(path)).at('properties.peeringState');
}

test('Initiated until the remote network has a matching peering, then both are Connected', async (t) => {
  const { client } = await startController(t);
  await twoNetworks(client);
  const path = `/networking/v3${TO_RED}`;
  const made = await client.send('PUT', path, { resourceId: 'toRed', properties: remote(RED) });
  t.is(made.status, 201, made.text);
  t.is(made.at('properties.peeringState'), 'Initiated');
  t.is(made.at('properties.allowVirtualNetworkAccess'), true, 'default is TRUE');
  for (const flag of ['allowForwardedTraffic', 'allowGatewayTransit', 'useRemoteGateways']) {
    t.is(made.at(`properties.${flag}`), false, `${flag}: default is FALSE`);
  }
  t.deepEqual(made.at('properties.remoteAddressSpace'), { addressPrefixes: ['10.2.0.0/16'] });
  await expectCreated(client, TO_BLUE, remote(BLUE));
  t.is(await stateOf(client, TO_RED), 'Connected');
  t.is(await stateOf(client, TO_BLUE), 'Connected');
  const inline = await client.get(BLUE);
  t.is(inline.at('properties.virtualNetworkPeerings.0.properties.peeringState'), 'Connected');
  const history = await client.get('/networking/weft/v1/revisions?limit=100');
  for (const { text } of [inline, history]) {
    t.false(text.includes('remoteInstanceId'), 'what the controller remembers is not shown');
  }
});

test('Disconnected when the remote peering is deleted, and Connected when it is there again', async (t) => {
  const { client } = await startController(t);
  await twoNetworks(client);
  await expectCreated(client, TO_RED, remote(RED));
  await expectCreated(client, TO_BLUE, remote(BLUE));
  t.is((await client.delete(TO_BLUE)).status, 202);
  t.is(await stateOf(client, TO_RED), 'Disconnected');
  await expectCreated(client, TO_BLUE, remote(BLUE));
  t.is(await stateOf(client, TO_RED), 'Connected');
});

test('Disconnecting while hosts have not answered', async (t) => {
  const { client, realised } = await startController(t);
  await twoNetworks(client);
  await expectCreated(client, TO_RED, remote(RED));
  await expectCreated(client, TO_BLUE, remote(BLUE));
  await client.delete(TO_BLUE);
  const instanceId = (await client.get(BLUE)).textAt('instanceId');
  const state = { detailedInfo: [], lastUpdatedTime: '' };
  realised.states.set(instanceId, { status: ConfigurationStatus.InProgress, ...state });
  t.is(await stateOf(client, TO_RED), 'Disconnecting');
  realised.states.set(instanceId, { status: ConfigurationStatus.Success, ...state });
  t.is(await stateOf(client, TO_RED), 'Disconnected');
});

test('a network may go; the peering to it is Disconnected, its reference null, and it can only be deleted', async (t) => {
  const { client } = await startController(t);
  await twoNetworks(client);
  await expectCreated(client, TO_RED, remote(RED));
  await expectCreated(client, TO_BLUE, remote(BLUE));
  t.is((await client.delete(RED)).status, 202);
  const found = await client.get(TO_RED);
  t.is(found.at('properties.peeringState'), 'Disconnected');
  t.is(found.at('properties.remoteVirtualNetwork'), null);
  t.is(found.at('properties.remoteAddressSpace'), undefined);
  for (const body of [
    remote(RED, { allowForwardedTraffic: true }),
    { allowForwardedTraffic: true },
  ]) {
    const refused = await client.put(TO_RED, body);
    t.is(refused.textAt('error.code'), 'CannotUpdateDisconnectedPeeringWithNullRemoteVnet');
  }
  const whole = await client.get(BLUE);
  const again = await client.send('PUT', BLUE, whole.body);
  t.is(again.status, 200, `what GET showed may be put back: ${again.text}`);
  t.is((await client.delete(TO_RED)).status, 202);
});

test('a network made again under its name is another: stale until the peering is written again', async (t) => {
  const { client } = await startController(t);
  await twoNetworks(client);
  await expectCreated(client, TO_RED, remote(RED));
  await expectCreated(client, TO_BLUE, remote(BLUE));
  await client.delete(RED);
  await expectCreated(client, RED, network('10.2.0.0/16'));
  t.is(await stateOf(client, TO_RED), 'Disconnected');
  const refused = await client.put(TO_BLUE, remote(BLUE));
  t.is(refused.textAt('error.code'), 'RemotePeeringIsStaleBecauseVnetWasRecreated');
  const updated = await client.put(TO_RED, remote(RED));
  t.is(updated.status, 200, updated.text);
  t.is(updated.at('properties.peeringState'), 'Initiated');
  await expectCreated(client, TO_BLUE, remote(BLUE));
  t.is(await stateOf(client, TO_RED), 'Connected');
});

test('flags can change, and a network can be peered with several', async (t) => {
  const { client } = await startController(t);
  await twoNetworks(client);
  await expectCreated(client, GREEN, network('10.3.0.0/16'));
  await expectCreated(client, TO_RED, remote(RED));
  await expectCreated(client, `${BLUE}/virtualNetworkPeerings/toGreen`, remote(GREEN));
  const changed = await client.put(
    TO_RED,
    remote(RED, { allowVirtualNetworkAccess: false, allowGatewayTransit: true }),
  );
  t.is(changed.status, 200, changed.text);
  t.is(changed.at('properties.allowGatewayTransit'), true);
  t.is((await client.get(`${BLUE}/virtualNetworkPeerings`)).listAt('value').length, 2);
});

test('an appliance may be in a peered network', async (t) => {
  const { client } = await startController(t);
  await twoNetworks(client);
  const route = {
    addressPrefix: '0.0.0.0/0',
    nextHopType: 'VirtualAppliance',
    nextHopIpAddress: '10.2.0.4',
  };
  await expectCreated(client, '/routeTables/via', {
    routes: [{ resourceId: 'r', properties: route }],
  });
  const subnet = { addressPrefix: '10.1.3.0/24', routeTable: { resourceRef: '/routeTables/via' } };
  const refused = await client.put(`${BLUE}/subnets/more`, subnet);
  t.is(refused.textAt('error.code'), 'RouteNextHopIpAddressNotFound');
  await expectCreated(client, TO_RED, remote(RED));
  await expectCreated(client, `${BLUE}/subnets/more`, subnet);
});

test('§3.1.5.18: unbilled ranges are kept as they were given', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const unbilledAddressRanges = '192.0.2.0/24, 198.51.100.1-198.51.100.9';
  const made = await client.put(RED, { ...network('10.2.0.0/16'), unbilledAddressRanges });
  t.is(made.at('properties.unbilledAddressRanges'), unbilledAddressRanges, made.text);
});

const red = [RED, network('10.2.0.0/16')] as const;
const toRed = [TO_RED, remote(RED)] as const;

const REFUSALS: readonly Refusal[] = [
  {
    what: 'unbilled ranges that are none',
    request: [
      'PUT',
      RED,
      { ...network('10.2.0.0/16'), unbilledAddressRanges: '192.0.2.9-192.0.2.1' },
    ],
    code: 'InvalidUnbilledAddressRange',
  },
  {
    what: 'a peering without remote network',
    request: ['PUT', TO_RED, {}],
    code: 'RemoteVirtualNetworkNotSpecified',
  },
  {
    what: 'a peering with a network that does not exist',
    request: ['PUT', TO_RED, remote(RED)],
    code: 'InvalidResourceReference',
  },
  {
    what: 'a peering with what is no network',
    request: ['PUT', TO_RED, remote('/logicalNetworks/provider')],
    code: 'InvalidJsonReferenceWrongType',
  },
  {
    what: 'a peering with the network it is in',
    request: ['PUT', TO_RED, remote('/virtualnetworks/BLUE')],
    code: 'PeeringRemoteVnetIsSameAsParentVnet',
  },
  {
    what: 'a second peering with one network',
    given: [red, toRed],
    request: ['PUT', `${BLUE}/virtualNetworkPeerings/again`, remote(RED)],
    code: 'AnotherPeeringAlreadyReferencesRemoteVnet',
  },
  {
    what: 'a peering turned to another network',
    given: [red, toRed, [GREEN, network('10.3.0.0/16')]],
    request: ['PUT', TO_RED, remote(GREEN)],
    code: 'ChangingRemoteVirtualNetworkNotAllowed',
  },
  {
    what: 'a peering with a network whose addresses overlap',
    given: [[RED, network('10.1.128.0/17')]],
    request: ['PUT', TO_RED, remote(RED)],
    code: 'VnetAddressSpacesOverlap',
  },
  {
    what: 'a peering with a network that overlaps one peered already',
    given: [red, toRed, [GREEN, network('10.2.1.0/24')]],
    request: ['PUT', `${BLUE}/virtualNetworkPeerings/toGreen`, remote(GREEN)],
    code: 'VnetAddressSpaceOverlapsWithAlreadyPeeredVnet',
  },
  {
    what: 'a new address space of a network with a peering',
    given: [red, toRed],
    request: ['PUT', BLUE, network('10.9.0.0/16', ['toRed', remote(RED)])],
    code: 'VnetAddressSpaceCannotChangeDueToPeerings',
  },
  {
    what: 'gateway transit and remote gateways at once',
    given: [red],
    request: ['PUT', TO_RED, remote(RED, { useRemoteGateways: true, allowGatewayTransit: true })],
    code: 'UseRemoteAndAllowTransitCannotBeTrue',
  },
  {
    what: 'remote gateways of a network that has none',
    given: [red],
    request: ['PUT', TO_RED, remote(RED, { useRemoteGateways: true })],
    code: 'RemoteVnetHasNoGateways',
  },
  {
    what: 'remote gateways of two networks',
    given: [red, [GREEN, network('10.3.0.0/16')]],
    request: [
      'PUT',
      BLUE,
      network(
        '10.1.0.0/16',
        ['toRed', remote(RED, { useRemoteGateways: true })],
        ['toGreen', remote(GREEN, { useRemoteGateways: true })],
      ),
    ],
    code: 'AnotherPeeringAlreadyUsesRemoteGateways',
  },
];

testRefusals(REFUSALS);
