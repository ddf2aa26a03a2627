/** Guards and learned addresses: what a port may do beside speaking for itself, when goal state lets it. */
import test from 'ava';
import { millis } from '../../../../base/units.ts';
import {
  BROADCAST_PER_SEC_MAX,
  LEARNED_ADDRESS_IDLE_SEC_MAX,
  LEARNED_ADDRESSES_PER_PORT_MAX,
} from '../../../../dataplane/limits.ts';
import * as arp from '../../../../packet/arp.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import type { Mapping, Port, Resource } from '../../../../schema/southbound/messages.ts';
import { viewOf } from '../../packet/frames.ts';
import {
  address,
  BLUE,
  between,
  HOST_ADDRESS,
  macOf,
  mappingResource,
  octets,
  portId,
  portResource,
  type TenantRig,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';

const OWN = '10.0.0.4';
const NEIGHBOR = '10.0.0.5';
const LEARNED = '10.0.0.77';
const PORTS = { src: 4000, dst: 5000 };

function port(changes: Partial<Port>, more: readonly string[] = []): Resource {
  const resource = portResource(BLUE, OWN, { more });
  if (resource.port === undefined) throw new TypeError('a port');
  return { ...resource, port: { ...resource.port, ...changes } };
}

function apply(net: TenantRig, ...upserts: Resource[]): void {
  const errors = net.core.applyGoal({ upserts, removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
}

const send = (net: TenantRig, ...frames: Uint8Array[]) => net.pass(net.device(BLUE, OWN), frames);
const drops = (net: TenantRig, reason: string): number =>
  net.counters(portId(BLUE, OWN)).drops[reason] ?? 0;

/** What the VM says as somebody else. */
function from(src: string, dst = NEIGHBOR) {
  return { ...between(BLUE, OWN, dst), src };
}

function arpRequest(senderMac: number, sender: string): Uint8Array {
  const bytes = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
  const src = macOf(BLUE, OWN);
  const header = { dst: ethernet.BROADCAST, src, etherType: ethernet.EtherType.ARP };
  ethernet.emit(header, viewOf(bytes), 0);
  const repr = {
    opcode: arp.Opcode.REQUEST,
    senderMac,
    senderAddress: address(sender),
    targetMac: 0,
    targetAddress: address(NEIGHBOR),
  };
  arp.emit(repr, viewOf(bytes), ethernet.HEADER_LEN);
  return bytes;
}

test('secondary addresses are the port’s own: sent from, answered for, delivered to', (t) => {
  const net = tenantRig();
  apply(net, port({}, ['10.0.0.40']), {
    ...mappingResource(BLUE, '10.0.0.40', HOST_ADDRESS),
    mapping: {
      ...(mappingResource(BLUE, '10.0.0.40', HOST_ADDRESS).mapping as Mapping),
      mac: macOf(BLUE, OWN),
    },
  });
  t.is(send(net, udpFrame(from('10.0.0.40'), PORTS)).length, 1);
  t.is(send(net, arpRequest(macOf(BLUE, OWN), '10.0.0.40')).length, 1);
  const to = { ...between(BLUE, NEIGHBOR, OWN), dst: '10.0.0.40' };
  const [reply] = net.pass(net.device(BLUE, NEIGHBOR), [udpFrame(to, PORTS)]);
  t.is(reply?.port, net.device(BLUE, OWN));
});

test('a VM answers no DHCP requests, unless its guard is off', (t) => {
  const net = tenantRig();
  const answer = udpFrame(between(BLUE, OWN, NEIGHBOR), { src: 67, dst: 68 });
  t.deepEqual(send(net, answer), []);
  t.is(drops(net, 'DhcpGuarded'), 1);
  apply(net, port({ dhcpGuardOff: true }));
  t.is(send(net, answer).length, 1);
  t.is(drops(net, 'DhcpGuarded'), 1);
});

test('ARP with a foreign sender is dropped, unless the ARP guard is off', (t) => {
  const net = tenantRig();
  const foreign = arpRequest(0x0200_0000_0099, '10.0.0.99');
  t.deepEqual(send(net, foreign), []);
  t.is(drops(net, 'SpoofedArp'), 1);
  apply(net, port({ arpGuardOff: true }));
  t.is(send(net, foreign).length, 1);
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), [], 'addresses are still checked');
  t.is(drops(net, 'SpoofedIpv4'), 1);
});

test('a port that learns speaks with free addresses of its subnets, and they are reported', (t) => {
  const net = tenantRig();
  t.deepEqual(send(net, udpFrame(from(LEARNED), PORTS)), []);
  apply(net, port({ learnsAddresses: true }));
  t.deepEqual(net.core.takeLearned(), []);
  t.is(send(net, udpFrame(from(LEARNED), PORTS)).length, 1);
  t.is(send(net, arpRequest(macOf(BLUE, OWN), '10.0.0.78')).length, 1);
  t.deepEqual(net.core.takeLearned(), [
    [portId(BLUE, OWN), [octets(LEARNED), octets('10.0.0.78')]],
  ]);
  send(net, udpFrame(from(LEARNED), PORTS), udpFrame(from(OWN), PORTS));
  t.deepEqual(net.core.takeLearned(), [], 'nothing new, and its own is none');
});

test('addresses of others, of the router and outside the subnets are not learned', (t) => {
  const net = tenantRig();
  apply(net, port({ learnsAddresses: true }));
  for (const src of [NEIGHBOR, '10.0.0.6', '10.0.0.1', '10.0.1.77', '192.0.2.9']) {
    t.deepEqual(send(net, udpFrame(from(src, '10.0.0.6'), PORTS)), [], src);
  }
  t.is(drops(net, 'SpoofedIpv4'), 5);
  t.deepEqual(send(net, arpRequest(0x0200_0000_0099, LEARNED)), [], 'with a foreign MAC');
  t.deepEqual(net.core.takeLearned(), []);
});

test('a learned address that another interface gets is lost, also to flows that are open', (t) => {
  const net = tenantRig();
  apply(net, port({ learnsAddresses: true }));
  const frame = udpFrame(from(LEARNED), PORTS);
  t.is(send(net, frame, frame).length, 2);
  apply(net, mappingResource(BLUE, LEARNED, '192.0.2.2'));
  t.deepEqual(send(net, frame), []);
  t.is(drops(net, 'SpoofedIpv4'), 1);
});

test('a learned address that the controller has mapped is delivered to', (t) => {
  const net = tenantRig();
  const mapping = mappingResource(BLUE, LEARNED, HOST_ADDRESS);
  apply(net, port({ learnsAddresses: true }), {
    ...mapping,
    mapping: { ...(mapping.mapping as Mapping), mac: macOf(BLUE, OWN) },
  });
  const to = { ...between(BLUE, NEIGHBOR, OWN), dst: LEARNED };
  const [sent] = net.pass(net.device(BLUE, NEIGHBOR), [udpFrame(to, PORTS)]);
  t.is(sent?.port, net.device(BLUE, OWN));
});

test('learned addresses are bounded, aged, and gone with the device', (t) => {
  const net = tenantRig();
  const wide = Array.from(
    { length: LEARNED_ADDRESSES_PER_PORT_MAX + 10 },
    (_, index) => `10.0.${index >> 8}.${index & 255}`,
  ).filter((text) => text.startsWith('10.0.0.'));
  apply(net, port({ learnsAddresses: true }));
  for (const src of wide) send(net, udpFrame(from(src, '10.0.0.6'), PORTS));
  const [first] = net.core.takeLearned();
  t.true(
    (first?.[1].length ?? 0) > 200 && (first?.[1].length ?? 0) <= LEARNED_ADDRESSES_PER_PORT_MAX,
  );
  net.clock.advance(millis(LEARNED_ADDRESS_IDLE_SEC_MAX * 1000));
  send(net, udpFrame(from('10.0.0.50', NEIGHBOR), { src: 1, dst: 2 }));
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), [octets('10.0.0.50')]]]);
  net.core.detach(portId(BLUE, OWN));
  t.deepEqual(net.core.takeLearned(), [[portId(BLUE, OWN), []]]);
});

test('more broadcasts in a second than allowed are dropped; the next second begins anew', (t) => {
  const net = tenantRig();
  const broadcast = arpRequest(macOf(BLUE, OWN), OWN);
  const storm = (count: number) => send(net, ...Array.from({ length: count }, () => broadcast));
  apply(net, port({ broadcastPerSecMax: 5 }));
  t.is(storm(8).length, 5);
  t.is(drops(net, 'StormLimited'), 3);
  t.is(send(net, udpFrame(from(OWN), PORTS)).length, 1, 'unicast is not concerned');
  net.clock.advance(millis(1000));
  t.is(storm(5).length, 5);
  apply(net, port({}));
  net.clock.advance(millis(1000));
  storm(BROADCAST_PER_SEC_MAX + 2);
  t.is(drops(net, 'StormLimited'), 5);
});
