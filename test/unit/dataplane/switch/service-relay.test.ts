/** The way to the servers of platform addresses and back: who asks shows in the source address, and nobody gets another's answer. */
import test from 'ava';
import fc from 'fast-check';
import { formatIpv4 } from '../../../../base/ipv4.ts';
import { seconds } from '../../../../base/units.ts';
import { portNumberAt, SERVICE_MAC } from '../../../../dataplane/platform/service-addresses.ts';
import { SERVICE_PORT } from '../../../../dataplane/switch/port-registry.ts';
import { pseudoIpv4 } from '../../../../packet/checksum.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import { viewOf } from '../../packet/frames.ts';
import { read, serviceRig } from './relayed.ts';
import {
  address,
  BLUE,
  between,
  macOf,
  portId,
  portResource,
  RED,
  ROUTER_MAC,
  type Tenant,
  tcpFrame,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const OWN = '10.0.0.4';
const DNS = '168.63.129.16';
const METADATA = '169.254.169.254';
const SERVER = '169.254.128.1';

function to(tenant: Tenant, dst: string, src = OWN) {
  return { ...between(tenant, src, dst), dstMac: ROUTER_MAC };
}

const query = (tenant: Tenant, src = OWN) => udpFrame(to(tenant, DNS, src), { src: 4000, dst: 53 });

/** What a server answers to a frame as it has received it. */
function answerTo(bytes: Uint8Array | undefined): Uint8Array {
  const { src } = read(bytes);
  const addressing = { srcMac: SERVICE_MAC, dstMac: SERVICE_MAC, src: SERVER, dst: src };
  return udpFrame(addressing, { src: 53, dst: 4000 }, Uint8Array.of(9));
}

test('DNS and metadata reach the servers, with who asks as source address and sound checksums', (t) => {
  const net = serviceRig();
  const frames = [
    query(BLUE),
    tcpFrame(to(BLUE, DNS), { srcPort: 4001, dstPort: 53 }),
    tcpFrame(to(BLUE, METADATA), { srcPort: 4002, dstPort: 80 }),
  ];
  const number = net.core.portIndex(portId(BLUE, OWN)) ?? 0;
  for (const frame of frames) {
    const [sent, ...more] = net.pass(net.device(BLUE, OWN), [frame]);
    t.deepEqual(more, []);
    t.is(sent?.port, net.services);
    const seen = read(sent?.bytes);
    t.like(seen, { dst: SERVER, srcMac: ROUTER_MAC, dstMac: SERVICE_MAC, isSound: true });
    t.is(portNumberAt(seen.src), number);
  }
  t.is(net.core.flowTable.count, 0, 'no state is kept');
});

test('two tenants’ VMs with the same address each get their own answer, from the platform’s address', (t) => {
  const net = serviceRig();
  const answers = [BLUE, RED].map((tenant) => {
    const [asked] = net.pass(net.device(tenant, OWN), [query(tenant)]);
    return answerTo(asked?.bytes);
  });
  const sent = net.pass(net.services, answers);
  t.deepEqual(
    sent.map(({ port }) => port),
    [BLUE, RED].map((tenant) => net.device(tenant, OWN)),
  );
  for (const [index, tenant] of [BLUE, RED].entries()) {
    t.deepEqual(read(sent[index]?.bytes), {
      src: DNS,
      dst: OWN,
      srcMac: ROUTER_MAC,
      dstMac: macOf(tenant, OWN),
      isSound: true,
    });
  }
});

test('each address of a port gets its own answers, the first eight have a way', (t) => {
  const net = serviceRig();
  const more = Array.from({ length: 9 }, (_one, index) => `10.0.0.${100 + index}`);
  t.deepEqual(
    net.core.applyGoal({ upserts: [portResource(BLUE, OWN, { more })], removes: [] }),
    [],
  );
  for (const src of more.slice(0, 7)) {
    const [asked] = net.pass(net.device(BLUE, OWN), [
      udpFrame({ ...to(BLUE, DNS), src }, { src: 1, dst: 53 }),
    ]);
    const [sent] = net.pass(net.services, [answerTo(asked?.bytes)]);
    t.like(read(sent?.bytes), { dst: src, isSound: true });
  }
  const last = udpFrame({ ...to(BLUE, DNS), src: more[7] ?? '' }, { src: 1, dst: 53 });
  t.deepEqual(net.pass(net.device(BLUE, OWN), [last]), []);
  t.is(net.counters(portId(BLUE, OWN)).drops['ServiceUnsupported'], 1);
});

test('partial checksums stay what their sender still has to complete', (t) => {
  const net = serviceRig();
  const frame = tcpFrame(to(BLUE, METADATA), { srcPort: 4002, dstPort: 80 });
  const view = viewOf(frame);
  const bytes = frame.length - 34;
  view.setUint16(34 + 16, pseudoIpv4(view, 14, IpProtocol.TCP, bytes));
  const vnet = { flags: 1, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: 34, csumOffset: 16 };
  const [sent] = net.pass(net.device(BLUE, OWN), [frame], { vnet });
  const after = viewOf(sent?.bytes ?? frame);
  t.is(after.getUint16(34 + 16), pseudoIpv4(after, 14, IpProtocol.TCP, bytes));
});

test('what is no service of the platform does not reach the host', (t) => {
  const net = serviceRig();
  const later = query(BLUE);
  viewOf(later).setUint16(14 + 6, 0x2000);
  ipv4.fillChecksum(viewOf(later), 14);
  const frames = [
    udpFrame(to(BLUE, DNS), { src: 1, dst: 80 }),
    tcpFrame(to(BLUE, DNS), { dstPort: 22 }),
    udpFrame(to(BLUE, METADATA), { src: 1, dst: 53 }),
    tcpFrame(to(BLUE, METADATA), { dstPort: 443 }),
    later,
  ];
  t.deepEqual(net.pass(net.device(BLUE, OWN), frames), []);
  t.deepEqual(net.counters(portId(BLUE, OWN)).drops, { ServiceUnsupported: frames.length });
});

test('what the host sends of its own accord reaches no VM', (t) => {
  const net = serviceRig();
  const [asked] = net.pass(net.device(BLUE, OWN), [query(BLUE)]);
  const slot = read(asked?.bytes).src;
  const base = { srcMac: SERVICE_MAC, dstMac: SERVICE_MAC, src: SERVER, dst: slot };
  const frames = [
    udpFrame({ ...base, src: '169.254.128.2' }, { src: 53, dst: 1 }),
    udpFrame(base, { src: 5353, dst: 1 }),
    udpFrame(base, { src: 80, dst: 1 }),
    tcpFrame(base, { srcPort: 22 }),
    udpFrame({ ...base, dst: '169.254.255.255' }, { src: 53, dst: 1 }),
    udpFrame({ ...base, dst: '10.0.0.4' }, { src: 53, dst: 1 }),
    udpFrame({ ...base, dst: formatIpv4(address(slot) + 1) }, { src: 53, dst: 1 }),
  ];
  t.deepEqual(net.pass(net.services, frames), []);
  t.deepEqual(net.core.counters.read(SERVICE_PORT).drops, { NotForUs: 6, DestinationNotLocal: 1 });
});

test('packets to the services are limited per port and second', (t) => {
  const net = serviceRig();
  const device = net.device(BLUE, OWN);
  const burst = Array.from({ length: 2100 }, () => query(BLUE));
  t.is(net.pass(device, burst).length, 2000);
  t.is(net.counters(portId(BLUE, OWN)).drops['RateLimited'], 100);
  t.is(net.pass(net.device(RED, OWN), [query(RED)]).length, 1);
  net.clock.advance(seconds(1));
  t.is(net.pass(device, [query(BLUE)]).length, 1);
});

test('without the service port nothing is offered', (t) => {
  const net = tenantRig();
  t.deepEqual(net.pass(net.device(BLUE, OWN), [query(BLUE)]), []);
  t.is(net.counters(portId(BLUE, OWN)).drops['ServiceUnsupported'], 1);
});

test('any frame of the host is dropped or delivered, never a fault', (t) => {
  const net = serviceRig();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      t.true(net.pass(net.services, [bytes]).length <= 1);
    }),
  );
});
