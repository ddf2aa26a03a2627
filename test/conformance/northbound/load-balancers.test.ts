/** loadBalancers — MS-NCNBI §3.1.5.5: what is accepted, what is shown, and how frontends get their addresses. */
import test from 'ava';
import { layGround, nicProperties, startController } from './controller-fixture.ts';
import { balancer, LB, layBalancingGround, part, rule, VIP } from './load-balancers-fixture.ts';
import { VIP_SUBNET } from './public-addresses-fixture.ts';

const POOL = `${LB}/backendAddressPools/all`;
const NIC = '/networkInterfaces/nic';
const CONFIGURATION = `${NIC}/ipConfigurations/primary`;

test('§3.1.5.5: a load balancer with all its parts, and what refers to what', async (t) => {
  const { client } = await startController(t);
  await layBalancingGround(client);
  const made = await client.put(LB, balancer());
  t.is(made.status, 201, made.text);
  const got = await client.get(LB);
  t.is(got.at('properties.loadBalancingRules.0.properties.backendPort'), 8080);
  t.is(got.at('properties.loadBalancingRules.0.properties.idleTimeoutInMinutes'), 4);
  t.is(got.at('properties.loadBalancingRules.0.properties.loadDistribution'), 'Default');
  t.is(got.at('properties.inboundNatRules.0.properties.backendPort'), 22, 'as the frontendPort');
  t.is(got.at('properties.probes.0.properties.intervalInSeconds'), 15);
  t.is(got.at('properties.probes.0.properties.numberOfProbes'), 2);
  const frontend = await client.get(VIP);
  const rules = [{ resourceRef: `${LB}/loadBalancingRules/http` }];
  t.deepEqual(frontend.at('properties.loadBalancingRules'), rules);
  t.deepEqual(frontend.at('properties.inboundNatRules'), [
    { resourceRef: `${LB}/inboundNatRules/ssh` },
  ]);
  t.deepEqual(frontend.at('properties.outboundNatRules'), [
    { resourceRef: `${LB}/outboundNatRules/out` },
  ]);
  t.deepEqual((await client.get(POOL)).at('properties.loadBalancingRules'), rules);
  t.deepEqual((await client.get(`${LB}/probes/alive`)).at('properties.loadBalancingRules'), rules);
  t.deepEqual((await client.get('/publicIPAddresses/web')).at('properties.ipConfiguration'), {
    resourceRef: VIP,
  });
  const again = await client.send('PUT', LB, got.body);
  t.is(again.status, 200, again.text);
});

test('§3.1.5.5.2: ipConfigurations are backends by what they name, and are shown at both ends', async (t) => {
  const { client } = await startController(t);
  await layBalancingGround(client);
  await client.put(LB, balancer());
  const nic = await client.put(
    NIC,
    nicProperties({
      loadBalancerBackendAddressPools: [part('backendAddressPools', 'all')],
      loadBalancerInboundNatRules: [part('inboundNatRules', 'ssh')],
    }),
  );
  t.is(nic.status, 201, nic.text);
  t.deepEqual((await client.get(POOL)).at('properties.backendIPConfigurations'), [
    { resourceRef: CONFIGURATION },
  ]);
  const ssh = await client.get(`${LB}/inboundNatRules/ssh`);
  t.deepEqual(ssh.at('properties.backendIPConfiguration'), { resourceRef: CONFIGURATION });
  t.is((await client.delete(LB)).textAt('error.code'), 'InUseBackendAddressPoolCannotBeDeleted');
  t.is((await client.put(NIC, nicProperties())).status, 200);
  t.is((await client.delete(LB)).status, 202);
  t.is((await client.delete('/publicIPAddresses/web')).status, 202, 'nothing uses it');
});

test('§3.1.5.35: a backend is held against the rules as they are, whatever they were for the one before', async (t) => {
  const { client } = await startController(t);
  await layBalancingGround(client);
  await client.put(LB, balancer({ outboundNatRules: [] }));
  const join = (name: string, pools: readonly string[]) =>
    client.put(
      `/networkInterfaces/${name}`,
      nicProperties({
        loadBalancerBackendAddressPools: pools.map((pool) => part('backendAddressPools', pool)),
      }),
    );
  t.is((await client.put(`${LB}/backendAddressPools/other`, {})).status, 201);
  t.is((await join('first', ['all', 'other'])).status, 201);
  t.is((await client.put('/networkInterfaces/first', nicProperties())).status, 200);
  const twin = rule({ frontendPort: 81, backendAddressPool: part('backendAddressPools', 'other') });
  t.is((await client.put(`${LB}/loadBalancingRules/twin`, twin)).status, 201);
  const refused = await join('second', ['all', 'other']);
  t.is(refused.textAt('error.code'), 'RulesUseSameBackendPort', refused.text);
  t.is((await client.delete(`${LB}/loadBalancingRules/twin`)).status, 202);
  const joined = await join('second', ['all', 'other']);
  t.is(joined.status, 201, joined.text);
});

test('parts are resources of their own: made, changed and deleted one by one', async (t) => {
  const { client } = await startController(t);
  await layBalancingGround(client);
  await client.put(LB, balancer());
  const https = `${LB}/loadBalancingRules/https`;
  const made = await client.put(https, rule({ frontendPort: 443, backendPort: 8443 }));
  t.is(made.status, 201, made.text);
  t.is((await client.get(VIP)).listAt('properties.loadBalancingRules').length, 2);
  t.is((await client.delete(https)).status, 202);
  const probe = await client.put(`${LB}/probes/page`, {
    ...{ protocol: 'HTTP', port: 80, requestPath: 'alive' },
  });
  t.is(probe.at('properties.requestPath'), '/alive');
  t.is((await client.put(`${LB}/backendAddressPools/other`, {})).status, 201);
});

