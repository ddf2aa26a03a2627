/** `weft routes` and `weft next-hop` against a scripted controller: what is asked, what people see, and the exit code. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const NIC = 'GET /networking/weft/v1/networkInterfaces/web1';
const DROP = { reason: 'RouteNone', meaning: 'a route says so', remedy: 'Look at the route.' };
const USER = {
  ...{ prefix: '0.0.0.0/0', origin: 'User', nextHopType: 'None', isActive: true, drop: DROP },
  resourceRef: '/routeTables/udr/routes/all',
};
const SYSTEM = {
  ...{ prefix: '0.0.0.0/0', origin: 'System', nextHopType: 'Internet', isActive: false },
  resourceRef: '/virtualNetworks/blue',
};

test('routes: active and overridden, what asks for each, and how many are not shown', async (t) => {
  const value = [{ resourceRef: '/subnets/web', routes: [USER, SYSTEM], total: 5 }];
  const body = { host: 'host1', value };
  const controller = await scriptedController({ [`${NIC}/effectiveRoutes?limit=2`]: { body } });
  t.teardown(() => controller.close());
  const { code, out } = await controller.weft('routes', 'web1', '--limit', '2');
  t.is(code, 0);
  t.regex(out, /0\.0\.0\.0\/0 +User +active +None +- +RouteNone +\/routeTables\/udr\/routes\/all/);
  t.regex(out, /System +overridden +Internet/);
  t.regex(out, /and 3 more/);
  const json = await controller.weft('--json', 'routes', 'web1', '--limit', '2');
  t.deepEqual(JSON.parse(json.out), body);
});

test('next-hop exits 3 where the route drops, and says what to do', async (t) => {
  const ends = { source: '10.0.0.4', destination: '10.0.1.4' };
  const body = { host: 'host1', ...ends, nextHopType: 'None', route: USER };
  const controller = await scriptedController({
    [`${NIC}/nextHop?destination=10.0.1.4`]: { body },
    [`${NIC}/nextHop?destination=10.0.0.9`]: {
      body: { ...body, nextHopType: 'VirtualAppliance', nextHopAddress: '10.0.0.7', route: SYSTEM },
    },
  });
  t.teardown(() => controller.close());
  const dropped = await controller.weft('next-hop', '--from', 'web1', '--to', '10.0.1.4');
  t.is(dropped.code, 3);
  t.regex(dropped.out, /RouteNone.*Look at the route\./s);
  const led = await controller.weft('next-hop', '--from', 'web1', '--to', '10.0.0.9');
  t.is(led.code, 0);
  t.regex(led.out, /address +10\.0\.0\.7/);
});
