/** `weft subnet set` and `weft nic set`: what is read is written back with what was named, and with nothing else. */
import test from 'ava';
import { resource, scriptedController } from './scripted-controller.ts';

const SUBNET = '/virtualNetworks/blue/subnets/web';
const NIC = '/networkInterfaces/n1';
const ref = (resourceRef: string) => ({ resourceRef });
const WEB = resource(SUBNET, {
  addressPrefix: '10.0.1.0/24',
  routeTable: ref('/routeTables/old'),
  accessControlList: ref('/accessControlLists/old'),
});
const configuration = (name: string, properties: Readonly<Record<string, unknown>>) =>
  resource(`${NIC}/ipConfigurations/${name}`, { subnet: ref(SUBNET), ...properties });
const N1 = resource(NIC, {
  privateMacAllocationMethod: 'Dynamic',
  portSettings: {
    macSpoofing: 'Enabled',
    stormLimit: 7,
    qosSettings: { outboundMaximumMbps: 100, inboundMaximumMbps: 0 },
  },
  ipConfigurations: [
    configuration('primary', { privateIPAddress: '10.0.1.4' }),
    configuration('ipv6', { accessControlList: ref('/accessControlLists/old') }),
  ],
});
const NO_CHANGES = {
  ...{ status: 200, flows: [], flowsOmitted: 0, routes: [], routesOmitted: 0 },
  ...{ goals: [], goalsOmitted: 0 },
};
const properties = (body: unknown) => (body as typeof WEB)['properties'];

test('subnet set: a name puts it on, none takes it off, the rest stays', async (t) => {
  const controller = await scriptedController({
    [`GET ${SUBNET}`]: { body: WEB },
    [`PUT ${SUBNET}`]: { body: WEB },
  });
  const { out } = await controller.weft(
    ...['subnet', 'set', 'web', '--vnet', 'blue', '--acl', 'none', '--mirror', 'tap'],
  );
  t.is(out, `changed ${SUBNET}\n`);
  const put = controller.received[1];
  t.is(put?.headers['if-match'], 'W/"1"');
  t.deepEqual(put?.body, {
    ...WEB,
    properties: {
      provisioningState: 'Succeeded',
      addressPrefix: '10.0.1.0/24',
      routeTable: ref('/routeTables/old'),
      serviceInsertion: ref('/serviceInsertions/tap'),
    },
  });
  await controller.close();
});

test('nic set: a list and a mirror go on every address', async (t) => {
  const controller = await scriptedController({
    [`GET ${NIC}`]: { body: N1 },
    [`PUT ${NIC}`]: { body: N1 },
  });
  await controller.weft('nic', 'set', 'n1', '--acl', 'new', '--mirror', 'tap');
  const policy = {
    accessControlList: ref('/accessControlLists/new'),
    serviceInsertion: ref('/serviceInsertions/tap'),
  };
  t.deepEqual(properties(controller.received[1]?.body), {
    ...(properties(N1) as object),
    ipConfigurations: [
      configuration('primary', { privateIPAddress: '10.0.1.4', ...policy }),
      configuration('ipv6', policy),
    ],
  });
  await controller.close();
});

test('nic set: port settings that are not named stay, 0 is a value', async (t) => {
  const controller = await scriptedController({
    [`GET ${NIC}`]: { body: N1 },
    [`PUT ${NIC}`]: { body: N1 },
  });
  await controller.weft(
    ...['nic', 'set', 'n1', '--mac-spoofing', 'disabled', '--qos-out', '0', '--qos-reserve', '5'],
  );
  t.deepEqual(properties(controller.received[1]?.body), {
    ...(properties(N1) as object),
    portSettings: {
      ...{ macSpoofing: 'Disabled', stormLimit: 7 },
      qosSettings: { outboundMaximumMbps: 0, inboundMaximumMbps: 0, outboundReservedValue: 5 },
    },
  });
  await controller.close();
});

test('nic show and subnet show say which policy they have', async (t) => {
  const controller = await scriptedController({
    [`GET ${NIC}`]: { body: N1 },
    [`GET ${SUBNET}`]: { body: WEB },
  });
  const nic = await controller.weft('nic', 'show', 'n1');
  t.regex(nic.out, /^acl +old\nmac spoofing +enabled\noutbound limit +100 Mbit\/s\n/m);
  t.notRegex(nic.out, /inbound limit|reserved|mirror/);
  const subnet = await controller.weft('subnet', 'show', 'web', '--vnet', 'blue');
  t.regex(subnet.out, /^acl +old\nroute table +old\n/m);
  await controller.close();
});

test('a write that came between is not overwritten', async (t) => {
  const error = { code: 'InvalidParameterValue', message: 'the resource has etag W/"2"' };
  const controller = await scriptedController({
    [`GET ${NIC}`]: { body: N1 },
    [`PUT ${NIC}`]: { status: 412, body: { error } },
  });
  const { code, err } = await controller.weft('nic', 'set', 'n1', '--acl', 'none');
  t.is(code, 1);
  t.regex(err, /n1 was changed by another meanwhile\n.*then try again/);
  const json = await controller.weft('--json', 'nic', 'set', 'n1', '--acl', 'none');
  t.is(JSON.parse(json.err).error.code, 'SDN_CLI_CHANGED');
  await controller.close();
});

test('--what-if asks with the same body and etag, and writes nothing', async (t) => {
  const asked = `PUT ${SUBNET}?whatIf=true`;
  const controller = await scriptedController({
    [`GET ${SUBNET}`]: { body: WEB },
    [asked]: { body: NO_CHANGES },
  });
  const { out } = await controller.weft(
    ...['subnet', 'set', 'web', '--vnet', 'blue', '--route-table', 'none', '--what-if'],
  );
  t.is(out, 'Nothing would change.\n');
  const [, put] = controller.received;
  t.is(put?.request, asked);
  t.is(put?.headers['if-match'], 'W/"1"');
  t.false(Object.hasOwn(properties(put?.body) as object, 'routeTable'));
  await controller.close();
});

test('a set that names nothing, or no number, is a usage error and asks nothing', async (t) => {
  const controller = await scriptedController({});
  for (const [args, message] of [
    [['subnet', 'set', 'web', '--vnet', 'blue'], /nothing to set\n.*--route-table/],
    [['subnet', 'set', 'web', '--acl', 'a'], /--vnet/],
    [['nic', 'set', 'n1', '--what-if'], /nothing to set\n.*--qos-reserve/],
    [['nic', 'set', 'n1', '--qos-in', '-1'], /whole number/],
    [['nic', 'set', 'n1', '--qos-in', '1.5'], /whole number/],
    [['nic', 'set', 'n1', '--mac-spoofing', 'on'], /enabled, disabled/],
  ] as const) {
    const { code, err } = await controller.weft(...args);
    t.is(code, 2, err);
    t.regex(err, message);
  }
  t.deepEqual(controller.received, []);
  await controller.close();
});
