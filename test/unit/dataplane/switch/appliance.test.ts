/** An appliance: sends and is sent what is not its own, here and through tunnels, on paths that need not be the same both ways. */
import test from 'ava';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { GREEN_SPACE, greenGoal, greenNetwork } from './peered.ts';
import {
  aclResource,
  asAppliance,
  peeredWith,
  routeTableResource,
  withList,
  withRoutes,
} from './policies.ts';
import {
  addressed,
  BLUE,
  between,
  macOf,
  networkResource,
  portId,
  portResource,
  ROUTER_MAC,
  routed,
  subnetResource,
  type TenantRig,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const VM = '10.0.0.4';
const APPLIANCE = '10.0.0.5';
const DB = '10.0.1.4';
const PORTS = { src: 4000, dst: 5000 };
const BACK = { src: 5000, dst: 4000 };

function apply(net: TenantRig, ...upserts: Resource[]) {
  const errors = net.core.applyGoal({ upserts, removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
}

/** The web subnet reaches the other one through the appliance; the other one answers directly. */
function withAppliance(): TenantRig {
  const net = tenantRig();
  apply(
    net,
    routeTableResource('udr', { '10.0.1.0/24': APPLIANCE }),
    withRoutes(subnetResource(BLUE, 'web'), 'udr'),
    asAppliance(portResource(BLUE, APPLIANCE)),
  );
  return net;
}

/** As the appliance's kernel passes it on: its own MAC, TTL minus one. */
function forwarded(frame: Uint8Array): Uint8Array {
  const hop = routed(frame, ROUTER_MAC);
  return addressed(hop, { srcMac: macOf(BLUE, APPLIANCE), dstMac: ROUTER_MAC });
}

test('request through the appliance, reply past it: both arrive, again and again', (t) => {
  const net = withAppliance();
  const request = udpFrame(between(BLUE, VM, DB), PORTS);
  const reply = udpFrame(between(BLUE, DB, VM), BACK);
  for (const _round of [1, 2, 3]) {
    const [first] = net.pass(net.device(BLUE, VM), [request]);
    t.is(first?.port, net.device(BLUE, APPLIANCE));
    const [back] = net.pass(net.device(BLUE, DB), [reply]);
    t.is(back?.port, net.device(BLUE, VM));
  }
  net.core.checkInvariants();
});

test('what the appliance sends for others goes where its routes lead, with one TTL less each time', (t) => {
  const net = tenantRig();
  apply(
    net,
    routeTableResource('udr', { '10.0.0.5/32': DB }),
    withRoutes(subnetResource(BLUE, 'web'), 'udr'),
    asAppliance(portResource(BLUE, DB)),
  );
  const request = udpFrame(between(BLUE, VM, '10.0.0.5'), PORTS);
  const [first] = net.pass(net.device(BLUE, VM), [request]);
  t.is(first?.port, net.device(BLUE, DB));
  t.deepEqual(first?.bytes, routed(request, macOf(BLUE, DB)));
  const hop = addressed(routed(first?.bytes ?? request, 0), {
    srcMac: macOf(BLUE, DB),
    dstMac: ROUTER_MAC,
  });
  const [second] = net.pass(net.device(BLUE, DB), [hop]);
  t.is(second?.port, net.device(BLUE, '10.0.0.5'));
  t.deepEqual(second?.bytes, routed(hop, macOf(BLUE, '10.0.0.5')));
});

test('only an appliance may send for others, with its own MAC, and in IP', (t) => {
  const net = withAppliance();
  const foreign = udpFrame(between(BLUE, '198.51.100.7', DB), PORTS);
  const from = (srcMac: number) => addressed(foreign.slice(), { srcMac, dstMac: ROUTER_MAC });
  t.is(net.pass(net.device(BLUE, VM), [from(macOf(BLUE, VM))]).length, 0);
  t.deepEqual(net.counters(portId(BLUE, VM)).drops, { SpoofedIpv4: 1 });
  t.is(net.pass(net.device(BLUE, APPLIANCE), [from(macOf(BLUE, VM))]).length, 0);
  t.deepEqual(net.counters(portId(BLUE, APPLIANCE)).drops, { SpoofedMac: 1 });
});

test('through a tunnel, the MAC decides: to the appliance, though the destination is here too', (t) => {
  const net = tenantRig();
  const frame = udpFrame(
    { ...between(BLUE, '10.0.0.6', VM), dstMac: macOf(BLUE, APPLIANCE) },
    PORTS,
  );
  t.deepEqual(net.passTunnel(BLUE.webVni, frame), [], 'never past an appliance');
  t.deepEqual(net.uplinkCounters().drops, { DestinationNotLocal: 1 });
  apply(net, asAppliance(portResource(BLUE, APPLIANCE)));
  for (const _round of [1, 2]) {
    t.is(net.passTunnel(BLUE.webVni, frame)[0]?.port, net.device(BLUE, APPLIANCE));
  }
  const direct = udpFrame(between(BLUE, '10.0.0.6', VM), PORTS);
  for (const _round of [1, 2]) {
    t.is(
      net.passTunnel(BLUE.webVni, direct)[0]?.port,
      net.device(BLUE, VM),
      'the same flow, sent on',
    );
    t.is(net.passTunnel(BLUE.webVni, frame)[0]?.port, net.device(BLUE, APPLIANCE));
  }
});

test('an appliance that stops being one gets nothing for others any more', (t) => {
  const net = tenantRig();
  apply(net, asAppliance(portResource(BLUE, APPLIANCE)));
  const frame = udpFrame(
    { ...between(BLUE, '10.0.0.6', VM), dstMac: macOf(BLUE, APPLIANCE) },
    PORTS,
  );
  t.is(net.passTunnel(BLUE.webVni, frame).length, 1);
  apply(net, portResource(BLUE, APPLIANCE));
  t.is(net.passTunnel(BLUE.webVni, frame).length, 0);
});

test('a list at the appliance judges what it forwards', (t) => {
  const net = withAppliance();
  apply(
    net,
    aclResource('fw', { 'no-app': { deny: true, ports: [[5000, 5000]] } }),
    withList(asAppliance(portResource(BLUE, APPLIANCE)), 'fw'),
  );
  t.deepEqual(net.pass(net.device(BLUE, VM), [udpFrame(between(BLUE, VM, DB), PORTS)]), []);
  const other = udpFrame(between(BLUE, VM, DB), { src: 4000, dst: 5001 });
  t.is(net.pass(net.device(BLUE, VM), [other])[0]?.port, net.device(BLUE, APPLIANCE));
});

test('a tunnel brings only sources that somebody could have', (t) => {
  const net = tenantRig();
  const from = (src: string) => udpFrame({ ...between(BLUE, '10.0.0.6', VM), src }, PORTS);
  const passes = (src: string) => net.passTunnel(BLUE.webVni, from(src)).length === 1;
  t.true(passes('10.0.0.6'));
  t.false(passes('10.0.0.77'), 'of the subnet, but nobody has it');
  t.false(passes('10.1.0.6'));
  t.deepEqual(net.uplinkCounters().drops, { InnerSourceImplausible: 2 });
  apply(
    net,
    peeredWith(networkResource(BLUE), 'green', [GREEN_SPACE]),
    ...greenGoal(),
    peeredWith(greenNetwork(), 'blue', ['10.0.0.0/16']),
  );
  t.true(passes('10.1.0.6'), 'of a peer');
  t.false(passes('10.1.0.77'));
  t.false(passes('198.51.100.7'));
  apply(
    net,
    routeTableResource('udr', { '198.51.100.0/24': '10.0.1.6' }),
    withRoutes(subnetResource(BLUE, 'web'), 'udr'),
  );
  t.true(passes('198.51.100.7'), 'of behind an appliance');
  t.false(passes('198.51.101.7'));
});

test('a source that loses its mapping is no source any more', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, '10.0.0.6', VM), PORTS);
  t.is(net.passTunnel(BLUE.webVni, frame).length, 1);
  net.core.applyGoal({ upserts: [], removes: ['mapping/blue/10.0.0.6'] });
  t.is(net.passTunnel(BLUE.webVni, frame).length, 0);
});

