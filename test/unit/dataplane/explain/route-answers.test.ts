/** Effective routes and next hops: what the switch says is what its route layer does, overridden routes and reasons to drop included. */
import test from 'ava';
import { peeredWith, routeTableResource, withRoutes } from '../switch/policies.ts';
import {
  BLUE,
  networkResource,
  portId,
  subnetResource,
  type TenantRig,
  tenantRig,
} from '../switch/tenants.ts';

const VM = '10.0.0.4';
const PORT = portId(BLUE, VM);

function routedBy(routes: Readonly<Record<string, string>>): TenantRig {
  const net = tenantRig();
  const subnet = withRoutes(subnetResource(BLUE, 'web'), 'udr');
  net.core.applyGoal({ upserts: [routeTableResource('udr', routes), subnet], removes: [] });
  return net;
}

function routesOf(net: TenantRig, limit = 100) {
  const [subnet] = net.core.answer('effectiveRoutes', { portId: PORT, limit }).subnets;
  if (subnet === undefined) throw new Error('no subnet');
  return subnet;
}

function hopTo(net: TenantRig, destination: string) {
  return net.core.answer('nextHop', { portId: PORT, destination });
}

test('a user route overrides the system’s of the same prefix, and both are listed', (t) => {
  const { routes } = routesOf(routedBy({ '0.0.0.0/0': 'None' }));
  const defaults = routes.filter(({ prefix }) => prefix === '0.0.0.0/0');
  t.deepEqual(
    defaults.map(({ origin, isActive, drop }) => [origin, isActive, drop?.reason]),
    [
      ['User', true, 'RouteNone'],
      ['System', false, 'InternetUnavailable'],
    ],
  );
});

test('an answer is as long as was asked for, and says how much there is', (t) => {
  const { routes, total } = routesOf(tenantRig(), 1);
  t.is(routes.length, 1);
  t.true(total > 1);
});

test('the next hop is that of the route which decides about a packet', (t) => {
  const net = routedBy({ '10.0.1.0/24': 'None', '203.0.113.0/24': 'Internet' });
  for (const destination of ['10.0.0.5', '10.0.1.4', '203.0.113.9', '198.51.100.1']) {
    const { route } = hopTo(net, destination);
    const packet = { destination, protocol: 17, destinationPort: 5000 };
    const { steps } = net.core.answer('trace', { portId: PORT, packet });
    const step = steps.find(({ group }) => group === 'routes');
    t.is(`${route?.nextHopType} ${route?.prefix}`, step?.rule ?? '', destination);
    t.is(route?.resourceRef, step?.resourceRef, destination);
    t.is(route?.drop !== undefined, step?.outcome.startsWith('drop ') ?? false, destination);
  }
});

test('what is for the switch itself meets no route', (t) => {
  const net = tenantRig();
  for (const destination of ['10.0.0.1', '168.63.129.16', '169.254.169.254']) {
    const { nextHopType, route } = hopTo(net, destination);
    t.is(nextHopType, 'VirtualRouter', destination);
    t.is(route, undefined);
  }
});

test('a route over a peering that denies access says that its packets are dropped', (t) => {
  for (const allowAccess of [true, false]) {
    const net = routedBy({ '198.51.100.0/24': '10.9.0.7' });
    const hub = { ...networkResource({ name: 'hub', webVni: 0, dbVni: 0 }, '10.9.0.0', 16) };
    const blue = peeredWith(networkResource(BLUE), 'hub', ['10.9.0.0/16'], { allowAccess });
    net.core.applyGoal({ upserts: [hub, blue], removes: [] });
    const reason = allowAccess ? undefined : 'PeeringAccessDenied';
    const { routes } = routesOf(net);
    for (const prefix of ['10.9.0.0/16', '198.51.100.0/24']) {
      const route = routes.find((own) => own.prefix === prefix);
      t.true(route?.isActive, prefix);
      t.is(route?.drop?.reason, reason, prefix);
    }
    for (const destination of ['10.9.0.4', '198.51.100.9']) {
      t.is(hopTo(net, destination).route?.drop?.reason, reason, destination);
      const packet = { destination, protocol: 17, destinationPort: 5000 };
      const { verdict } = net.core.answer('trace', { portId: PORT, packet });
      t.is(verdict.kind === 'drop' && verdict.reason === 'PeeringAccessDenied', !allowAccess);
    }
  }
});

test('a route table that has not arrived routes nothing, and the answers say why', (t) => {
  const net = tenantRig();
  const subnet = withRoutes(subnetResource(BLUE, 'web'), 'late');
  net.core.applyGoal({ upserts: [subnet], removes: [] });
  t.regex(routesOf(net).pending ?? '', /late has not arrived/);
  const hop = hopTo(net, '10.0.0.5');
  t.is(hop.nextHopType, 'None');
  t.regex(hop.pending ?? '', /late has not arrived/);
});

test('questions that make no sense are refused', (t) => {
  const net = tenantRig();
  const unrouted = ['224.0.0.1', '255.255.255.255', '169.254.1.1', 'ff02::1', 'fe80::1'];
  for (const destination of ['x', 'fd00::1', ...unrouted]) {
    t.throws(() => hopTo(net, destination), { code: 'SDN_QUESTION_INVALID' }, destination);
  }
  const source = '10.0.0.99';
  const foreign = { portId: PORT, destination: '10.0.0.5', source };
  t.throws(() => net.core.answer('nextHop', foreign), { code: 'SDN_QUESTION_INVALID' });
  const unknown = { portId: 'nobody', limit: 1 };
  t.throws(() => net.core.answer('effectiveRoutes', unknown), { code: 'SDN_SWITCH_PORT_UNKNOWN' });
});
