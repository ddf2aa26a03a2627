/** Services of the switch as a VM meets them: ARP, DHCP and echo answered on the spot, nothing flooded. */
import test from 'ava';
import * as arp from '../../../../packet/arp.ts';
import * as dhcp from '../../../../packet/dhcp.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as icmp from '../../../../packet/icmp.ts';
import { dhcpFrame, icmpv6Frame, viewOf } from '../../packet/frames.ts';
import {
  address,
  addressed,
  BLUE,
  between,
  echoFrame,
  macOf,
  portId,
  RED,
  ROUTER_MAC,
  type Tenant,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';

const OWN = '10.0.0.4';

function arpRequest(tenant: Tenant, target: string): Uint8Array {
  const bytes = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
  const mac = macOf(tenant, OWN);
  const header = { dst: ethernet.BROADCAST, src: mac, etherType: ethernet.EtherType.ARP };
  ethernet.emit(header, viewOf(bytes), 0);
  const repr = { opcode: arp.Opcode.REQUEST, senderMac: mac, senderAddress: address(OWN) };
  arp.emit({ ...repr, targetMac: 0, targetAddress: address(target) }, viewOf(bytes), 14);
  return bytes;
}

test('ARP: gateway and neighbours are answered to the asker alone, from the mapping table', (t) => {
  const net = tenantRig();
  const cases: [string, number][] = [
    ['10.0.0.1', ROUTER_MAC],
    ['10.0.0.5', macOf(BLUE, '10.0.0.5')],
    ['10.0.0.6', macOf(BLUE, '10.0.0.6')],
  ];
  for (const [target, mac] of cases) {
    const [sent, ...more] = net.pass(net.device(BLUE, OWN), [arpRequest(BLUE, target)]);
    t.deepEqual(more, []);
    t.is(sent?.port, net.device(BLUE, OWN));
    const reply = arp.parse(viewOf(sent?.bytes ?? new Uint8Array(60)), ethernet.HEADER_LEN);
    t.like(reply, { opcode: arp.Opcode.REPLY, senderMac: mac, senderAddress: address(target) });
  }
});

test('ARP: two tenants with the same addresses are each told their own neighbour', (t) => {
  const net = tenantRig();
  for (const tenant of [BLUE, RED]) {
    const [sent] = net.pass(net.device(tenant, OWN), [arpRequest(tenant, '10.0.0.5')]);
    const reply = arp.parse(viewOf(sent?.bytes ?? new Uint8Array(60)), ethernet.HEADER_LEN);
    t.is(reply.senderMac, macOf(tenant, '10.0.0.5'));
  }
});

test('ARP: for an address nobody has, one of another subnet, or the own one: silence, counted', (t) => {
  const net = tenantRig();
  const targets = ['10.0.0.99', '10.0.1.4', OWN];
  t.deepEqual(
    net.pass(
      net.device(BLUE, OWN),
      targets.map((target) => arpRequest(BLUE, target)),
    ),
    [],
  );
  t.is(net.counters(portId(BLUE, OWN)).drops['ArpUnanswered'], targets.length);
});

test('DHCP: a discover is answered with the port’s address, whatever MAC-to-address the network has', (t) => {
  const net = tenantRig();
  const mac = macOf(BLUE, OWN);
  const chaddr = new Uint8Array(16);
  ethernet.writeMac(viewOf(chaddr), 0, mac);
  const discover = addressed(dhcpFrame({ chaddr }), { srcMac: mac, dstMac: ethernet.BROADCAST });
  viewOf(discover).setUint32(14 + 12, 0);
  viewOf(discover).setUint32(14 + 16, 0xffff_ffff);
  const [sent, ...more] = net.pass(net.device(BLUE, OWN), [discover]);
  t.deepEqual(more, []);
  t.is(sent?.port, net.device(BLUE, OWN));
  const bytes = sent?.bytes ?? new Uint8Array(400);
  t.is(dhcp.parse(viewOf(bytes), 42, bytes.length).yiaddr, address(OWN));
  t.is(net.core.flowTable.count, 0, 'an answer is no flow');
});

test('echo to the gateway is answered by the virtual router', (t) => {
  const net = tenantRig();
  const ping = echoFrame({ ...between(BLUE, OWN, '10.0.0.1'), dstMac: ROUTER_MAC });
  const [sent, ...more] = net.pass(net.device(BLUE, OWN), [ping]);
  t.deepEqual(more, []);
  t.is(sent?.port, net.device(BLUE, OWN));
  const view = viewOf(sent?.bytes ?? new Uint8Array(60));
  t.is(icmp.type(view, 34), icmp.Type.ECHO_REPLY);
  t.is(ethernet.src(view, 0), ROUTER_MAC);
});

test('a burst of questions gets as many answers, each its own', (t) => {
  const net = tenantRig();
  const pings = Array.from({ length: 50 }, () =>
    echoFrame({ ...between(BLUE, OWN, '10.0.0.1'), dstMac: ROUTER_MAC }),
  );
  for (const [index, ping] of pings.entries()) viewOf(ping).setUint16(14 + 20 + 6, index);
  const sent = net.pass(net.device(BLUE, OWN), pings);
  t.deepEqual(
    sent.map(({ bytes }) => viewOf(bytes).getUint16(14 + 20 + 6)),
    pings.map((_ping, index) => index),
  );
});

test('other packets to the gateway and to platform addresses are dropped, each with its reason', (t) => {
  const net = tenantRig();
  const to = (dst: string) =>
    udpFrame({ ...between(BLUE, OWN, dst), dstMac: ROUTER_MAC }, { src: 1, dst: 53 });
  const frames = ['10.0.0.1', '168.63.129.16', '169.254.169.254'].map(to);
  t.deepEqual(net.pass(net.device(BLUE, OWN), frames), []);
  t.deepEqual(net.counters(portId(BLUE, OWN)).drops, { NotForUs: 1, ServiceUnsupported: 2 });
});

test('multicast and broadcast reach nobody and are counted', (t) => {
  const net = tenantRig();
  const srcMac = macOf(BLUE, OWN);
  const broadcast = { ...between(BLUE, OWN, '10.0.0.255'), dstMac: ethernet.BROADCAST };
  const mdns = { ...between(BLUE, OWN, '224.0.0.251'), dstMac: 0x0100_5e00_00fb };
  const ping = icmpv6Frame({ type: 128 });
  viewOf(ping).setUint32(14 + 8, 0xfe80_0000);
  const frames = [
    udpFrame(broadcast, { src: 1, dst: 2 }),
    udpFrame(mdns, { src: 5353, dst: 5353 }),
    addressed(ping, { srcMac, dstMac: 0x3333_0000_0002 }),
  ];
  t.deepEqual(net.pass(net.device(BLUE, OWN), frames), []);
  t.deepEqual(net.counters(portId(BLUE, OWN)).drops, { MulticastUnsupported: 3 });
});

test('ICMP errors are limited per port and second: packets beyond are dropped without one', (t) => {
  const net = tenantRig();
  const expired = udpFrame({ ...between(BLUE, OWN, '10.0.1.4'), ttl: 1 }, { src: 1, dst: 2 });
  const burst = Array.from({ length: 1200 }, () => expired);
  t.is(net.pass(net.device(BLUE, OWN), burst).length, 100);
  t.is(net.counters(portId(BLUE, OWN)).drops['TtlExpired'], 1200);
  const other = udpFrame({ ...between(RED, OWN, '10.0.1.4'), ttl: 1 }, { src: 1, dst: 2 });
  t.is(net.pass(net.device(RED, OWN), [other]).length, 1, 'the limit is each port’s own');
});
