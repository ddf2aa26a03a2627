/** Port mirrors northbound — MS-NCNBI §3.1.5.16. */
import test from 'ava';
import {
  expectCreated,
  layGround,
  nicProperties,
  startController,
  valueAt,
} from './controller-fixture.ts';

const TAP = '/serviceInsertions/tap';
const ref = (resourceRef: string) => ({ resourceRef });
const element = (networkInterface: string, order = 1) => ({
  properties: { order, networkInterface: ref(`/networkInterfaces/${networkInterface}`) },
});
const rule = (properties: object = {}) => ({
  resourceId: 'r',
  properties: {
    protocol: 'Tcp',
    sourcePortRangeStart: 0,
    sourcePortRangeEnd: 65_535,
    destinationPortRangeStart: 80,
    destinationPortRangeEnd: 80,
    sourceSubnets: ['*'],
    destinationSubnets: ['11.0.0.0/8', 'FD00::/8'],
    ...properties,
  },
});
const mirror = (properties: object = {}) => ({
  priority: 1,
  serviceInsertionRules: [rule()],
  serviceInsertionElements: [element('collector')],
  ...properties,
});

async function ground(t: Parameters<typeof startController>[0]) {
  const controller = await startController(t);
  await layGround(controller.client);
  await expectCreated(controller.client, '/networkInterfaces/collector', nicProperties());
  return controller;
}

test('a mirror is referred to by subnets and ipConfigurations, and stays while it is', async (t) => {
  const { client, store } = await ground(t);
  const made = await expectCreated(client, TAP, mirror());
  t.is(made.at('properties.type'), 'PortMirror');
  t.deepEqual(made.at('properties.serviceInsertionRules.0.properties.destinationSubnets'), [
    '11.0.0.0/8',
    'fd00::/8',
  ]);
  await expectCreated(
    client,
    '/networkInterfaces/n',
    nicProperties({ serviceInsertion: ref(TAP) }),
  );
  const web = { addressPrefix: '10.1.1.0/24', serviceInsertion: ref(TAP) };
  t.is((await client.put('/virtualNetworks/blue/subnets/web', web)).status, 200);
  const read = await client.get(TAP);
  t.deepEqual(read.at('properties.ipConfiguration'), [
    ref('/networkInterfaces/n/ipConfigurations/primary'),
  ]);
  t.deepEqual(read.at('properties.subnets'), [ref('/virtualNetworks/blue/subnets/web')]);
  const collector = await client.get('/networkInterfaces/collector');
  t.deepEqual(collector.at('properties.serviceInsertionElements'), [ref(TAP)]);
  t.is((await client.delete(TAP)).textAt('error.code'), 'InUseServiceInsertionCannotBeDeleted');
  const kept = await client.delete('/networkInterfaces/collector');
  t.is(kept.textAt('error.code'), 'NicInUse');

  const segment = async () =>
    valueAt((await store.get('desired', 'serviceinsertions/tap'))?.value, 'internal.segment');
  const before = await segment();
  t.is(typeof before, 'number');
  await client.put(TAP, mirror({ priority: 2 }));
  t.is(await segment(), before, 'the segment stays');
  const other = await expectCreated(client, '/virtualNetworks/blue/subnets/c', {
    addressPrefix: '10.1.9.0/24',
  });
  t.not(other.at('properties.virtualSubnetId'), before);
});

test('what no mirror can be is refused', async (t) => {
  const { client } = await ground(t);
  await expectCreated(client, '/serviceInsertions/first', mirror({ priority: 9 }));
  const physical = nicProperties({}, '/logicalNetworks/provider/subnets/hosts');
  await expectCreated(client, '/networkInterfaces/physical', physical);
  for (const [properties, code] of [
    [mirror({ type: 'Chain' }), 'InvalidParameterValue'],
    [mirror({ serviceInsertionElements: [] }), 'InvalidParameterValue'],
    [
      mirror({ serviceInsertionElements: [element('collector'), element('collector', 2)] }),
      'InvalidParameterValue',
    ],
    [
      mirror({ serviceInsertionElements: [element('physical')] }),
      'ServiceInsertionElementWithUnsupportedNetworkInterface',
    ],
    [mirror({ serviceInsertionElements: [element('nobody')] }), 'InvalidNetworkInterfaceReference'],
    [mirror({ priority: 9 }), 'InvalidParameterValue'],
    [mirror({ serviceInsertionRules: [rule({ protocol: 'Http' })] }), 'OperationNotSupported'],
    [mirror({ serviceInsertionRules: [rule({ protocol: 'All' })] }), 'InvalidParameterValue'],
    [mirror({ serviceInsertionRules: [rule({ sourceSubnets: ['x'] })] }), 'InvalidIPPrefix'],
    [
      mirror({ serviceInsertionRules: [rule({ destinationPortRangeEnd: 79 })] }),
      'InvalidParameterValue',
    ],
  ] as const) {
    const answer = await client.put(TAP, properties);
    t.is(answer.textAt('error.code'), code, answer.text);
  }
  await expectCreated(client, TAP, mirror());
  const inLogical = nicProperties(
    { serviceInsertion: ref(TAP) },
    '/logicalNetworks/provider/subnets/hosts',
  );
  const misplaced = await client.put('/networkInterfaces/p', inLogical);
  t.is(misplaced.textAt('error.code'), 'VirtualSubnetIsRequiredForServiceInsertion');
});
