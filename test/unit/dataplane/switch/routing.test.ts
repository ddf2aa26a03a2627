/** Routes of a subnet: longest prefix, then user before system; next hops; peerings, which lead one network far. */
import test from 'ava';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import {
  GREEN_SPACE,
  GREEN_VNI,
  greenGoal,
  greenMac,
  greenNetwork,
  greenPortId,
} from './peered.ts';
import {
  aclResource,
  asAppliance,
  peeredWith,
  routeTableResource,
  withList,
  withRoutes,
} from './policies.ts';
import {
  BLUE,
  between,
  macOf,
  networkResource,
  portId,
  portResource,
  RED,
  ROUTER_MAC,
  routed,
  subnetResource,
  type TenantRig,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const VM = '10.0.0.4';
const OTHER = '10.0.0.5';
const DB = '10.0.1.4';
const PORTS = { src: 4000, dst: 5000 };
const BLUE_SPACE = ['10.0.0.0/16'];

function apply(net: TenantRig, ...upserts: Resource[]) {
  return net.core.applyGoal({ upserts, removes: [] });
}

/** Routes of the subnet that VM and OTHER are in. */
function routedBy(routes: Readonly<Record<string, string>>): TenantRig {
  const net = tenantRig();
  const errors = apply(
    net,
    routeTableResource('udr', routes),
    withRoutes(subnetResource(BLUE, 'web'), 'udr'),
  );
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return net;
}

function to(dst: string) {
  return udpFrame({ ...between(BLUE, VM, OTHER), dstMac: ROUTER_MAC, dst }, PORTS);
}

/** What becomes of a packet from VM: the rule of the route layer that counted, and what it came to. */
function way(net: TenantRig, dst: string) {
  net.pass(net.device(BLUE, VM), [to(dst)]);
  const decisions = net.core.explain();
  const found = decisions.find(({ layer, group }) => layer === 'route' && group === 'routes');
  return { rule: found?.rule, ref: found?.resourceRef, last: decisions.at(-1)?.outcome };
}

test('a route with next hop None, Internet or gateway drops for its own reason and names itself', (t) => {
  const net = routedBy({
    '10.0.1.0/24': 'None',
    '10.0.1.4/32': 'VirtualNetworkGateway',
    '203.0.113.0/24': 'Internet',
  });
  t.deepEqual(way(net, '10.0.1.9'), {
    rule: 'None 10.0.1.0/24',
    ref: '/routeTables/udr/routes/10.0.1.0-24',
    last: 'drop RouteNone',
  });
  t.like(way(net, DB), {
    rule: 'VirtualNetworkGateway 10.0.1.4/32',
    last: 'drop GatewayUnavailable',
  });
  t.like(way(net, '203.0.113.9'), { last: 'drop InternetUnavailable' });
  t.deepEqual(way(net, '198.51.100.1'), {
    rule: 'Internet 0.0.0.0/0',
    ref: '/virtualNetworks/blue',
    last: 'drop InternetUnavailable',
  });
});

test('of equal prefixes the user’s counts, a longer one of the system before a shorter one', (t) => {
  const net = routedBy({ '0.0.0.0/0': 'None', '10.0.0.0/16': 'None' });
  t.like(way(net, '198.51.100.1'), { rule: 'None 0.0.0.0/0' });
  t.like(way(net, OTHER), { rule: 'None 10.0.0.0/16', last: 'drop RouteNone' });
  apply(net, routeTableResource('udr', { '0.0.0.0/0': 'None', '10.0.1.0/24': 'VnetLocal' }));
  t.like(way(net, OTHER), { rule: 'VnetLocal 10.0.0.0/16' });
  t.like(way(net, DB), { rule: 'VnetLocal 10.0.1.0/24' });
});

test('routes are those of the sender’s subnet', (t) => {
  const net = routedBy({ '10.0.0.0/16': 'None' });
  const frame = udpFrame(between(BLUE, DB, VM), PORTS);
  t.is(net.pass(net.device(BLUE, DB), [frame])[0]?.port, net.device(BLUE, VM));
});

test('a change of routes decides flows that are open', (t) => {
  const net = routedBy({});
  const reaches = () => net.pass(net.device(BLUE, VM), [to(DB)]).length === 1;
  t.true(reaches());
  apply(net, routeTableResource('udr', { '10.0.1.0/24': 'None' }));
  t.false(reaches());
  apply(net, routeTableResource('udr', {}));
  t.true(reaches());
});

test('a route table that has not arrived routes nothing, and the interfaces say why', (t) => {
  const net = tenantRig();
  const errors = apply(net, withRoutes(subnetResource(BLUE, 'web'), 'late'));
  t.deepEqual(
    errors.map(({ key, message }) => [key, message]),
    [VM, OTHER].map((text) => [`port/${portId(BLUE, text)}`, 'route table late has not arrived']),
  );
  t.like(way(net, OTHER), { last: 'drop PolicyPending' });
  t.deepEqual(apply(net, routeTableResource('late', {})), []);
  t.like(way(net, OTHER), { rule: 'VnetLocal 10.0.0.0/16' });
  t.is(net.core.applyGoal({ upserts: [], removes: ['routetable/late'] }).length, 2);
  t.like(way(net, OTHER), { last: 'drop PolicyPending' });
});

test('a route table that cannot be is refused by name; its last good form stays', (t) => {
  const net = routedBy({ '10.0.1.0/24': 'None' });
  const [error, ...more] = apply(net, routeTableResource('udr', { '10.0.1.0/24': '2001:db8::1' }));
  t.is(error?.key, 'routetable/udr');
  t.regex(error?.message ?? '', /next hop is no address of the prefix/);
  t.deepEqual(more, []);
  t.like(way(net, DB), { last: 'drop RouteNone' });
});

test('an appliance gets what a route sends to it: its MAC, the router’s, TTL minus one, same subnet or not', (t) => {
  const net = routedBy({
    '10.0.1.0/24': OTHER,
    '198.51.100.0/24': OTHER,
    '192.0.2.0/24': '10.0.1.4',
  });
  apply(net, asAppliance(portResource(BLUE, OTHER)), asAppliance(portResource(BLUE, DB)));
  for (const dst of ['10.0.1.9', '198.51.100.7']) {
    for (const _round of [1, 2]) {
      const [sent, ...more] = net.pass(net.device(BLUE, VM), [to(dst)]);
      t.deepEqual(more, []);
      t.is(sent?.port, net.device(BLUE, OTHER));
      t.deepEqual(sent?.bytes, routed(to(dst), macOf(BLUE, OTHER)));
    }
  }
  const [across] = net.pass(net.device(BLUE, VM), [to('192.0.2.7')]);
  t.is(across?.port, net.device(BLUE, DB));
  t.deepEqual(across?.bytes, routed(to('192.0.2.7'), macOf(BLUE, DB)));
});

test('an appliance at another host: tunnelled to it within the appliance’s subnet', (t) => {
  const net = routedBy({ '198.51.100.0/24': '10.0.1.6' });
  const [sent] = net.pass(net.device(BLUE, VM), [to('198.51.100.7')]);
  t.is(sent?.uplink?.vni, BLUE.dbVni);
  t.deepEqual(sent?.bytes.slice(8), routed(to('198.51.100.7'), macOf(BLUE, '10.0.1.6')));
});

test('an appliance that nobody has, in the network or outside of it, is a reason of its own', (t) => {
  const net = routedBy({ '198.51.100.0/24': '10.0.0.99', '203.0.113.0/24': '172.16.0.1' });
  t.like(way(net, '198.51.100.7'), { last: 'drop ApplianceUnreachable' });
  t.like(way(net, '203.0.113.7'), { last: 'drop ApplianceUnreachable' });
  t.deepEqual(net.counters(portId(BLUE, VM)).drops, { ApplianceUnreachable: 2 });
});

function peered(
  flags: Parameters<typeof peeredWith>[3] = {},
): TenantRig & { green(text: string): number } {
  const net = tenantRig();
  const errors = apply(
    net,
    peeredWith(networkResource(BLUE), 'green', [GREEN_SPACE], flags),
    ...greenGoal(),
    peeredWith(greenNetwork(), 'blue', BLUE_SPACE, flags),
  );
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const devices = new Map(
    ['10.1.0.4', '10.1.0.5'].map((text) => [text, net.attach(greenPortId(text))]),
  );
  return { ...net, green: (text) => devices.get(text) ?? -1 };
}

test('a peering leads to the addresses of the remote network, here and at other hosts', (t) => {
  const net = peered();
  const [local] = net.pass(net.device(BLUE, VM), [to('10.1.0.4')]);
  t.is(local?.port, net.green('10.1.0.4'));
  t.deepEqual(local?.bytes, routed(to('10.1.0.4'), greenMac('10.1.0.4')));
  const [remote] = net.pass(net.device(BLUE, VM), [to('10.1.0.6')]);
  t.is(remote?.uplink?.vni, GREEN_VNI);
  t.deepEqual(remote?.bytes.slice(8), routed(to('10.1.0.6'), greenMac('10.1.0.6')));
  t.deepEqual(way(net, '10.1.0.99'), {
    rule: 'VNetPeering 10.1.0.0/16',
    ref: '/virtualNetworks/blue/virtualNetworkPeerings/green',
    last: 'drop NoMapping',
  });
});

test('without access nothing passes; without a peering the remote network is not there', (t) => {
  const net = peered({ allowAccess: false });
  t.like(way(net, '10.1.0.4'), { last: 'drop PeeringAccessDenied' });
  apply(net, networkResource(BLUE));
  t.like(way(net, '10.1.0.4'), { rule: 'Internet 0.0.0.0/0', last: 'drop InternetUnavailable' });
});

test('a peering that ends takes open flows with it', (t) => {
  const net = peered();
  const reaches = () => net.pass(net.device(BLUE, VM), [to('10.1.0.4')]).length === 1;
  t.true(reaches());
  apply(net, networkResource(BLUE));
  t.false(reaches());
  apply(net, peeredWith(networkResource(BLUE), 'green', [GREEN_SPACE]));
  t.true(reaches());
});

test('the remote network may arrive after the peering, and go before it', (t) => {
  const net = tenantRig();
  apply(net, peeredWith(networkResource(BLUE), 'green', [GREEN_SPACE]));
  t.like(way(net, '10.1.0.6'), { last: 'drop PolicyPending' });
  apply(net, ...greenGoal());
  t.is(net.pass(net.device(BLUE, VM), [to('10.1.0.6')])[0]?.uplink?.vni, GREEN_VNI);
  net.core.applyGoal({ upserts: [], removes: ['vnet/green'] });
  t.like(way(net, '10.1.0.6'), { last: 'drop PolicyPending' });
});

test('no transitivity: a peer’s peer is not reached', (t) => {
  const net = peered();
  apply(
    net,
    peeredWith(peeredWith(greenNetwork(), 'blue', BLUE_SPACE), 'red', ['10.2.0.0/16']),
    networkResource(RED, '10.2.0.0', 16),
  );
  t.like(way(net, '10.2.0.4'), { rule: 'Internet 0.0.0.0/0' });
});

test('VIRTUALNETWORK contains a peer with access, and one without it not', (t) => {
  const net = peered();
  const list = aclResource('vn', { in: { from: ['VIRTUALNETWORK'], deny: true } });
  const reaches = () => {
    const frame = { srcMac: greenMac('10.1.0.4'), dstMac: ROUTER_MAC, src: '10.1.0.4', dst: VM };
    return net.pass(net.green('10.1.0.4'), [udpFrame(frame, PORTS)]).length === 1;
  };
  t.true(reaches());
  apply(net, list, withList(portResource(BLUE, VM), 'vn'));
  t.false(reaches());
  apply(net, peeredWith(networkResource(BLUE), 'green', [GREEN_SPACE], { allowAccess: false }));
  t.true(reaches(), 'blue’s rule does not match it any more; green’s own peering lets it go');
});