test('traffic that is only forwarded uses a peering if that allows it', (t) => {
  const net = tenantRig();
  const peer = (allowForwarded: boolean) =>
    apply(
      net,
      peeredWith(networkResource(BLUE), 'green', [GREEN_SPACE], { allowForwarded }),
      ...greenGoal(),
      peeredWith(greenNetwork(), 'blue', ['10.0.0.0/16']),
      asAppliance(portResource(BLUE, APPLIANCE)),
    );
  const foreign = udpFrame(
    { srcMac: macOf(BLUE, APPLIANCE), dstMac: ROUTER_MAC, src: '172.16.0.9', dst: '10.1.0.6' },
    PORTS,
  );
  peer(false);
  t.is(net.pass(net.device(BLUE, APPLIANCE), [foreign]).length, 0);
  t.deepEqual(net.counters(portId(BLUE, APPLIANCE)).drops, { PeeringForwardedDenied: 1 });
  t.is(
    net.core.explain().at(-1)?.resourceRef,
    '/virtualNetworks/blue/virtualNetworkPeerings/green',
  );
  peer(true);
  t.is(net.pass(net.device(BLUE, APPLIANCE), [foreign]).length, 1);
  t.is(net.pass(net.device(BLUE, APPLIANCE), [forwarded(foreign)]).length, 1);
});
