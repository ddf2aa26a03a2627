/**
 * Egress of a virtual subnet (MS-NCNBI §3.1.5.18.2, §3.1.5.29), from packets to the northbound API: counted once, across the end of host and
 * controller, and from zero after a reset.
 */
import { test } from 'tap';
import { seconds } from '../../base/units.ts';
import { eventually } from '../kit/eventually.ts';
import { topology } from '../kit/topology.ts';

const WEB = '/virtualNetworks/blue/subnets/web';
const OUTSIDE = '198.51.100.7';
/** Hosts report what they have counted every ten seconds. */
const REPORTED = seconds(30);

interface Egress {
  readonly billedEgressBytes: number;
  readonly unbilledEgressBytes: number;
}

test('egress of a subnet', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: {
      blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24', transit: '10.1.2.0/24' } },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      appliance: { vnet: 'blue', subnet: 'transit', host: 2, address: '10.1.2.10' },
    },
  }).start();
  t.teardown(() => network.stop());
  const { client } = network;
  const [a, appliance] = [network.vm('a'), network.vm('appliance')];
  await client.put('/virtualNetworkManager/configuration', {
    resourceId: 'configuration',
    properties: { enableMetering: true },
  });
  await client.put('/routeTables/out', {
    resourceId: 'out',
    properties: {
      routes: [
        {
          resourceId: 'all',
          properties: {
            addressPrefix: '198.51.100.0/24',
            nextHopType: 'VirtualAppliance',
            nextHopIpAddress: appliance.address,
          },
        },
      ],
    },
  });
  await client.put(WEB, {
    resourceId: 'web',
    properties: { addressPrefix: '10.1.1.0/24', routeTable: { resourceRef: '/routeTables/out' } },
  });
  const egress = async (): Promise<Egress> => (await client.get<Egress>(WEB)).properties;
  await appliance.run(['ip', 'addr', 'add', `${OUTSIDE}/32`, 'dev', 'lo']);
  await a.reaches(appliance);
  await eventually('the route is in force', async () => (await a.ping(OUTSIDE)).received === 1);

  await t.test('what leaves the network is billed, the rest is not', async (t) => {
    const both = await eventually(
      'both are counted',
      async () => {
        const found = await egress();
        return found.billedEgressBytes > 0 && found.unbilledEgressBytes > 0 && found;
      },
      REPORTED,
    );
    await a.ping(OUTSIDE, { count: 5, payloadBytes: 1000 });
    await eventually(
      'five pings of 1042 bytes more',
      async () => (await egress()).billedEgressBytes >= both.billedEgressBytes + 5 * 1042,
      REPORTED,
    );
    t.pass('counted');
  });

  await t.test('the totals survive the controller and the host', async (t) => {
    const before = await egress();
    await network.role('controller').kill();
    await network.role('controller').ready();
    const after = await egress();
    t.ok(after.billedEgressBytes >= before.billedEgressBytes, 'nothing is lost');
    t.ok(after.billedEgressBytes < before.billedEgressBytes + 5000, 'nothing is counted twice');
    await network.role('host1').kill();
    await network.role('host1').ready();
    await a.reaches(appliance);
    await a.ping(OUTSIDE, { count: 5, payloadBytes: 1000 });
    await eventually(
      'counted on top',
      async () => (await egress()).billedEgressBytes >= after.billedEgressBytes + 5 * 1042,
      REPORTED,
    );
  });

  await t.test('after a reset it counts from zero', async (t) => {
    const reset = await client.ask('PUT', '/SubnetEgressReset', {
      properties: { virtualSubnetResourceReference: WEB },
    });
    t.match(reset, { properties: { provisioningState: 'Succeeded' } });
    t.ok((await egress()).billedEgressBytes < 5000);
    await network.role('controller').kill();
    await network.role('controller').ready();
    t.ok((await egress()).billedEgressBytes < 5000, 'for good');
  });
});