test('§3.1.5.5.3: an internal frontend has an address of a virtual subnet, asked for or given', async (t) => {
  const { client } = await startController(t);
  await layBalancingGround(client);
  const subnet = { resourceRef: '/virtualNetworks/blue/subnets/web' };
  const internal = (frontend: object) => ({
    frontendIPConfigurations: [{ resourceId: 'vip', properties: { subnet, ...frontend } }],
  });
  const fixed = await client.put('/loadBalancers/a', internal({ privateIPAddress: '10.1.1.9' }));
  t.is(fixed.status, 201, fixed.text);
  const at = 'properties.frontendIPConfigurations.0.properties';
  t.is(fixed.at(`${at}.privateIPAllocationMethod`), 'Static');
  const any = await client.put('/loadBalancers/b', internal({}));
  t.is(any.at(`${at}.privateIPAddress`), '10.1.1.4');
  const again = await client.put('/loadBalancers/b', internal({}));
  t.is(again.at(`${at}.privateIPAddress`), '10.1.1.4', 'it stays');
  const taken = await client.put(NIC, nicProperties({ privateIPAddress: '10.1.1.9' }));
  t.is(taken.textAt('error.code'), 'PrivateIPAddressInUse');
  const removed = await client.delete('/virtualNetworks/blue/subnets/web');
  t.is(removed.textAt('error.code'), 'InUseSubnetCannotBeDeleted');
});

test('§3.1.5.5.3: a frontend in a logical subnet has an address of a VIP pool', async (t) => {
  const { client } = await startController(t);
  await layBalancingGround(client);
  const frontend = (privateIPAddress: string) => ({
    frontendIPConfigurations: [
      {
        resourceId: 'vip',
        properties: { subnet: { resourceRef: VIP_SUBNET }, privateIPAddress },
      },
    ],
  });
  t.is((await client.put(LB, frontend('203.0.113.5'))).status, 201);
  const twin = await client.put('/loadBalancers/twin', frontend('203.0.113.5'));
  t.is(twin.textAt('error.code'), 'PrivateIPAddressInUse');
  const next = await client.put('/publicIPAddresses/next', { ipAddress: '203.0.113.5' });
  t.is(next.textAt('error.code'), 'PublicIPAddressInUse');
});

test('§3.1.5.7: muxes take a provider address, and their machines show them', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  const vm = '/virtualServers/mux1';
  t.is((await client.put(vm, { vmGuid: '43613f44-ba4d-4540-8d60-d02d25464478' })).status, 201);
  const mux = await client.put('/loadBalancerMuxes/mux1', {
    virtualServer: { resourceRef: vm },
    connections: [],
    routerConfiguration: {
      localASN: 64650,
      peerRouterConfigurations: [
        { routerName: 'edge', routerIPAddress: '100.64.0.2', peerASN: 64600, id: 'x' },
      ],
    },
  });
  t.is(mux.status, 201, mux.text);
  t.is(mux.at('properties.providerAddress'), '100.64.0.4', 'after the two servers');
  t.deepEqual((await client.get(vm)).at('properties.loadBalancerMuxes'), {
    resourceRef: '/loadBalancerMuxes/mux1',
  });
  t.is((await client.delete(vm)).textAt('error.code'), 'InUseVirtualServerCannotBeDeleted');
  t.is((await client.delete('/loadBalancerMuxes/mux1')).status, 202);
  t.is((await client.get(vm)).at('properties.loadBalancerMuxes'), undefined);
});

test('what is said of a backend stands while the backend goes', async (t) => {
  const { client } = await startController(t);
  await layGround(client);
  await client.put(NIC, nicProperties());
  const drain = { ipConfiguration: { resourceRef: CONFIGURATION }, isDraining: true };
  const made = await client.put('/backendSettings/nic', drain);
  t.is(made.status, 201, made.text);
  const twin = await client.put('/backendSettings/twin', drain);
  t.is(twin.textAt('error.code'), 'ResourceInUse');
  t.is((await client.delete(NIC)).status, 202);
  t.is((await client.put('/backendSettings/nic', { ...drain, weight: 5 })).status, 200);
  const nobody = { ipConfiguration: { resourceRef: '/networkInterfaces/x/ipConfigurations/y' } };
  const missing = await client.put('/backendSettings/nobody', nobody);
  t.is(missing.textAt('error.code'), 'InvalidResourceReference');
});

test('a refusal names what it is about as it was written, be it there or in the same write', async (t) => {
  const { client } = await startController(t);
  await layBalancingGround(client);
  await client.put(LB, balancer());
  const taken = { ...part('frontendIPConfigurations', 'vip') };
  const own = { publicIPAddress: { resourceRef: '/PUBLICIPADDRESSES/WEB' } };
  const twin = await client.put('/loadBalancers/Twin', {
    ...balancer(),
    ...{ loadBalancingRules: [], inboundNatRules: [], outboundNatRules: [] },
    frontendIPConfigurations: [{ resourceId: 'Vip', properties: own }],
  });
  t.is(twin.textAt('error.code'), 'PublicIPAddressInUse');
  t.true(twin.textAt('error.message').endsWith(` is in use by ${taken.resourceRef}`));
  const every = { protocol: 'All', frontendPort: 0, backendPort: 0 };
  const all = { resourceId: 'Every', properties: rule(every) };
  const both = await client.put(LB, balancer({ inboundNatRules: [all] }));
  t.is(both.textAt('error.code'), 'AnyPortProtocolNotAllowedWithOtherInboundRules', both.text);
  t.true(both.textAt('error.message').startsWith(`${VIP} has a rule for all ports`), both.text);
});
