/** Egress of virtual subnets and its reset — MS-NCNBI §3.1.5.18.2, §3.1.5.29. */
import test from 'ava';
import { layGround, startController } from './controller-fixture.ts';

const WEB = '/virtualNetworks/blue/subnets/web';
const RESET = '/SubnetEgressReset';

test('a subnet shows what its interfaces have sent, and from a reset on what they send then', async (t) => {
  const { client, realised } = await startController(t);
  await layGround(client);
  const fresh = await client.get(WEB);
  t.is(fresh.at('properties.billedEgressBytes'), 0);
  t.is(fresh.at('properties.unbilledEgressBytes'), 0);
  realised.egress.set(fresh.textAt('instanceId'), { billedBytes: 12, unbilledBytes: 34 });
  const shown = await client.get('/virtualNetworks/blue');
  const at = shown
    .listAt('properties.subnets')
    .findIndex((one) => JSON.stringify(one).includes(WEB));
  t.is(shown.at(`properties.subnets.${at}.properties.billedEgressBytes`), 12);
  t.is(shown.at(`properties.subnets.${at}.properties.unbilledEgressBytes`), 34);

  t.is((await client.get(RESET)).status, 404, 'nothing has been reset yet');
  const done = await client.put(RESET, { virtualSubnetResourceReference: WEB });
  t.is(done.status, 200, done.text);
  t.is(done.at('properties.provisioningState'), 'Succeeded');
  t.is((await client.get(WEB)).at('properties.billedEgressBytes'), 0);
  const last = await client.send('GET', '/networking/v2/subnetEgressReset');
  t.deepEqual(last.body, done.body);
  t.is(last.at('resourceRef'), '/subnetEgressReset/Action');
});

test('a reset names a virtual subnet that exists', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const none = await client.put(RESET, { virtualSubnetResourceReference: `${WEB}x` });
  t.is(none.status, 404);
  t.is(none.textAt('error.code'), 'NotFound');
  const logical = '/logicalNetworks/provider/subnets/hosts';
  t.is((await client.put(RESET, { virtualSubnetResourceReference: logical })).status, 404);
  t.is((await client.put(RESET, {})).textAt('error.code'), 'RequiredParamMissing');
  t.is((await client.delete(RESET)).status, 405);
});
