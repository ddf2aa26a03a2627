/** Settings of switches and ports northbound — MS-NCNBI §3.1.5.11 (portSettings), .15 (auditingEnabled), .19, .20, .26. */
import test from 'ava';
import { expectCreated, layGround, nicProperties, startController } from './controller-fixture.ts';

const MANAGER = '/virtualSwitchManager/configuration';
const NIC = '/networkInterfaces/n1';
const withPort = (portSettings: object): object => ({ ...nicProperties(), portSettings });
const withQos = (qosSettings: object): object => withPort({ qosSettings });

test('bandwidth of an interface needs the global settings, which then stay as they are', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  t.is((await client.get(MANAGER)).at('properties.numInterfacesHavingQos'), 0);
  const early = await client.put(NIC, withQos({ outboundMaximumMbps: '100' }));
  t.is(early.textAt('error.code'), 'QosGlobalSettingsNotConfigured');
  await expectCreated(client, '/networkInterfaces/none', withQos({ outboundMaximumMbps: 0 }));

  const made = await client.put(MANAGER, { qosSettings: { linkSpeedPercentage: 50 } });
  t.is(made.status, 200, made.text);
  t.deepEqual((await client.get(MANAGER)).at('properties.qosSettings'), {
    reservationMode: 'Weight',
    linkSpeedPercentage: 50,
    defaultReservation: 0,
    enableSoftwareReservations: true,
    enableHardwareReservations: false,
    enableHardwareLimits: false,
  });
  await expectCreated(client, NIC, withQos({ outboundMaximumMbps: '100' }));
  t.is((await client.get(MANAGER)).at('properties.numInterfacesHavingQos'), 1);
  const changed = await client.put(MANAGER, { qosSettings: { linkSpeedPercentage: 60 } });
  t.is(changed.textAt('error.code'), 'InUseQosSettingsCannotBeUpdated');
  t.is(changed.status, 409);
  const same = await client.put(MANAGER, { qosSettings: { linkSpeedPercentage: 50 } });
  t.is(same.status, 200, same.text);
  await client.delete(NIC);
  t.is((await client.put(MANAGER, {})).status, 200);
});

test('reservations are weights or Mbit/s, as the manager says', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const refused = async (path: string, properties: object) =>
    (await client.put(path, properties)).textAt('error.code');
  const heavy = { qosSettings: { reservationMode: 'Weight', defaultReservation: 101 } };
  t.is(await refused(MANAGER, heavy), 'InvalidParameterValue');
  await client.put(MANAGER, { qosSettings: { reservationMode: 'Weight' } });
  t.is(await refused(NIC, withQos({ outboundReservedValue: 101 })), 'InvalidParameterValue');
  await client.put(MANAGER, { qosSettings: { reservationMode: 'Absolute' } });
  const inverted = withQos({ outboundReservedValue: 101, outboundMaximumMbps: 100 });
  t.is(await refused(NIC, inverted), 'InvalidParameterValue');
  await client.put(MANAGER, { qosSettings: { enableSoftwareReservations: false } });
  const reserved = withQos({ outboundReservedValue: 1 });
  t.is(await refused(NIC, reserved), 'QosGlobalSettingsNotConfigured');
});

test('port settings are read in every spelling, and what this switch cannot do is refused', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const made = await expectCreated(
    client,
    NIC,
    withPort({
      macSpoofingEnabled: 'enabled',
      arpGuard: 'Disabled',
      arpFilter: '',
      dhcpGuardEnabled: 'Enabled',
      stormLimit: '500',
      portFlowLimit: '',
      vmqWeight: '100',
      iovWeight: 0,
      iovInterruptModeration: 'Default',
      iovQueuePairsRequested: 1,
    }),
  );
  t.is(made.at('properties.portSettings.macSpoofing'), 'Enabled');
  t.is(made.at('properties.portSettings.stormLimit'), 500);
  t.is(made.at('properties.portSettings.portFlowLimit'), undefined);
  const negative = await client.put(NIC, withPort({ stormLimit: -1 }));
  t.is(negative.textAt('error.code'), 'InvalidParameterValue');
  const open = await client.put(MANAGER, { portDefaultState: 'AllowTraffic' });
  t.is(open.textAt('error.code'), 'OperationNotSupported');
  t.is((await client.put(MANAGER, { portDefaultState: 'BlockTraffic' })).status, 200);
});

test('auditing: a directory for all servers, switched on server by server', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const path = '/auditingSettings/configuration';
  t.is((await client.get(path)).status, 404);
  const relative = await client.put(path, { outputDirectory: 'audit' });
  t.is(relative.textAt('error.code'), 'InvalidParameterValue');
  for (const share of ['\\\\server\\share', '//server/share', 'smb://server/share', 'C:\\logs']) {
    const refused = await client.put(path, { outputDirectory: share });
    t.is(refused.textAt('error.code'), 'InvalidParameterValue', share);
    t.is(refused.textAt('error.target'), 'outputDirectory');
  }
  const climbing = await client.put(path, { outputDirectory: '/var/../etc' });
  t.is(climbing.textAt('error.code'), 'InvalidParameterValue');
  await expectCreated(client, path, { outputDirectory: '/var/log/weft' });
  t.is((await client.put('/servers/host1', { auditingEnabled: ['Firewall'] })).status, 200);
  const other = await client.put('/servers/host1', { auditingEnabled: ['Everything'] });
  t.is(other.textAt('error.code'), 'InvalidParameterValue');
});

test('metering is switched on for all networks', async (t) => {
  const { client } = await startController(t);
  const path = '/virtualNetworkManager/configuration';
  t.is((await client.put(path, { enableMetering: 'true' })).status, 200);
  t.true((await client.get(path)).at('properties.enableMetering'));
});
