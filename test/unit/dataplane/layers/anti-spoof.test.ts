/** Anti-spoofing, as a customer sees it: what a VM may and may not send, on its first packet and on every later one. */
import test, { type ExecutionContext } from 'ava';
import * as arp from '../../../../packet/arp.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { icmpv6Frame, taggedFrame, viewOf } from '../../packet/frames.ts';
import {
  address,
  addressed,
  BLUE,
  between,
  macOf,
  portId,
  portResource,
  ROUTER_MAC,
  type TenantRig,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';

const OWN = '10.0.0.4';
const NEIGHBOR = '10.0.0.5';
const PORTS = { src: 4000, dst: 5000 };

function sendsNothing(
  t: ExecutionContext,
  net: TenantRig,
  frame: Uint8Array,
  reason: string,
): void {
  const before = net.counters(portId(BLUE, OWN)).drops[reason] ?? 0;
  t.deepEqual(net.pass(net.device(BLUE, OWN), [frame]), []);
  t.is(net.counters(portId(BLUE, OWN)).drops[reason], before + 1, reason);
}

function arpRequest(sender: { mac: number; address: string }, target: string): Uint8Array {
  const bytes = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
  const header = { dst: ethernet.BROADCAST, src: sender.mac, etherType: ethernet.EtherType.ARP };
  ethernet.emit(header, viewOf(bytes), 0);
  const repr = {
    opcode: arp.Opcode.REQUEST,
    senderMac: sender.mac,
    senderAddress: address(sender.address),
    targetMac: 0,
    targetAddress: address(target),
  };
  arp.emit(repr, viewOf(bytes), ethernet.HEADER_LEN);
  return bytes;
}

test('anti-spoof: a frame with another VM’s source address is dropped and counted', (t) => {
  const net = tenantRig();
  const spoofed = udpFrame(
    { ...between(BLUE, NEIGHBOR, '10.0.1.4'), srcMac: macOf(BLUE, OWN) },
    PORTS,
  );
  sendsNothing(t, net, spoofed, 'SpoofedIpv4');
});

test('anti-spoof: a frame with another VM’s source MAC is dropped and counted', (t) => {
  const net = tenantRig();
  const spoofed = udpFrame(
    { ...between(BLUE, OWN, NEIGHBOR), srcMac: macOf(BLUE, NEIGHBOR) },
    PORTS,
  );
  sendsNothing(t, net, spoofed, 'SpoofedMac');
});

test('anti-spoof: an established flow is no way round it: a later frame with another MAC is dropped', (t) => {
  const net = tenantRig();
  const honest = udpFrame(between(BLUE, OWN, NEIGHBOR), PORTS);
  t.is(net.pass(net.device(BLUE, OWN), [honest, honest]).length, 2);
  const spoofed = addressed(honest.slice(), { srcMac: ROUTER_MAC, dstMac: macOf(BLUE, NEIGHBOR) });
  sendsNothing(t, net, spoofed, 'SpoofedMac');
  t.is(net.pass(net.device(BLUE, OWN), [honest]).length, 1, 'the flow itself lives on');
});

test('anti-spoof: with MAC spoofing allowed any MAC passes, a foreign IP address still does not', (t) => {
  const net = tenantRig();
  const upserts = [portResource(BLUE, OWN, { macSpoofing: true })];
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const otherMac = udpFrame({ ...between(BLUE, OWN, NEIGHBOR), srcMac: 0x0299_0000_0001 }, PORTS);
  t.is(net.pass(net.device(BLUE, OWN), [otherMac]).length, 1);
  const otherAddress = udpFrame({ ...between(BLUE, '10.0.0.9', NEIGHBOR) }, PORTS);
  sendsNothing(t, net, otherAddress, 'SpoofedIpv4');
});

test('anti-spoof: every IP configuration of the port is its own address, others of its subnet are not', (t) => {
  const net = tenantRig();
  const upserts = [portResource(BLUE, OWN, { more: ['10.0.0.44'] })];
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const from = (src: string) =>
    udpFrame({ ...between(BLUE, src, NEIGHBOR), srcMac: macOf(BLUE, OWN) }, PORTS);
  t.is(net.pass(net.device(BLUE, OWN), [from('10.0.0.44')]).length, 1);
  sendsNothing(t, net, from('10.0.0.45'), 'SpoofedIpv4');
});

test('anti-spoof: ARP that claims another’s address or MAC is dropped and counted', (t) => {
  const net = tenantRig();
  const mac = macOf(BLUE, OWN);
  sendsNothing(t, net, arpRequest({ mac, address: NEIGHBOR }, '10.0.0.1'), 'SpoofedArp');
  const foreign = arpRequest({ mac: macOf(BLUE, NEIGHBOR), address: OWN }, '10.0.0.1');
  sendsNothing(
    t,
    net,
    addressed(foreign, { srcMac: mac, dstMac: ethernet.BROADCAST }),
    'SpoofedArp',
  );
});

test('anti-spoof: a VM without address may probe by ARP (RFC 5227)', (t) => {
  const net = tenantRig();
  const probe = arpRequest({ mac: macOf(BLUE, OWN), address: '0.0.0.0' }, OWN);
  t.deepEqual(
    net.pass(net.device(BLUE, OWN), [probe]),
    [],
    'and hears nothing: the address is free',
  );
  t.is(net.counters(portId(BLUE, OWN)).drops['SpoofedArp'], undefined);
});

test('anti-spoof: IPv6 from an address that is not the port’s, VLAN tags, other protocols: dropped', (t) => {
  const net = tenantRig();
  const macs = { srcMac: macOf(BLUE, OWN), dstMac: macOf(BLUE, NEIGHBOR) };
  sendsNothing(t, net, addressed(icmpv6Frame({ type: 128 }), macs), 'SpoofedIpv6');
  const inner = udpFrame(between(BLUE, OWN, NEIGHBOR), PORTS);
  sendsNothing(t, net, addressed(taggedFrame(42, inner), macs), 'EtherTypeUnsupported');
  const lldp = addressed(new Uint8Array(60), macs);
  ethernet.setEtherType(viewOf(lldp), 0, 0x88cc);
  sendsNothing(t, net, lldp, 'EtherTypeUnsupported');
});
