/** Limits and reservations of goal state, as the frame I/O is told them. */
import test from 'ava';
import { NO_SHAPING, type Shaping } from '../../../../dataplane/port/frame-io.ts';
import {
  OutboundReservedMode,
  type PortQos,
  type Resource,
  type SwitchQos,
} from '../../../../schema/southbound/messages.ts';
import { BLUE, hostResource, portId, portResource, type TenantRig, tenantRig } from './tenants.ts';

const A = '10.0.0.4';
const B = '10.0.0.5';
const SHARED: SwitchQos = {
  outboundReservedMode: OutboundReservedMode.OUTBOUND_RESERVED_WEIGHT,
  linkSpeedKbps: 10_000_000,
  defaultReservedValue: 5,
};

function withQos(text: string, qos: Partial<PortQos>): Resource {
  const resource = portResource(BLUE, text);
  if (resource.port === undefined) throw new TypeError('a port');
  const none = { inboundKbpsMax: 0, outboundKbpsMax: 0, outboundReservedValue: 0 };
  return { ...resource, port: { ...resource.port, qos: { ...none, ...qos } } };
}

function withSwitchQos(qos: SwitchQos): Resource {
  const resource = hostResource();
  if (resource.host === undefined) throw new TypeError('a host');
  return { ...resource, host: { ...resource.host, qos } };
}

function shapingOf(net: TenantRig, text: string): Shaping {
  return net.io.shapingOf(net.device(BLUE, text));
}

function apply(net: TenantRig, ...upserts: Resource[]): void {
  net.core.applyGoal({ upserts, removes: [] });
}

test('a port’s limits reach its device, and go with the setting', (t) => {
  const net = tenantRig();
  t.deepEqual(shapingOf(net, A), NO_SHAPING);
  apply(net, withQos(A, { inboundKbpsMax: 2000, outboundKbpsMax: 1000 }));
  t.deepEqual(shapingOf(net, A), { inboundKbps: 2000, outboundKbps: 1000, weight: 0 });
  t.deepEqual(shapingOf(net, B), NO_SHAPING);
  apply(net, portResource(BLUE, A));
  t.deepEqual(shapingOf(net, A), NO_SHAPING);
});

test('a device that is attached after its goal state has its limits at once', (t) => {
  const net = tenantRig();
  apply(net, withQos(A, { outboundKbpsMax: 1000 }));
  net.core.detach(portId(BLUE, A));
  const again = net.attach(portId(BLUE, A));
  t.is(net.io.shapingOf(again).outboundKbps, 1000);
});

test('reservations are weights of the link: own, else the switch’s default, else the least', (t) => {
  const net = tenantRig();
  apply(net, withQos(A, { outboundReservedValue: 60 }), withSwitchQos(SHARED));
  t.is(net.io.linkSpeedKbps, 10_000_000);
  t.is(shapingOf(net, A).weight, 60);
  t.is(shapingOf(net, B).weight, 5);
  apply(net, withSwitchQos({ ...SHARED, defaultReservedValue: 0 }));
  t.is(shapingOf(net, B).weight, 1);
});

test('without a mode, or a known speed, reservations divide nothing', (t) => {
  const net = tenantRig();
  const none = OutboundReservedMode.OUTBOUND_RESERVED_NONE;
  for (const qos of [
    { ...SHARED, linkSpeedKbps: 0 },
    { ...SHARED, outboundReservedMode: none },
  ]) {
    apply(net, withQos(A, { outboundReservedValue: 60 }), withSwitchQos(SHARED));
    t.is(shapingOf(net, A).weight, 60);
    apply(net, withSwitchQos(qos));
    t.is(shapingOf(net, A).weight, 0);
    t.is(net.io.linkSpeedKbps, 0);
  }
});
